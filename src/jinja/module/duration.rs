//! `timedelta`

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
use minijinja::value::{DynObject, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::value::{argument, describe, invalid, split_kwargs};

const DAY: i64 = 86_400;

/// A length of time.
pub(super) struct Lapse(pub(super) SignedDuration);

impl Lapse {
    pub(super) fn value(duration: SignedDuration) -> Value {
        Value::from_object(Self(duration))
    }

    /// Days, seconds and microseconds as Python keeps them: only the days may be negative.
    fn parts(&self) -> (i64, i64, i64) {
        let micros = self.0.as_micros();
        let day = i128::from(DAY) * 1_000_000;
        let days = micros.div_euclid(day);
        let rest = micros.rem_euclid(day);
        let part = |n: i128| i64::try_from(n).unwrap_or(i64::MAX);
        (part(days), part(rest / 1_000_000), part(rest % 1_000_000))
    }
}

impl fmt::Debug for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds, micros) = self.parts();
        let parts = [("days", days), ("seconds", seconds), ("microseconds", micros)];
        let said = parts.iter().filter(|(_, n)| *n != 0);
        let said: Vec<_> = said.map(|(name, n)| format!("{name}={n}")).collect();
        let said = if said.is_empty() {
            "0".to_owned()
        } else {
            said.join(", ")
        };
        write!(f, "datetime.timedelta({said})")
    }
}

impl fmt::Display for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds, micros) = self.parts();
        if days != 0 {
            write!(f, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
        }
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        Ok(())
    }
}

fn lapse(value: &Value) -> Option<SignedDuration> {
    value.downcast_object_ref::<Lapse>().map(|lapse| lapse.0)
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // microseconds of centuries fit
fn scaled(from: SignedDuration, work: impl Fn(f64) -> f64) -> Option<Value> {
    let micros = work(from.as_micros() as f64).round_ties_even();
    let within = micros.is_finite() && micros.abs() < 9e18;
    within.then(|| Lapse::value(SignedDuration::from_micros(micros as i64)))
}

/// `lapse * number`
pub fn lapse_times(value: &Value, by: f64) -> Option<Value> {
    scaled(lapse(value)?, |micros| micros * by)
}

/// `lapse / number`
pub fn lapse_divided(value: &Value, by: f64) -> Option<Value> {
    scaled(lapse(value)?, |micros| micros / by)
}

/// `lapse / lapse`
#[allow(clippy::cast_precision_loss)] // a float is what Python gives
pub fn lapse_over(left: &Value, right: &Value) -> Option<f64> {
    let by = lapse(right)?.as_micros();
    (by != 0).then_some(lapse(left)?.as_micros() as f64 / by as f64)
}

/// `lapse % lapse`
pub fn lapse_rest(left: &Value, right: &Value) -> Option<Value> {
    let (a, b) = (lapse(left)?.as_micros(), lapse(right)?.as_micros());
    let rest = a.checked_rem(b)?;
    let rest = if rest != 0 && (rest < 0) != (b < 0) {
        rest + b
    } else {
        rest
    };
    Some(Lapse::value(SignedDuration::from_micros(i64::try_from(rest).ok()?)))
}

/// `-lapse`
pub fn lapse_negated(value: &Value) -> Option<Value> {
    lapse(value)?.checked_neg().map(Lapse::value)
}

/// `abs(lapse)`
pub fn lapse_abs(value: &Value) -> Option<Value> {
    Some(Lapse::value(lapse(value)?.abs()))
}

/// `timedelta(days=.., seconds=.., ..)`
pub(super) fn create(args: &[Value]) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let names = [
        "days",
        "seconds",
        "microseconds",
        "milliseconds",
        "minutes",
        "hours",
        "weeks",
    ];
    let micros: [f64; 7] = [86_400e6, 1e6, 1.0, 1e3, 60e6, 3_600e6, 604_800e6];
    let mut total = SignedDuration::ZERO;
    for (i, (name, micros)) in names.iter().zip(micros).enumerate() {
        let Some(value) = argument(args, &kwargs, i, name) else {
            continue;
        };
        let number = match value.kind() {
            ValueKind::Number => f64::try_from(value)?,
            _ => return Err(invalid(format!("`{name}` wants a number, got {}", describe(&value)))),
        };
        let part = SignedDuration::try_from_secs_f64((number * micros).round() / 1e6);
        total = part
            .ok()
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| invalid("the timedelta is too long"))?;
    }
    Ok(Lapse::value(total))
}

impl Object for Lapse {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (days, seconds, micros) = self.parts();
        match key.as_str()? {
            "days" => Some(Value::from(days)),
            "seconds" => Some(Value::from(seconds)),
            "microseconds" => Some(Value::from(micros)),
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.0.is_zero()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<Self>()?.0))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, _: &[Value]) -> Result<Value, Error> {
        match name {
            "total_seconds" => Ok(Value::from(self.0.as_secs_f64())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// An interval as the server prints it, as a `timedelta` prints: a month has 30 days and a year 365.
pub fn lapse_text(text: &str) -> Option<String> {
    let mut micros = 0_i64;
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let unit = words.peek().copied().unwrap_or("");
        let days = match unit.trim_end_matches('s') {
            "year" => 365,
            "mon" => 30,
            "day" => 1,
            _ => 0,
        };
        if days > 0 {
            words.next();
            let part = word
                .parse::<i64>()
                .ok()?
                .checked_mul(days * DAY)?
                .checked_mul(1_000_000)?;
            micros = micros.checked_add(part)?;
            continue;
        }
        let clock = word.trim_start_matches(['-', '+']);
        let mut parts = clock.split(':');
        let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
        let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        let whole =
            hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60 + seconds.parse::<i64>().ok()?;
        let part = whole.checked_mul(1_000_000)? + format!("{fraction:0<6}").parse::<i64>().ok()?;
        micros = micros.checked_add(if word.starts_with('-') { -part } else { part })?;
    }
    Some(Lapse(SignedDuration::from_micros(micros)).to_string())
}
