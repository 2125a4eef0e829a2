//! A use of the project's tables outside it, such as a dashboard.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::name_place;
use crate::diagnostic::Place;
use crate::project::{Reader, Section, Settings, Yaml, read_settings};

#[derive(Clone, Debug)]
pub struct ExposureProperties {
    pub name: String,
    pub label: Option<String>,
    /// `dashboard`, `notebook`, `analysis`, `ml` or `application`.
    pub kind: String,
    pub maturity: Option<String>,
    pub url: Option<String>,
    pub description: String,
    pub owner: IndexMap<String, Json>,
    /// Calls such as `ref('orders')`, each with its place.
    pub depends_on: Vec<(String, Place)>,
    pub tags: Vec<String>,
    pub meta: IndexMap<String, Json>,
    pub config: Settings,
    pub place: Place,
}

impl ExposureProperties {
    pub fn read(yaml: &Yaml, reader: &mut Reader) -> Option<Self> {
        let mut section = Section::of(yaml, "an exposure", reader)?;
        let name = section.required("name", reader)?;
        section.what = format!("exposure `{name}`");
        let what = section.what.clone();
        let mut depends_on = Vec::new();
        for item in section.list("depends_on", reader) {
            match item.as_str() {
                Some(text) => depends_on.push((text.to_owned(), item.place.clone())),
                None => reader.wrong_type("depends_on", "calls of `ref` and `source`", item),
            }
        }
        let exposure = Self {
            label: section.text("label", reader),
            kind: section.required("type", reader).unwrap_or_default(),
            maturity: section.text("maturity", reader),
            url: section.text("url", reader),
            description: section.text("description", reader).unwrap_or_default(),
            owner: section.json_map("owner", reader),
            depends_on,
            tags: section.strings("tags", reader).unwrap_or_default(),
            meta: section.json_map("meta", reader),
            config: read_settings(section.take("config"), &what, reader),
            place: name_place(yaml),
            name,
        };
        section.finish(reader);
        Some(exposure)
    }
}
