//! What is said about one column.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::semantic::ColumnSemantics;
use super::{TestProperties, constraints, merged_meta, name_place};
use crate::diagnostic::Place;
use crate::project::{Reader, Section, Yaml, read_settings};

#[derive(Clone, Debug)]
pub struct ColumnProperties {
    pub name: String,
    pub description: String,
    pub data_type: Option<String>,
    pub quote: Option<bool>,
    /// Whether tests are given the name in quotes.
    pub quoted_in_tests: bool,
    pub tags: Vec<String>,
    pub meta: IndexMap<String, Json>,
    /// As written.
    pub constraints: Vec<Json>,
    pub tests: Vec<TestProperties>,
    /// `meta` of its `config` alone.
    pub config_meta: serde_json::Map<String, Json>,
    pub semantics: ColumnSemantics,
    pub place: Place,
}

impl ColumnProperties {
    pub fn read(yaml: &Yaml, within: &str, reader: &mut Reader) -> Option<Self> {
        let mut section = Section::of(yaml, format!("a column of {within}"), reader)?;
        let name = section.required("name", reader)?;
        section.what = format!("column `{name}` of {within}");
        let what = section.what.clone();
        let config = read_settings(section.take("config"), &what, reader);
        let mut tags = section.strings("tags", reader).unwrap_or_default();
        match config.get("tags").map(|setting| &setting.value) {
            Some(Json::String(tag)) => tags.push(tag.clone()),
            Some(Json::Array(more)) => tags.extend(more.iter().filter_map(|tag| tag.as_str().map(str::to_owned))),
            _ => {}
        }
        let description = section.text("description", reader).unwrap_or_default();
        let config_meta = config
            .get("meta")
            .and_then(|setting| setting.value.as_object().cloned());
        let quote = section.flag("quote", reader);
        let column = Self {
            quoted_in_tests: quote == Some(true),
            semantics: ColumnSemantics::read(&mut section, &name, &description, reader),
            config_meta: config_meta.unwrap_or_default(),
            description,
            data_type: section.text("data_type", reader),
            quote,
            tags,
            meta: merged_meta(section.json_map("meta", reader), &config),
            constraints: constraints(&mut section, reader),
            tests: TestProperties::read_list(&mut section, reader),
            place: name_place(yaml),
            name,
        };
        for other in ["docs", "policy_tags"] {
            section.take(other);
        }
        section.finish(reader);
        Some(column)
    }
}
