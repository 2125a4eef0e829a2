//! A table that something else loads.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{ColumnProperties, TestProperties, merged_meta, name_place};
use crate::diagnostic::Place;
use crate::project::{Reader, Section, Settings, Yaml, read_settings};

/// One table of a source, with what the source says for all of its tables.
#[derive(Clone, Debug)]
pub struct SourceTable {
    pub source_name: String,
    pub name: String,
    pub source_description: String,
    pub description: String,
    pub database: Option<String>,
    pub schema: Option<String>,
    /// Database and schema before their Jinja was rendered.
    pub written: [Option<Json>; 2],
    pub identifier: Option<String>,
    pub loader: String,
    pub loaded_at_field: Option<String>,
    pub freshness: Option<Json>,
    pub quoting: IndexMap<String, Json>,
    pub tags: Vec<String>,
    pub source_meta: IndexMap<String, Json>,
    pub meta: IndexMap<String, Json>,
    /// Of the source, then of the table.
    pub config: [Settings; 2],
    pub columns: Vec<ColumnProperties>,
    pub tests: Vec<TestProperties>,
    pub place: Place,
}

/// What a source and a table can both say.
struct Shared {
    loader: Option<String>,
    loaded_at_field: Option<String>,
    /// `Null` where it is switched off.
    freshness: Option<Json>,
    quoting: IndexMap<String, Json>,
    tags: Vec<String>,
    meta: IndexMap<String, Json>,
    config: Settings,
}

impl Shared {
    fn read(section: &mut Section, reader: &mut Reader) -> Self {
        let what = section.what.clone();
        let config = read_settings(section.take("config"), &what, reader);
        let configured = |key: &str| config.get(key).map(|setting| setting.value.clone());
        let freshness = section
            .entry("freshness")
            .map(|entry| entry.value.to_json())
            .or_else(|| configured("freshness"));
        if let Some(value) = section.take("loaded_at_query") {
            reader.unsupported(&format!("loaded_at_query of {what}"), &value.place);
        }
        let mut tags = section.strings("tags", reader).unwrap_or_default();
        match configured("tags") {
            Some(Json::String(tag)) => tags.push(tag),
            Some(Json::Array(more)) => tags.extend(more.iter().filter_map(|tag| tag.as_str().map(str::to_owned))),
            _ => {}
        }
        Self {
            loader: section.text("loader", reader),
            loaded_at_field: section
                .text("loaded_at_field", reader)
                .or_else(|| configured("loaded_at_field")?.as_str().map(str::to_owned)),
            freshness,
            quoting: section.json_map("quoting", reader),
            tags,
            meta: merged_meta(section.json_map("meta", reader), &config),
            config,
        }
    }
}

impl SourceTable {
    /// Every table of one entry of `sources`.
    pub fn read(yaml: &Yaml, reader: &mut Reader) -> Vec<Self> {
        let Some(mut section) = Section::of(yaml, "a source", reader) else {
            return Vec::new();
        };
        let Some(source_name) = section.required("name", reader) else {
            return Vec::new();
        };
        section.what = format!("source `{source_name}`");
        if let Some(value) = section.take("overrides") {
            reader.unsupported(&format!("overrides of source `{source_name}`"), &value.place);
        }
        let shared = Shared::read(&mut section, reader);
        let source_description = section.text("description", reader).unwrap_or_default();
        let written = ["database", "schema"].map(|key| section.take(key).map(Yaml::as_written));
        let database = section.scalar("database", reader);
        let schema = section.scalar("schema", reader);
        let items = section.list("tables", reader);
        section.finish(reader);

        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            let Some(mut section) = Section::of(item, format!("a table of source `{source_name}`"), reader) else {
                continue;
            };
            let Some(name) = section.required("name", reader) else {
                continue;
            };
            section.what = format!("source table `{source_name}.{name}`");
            let what = section.what.clone();
            let own = Shared::read(&mut section, reader);
            let mut quoting = shared.quoting.clone();
            quoting.extend(own.quoting);
            let mut meta = shared.meta.clone();
            meta.extend(own.meta);
            let freshness = match (&shared.freshness, own.freshness) {
                (Some(general), Some(own)) => Some(overlaid(general, &own)),
                (general, own) => own.or_else(|| general.clone()),
            };
            tables.push(Self {
                source_name: source_name.clone(),
                source_description: source_description.clone(),
                description: section.text("description", reader).unwrap_or_default(),
                database: database.clone(),
                schema: schema.clone(),
                written: written.clone(),
                identifier: section.scalar("identifier", reader),
                loader: own.loader.or_else(|| shared.loader.clone()).unwrap_or_default(),
                loaded_at_field: own.loaded_at_field.or_else(|| shared.loaded_at_field.clone()),
                freshness,
                quoting,
                tags: shared.tags.iter().chain(&own.tags).cloned().collect(),
                source_meta: shared.meta.clone(),
                meta,
                config: [shared.config.clone(), own.config],
                columns: section
                    .list("columns", reader)
                    .iter()
                    .filter_map(|column| ColumnProperties::read(column, &what, reader))
                    .collect(),
                tests: TestProperties::read_list(&mut section, reader),
                place: name_place(item),
                name,
            });
            if let Some(value) = section.take("external") {
                reader.unsupported(&format!("external of {what}"), &value.place);
            }
            section.take("docs");
            section.finish(reader);
        }
        tables
    }
}

fn overlaid(general: &Json, own: &Json) -> Json {
    match (general, own) {
        (Json::Object(general), Json::Object(own)) => {
            let mut merged = general.clone();
            merged.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
            Json::Object(merged)
        }
        _ => own.clone(),
    }
}
