//! What one column means, said at the column.

use serde_json::{Value as Json, json};

use super::element::{DIMENSIONS, ENTITIES, validity};
use super::{GRANULARITIES, text, word};
use crate::diagnostic::Diagnostic;
use crate::project::{Kind, Reader, Section};

/// In the shape of the manifest.
#[derive(Clone, Debug, Default)]
pub struct ColumnSemantics {
    pub granularity: Option<String>,
    /// The kind alone, or a mapping.
    pub dimension: Json,
    pub entity: Json,
}

impl ColumnSemantics {
    pub fn read(section: &mut Section, column: &str, description: &str, reader: &mut Reader) -> Self {
        let semantics = Self {
            granularity: word(section, "granularity", &GRANULARITIES, reader),
            dimension: one_of_both(section, "dimension", column, description, reader),
            entity: one_of_both(section, "entity", column, description, reader),
        };
        // A dimension of time without it is warned of where the semantic layer is checked.
        if semantics.granularity.is_none() && semantics.dimension["validity_params"].is_object() {
            reader.problems.push(
                Diagnostic::warning("missing-key", format!("{} has no `granularity`", section.what))
                    .at(section.place.clone())
                    .because("without it the `validity_params` are dropped")
                    .help("add `granularity: day`, say"),
            );
        }
        semantics
    }
}

fn one_of_both(section: &mut Section, key: &'static str, column: &str, description: &str, reader: &mut Reader) -> Json {
    let kinds: &[&str] = if key == "entity" { &ENTITIES } else { &DIMENSIONS };
    let Some(yaml) = section.take(key) else {
        return Json::Null;
    };
    if matches!(yaml.kind, Kind::String(_)) {
        return word(section, key, kinds, reader).map_or(Json::Null, Json::from);
    }
    let Some(mut inner) = Section::of(yaml, format!("`{key}` of {}", section.what), reader) else {
        return Json::Null;
    };
    inner.required("type", reader);
    let mut entry = super::object(json!({
        "name": inner.text("name", reader).unwrap_or_else(|| column.to_owned()),
        "type": word(&mut inner, "type", kinds, reader),
        "description": inner.text("description", reader).unwrap_or_else(|| description.to_owned()),
        "label": text(&mut inner, "label", reader),
        "config": inner.json_map("config", reader),
    }));
    if key == "dimension" {
        let partition = inner.flag("is_partition", reader).unwrap_or(false);
        entry.insert("is_partition".to_owned(), partition.into());
        entry.insert("validity_params".to_owned(), validity(&mut inner, reader));
    }
    inner.refuse_others(reader);
    Json::Object(entry)
}
