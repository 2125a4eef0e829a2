//! A question to the metrics that is kept, and where its answers go.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::filter::filter;
use super::object;
use crate::diagnostic::Place;
use crate::project::properties::name_place;
use crate::project::{Reader, Section, Settings, Yaml, read_settings};

#[derive(Clone, Debug)]
pub struct SavedQueryProperties {
    pub name: String,
    /// Not rendered.
    pub description: Option<String>,
    pub label: Option<String>,
    pub config: Settings,
    pub tags: Vec<String>,
    pub metrics: Vec<String>,
    /// In the shape of the manifest.
    pub query_params: Map<String, Json>,
    /// Names with their configuration as written.
    pub exports: Vec<(String, IndexMap<String, Json>)>,
    pub place: Place,
    /// Where its parts are written.
    pub places: HashMap<String, Place>,
}

impl SavedQueryProperties {
    pub fn read(yaml: &Yaml, reader: &mut Reader) -> Option<Self> {
        let mut section = Section::of(yaml, "a saved query", reader)?;
        let name = section.required("name", reader)?;
        section.what = format!("saved query `{name}`");
        let what = section.what.clone();
        let absent = Yaml::null(&section.place);
        let params = section.take("query_params").unwrap_or(&absent);
        let mut params = Section::of(params, format!("`query_params` of {what}"), reader)?;
        let metrics = params.strings("metrics", reader).unwrap_or_default();
        let query_params = object(json!({
            "metrics": metrics,
            "group_by": params.strings("group_by", reader).unwrap_or_default(),
            "where": filter(&mut params, "where", reader),
            "order_by": params.strings("order_by", reader).unwrap_or_default(),
            "limit": params.integer("limit", reader),
        }));
        params.refuse_others(reader);
        let mut exports = Vec::new();
        for export in section.list("exports", reader) {
            let Some(mut export) = Section::of(export, format!("an export of {what}"), reader) else {
                continue;
            };
            if let Some(name) = export.required("name", reader) {
                exports.push((name, export.json_map("config", reader)));
            }
            export.refuse_others(reader);
        }
        let query = Self {
            description: section.text("description", reader),
            label: section.text("label", reader),
            config: read_settings(section.take("config"), &what, reader),
            tags: section.strings("tags", reader).unwrap_or_default(),
            metrics,
            query_params,
            exports,
            places: super::places(yaml),
            place: name_place(yaml),
            name,
        };
        section.refuse_others(reader);
        Some(query)
    }
}
