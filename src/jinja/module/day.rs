//! `date`

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::civil::Time;
use jiff::fmt::strtime;
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::datetime::{Day, date_method, pattern, wrong};
use crate::jinja::value::{split_kwargs, text_argument};

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "datetime.date({}, {}, {})",
            self.0.year(),
            self.0.month(),
            self.0.day()
        )
    }
}

impl Object for Day {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "year" => Some(Value::from(self.0.year())),
            "month" => Some(Value::from(self.0.month())),
            "day" => Some(Value::from(self.0.day())),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<Self>()?.0))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match name {
            "strftime" => {
                let (args, kwargs) = split_kwargs(args)?;
                let format = text_argument(args, &kwargs, 0, "format").unwrap_or_default();
                let at = self.0.to_datetime(Time::midnight());
                strtime::format(pattern(&format), at).map(Value::from).map_err(wrong)
            }
            "isoformat" => Ok(Value::from(self.0.to_string())),
            _ => date_method(self.0, name, args),
        }
    }
}
