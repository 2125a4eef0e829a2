//! `flags` where the caller gives none: dbt's defaults.

use minijinja::Value;

pub fn default_flags() -> Value {
    let no = [
        "FULL_REFRESH",
        "STORE_FAILURES",
        "DEBUG",
        "FAIL_FAST",
        "WARN_ERROR",
        "EMPTY",
        "QUIET",
        "DEFER",
        "STATIC_PARSER",
    ];
    let pairs = no
        .iter()
        .map(|name| (*name, Value::from(false)))
        .chain([
            ("PARTIAL_PARSE", Value::from(false)),
            ("USE_COLORS", Value::from(false)),
            ("PRINT", Value::from(true)),
            ("VERSION_CHECK", Value::from(true)),
            ("WHICH", Value::from("run")),
        ])
        .collect::<Vec<_>>();
    Value::from_pairs(pairs)
}
