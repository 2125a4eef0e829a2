//! A number that can be asked for, such as the revenue.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::filter::filter;
use super::window::window;
use super::{AGGREGATIONS, CALCULATIONS, GRANULARITIES, PERIOD_AGGREGATIONS, expression, object, text, word};
use crate::diagnostic::{Diagnostic, Place};
use crate::project::properties::name_place;
use crate::project::{Kind, Reader, Section, Settings, Yaml, read_settings};

const KINDS: [&str; 5] = ["simple", "ratio", "cumulative", "derived", "conversion"];

#[derive(Clone, Debug)]
pub struct MetricProperties {
    pub name: String,
    /// Not rendered.
    pub description: String,
    pub config: Settings,
    /// Beside the configuration.
    pub meta: Map<String, Json>,
    pub tags: Vec<String>,
    /// Written in the newer form, without `type_params`.
    pub is_flat: bool,
    /// Its own keys in the shape of the manifest: `label`, `type`, `type_params`, `filter`, `time_granularity`.
    pub fields: Map<String, Json>,
    pub place: Place,
    /// Where its parts are written.
    pub places: HashMap<String, Place>,
}

/// Where a metric is written that is a part of a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Within<'a> {
    pub(super) semantic_model: &'a str,
    pub(super) time_dimension: Option<&'a str>,
}

impl MetricProperties {
    pub fn read(yaml: &Yaml, reader: &mut Reader) -> Option<Self> {
        Self::read_within(yaml, None, reader)
    }

    pub(super) fn read_within(yaml: &Yaml, within: Option<Within>, reader: &mut Reader) -> Option<Self> {
        let mut section = Section::of(yaml, "a metric", reader)?;
        let name = section.required("name", reader)?;
        section.what = format!("metric `{name}`");
        check_name(&name, yaml, reader);
        let kind = match section.take("type") {
            None => "simple".to_owned(),
            Some(_) => word(&mut section, "type", &KINDS, reader)?,
        };
        // `type_params` tells the two forms apart.
        let nested = if within.is_some() {
            None
        } else {
            section.take("type_params")
        };
        let type_params = match nested {
            Some(params) => type_params(params, &kind, &section.what, reader),
            None => flat_params(&mut section, &kind, within, reader),
        };
        let label = section.text("label", reader);
        let (meta, tags) = match nested {
            Some(_) => (
                section.json_map("meta", reader).into_iter().collect(),
                section.strings("tags", reader).unwrap_or_default(),
            ),
            None => (Map::new(), Vec::new()),
        };
        let fields = object(json!({
            "label": label.filter(|label| !label.is_empty()).unwrap_or_else(|| name.clone()),
            "type": kind,
            "type_params": type_params?,
            "filter": filter(&mut section, "filter", reader),
            "metadata": null,
            "time_granularity": text(&mut section, "time_granularity", reader),
        }));
        let what = section.what.clone();
        let metric = Self {
            description: section.text("description", reader).unwrap_or_default(),
            config: read_settings(section.take("config"), &what, reader),
            meta,
            tags,
            is_flat: nested.is_none(),
            fields,
            places: super::places(yaml),
            place: name_place(yaml),
            name,
        };
        section.refuse_others(reader);
        Some(metric)
    }

    /// The metric that `create_metric: true` of a measure makes.
    pub(super) fn of_measure(measure: &Map<String, Json>, config: &Settings, place: &Place) -> Self {
        let written = |key: &str| measure.get(key).and_then(Json::as_str).map(str::to_owned);
        let name = written("name").unwrap_or_default();
        let mut params = params();
        params.insert("measure".to_owned(), input(&name));
        params.insert(
            "expr".to_owned(),
            written("expr").unwrap_or_else(|| name.clone()).into(),
        );
        let fields = object(json!({
            "label": written("label").unwrap_or_else(|| name.clone()),
            "type": "simple",
            "type_params": params,
            "filter": null,
            "metadata": null,
            "time_granularity": null,
        }));
        Self {
            description: written("description").unwrap_or_else(|| format!("Metric created from measure {name}")),
            config: config.clone(),
            meta: Map::new(),
            tags: Vec::new(),
            is_flat: false,
            fields,
            place: place.clone(),
            places: HashMap::new(),
            name,
        }
    }
}

fn check_name(name: &str, yaml: &Yaml, reader: &mut Reader) {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && name.chars().count() <= 250;
    if !plain {
        reader.problems.push(
            Diagnostic::error("bad-name", format!("`{name}` cannot be a metric's name"))
                .at(name_place(yaml))
                .help("use letters, digits and underscores, begin with a letter, and use 250 of them at most"),
        );
    }
}

/// Nothing set.
fn params() -> Map<String, Json> {
    object(json!({
        "measure": null,
        "input_measures": [],
        "numerator": null,
        "denominator": null,
        "expr": null,
        "window": null,
        "grain_to_date": null,
        "metrics": [],
        "conversion_type_params": null,
        "cumulative_type_params": null,
        "metric_aggregation_params": null,
        "fill_nulls_with": null,
        "join_to_timespine": false,
        "is_private": null,
    }))
}

fn input(name: &str) -> Json {
    json!({ "name": name, "filter": null, "alias": null, "join_to_timespine": false, "fill_nulls_with": null })
}

fn missing(what: &str, key: &str, place: &Place, reader: &mut Reader) {
    reader
        .problems
        .push(Diagnostic::error("missing-key", format!("{what} has no `{key}`")).at(place.clone()));
}

/// `type_params`, as metrics had them first.
fn type_params(yaml: &Yaml, kind: &str, what: &str, reader: &mut Reader) -> Option<Map<String, Json>> {
    let mut section = Section::of(yaml, format!("`type_params` of {what}"), reader)?;
    let mut params = params();
    let mut set = |key: &str, value: Json| params.insert(key.to_owned(), value);
    let measure = measure_input(&mut section, "measure", reader);
    let (numerator, denominator) = (
        metric_input(&mut section, "numerator", reader),
        metric_input(&mut section, "denominator", reader),
    );
    let required: &[(&str, &Json)] = match kind {
        "simple" | "cumulative" => &[("measure", &measure)],
        "ratio" => &[("numerator", &numerator), ("denominator", &denominator)],
        _ => &[],
    };
    for (key, value) in required {
        if value.is_null() {
            missing(&section.what, key, &section.place, reader);
        }
    }
    let old_window = window(&mut section, "window", reader);
    let old_grain = word(&mut section, "grain_to_date", &GRANULARITIES, reader);
    let cumulative = section.take("cumulative_type_params");
    if kind == "cumulative" {
        let empty = Yaml::null(&section.place);
        let mut inner = Section::of(
            cumulative.unwrap_or(&empty),
            format!("`cumulative_type_params` of {what}"),
            reader,
        )?;
        let length = window(&mut inner, "window", reader);
        let grain = inner.text("grain_to_date", reader);
        let period = word(&mut inner, "period_agg", &PERIOD_AGGREGATIONS, reader);
        inner.refuse_others(reader);
        set(
            "cumulative_type_params",
            json!({
                "window": if length.is_null() { old_window.clone() } else { length },
                "grain_to_date": grain.or_else(|| old_grain.clone()),
                "period_agg": period.unwrap_or_else(|| "first".to_owned()),
                "metric": null,
            }),
        );
    }
    match section.take("conversion_type_params") {
        Some(yaml) => {
            let mut inner = Section::of(yaml, format!("`conversion_type_params` of {what}"), reader)?;
            let base = measure_input(&mut inner, "base_measure", reader);
            let conversion = measure_input(&mut inner, "conversion_measure", reader);
            for (key, value) in [("base_measure", &base), ("conversion_measure", &conversion)] {
                if value.is_null() {
                    missing(&inner.what, key, &inner.place, reader);
                }
            }
            let value = json!({
                "entity": inner.required("entity", reader),
                "base_measure": base,
                "conversion_measure": conversion,
                "base_metric": null,
                "conversion_metric": null,
                "calculation": calculation(&mut inner, reader),
                "window": window(&mut inner, "window", reader),
                "constant_properties": constant_properties(&mut inner, reader),
            });
            inner.refuse_others(reader);
            set("conversion_type_params", value);
        }
        None if kind == "conversion" => missing(&section.what, "conversion_type_params", &section.place, reader),
        None => {}
    }
    set("measure", measure);
    set("numerator", numerator);
    set("denominator", denominator);
    set("expr", expression(&mut section, "expr", reader));
    set("window", old_window);
    set("grain_to_date", old_grain.map_or(Json::Null, Json::from));
    set("metrics", metric_inputs(&mut section, "metrics", reader));
    section.refuse_others(reader);
    Some(params)
}

/// The newer form, in which the parameters stand beside the name.
fn flat_params(
    section: &mut Section,
    kind: &str,
    within: Option<Within>,
    reader: &mut Reader,
) -> Option<Map<String, Json>> {
    let mut params = params();
    let mut set = |key: &str, value: Json| params.insert(key.to_owned(), value);
    let inputs = [
        "numerator",
        "denominator",
        "input_metric",
        "base_metric",
        "conversion_metric",
    ]
    .map(|key| (key, metric_input(section, key, reader)));
    let [numerator, denominator, input_metric, base, conversion] = inputs.map(|(_, value)| value);
    let entity = text(section, "entity", reader);
    let (length, grain) = (
        window(section, "window", reader),
        text(section, "grain_to_date", reader),
    );
    let period = word(section, "period_agg", &PERIOD_AGGREGATIONS, reader);
    let calculated = section.take("calculation").is_some();
    let calculation = calculation(section, reader);
    let constants = constant_properties(section, reader);
    let aggregation = word(section, "agg", &AGGREGATIONS, reader);
    let required: &[(&str, bool)] = match kind {
        "simple" => &[("agg", aggregation.is_none())],
        "ratio" => &[
            ("numerator", numerator.is_null()),
            ("denominator", denominator.is_null()),
        ],
        "cumulative" => &[("input_metric", input_metric.is_null())],
        "conversion" => &[
            ("base_metric", base.is_null()),
            ("conversion_metric", conversion.is_null()),
            ("entity", entity.is_null()),
            ("calculation", !calculated),
        ],
        _ => &[],
    };
    let mut complete = true;
    for (key, absent) in required {
        if *absent {
            missing(&section.what, key, &section.place, reader);
            complete = false;
        }
    }
    if kind == "conversion" {
        set(
            "conversion_type_params",
            json!({
                "entity": entity,
                "base_measure": null,
                "conversion_measure": null,
                "base_metric": base,
                "conversion_metric": conversion,
                "calculation": calculation,
                "window": length,
                "constant_properties": constants,
            }),
        );
    }
    if kind == "cumulative" {
        set(
            "cumulative_type_params",
            json!({
                "window": length,
                "grain_to_date": grain,
                "period_agg": period.unwrap_or_else(|| "first".to_owned()),
                "metric": input_metric,
            }),
        );
    }
    let aggregates = aggregation_params(section, aggregation.as_deref(), within, reader);
    if aggregation.is_some() {
        let Some(aggregates) = aggregates else {
            reader.problems.push(
                Diagnostic::error(
                    "bad-metric",
                    format!("{} aggregates, but belongs to no semantic model", section.what),
                )
                .at(section.place.clone())
                .help("write it below `metrics` of a model with `semantic_model: true`"),
            );
            return None;
        };
        set("metric_aggregation_params", aggregates);
    }
    // Read, and not told to anybody: dbt leaves it out of the manifest too.
    section.take("fill_nulls_with");
    set("numerator", numerator);
    set("denominator", denominator);
    set("expr", expression(section, "expr", reader));
    set("metrics", metric_inputs(section, "input_metrics", reader));
    set(
        "join_to_timespine",
        section.flag("join_to_timespine", reader).unwrap_or(false).into(),
    );
    set("is_private", section.flag("hidden", reader).unwrap_or(false).into());
    complete.then_some(params)
}

/// How the metric adds up by itself.
fn aggregation_params(
    section: &mut Section,
    aggregation: Option<&str>,
    within: Option<Within>,
    reader: &mut Reader,
) -> Option<Json> {
    let percentile = section.take("percentile").map_or(Json::Null, Yaml::to_json);
    let percentile_type = word(section, "percentile_type", &["discrete", "continuous"], reader);
    let time_dimension = section.text("agg_time_dimension", reader);
    let non_additive = non_additive(section, reader);
    let within = within?;
    Some(json!({
        "semantic_model": within.semantic_model,
        "agg": aggregation?,
        "agg_params": {
            "percentile": percentile,
            "use_discrete_percentile": percentile_type.as_deref() == Some("discrete"),
            "use_approximate_percentile": percentile_type.as_deref() == Some("continuous"),
        },
        "agg_time_dimension": time_dimension.as_deref().or(within.time_dimension),
        "non_additive_dimension": non_additive,
    }))
}

fn calculation(section: &mut Section, reader: &mut Reader) -> String {
    word(section, "calculation", &CALCULATIONS, reader).unwrap_or_else(|| "conversion_rate".to_owned())
}

fn constant_properties(section: &mut Section, reader: &mut Reader) -> Json {
    if section.take("constant_properties").is_none() {
        return Json::Null;
    }
    let listed = section.list("constant_properties", reader);
    let one = |yaml: &Yaml, reader: &mut Reader| {
        let mut section = Section::of(yaml, "an entry of `constant_properties`", reader)?;
        let entry = json!({
            "base_property": section.required("base_property", reader),
            "conversion_property": section.required("conversion_property", reader),
        });
        section.refuse_others(reader);
        Some(entry)
    };
    listed
        .iter()
        .filter_map(|yaml| one(yaml, reader))
        .collect::<Vec<_>>()
        .into()
}

fn non_additive(section: &mut Section, reader: &mut Reader) -> Json {
    let Some(yaml) = section.take("non_additive_dimension") else {
        return Json::Null;
    };
    let Some(mut inner) = Section::of(yaml, "`non_additive_dimension`", reader) else {
        return Json::Null;
    };
    let value = json!({
        "name": inner.required("name", reader),
        "window_choice": word(&mut inner, "window_agg", &AGGREGATIONS, reader),
        "window_groupings": inner.strings("group_by", reader).unwrap_or_default(),
    });
    inner.refuse_others(reader);
    value
}

/// The name of a measure, or a mapping with it.
fn measure_input(section: &mut Section, key: &'static str, reader: &mut Reader) -> Json {
    let Some(yaml) = section.take(key) else {
        return Json::Null;
    };
    if let Kind::String(name) = &yaml.kind {
        return input(name);
    }
    let Some(mut inner) = Section::of(yaml, format!("`{key}` of {}", section.what), reader) else {
        return Json::Null;
    };
    let value = json!({
        "name": inner.required("name", reader),
        "filter": filter(&mut inner, "filter", reader),
        "alias": text(&mut inner, "alias", reader),
        "join_to_timespine": inner.flag("join_to_timespine", reader).unwrap_or(false),
        "fill_nulls_with": inner.integer("fill_nulls_with", reader),
    });
    inner.refuse_others(reader);
    value
}

/// The name of a metric, or a mapping with it.
fn metric_input(section: &mut Section, key: &'static str, reader: &mut Reader) -> Json {
    let what = format!("`{key}` of {}", section.what);
    section
        .take(key)
        .map_or(Json::Null, |yaml| one_metric(yaml, &what, reader))
}

fn metric_inputs(section: &mut Section, key: &'static str, reader: &mut Reader) -> Json {
    let what = format!("`{key}` of {}", section.what);
    let listed = section.list(key, reader);
    let inputs: Vec<Json> = listed.iter().map(|yaml| one_metric(yaml, &what, reader)).collect();
    inputs.into()
}

fn one_metric(yaml: &Yaml, what: &str, reader: &mut Reader) -> Json {
    if let Kind::String(name) = &yaml.kind {
        return json!({ "name": name, "filter": null, "alias": null, "offset_window": null, "offset_to_grain": null });
    }
    let Some(mut inner) = Section::of(yaml, what, reader) else {
        return Json::Null;
    };
    let value = json!({
        "name": inner.required("name", reader),
        "filter": filter(&mut inner, "filter", reader),
        "alias": text(&mut inner, "alias", reader),
        "offset_window": window(&mut inner, "offset_window", reader),
        "offset_to_grain": text(&mut inner, "offset_to_grain", reader),
    });
    inner.refuse_others(reader);
    value
}
