//! The semantic layer: what can be asked of the tables, told by semantic models, metrics and saved queries.
//!
//! Their own keys are kept in the shape of dbt's manifest; names are tied to each other in `graph`.

mod column;
mod element;
mod filter;
mod metric;
mod model;
mod patch;
mod saved_query;
mod window;

pub use column::ColumnSemantics;
pub use metric::MetricProperties;
pub use model::SemanticModelProperties;
pub(super) use patch::{of_model, rendered, time_spine};
pub use saved_query::SavedQueryProperties;

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Place, nearest};
use crate::project::{Kind, Reader, Section, Yaml};

/// The mapping that a `json!` makes.
fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// Where each part is written, by its keys: `measures.0.agg`.
fn places(yaml: &Yaml) -> HashMap<String, Place> {
    fn add(yaml: &Yaml, path: &str, places: &mut HashMap<String, Place>) {
        let below = |key: &str| match path {
            "" => key.to_owned(),
            _ => format!("{path}.{key}"),
        };
        match &yaml.kind {
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    add(item, &below(&index.to_string()), places);
                }
            }
            _ => {
                for entry in yaml.as_map().into_iter().flatten() {
                    add(&entry.value, &below(&entry.key), places);
                }
            }
        }
        places.insert(path.to_owned(), yaml.place.clone());
    }
    let mut places = HashMap::new();
    add(yaml, "", &mut places);
    places.remove("");
    places
}

/// Text or nothing.
fn text(section: &mut Section, key: &'static str, reader: &mut Reader) -> Json {
    section.text(key, reader).map_or(Json::Null, Json::from)
}

/// One of the words that dbt knows, in small letters.
fn word(section: &mut Section, key: &'static str, known: &[&str], reader: &mut Reader) -> Option<String> {
    let place = section.take(key)?.place.clone();
    let value = section.text(key, reader)?.to_lowercase();
    if known.contains(&value.as_str()) {
        return Some(value);
    }
    let diagnostic = Diagnostic::error(
        "wrong-value",
        format!("{} has `{key}: {value}`, which does not exist", section.what),
    )
    .at(place)
    .because(format!("known are {}", known.join(", ")));
    reader.problems.push(match nearest(&value, known.iter().copied()) {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
        None => diagnostic,
    });
    None
}

/// SQL, which YAML may read as a number or a truth value: as Python prints it.
fn expression(section: &mut Section, key: &'static str, reader: &mut Reader) -> Json {
    match section.take(key).map(|value| &value.kind) {
        None => Json::Null,
        Some(Kind::Bool(true)) => "True".into(),
        Some(Kind::Bool(false)) => "False".into(),
        Some(_) => section.scalar(key, reader).map_or(Json::Null, Json::from),
    }
}

/// `meta` of the `config` of a part.
fn part_meta(section: &mut Section, reader: &mut Reader) -> Json {
    let Some(config) = section.take("config") else {
        return Json::Object(Map::new());
    };
    if config.as_map().is_none() {
        reader.wrong_type("config", "a mapping", config);
    }
    let meta = config.get("meta").map(Yaml::to_json);
    meta.filter(Json::is_object).unwrap_or_else(|| Json::Object(Map::new()))
}

/// Periods of time from the shortest to the longest.
pub const GRANULARITIES: [&str; 11] = [
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
];

const AGGREGATIONS: [&str; 9] = [
    "sum",
    "min",
    "max",
    "count_distinct",
    "sum_boolean",
    "average",
    "percentile",
    "median",
    "count",
];

const PERIOD_AGGREGATIONS: [&str; 3] = ["first", "last", "average"];

const CALCULATIONS: [&str; 2] = ["conversions", "conversion_rate"];
