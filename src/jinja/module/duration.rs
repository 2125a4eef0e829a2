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
