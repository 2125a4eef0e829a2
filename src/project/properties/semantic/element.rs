//! The parts of a semantic model: entities, dimensions and measures.

use serde_json::{Map, Value as Json, json};

use super::{AGGREGATIONS, GRANULARITIES, expression, object, part_meta, text, word};
use crate::project::{Reader, Section, Yaml};

pub(super) const ENTITIES: [&str; 4] = ["foreign", "natural", "primary", "unique"];
pub(super) const DIMENSIONS: [&str; 2] = ["categorical", "time"];

pub(super) fn entity(yaml: &Yaml, within: &str, reader: &mut Reader) -> Option<Map<String, Json>> {
    let mut section = Section::of(yaml, format!("an entity of {within}"), reader)?;
    let name = section.required("name", reader)?;
    section.what = format!("entity `{name}` of {within}");
    section.required("type", reader)?;
    let entity = json!({
        "name": name,
        "type": word(&mut section, "type", &ENTITIES, reader)?,
        "description": text(&mut section, "description", reader),
        "label": text(&mut section, "label", reader),
        "role": text(&mut section, "role", reader),
        "expr": expression(&mut section, "expr", reader),
        "config": { "meta": part_meta(&mut section, reader) },
    });
    section.refuse_others(reader);
    Some(object(entity))
}

pub(super) fn dimension(yaml: &Yaml, within: &str, reader: &mut Reader) -> Option<Map<String, Json>> {
    let mut section = Section::of(yaml, format!("a dimension of {within}"), reader)?;
    let name = section.required("name", reader)?;
    section.what = format!("dimension `{name}` of {within}");
    section.required("type", reader)?;
    let kind = word(&mut section, "type", &DIMENSIONS, reader)?;
    let mut params = Json::Null;
    if let Some(yaml) = section.take("type_params")
        && let Some(mut inner) = Section::of(yaml, format!("`type_params` of {}", section.what), reader)
    {
        inner.required("time_granularity", reader);
        params = json!({
            "time_granularity": word(&mut inner, "time_granularity", &GRANULARITIES, reader),
            "validity_params": validity(&mut inner, reader),
        });
        inner.refuse_others(reader);
    }
    let dimension = dimension_entry(&name, &kind, &params, &mut section, reader);
    section.refuse_others(reader);
    Some(dimension)
}

/// The keys that dimensions of both forms have.
pub(super) fn dimension_entry(
    name: &str,
    kind: &str,
    params: &Json,
    section: &mut Section,
    reader: &mut Reader,
) -> Map<String, Json> {
    object(json!({
        "name": name,
        "type": kind,
        "description": text(section, "description", reader),
        "label": text(section, "label", reader),
        "is_partition": section.flag("is_partition", reader).unwrap_or(false),
        "type_params": params,
        "expr": expression(section, "expr", reader),
        "metadata": null,
        "config": { "meta": part_meta(section, reader) },
        "datatype": null,
    }))
}

pub(super) fn validity(section: &mut Section, reader: &mut Reader) -> Json {
    let Some(yaml) = section.take("validity_params") else {
        return Json::Null;
    };
    let Some(mut inner) = Section::of(yaml, "`validity_params`", reader) else {
        return Json::Null;
    };
    let value = json!({
        "is_start": inner.flag("is_start", reader).unwrap_or(false),
        "is_end": inner.flag("is_end", reader).unwrap_or(false),
    });
    inner.refuse_others(reader);
    value
}

/// The measure, and whether a metric is wanted for it.
pub(super) fn measure(yaml: &Yaml, within: &str, reader: &mut Reader) -> Option<(Map<String, Json>, bool)> {
    let mut section = Section::of(yaml, format!("a measure of {within}"), reader)?;
    let name = section.required("name", reader)?;
    section.what = format!("measure `{name}` of {within}");
    section.required("agg", reader)?;
    let mut params = Json::Null;
    if let Some(yaml) = section.take("agg_params")
        && let Some(mut inner) = Section::of(yaml, format!("`agg_params` of {}", section.what), reader)
    {
        params = json!({
            "percentile": inner.take("percentile").map_or(Json::Null, Yaml::to_json),
            "use_discrete_percentile": inner.flag("use_discrete_percentile", reader).unwrap_or(false),
            "use_approximate_percentile": inner.flag("use_approximate_percentile", reader).unwrap_or(false),
        });
        inner.refuse_others(reader);
    }
    let mut non_additive = Json::Null;
    if let Some(yaml) = section.take("non_additive_dimension")
        && let Some(mut inner) = Section::of(yaml, format!("`non_additive_dimension` of {}", section.what), reader)
    {
        non_additive = json!({
            "name": inner.required("name", reader),
            "window_choice": word(&mut inner, "window_choice", &AGGREGATIONS, reader),
            "window_groupings": inner.strings("window_groupings", reader).unwrap_or_default(),
        });
        inner.refuse_others(reader);
    }
    let makes_metric = section.flag("create_metric", reader).unwrap_or(false);
    let measure = json!({
        "name": name,
        "agg": word(&mut section, "agg", &AGGREGATIONS, reader)?,
        "description": text(&mut section, "description", reader),
        "label": text(&mut section, "label", reader),
        // dbt does not pass it on.
        "create_metric": false,
        "expr": expression(&mut section, "expr", reader),
        "agg_params": params,
        "non_additive_dimension": non_additive,
        "agg_time_dimension": text(&mut section, "agg_time_dimension", reader),
        "config": { "meta": part_meta(&mut section, reader) },
    });
    section.refuse_others(reader);
    Some((object(measure), makes_metric))
}
