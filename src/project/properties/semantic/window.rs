//! A length of time, such as `7 days`.

use serde_json::{Value as Json, json};

use super::GRANULARITIES;
use crate::diagnostic::Diagnostic;
use crate::project::{Reader, Section};

pub(super) fn window(section: &mut Section, key: &'static str, reader: &mut Reader) -> Json {
    let Some(place) = section.take(key).map(|value| value.place.clone()) else {
        return Json::Null;
    };
    let Some(text) = section.text(key, reader) else {
        return Json::Null;
    };
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower.split(' ').collect();
    if let [count, unit] = parts[..]
        && let Ok(count) = count.parse::<u64>()
    {
        let plain = unit.strip_suffix('s').filter(|unit| GRANULARITIES.contains(unit));
        return json!({ "count": count, "granularity": plain.unwrap_or(unit) });
    }
    reader.problems.push(
        Diagnostic::error(
            "wrong-value",
            format!("`{key}` of {} is no length of time: `{text}`", section.what),
        )
        .at(place)
        .help("write a count and a period, such as `7 days`"),
    );
    Json::Null
}
