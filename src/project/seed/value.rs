//! One value of a seed: what its text means and whether it fits a type.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

/// Nothing, or the word `null` in any case.
pub fn is_null(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.eq_ignore_ascii_case("null")
}

/// Adds a value to text for COPY.
pub fn escape(value: &str, copy: &mut Vec<u8>) {
    for byte in value.bytes() {
        match byte {
            b'\\' => copy.extend_from_slice(b"\\\\"),
            b'\t' => copy.extend_from_slice(b"\\t"),
            b'\n' => copy.extend_from_slice(b"\\n"),
            b'\r' => copy.extend_from_slice(b"\\r"),
            byte => copy.push(byte),
        }
    }
}

/// A number of any size: its digits, and where the point stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    digits: String,
    /// How many of the digits stand behind the point; negative where zeros are to be added.
    scale: i64,
}

const CURRENCY: &str = "؋$ƒ៛¥₡₱£€¢﷼₪₩₭₮₦฿₤₫";

/// Exponents beyond this are no numbers that anybody wrote down as such.
const BIGGEST_EXPONENT: i64 = 400;

impl Decimal {
    /// As dbt's CSV reader takes it: also with `%`, a currency sign, and commas between thousands.
    pub fn parse_loosely(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches('%');
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let text = text.trim_matches(|c| CURRENCY.contains(c)).replace(',', "");
        let mut decimal = Self::parse(text.trim())?;
        decimal.negative ^= negative && !decimal.digits.is_empty();
        Some(decimal)
    }

    /// Digits with a sign, a point and an exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || exponent.abs() > BIGGEST_EXPONENT {
            return None;
        }
        let mut decimal = Self {
            negative,
            digits: digits.trim_start_matches('0').to_owned(),
            scale: i64::try_from(fraction.len()).ok()? - exponent,
        };
        while decimal.digits.ends_with('0') {
            decimal.digits.pop();
            decimal.scale -= 1;
        }
        if decimal.digits.is_empty() {
            decimal.scale = 0;
            decimal.negative = false;
        }
        Some(decimal)
    }

    /// Without a fraction, where it has none.
    pub fn whole(&self) -> Option<String> {
        (self.scale <= 0).then(|| self.to_string())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        if self.scale <= 0 {
            let zeros = usize::try_from(-self.scale).unwrap_or(0);
            return write!(f, "{}{}", self.digits, "0".repeat(zeros));
        }
        let scale = usize::try_from(self.scale).unwrap_or(0);
        match self.digits.len().checked_sub(scale) {
            Some(0) => write!(f, "0.{}", self.digits),
            Some(point) => write!(f, "{}.{}", &self.digits[..point], &self.digits[point..]),
            None => write!(f, "0.{}{}", "0".repeat(scale - self.digits.len()), self.digits),
        }
    }
}

/// `2020-01-31`, also with single digits for month and day.
pub fn date(text: &str) -> Option<String> {
    Some(civil_date(text)?.to_string())
}

fn civil_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let short = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || !short(month) || !short(day) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `2020-01-31 10:00:00`.
pub fn timestamp(text: &str) -> Option<String> {
    let (day, time) = text.split_once(' ')?;
    let mut parts = time.split(':');
    let mut number = || -> Option<i8> {
        let part = parts.next()?;
        ((1..=2).contains(&part.len())).then(|| part.parse().ok())?
    };
    let (hour, minute, second) = (number()?, number()?, number()?);
    if parts.next().is_some() {
        return None;
    }
    let time = jiff::civil::Time::new(hour, minute, second, 0).ok()?;
    Some(format!("{} {time}", civil_date(day)?))
}

/// `2020-01-31T10:00:00`, with or without an offset; in UTC where there is one.
pub fn iso_timestamp(text: &str) -> Option<String> {
    if !text.contains('T') {
        return None;
    }
    let plain = |at: DateTime| format!("{} {}", at.date(), at.time());
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(plain(Offset::UTC.to_datetime(at)));
    }
    text.parse::<DateTime>().ok().map(plain)
}

/// Whether `PostgreSQL` will take the text as a value of the type, so far as that can be told without asking it: integers,
/// numbers, booleans, and dates that are written as such but do not exist. The error says why not.
pub fn check_declared(data_type: &str, text: &str) -> Result<(), String> {
    let name = data_type.split('(').next().unwrap_or("").trim().to_lowercase();
    let text = text.trim();
    let whole = |least: i128, most: i128| match text.parse::<i128>() {
        Ok(number) if (least..=most).contains(&number) => Ok(()),
        Ok(_) => Err(format!("it is out of range: {least} to {most}")),
        Err(_) => Err("it is not a whole number".to_owned()),
    };
    match name.as_str() {
        "smallint" | "int2" | "smallserial" => whole(i16::MIN.into(), i16::MAX.into()),
        "integer" | "int" | "int4" | "serial" => whole(i32::MIN.into(), i32::MAX.into()),
        "bigint" | "int8" | "bigserial" => whole(i64::MIN.into(), i64::MAX.into()),
        "numeric" | "decimal" | "real" | "float" | "float4" | "float8" | "double precision" => {
            let word = text.trim_start_matches(['+', '-']).to_lowercase();
            let special = matches!(word.as_str(), "nan" | "infinity" | "inf");
            if special || Decimal::parse(text).is_some() || text.contains('_') || text.starts_with("0x") {
                Ok(())
            } else {
                Err("it is not a number".to_owned())
            }
        }
        "boolean" | "bool" => {
            let word = text.to_lowercase();
            let prefix = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
            let fits = prefix("true", 1)
                || prefix("false", 1)
                || prefix("yes", 1)
                || prefix("no", 1)
                || prefix("on", 2)
                || prefix("off", 2)
                || matches!(word.as_str(), "1" | "0");
            fits.then_some(()).ok_or_else(|| "it is not true or false".to_owned())
        }
        "date" => check_day(text),
        _ if name.starts_with("timestamp") => check_day(text),
        _ => Ok(()),
    }
}

/// Only what is plainly no date: the server reads many spellings.
fn check_day(text: &str) -> Result<(), String> {
    let words = [
        "infinity",
        "-infinity",
        "epoch",
        "now",
        "today",
        "tomorrow",
        "yesterday",
    ];
    if !text.contains(|c: char| c.is_ascii_digit()) && !words.contains(&text.to_lowercase().as_str()) {
        return Err("it is not a date".to_owned());
    }
    let day = text.split(['T', ' ']).next().unwrap_or("");
    let shaped = day.len() == 10
        && day.bytes().enumerate().all(|(i, byte)| {
            if i == 4 || i == 7 {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    if shaped && civil_date(day).is_none() {
        return Err("there is no such day".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let shown = |text: &str| Decimal::parse_loosely(text).map(|decimal| decimal.to_string());
        for (text, number) in [
            ("-$1,234.50", "-1234.5"),
            ("007", "7"),
            ("0.0500", "0.05"),
            ("12e-3", "0.012"),
            ("1.5e3", "1500"),
            ("-0", "0"),
            ("5%", "5"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(number), "{text}");
        }
        for text in ["", "-", "1.2.3", "inf", "nan", "1e9999", "0x1f", "1 2"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn days_that_do_not_exist() {
        assert!(check_declared("date", "2021-02-29").is_err());
        assert!(check_declared("timestamp with time zone", "soon").is_err());
        for fine in [
            "2020-02-29",
            "Feb 29 2020",
            "20200229",
            "infinity",
            "2020-02-29 10:00+02",
        ] {
            assert_eq!(check_declared("timestamptz", fine), Ok(()), "{fine}");
        }
    }
}
