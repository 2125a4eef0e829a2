//! `pytz`

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::class::{Class, not_callable};
use super::datetime::Moment;
use super::duration::Lapse;
use crate::jinja::value::{PyList, invalid};

/// A time zone.
pub(super) struct Zone(pub(super) TimeZone);

impl Zone {
    pub(super) fn value(zone: TimeZone) -> Value {
        Value::from_object(Self(zone))
    }
}

impl Zone {
    fn fixed(&self) -> i32 {
        self.0.to_fixed_offset().map_or(0, jiff::tz::Offset::seconds)
    }

    fn name(&self) -> String {
        match (self.0.iana_name(), self.fixed()) {
            (Some(name), _) => name.to_owned(),
            (None, 0) => "UTC".to_owned(),
            (None, seconds) => format!("pytz.FixedOffset({})", seconds / 60),
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.iana_name(), self.fixed()) {
            (Some("UTC" | "Etc/UTC"), _) => f.write_str("<UTC>"),
            (Some(name), _) => write!(f, "<DstTzInfo '{name}'>"),
            (None, 0) => f.write_str("datetime.timezone.utc"),
            (None, seconds) => write!(
                f,
                "datetime.timezone({:?})",
                Lapse(jiff::SignedDuration::from_secs(seconds.into()))
            ),
        }
    }
}

impl Object for Zone {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "zone").then(|| Value::from(self.name()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match (name, args.first().and_then(Value::downcast_object_ref::<Moment>)) {
            ("localize", Some(moment)) => Ok(Moment::value(moment.at, Some(self.0.clone()))),
            ("normalize", Some(moment)) => moment.moved_to(&self.0),
            ("utcoffset", Some(moment)) => {
                let here = Moment {
                    at: moment.at,
                    zone: Some(self.0.clone()),
                };
                Ok(Lapse::value(jiff::SignedDuration::from_secs(here.offset()?.into())))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

fn timezone(name: &Value) -> Result<Value, Error> {
    TimeZone::get(&name.to_string())
        .map(Zone::value)
        .map_err(|_| invalid(format!("there is no time zone {name:?}")))
}

pub(super) fn module() -> Value {
    Class {
        name: "pytz",
        call: not_callable,
        member: |name| match name {
            "all_timezones" | "common_timezones" => Some(
                jiff::tz::db()
                    .available()
                    .map(|name| Value::from(name.as_str()))
                    .collect::<PyList>()
                    .into(),
            ),
            "utc" | "UTC" => Some(Zone::value(TimeZone::UTC)),
            "timezone" => Some(Value::from_function(|name: &Value| timezone(name))),
            _ => None,
        },
        method: |name, args| match (name, args) {
            ("timezone", [zone]) => timezone(zone),
            ("FixedOffset", [minutes]) => {
                let seconds = crate::jinja::value::integer(minutes)?.saturating_mul(60);
                let offset = i32::try_from(seconds)
                    .ok()
                    .and_then(|s| jiff::tz::Offset::from_seconds(s).ok());
                let offset = offset.ok_or_else(|| invalid("the offset is too large"))?;
                Ok(Zone::value(TimeZone::fixed(offset)))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        },
    }
    .value()
}
