//! What a semantic model adds up.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::{Layer, has_time_dimension, items, name_of, wrong};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::Node;
use crate::graph::build::check::what;

pub(super) fn check(layer: &Layer, problems: &mut Diagnostics) {
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    for model in &layer.models {
        for (index, measure) in model.semantics.elements("measures").enumerate() {
            let one = Measure { model, measure, index };
            if let Some(other) = seen.insert(name_of(measure), model)
                && other.id != model.id
            {
                problems.push(
                    one.wrong("name", format!("is a measure of {} already", what(other)))
                        .help("rename one of them"),
                );
            }
            one.aggregation(problems);
            one.times(problems);
        }
    }
}

struct Measure<'a> {
    model: &'a Node,
    measure: &'a Json,
    index: usize,
}

impl Measure<'_> {
    fn wrong(&self, key: &str, message: impl AsRef<str>) -> Diagnostic {
        let part = format!("measures.{}.{key}", self.index);
        let message = format!("measure `{}` {}", name_of(self.measure), message.as_ref());
        wrong(self.model, &part, message)
    }

    fn aggregation(&self, problems: &mut Diagnostics) {
        let kind = self.measure["agg"].as_str().unwrap_or_default();
        let expression = self.measure["expr"].as_str();
        if kind == "count" && expression.is_none() {
            problems.push(
                self.wrong("agg", "counts, but has no `expr`")
                    .help("write `expr: 1` to count all rows, or name a column"),
            );
        }
        if kind == "count" && expression.is_some_and(|text| text.to_lowercase().starts_with("distinct ")) {
            problems.push(
                self.wrong("expr", "counts distinct values, which do not add up")
                    .help("write `agg: count_distinct`, and `expr` without `distinct`"),
            );
        }
        let params = &self.measure["agg_params"];
        let percentile = params["percentile"].as_f64();
        let discrete = params["use_discrete_percentile"] == true;
        match kind {
            "percentile" => match percentile {
                None => problems.push(
                    self.wrong("agg", "is a percentile, but does not say which")
                        .help("write `agg_params: {percentile: 0.9}`, say"),
                ),
                Some(value) if value <= 0.0 || value >= 1.0 => problems.push(
                    self.wrong(
                        "agg_params.percentile",
                        format!("has `percentile: {value}`, which is not between 0 and 1"),
                    )
                    .help("write 0.65 for the 65th percentile; the ends are `agg: min` and `agg: max`"),
                ),
                Some(_) => {}
            },
            "median" => {
                if percentile.is_some_and(|value| (value - 0.5).abs() > f64::EPSILON) {
                    problems.push(
                        self.wrong("agg_params.percentile", "is a median, but has another percentile")
                            .help("write `agg: percentile`, or take `percentile` away"),
                    );
                }
                if discrete {
                    problems.push(
                        self.wrong(
                            "agg_params.use_discrete_percentile",
                            "is a median, which is not discrete",
                        )
                        .help("write `agg: percentile` with `percentile: 0.5`"),
                    );
                }
            }
            _ => {
                let set = percentile.is_some_and(|value| value != 0.0);
                if set || discrete || params["use_approximate_percentile"] == true {
                    problems.push(
                        self.wrong(
                            "agg_params",
                            format!("has `agg: {kind}`, but the parameters of a percentile"),
                        )
                        .help("write `agg: percentile`, or take `agg_params` away"),
                    );
                }
            }
        }
    }

    fn times(&self, problems: &mut Diagnostics) {
        let own = self.measure["agg_time_dimension"]
            .as_str()
            .filter(|name| !name.is_empty());
        let defaults = self.model.semantics.fields.get("defaults");
        let default = defaults.and_then(|defaults| defaults["agg_time_dimension"].as_str());
        let Some(time) = own.or(default) else {
            problems.push(
                self.wrong("name", "has no dimension of time to add up along")
                    .help("write `agg_time_dimension` at the measure, or at the semantic model below `defaults`"),
            );
            return;
        };
        if own.is_some() && !has_time_dimension(self.model, time) {
            let message = format!("has `agg_time_dimension: {time}`, which is no dimension of time here");
            problems.push(
                self.wrong("agg_time_dimension", message)
                    .help(format!("add a dimension `{time}` of `type: time`, or name another one")),
            );
        }
        let window = &self.measure["non_additive_dimension"];
        if window.is_object() {
            self.non_additive(window, time, problems);
        }
    }

    fn non_additive(&self, window: &Json, time: &str, problems: &mut Diagnostics) {
        let find = |name: &str| {
            let mut dimensions = self.model.semantics.elements("dimensions");
            dimensions.find(|dimension| dimension["name"] == name)
        };
        let Some(along) = find(time) else { return };
        let name = name_of(window);
        let part = "non_additive_dimension.name";
        match find(name) {
            None => problems.push(
                self.wrong(
                    part,
                    format!("does not add up along `{name}`, which is no dimension here"),
                )
                .help("name a dimension of time"),
            ),
            Some(dimension) => {
                if dimension["type"] != "time" {
                    problems.push(
                        self.wrong(
                            part,
                            format!("does not add up along `{name}`, which is no dimension of time"),
                        )
                        .help("name a dimension of time"),
                    );
                }
                let period = |dimension: &Json| dimension["type_params"]["time_granularity"].clone();
                let (own, other) = (period(dimension), period(along));
                if own.is_string() && other.is_string() && own != other {
                    let message = format!(
                        "does not add up along `{name}` of {}, but its own time `{time}` is of {}",
                        own.as_str().unwrap_or_default(),
                        other.as_str().unwrap_or_default()
                    );
                    problems.push(self.wrong(part, message).help("give both the same `time_granularity`"));
                }
            }
        }
        let choice = window["window_choice"].as_str().unwrap_or_default();
        if !matches!(choice, "min" | "max") {
            problems.push(
                self.wrong(
                    "non_additive_dimension.window_choice",
                    format!("has `window_choice: {choice}`"),
                )
                .help("write `min` for the first value, or `max` for the last"),
            );
        }
        for grouping in items(&window["window_groupings"]).filter_map(Json::as_str) {
            let mut entities = self.model.semantics.elements("entities");
            if !entities.any(|entity| entity["name"] == grouping) {
                problems.push(
                    self.wrong(
                        "non_additive_dimension.window_groupings",
                        format!("is grouped by `{grouping}`, which is no entity here"),
                    )
                    .help("name entities of the semantic model"),
                );
            }
        }
    }
}
