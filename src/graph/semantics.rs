//! What a node has of the semantic layer.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::diagnostic::Place;

#[derive(Clone, Debug, Default)]
pub struct Semantics {
    /// Of a metric, a semantic model or a saved query: its own keys in the shape of the manifest.
    pub fields: Map<String, Json>,
    /// Metrics that it names, each with its package where that is given: `[revenue]`, `[shop, revenue]`.
    pub metrics: Vec<Vec<String>>,
    /// Of a model, as the manifest has it.
    pub time_spine: Option<Json>,
    /// Where its parts are written: `entities.0.name`, `filter`.
    pub places: HashMap<String, Place>,
}

impl Semantics {
    /// Where a part is written, or the nearest part around it. In the newer form of metrics the keys of `type_params` stand
    /// beside the name.
    #[must_use]
    pub fn place(&self, part: &str) -> Option<&Place> {
        let mut part = part;
        loop {
            let flat = part.strip_prefix("type_params.").map(|part| {
                let part = part.strip_prefix("conversion_type_params.").unwrap_or(part);
                let part = part.strip_prefix("cumulative_type_params.").unwrap_or(part);
                match part.strip_prefix("metrics") {
                    Some(rest) => format!("input_metrics{rest}"),
                    None => part.to_owned(),
                }
            });
            let found = self.places.get(part);
            let found = found.or_else(|| self.places.get(&flat?));
            match (found, part.rsplit_once('.')) {
                (Some(place), _) => return Some(place),
                (None, Some((outer, _))) => part = outer,
                (None, None) => return None,
            }
        }
    }

    /// The kind of a metric, such as `simple`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.fields.get("type").and_then(Json::as_str).unwrap_or_default()
    }

    fn param(&self, key: &str) -> &Json {
        self.fields
            .get("type_params")
            .and_then(|params| params.get(key))
            .unwrap_or(&Json::Null)
    }

    /// The measures that a metric names itself.
    #[must_use]
    pub fn measures(&self) -> Vec<&Json> {
        let inner = self.param("conversion_type_params");
        let inputs = match self.kind() {
            "simple" | "cumulative" => vec![self.param("measure")],
            "conversion" => vec![&inner["base_measure"], &inner["conversion_measure"]],
            _ => Vec::new(),
        };
        inputs.into_iter().filter(|input| !input.is_null()).collect()
    }

    /// The names of metrics that a metric is made from.
    #[must_use]
    pub fn input_metrics(&self) -> Vec<&str> {
        let conversion = self.param("conversion_type_params");
        let inputs: Vec<&Json> = match self.kind() {
            "ratio" => vec![self.param("numerator"), self.param("denominator")],
            "derived" => self.param("metrics").as_array().into_iter().flatten().collect(),
            "cumulative" => vec![&self.param("cumulative_type_params")["metric"]],
            "conversion" => vec![&conversion["base_metric"], &conversion["conversion_metric"]],
            _ => Vec::new(),
        };
        inputs.into_iter().filter_map(|input| input["name"].as_str()).collect()
    }

    /// The semantic model of a metric that aggregates by itself.
    #[must_use]
    pub fn semantic_model(&self) -> Option<&str> {
        self.param("metric_aggregation_params")["semantic_model"].as_str()
    }

    /// Whether a semantic model has a measure.
    #[must_use]
    pub fn has_measure(&self, name: &str) -> bool {
        self.elements("measures").any(|measure| measure["name"] == name)
    }

    /// The `entities`, `dimensions` or `measures` of a semantic model.
    pub fn elements(&self, kind: &str) -> impl Iterator<Item = &Json> {
        self.fields.get(kind).and_then(Json::as_array).into_iter().flatten()
    }
}
