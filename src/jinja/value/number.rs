//! Python's `Decimal`: what a query's `numeric` is in a template.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::invalid;

/// The digits that Python's arithmetic keeps.
const PRECISION: u32 = 28;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Body {
    /// The number times ten to the power.
    Finite(i128, i32),
    Special(f64),
}

/// A decimal number with the places it was written with.
#[derive(Clone, Copy, PartialEq)]
pub struct Decimal(Body);

fn digits(number: u128) -> u32 {
    number.checked_ilog10().map_or(1, |n| n + 1)
}

impl Decimal {
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "nan" => return Some(Self(Body::Special(f64::NAN))),
            "infinity" | "inf" => return Some(Self(Body::Special(f64::INFINITY))),
            "-infinity" | "-inf" => return Some(Self(Body::Special(f64::NEG_INFINITY))),
            _ => {}
        }
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, power.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let coefficient = format!("{whole}{fraction}").parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()?;
        Some(Self(Body::Finite(coefficient, power.checked_sub(places)?)))
    }

    /// The decimal that a value is, or that an integer stands for.
    pub fn of(value: &Value) -> Option<Self> {
        match value.kind() {
            ValueKind::Bool => Some(Self(Body::Finite(i128::from(value.is_true()), 0))),
            ValueKind::Number if value.is_integer() => Some(Self(Body::Finite(value.clone().try_into().ok()?, 0))),
            ValueKind::Plain => value.downcast_object_ref::<Self>().copied(),
            _ => None,
        }
    }

    /// Whether a value is one.
    pub fn is(value: &Value) -> bool {
        value.kind() == ValueKind::Plain && value.downcast_object_ref::<Self>().is_some()
    }

    pub fn value(self) -> Value {
        Value::from_object(self)
    }

    pub fn to_f64(self) -> f64 {
        match self.0 {
            Body::Special(number) => number,
            Body::Finite(..) => self.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    pub fn is_special(self) -> bool {
        matches!(self.0, Body::Special(_))
    }

    /// Without its fraction.
    pub fn whole(self) -> Option<i128> {
        match self.0 {
            Body::Finite(n, e) if e >= 0 => n.checked_mul(10_i128.checked_pow(e.unsigned_abs())?),
            Body::Finite(n, e) => Some(10_i128.checked_pow(e.unsigned_abs()).map_or(0, |by| n / by)),
            Body::Special(_) => None,
        }
    }

    /// Whether there is no fraction other than zeros.
    pub fn is_whole(self) -> bool {
        match self.normalized().0 {
            Body::Finite(_, e) => e >= 0,
            Body::Special(_) => false,
        }
    }

    /// The places after the point that are not zeros at the end.
    pub fn places(self) -> u32 {
        match self.normalized().0 {
            Body::Finite(_, e) if e < 0 => e.unsigned_abs(),
            _ => 0,
        }
    }

    fn normalized(self) -> Self {
        let Body::Finite(mut n, mut e) = self.0 else {
            return self;
        };
        while n != 0 && n % 10 == 0 {
            n /= 10;
            e += 1;
        }
        Self(Body::Finite(n, if n == 0 { 0 } else { e }))
    }

    pub fn abs(self) -> Self {
        match self.0 {
            Body::Finite(n, e) => Self(Body::Finite(n.abs(), e)),
            Body::Special(n) => Self(Body::Special(n.abs())),
        }
    }

    pub fn negated(self) -> Self {
        match self.0 {
            Body::Finite(n, e) => Self(Body::Finite(-n, e)),
            Body::Special(n) => Self(Body::Special(-n)),
        }
    }

    /// Rounded half to even, to so many places; further left where negative.
    pub fn rounded(self, places: i32) -> Self {
        let Body::Finite(n, e) = self.0 else {
            return self;
        };
        let wanted = -places;
        if e >= wanted {
            let by = u32::try_from(e - wanted).ok().and_then(|p| 10_i128.checked_pow(p));
            return by
                .and_then(|by| n.checked_mul(by))
                .map_or(self, |n| Self(Body::Finite(n, wanted)));
        }
        let Some(by) = 10_i128.checked_pow(e.abs_diff(wanted)) else {
            return Self(Body::Finite(0, wanted));
        };
        Self(Body::Finite(half_even(n, by), wanted))
    }

    /// Cut to the digits that arithmetic keeps.
    fn fitted(self) -> Self {
        let Body::Finite(n, e) = self.0 else {
            return self;
        };
        let extra = digits(n.unsigned_abs()).saturating_sub(PRECISION);
        if extra == 0 {
            return self;
        }
        let cut = half_even(n, 10_i128.pow(extra));
        Self(Body::Finite(cut, e + i32::try_from(extra).unwrap_or(0))).fitted()
    }

    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let (Body::Finite(a, ea), Body::Finite(b, eb)) = (self.0, other.0) else {
            return None;
        };
        let e = ea.min(eb);
        let grown = |n: i128, from: i32| n.checked_mul(10_i128.checked_pow(from.abs_diff(e))?);
        Some((grown(a, ea)?, grown(b, eb)?, e))
    }

    /// With floats, where decimals have no room.
    fn roughly(self, other: Self, work: impl Fn(f64, f64) -> f64) -> Self {
        let number = work(self.to_f64(), other.to_f64());
        Self::parse(&format!("{number:e}")).unwrap_or(Self(Body::Special(number)))
    }

    pub fn plus(self, other: Self) -> Self {
        match self.aligned(other).and_then(|(a, b, e)| Some((a.checked_add(b)?, e))) {
            Some((n, e)) => Self(Body::Finite(n, e)).fitted(),
            None => self.roughly(other, |a, b| a + b),
        }
    }

    pub fn times(self, other: Self) -> Self {
        if let (Body::Finite(a, ea), Body::Finite(b, eb)) = (self.0, other.0)
            && let Some(n) = a.checked_mul(b)
        {
            return Self(Body::Finite(n, ea + eb)).fitted();
        }
        self.roughly(other, |a, b| a * b)
    }

    fn is_zero(self) -> bool {
        matches!(self.0, Body::Finite(0, _))
    }

    pub fn divided(self, other: Self) -> Result<Self, Error> {
        if other.is_zero() {
            return Err(invalid("division by zero"));
        }
        let (Body::Finite(a, ea), Body::Finite(b, eb)) = (self.0, other.0) else {
            return Ok(self.roughly(other, |a, b| a / b));
        };
        let divisor = b.unsigned_abs();
        if digits(divisor) > 37 {
            return Ok(self.roughly(other, |a, b| a / b));
        }
        let (mut n, mut rest, mut e) = (a.unsigned_abs() / divisor, a.unsigned_abs() % divisor, ea - eb);
        while rest != 0 && digits(n) < PRECISION {
            rest *= 10;
            n = n * 10 + rest / divisor;
            rest %= divisor;
            e -= 1;
        }
        if rest * 2 > divisor || (rest * 2 == divisor && n % 2 == 1) {
            n += 1;
        }
        let n = i128::try_from(n).map_err(|_| invalid("the number is too large"))?;
        let sign = if (a < 0) == (b < 0) { 1 } else { -1 };
        Ok(Self(Body::Finite(n * sign, e)).fitted())
    }

    /// The whole quotient, cut towards zero, and what remains, as Python's decimals do.
    pub fn parted(self, other: Self) -> Result<(Self, Self), Error> {
        if other.is_zero() {
            return Err(invalid("division by zero"));
        }
        match self.aligned(other) {
            Some((a, b, e)) => Ok((Self(Body::Finite(a / b, 0)), Self(Body::Finite(a % b, e)))),
            None => Ok((
                self.roughly(other, |a, b| (a / b).trunc()),
                self.roughly(other, |a, b| a % b),
            )),
        }
    }

    pub fn power(self, other: Self) -> Result<Self, Error> {
        let times = other
            .whole()
            .filter(|_| other.is_whole())
            .and_then(|n| i32::try_from(n).ok());
        let Some(times) = times.filter(|n| n.abs() <= 10_000) else {
            return Ok(self.roughly(other, f64::powf));
        };
        let one = Self(Body::Finite(1, 0));
        let power = (0..times.unsigned_abs()).fold(one, |so_far, _| so_far.times(self));
        if times < 0 { one.divided(power) } else { Ok(power) }
    }

    pub fn compared(self, other: Self) -> Option<Ordering> {
        match self.aligned(other) {
            Some((a, b, _)) => Some(a.cmp(&b)),
            None => self.to_f64().partial_cmp(&other.to_f64()),
        }
    }
}

fn half_even(n: i128, by: i128) -> i128 {
    let (cut, rest) = (n / by, (n % by).abs() * 2);
    if rest > by || (rest == by && cut % 2 != 0) {
        cut + n.signum()
    } else {
        cut
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, e) = match self.0 {
            Body::Finite(n, e) => (n, e),
            Body::Special(n) if n.is_nan() => return f.write_str("NaN"),
            Body::Special(n) => return f.write_str(if n < 0.0 { "-Infinity" } else { "Infinity" }),
        };
        let sign = if n < 0 { "-" } else { "" };
        let text = n.unsigned_abs().to_string();
        let length = i32::try_from(text.len()).unwrap_or(i32::MAX);
        let left = e + length;
        if e > 0 || left <= -6 {
            let (first, rest) = text.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            return write!(f, "{sign}{first}{point}{rest}E{:+}", left - 1);
        }
        match usize::try_from(left) {
            _ if e == 0 => write!(f, "{sign}{text}"),
            Ok(left) if left > 0 => write!(f, "{sign}{}.{}", &text[..left], &text[left..]),
            _ => write!(f, "{sign}0.{}{text}", "0".repeat(usize::try_from(-left).unwrap_or(0))),
        }
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal('{self}')")
    }
}

impl Object for Decimal {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.is_zero()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        self.compared(*other.downcast_ref::<Self>()?)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, _: &[Value]) -> Result<Value, Error> {
        match name {
            "normalize" => Ok(self.normalized().value()),
            "is_nan" => Ok(Value::from(matches!(self.0, Body::Special(n) if n.is_nan()))),
            "is_infinite" => Ok(Value::from(matches!(self.0, Body::Special(n) if n.is_infinite()))),
            "to_integral_value" | "to_integral" => Ok(self.rounded(0).value()),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn prints_as_python_does() {
        // Python 3.11: [str(Decimal(x)) for x in (..)]
        for (written, shown) in [
            ("1.50", "1.50"),
            ("0.0000000001", "1E-10"),
            ("0.000001", "0.000001"),
            ("1e+20", "1E+20"),
            ("-0.5", "-0.5"),
            ("100", "100"),
            ("123.4e5", "1.234E+7"),
            ("NaN", "NaN"),
            ("-Infinity", "-Infinity"),
        ] {
            assert_eq!(number(written).to_string(), shown);
        }
    }

    #[test]
    fn computes_as_python_does() {
        // Python 3.11's decimal with its default context
        let (a, b) = (number("7.5"), number("-2"));
        assert_eq!(a.plus(b).to_string(), "5.5");
        assert_eq!(a.times(b).to_string(), "-15.0");
        assert_eq!(a.divided(b).unwrap().to_string(), "-3.75");
        assert_eq!(
            number("1").divided(number("3")).unwrap().to_string(),
            "0.3333333333333333333333333333"
        );
        assert_eq!(
            number("2").divided(number("3")).unwrap().to_string(),
            "0.6666666666666666666666666667"
        );
        assert_eq!(number("100").divided(number("4")).unwrap().to_string(), "25");
        let (whole, rest) = a.parted(b).unwrap();
        assert_eq!((whole.to_string(), rest.to_string()), ("-3".into(), "1.5".into()));
        assert_eq!(number("1.5").power(number("3")).unwrap().to_string(), "3.375");
        assert_eq!(number("2.675").rounded(2).to_string(), "2.68");
        assert_eq!(number("2.5").rounded(0).to_string(), "2");
        assert_eq!(number("1.50").compared(number("1.5")), Some(Ordering::Equal));
    }
}
