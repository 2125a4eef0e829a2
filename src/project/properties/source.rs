//! A table that something else loads.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{ColumnProperties, Freshness, TestProperties, merged_meta, name_place};
use crate::diagnostic::{Diagnostic, Place};
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
    /// A query for the time of the last load, as a template.
    pub loaded_at_query: Option<String>,
    /// `None` where it is switched off; without any limit where nothing is said.
    pub freshness: Option<Freshness>,
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
    /// `loaded_at_field` is written, be it as null.
    says_field: bool,
    loaded_at_query: Option<String>,
    /// As a property, then in the configuration; `None` where it is switched off.
    freshness: [Option<Freshness>; 2],
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
        let mut problems = crate::diagnostic::Diagnostics::default();
        let mut freshness = [Some(Freshness::default()), Some(Freshness::default())];
        if let Some(entry) = section.entry("freshness") {
            let value = entry.value.to_json();
            freshness[0] = Freshness::read(&value, &what, &entry.place, &mut problems);
        }
        if let Some(setting) = config.get("freshness") {
            freshness[1] = Freshness::read(&setting.value, &what, &setting.place, &mut problems);
        }
        reader.problems.0.extend(problems.0);
        let says_field = section.entry("loaded_at_field").is_some() || config.contains_key("loaded_at_field");
        let from_config = |key: &str| configured(key)?.as_str().map(str::to_owned);
        let loaded_at_field = section
            .text("loaded_at_field", reader)
            .or_else(|| from_config("loaded_at_field"));
        let query = section.entry("loaded_at_query");
        let query_place = query.map(|entry| &entry.place);
        let query_place = query_place.or_else(|| config.get("loaded_at_query").map(|setting| &setting.place));
        let query_place = query_place.cloned();
        let loaded_at_query = section
            .text("loaded_at_query", reader)
            .or_else(|| from_config("loaded_at_query"));
        if let (Some(_), Some(_), Some(place)) = (&loaded_at_field, &loaded_at_query, query_place) {
            let message = format!("{what} has `loaded_at_field` and `loaded_at_query`");
            reader.problems.push(
                Diagnostic::error("bad-freshness", message)
                    .at(place)
                    .help("keep the one that tells when the rows were loaded"),
            );
        }
        let mut tags = section.strings("tags", reader).unwrap_or_default();
        match configured("tags") {
            Some(Json::String(tag)) => tags.push(tag),
            Some(Json::Array(more)) => tags.extend(more.iter().filter_map(|tag| tag.as_str().map(str::to_owned))),
            _ => {}
        }
        Self {
            loader: section.text("loader", reader),
            loaded_at_field,
            says_field,
            loaded_at_query,
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
            let freshness = Freshness::merged(shared.freshness.iter().chain(&own.freshness));
            let (loaded_at_field, inherited_query) = if own.says_field {
                (own.loaded_at_field, None)
            } else {
                (shared.loaded_at_field.clone(), shared.loaded_at_query.clone())
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
                loaded_at_field,
                loaded_at_query: own.loaded_at_query.or(inherited_query),
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
