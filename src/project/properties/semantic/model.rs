//! What the columns of a model mean.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::element::{dimension, entity, measure};
use super::text;
use crate::diagnostic::Place;
use crate::project::properties::name_place;
use crate::project::{Reader, Section, Settings, Yaml, read_settings};

#[derive(Clone, Debug)]
pub struct SemanticModelProperties {
    pub name: String,
    /// Not rendered; `None` where the model's own is meant.
    pub description: Option<String>,
    pub label: Option<String>,
    /// A call such as `ref('orders')`.
    pub model: String,
    pub config: Settings,
    pub defaults: Json,
    pub primary_entity: Option<String>,
    /// In the shape of the manifest.
    pub entities: Vec<Map<String, Json>>,
    pub dimensions: Vec<Map<String, Json>>,
    pub measures: Vec<Map<String, Json>>,
    /// The names of measures that want a metric.
    pub with_metric: Vec<String>,
    /// Written as a part of its model, whose description it takes.
    pub within_model: bool,
    pub place: Place,
    /// Where its parts are written.
    pub places: HashMap<String, Place>,
}

impl SemanticModelProperties {
    pub fn read(yaml: &Yaml, reader: &mut Reader) -> Option<Self> {
        let mut section = Section::of(yaml, "a semantic model", reader)?;
        let name = section.required("name", reader)?;
        section.what = format!("semantic model `{name}`");
        let what = section.what.clone();
        let model = section.required("model", reader)?;
        let entities = section.list("entities", reader).iter();
        let entities = entities.filter_map(|yaml| entity(yaml, &what, reader)).collect();
        let dimensions = section.list("dimensions", reader).iter();
        let dimensions = dimensions.filter_map(|yaml| dimension(yaml, &what, reader)).collect();
        let (mut measures, mut with_metric) = (Vec::new(), Vec::new());
        for yaml in section.list("measures", reader) {
            if let Some((measure, makes_metric)) = measure(yaml, &what, reader) {
                if makes_metric {
                    with_metric.extend(measure["name"].as_str().map(str::to_owned));
                }
                measures.push(measure);
            }
        }
        let mut defaults = Json::Null;
        if let Some(yaml) = section.take("defaults")
            && let Some(mut inner) = Section::of(yaml, format!("`defaults` of {what}"), reader)
        {
            defaults = json!({ "agg_time_dimension": text(&mut inner, "agg_time_dimension", reader) });
            inner.refuse_others(reader);
        }
        let semantic_model = Self {
            description: section.text("description", reader),
            label: section.text("label", reader),
            model,
            config: read_settings(section.take("config"), &what, reader),
            defaults,
            primary_entity: section.text("primary_entity", reader),
            entities,
            dimensions,
            measures,
            with_metric,
            within_model: false,
            places: super::places(yaml),
            place: name_place(yaml),
            name,
        };
        section.refuse_others(reader);
        Some(semantic_model)
    }

    /// The metrics that its measures want, with its configuration.
    pub fn metrics(&self, config: &Settings) -> Vec<super::MetricProperties> {
        let wanted = |measure: &&Map<String, Json>| {
            let name = measure.get("name").and_then(Json::as_str);
            name.is_some_and(|name| self.with_metric.iter().any(|wanted| wanted == name))
        };
        let measures = self.measures.iter().filter(wanted);
        measures
            .map(|measure| super::MetricProperties::of_measure(measure, config, &self.place))
            .collect()
    }
}
