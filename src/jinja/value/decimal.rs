//! Numbers as Python prints them.

use std::fmt::Write;

/// The shortest text that reads back as the same number, with an exponent where Python uses one.
pub fn print_float(out: &mut impl Write, number: f64) -> std::fmt::Result {
    if number.is_nan() {
        return out.write_str("nan");
    }
    if number.is_infinite() {
        return out.write_str(if number < 0.0 { "-inf" } else { "inf" });
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(rest) => ('-', rest),
            None => ('+', exponent),
        };
        return write!(out, "{digits}e{sign}{exponent:0>2}");
    }
    let text = number.to_string();
    out.write_str(&text)?;
    if text.contains('.') {
        Ok(())
    } else {
        out.write_str(".0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_python_does() {
        let shown = |n: f64| {
            let mut out = String::new();
            print_float(&mut out, n).unwrap();
            out
        };
        // Python 3.11: [repr(x) for x in (1.0, 0.1, 1e16, 123456789012345.0, 1e-5, 0.0001, 1.5e300, -2.5)]
        let expected = [
            "1.0",
            "0.1",
            "1e+16",
            "123456789012345.0",
            "1e-05",
            "0.0001",
            "1.5e+300",
            "-2.5",
        ];
        let numbers = [1.0, 0.1, 1e16, 123_456_789_012_345.0, 1e-5, 0.0001, 1.5e300, -2.5];
        for (number, expected) in numbers.into_iter().zip(expected) {
            assert_eq!(shown(number), expected);
        }
    }
}
