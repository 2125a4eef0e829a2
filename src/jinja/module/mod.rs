//! `modules`: the parts of Python's library that dbt gives to templates.

mod class;
mod datetime;
mod duration;
mod iterate;
mod regex;
mod zone;

pub use datetime::{date_value, moment, moment_minus, moment_plus, started_at, timestamp_value};

use minijinja::Value;

/// `modules`
pub fn modules() -> Value {
    Value::from_pairs([
        ("datetime", datetime::module()),
        ("itertools", iterate::module()),
        ("pytz", zone::module()),
        ("re", regex::module()),
    ])
}
