//! `modules`: the parts of Python's library that dbt gives to templates.

mod class;
mod datetime;
mod day;
mod duration;
mod iterate;
mod regex;
mod zone;

pub use datetime::{date_value, moment, moment_minus, moment_plus, started_at, strftime, timestamp_value};
pub use duration::{lapse_abs, lapse_divided, lapse_negated, lapse_over, lapse_rest, lapse_text, lapse_times};

use minijinja::Value;

use super::value::PyDict;

/// `modules`
pub fn modules() -> Value {
    let modules = [
        ("pytz", zone::module()),
        ("datetime", datetime::module()),
        ("re", regex::module()),
        ("itertools", iterate::module()),
    ];
    PyDict::from_pairs(modules.map(|(name, module)| (Value::from(name), module))).into()
}
