//! A semantic model and metrics that are written as parts of a model, and its time spine.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::element::{DIMENSIONS, dimension_entry, entity, validity};
use super::metric::Within;
use super::model::SemanticModelProperties;
use super::{GRANULARITIES, MetricProperties, object, word};
use crate::diagnostic::{Diagnostic, Place, nearest};
use crate::project::properties::{ColumnProperties, is_rendered_later};
use crate::project::{Kind, Reader, Section, Setting, Settings, Yaml};

/// What an entry of `models` says about the semantic layer.
pub(in crate::project::properties) fn of_model(
    section: &mut Section,
    model: &str,
    columns: &[ColumnProperties],
    place: &Place,
    reader: &mut Reader,
) -> (Option<SemanticModelProperties>, Vec<MetricProperties>) {
    let primary_entity = section.text("primary_entity", reader);
    let time_dimension = section.text("agg_time_dimension", reader);
    let derived = section.take("derived_semantics");
    let metrics = section.list("metrics", reader);
    let Some(told) = section.take("semantic_model") else {
        return (None, Vec::new());
    };
    let mut name = model.to_owned();
    // As in dbt, it is described by what describes the model.
    let description = section.take("description").and_then(Yaml::as_str).unwrap_or_default();
    let description = Some(description.to_owned());
    let mut config = Settings::new();
    match &told.kind {
        Kind::Bool(true) => {}
        Kind::Bool(false) => return (None, Vec::new()),
        _ => {
            let Some(mut inner) = Section::of(told, format!("`semantic_model` of model `{model}`"), reader) else {
                return (None, Vec::new());
            };
            name = inner.text("name", reader).unwrap_or(name);
            let mut set = |key: &str, value: Json| {
                let place = told.place.clone();
                config.insert(key.to_owned(), Setting::new(value, place));
            };
            if inner.flag("enabled", reader) == Some(false) {
                return (None, Vec::new());
            }
            set("enabled", true.into());
            if let Some(group) = inner.text("group", reader) {
                set("group", group.into());
            }
            let more = inner.take("config").and_then(|config| config.get("meta"));
            if let Some(meta) = more.map(Yaml::to_json) {
                set("meta", meta);
            }
            inner.refuse_others(reader);
        }
    }
    let what = format!("semantic model `{name}`");
    let mut entities: Vec<_> = columns.iter().filter_map(entity_of).collect();
    let mut dimensions: Vec<_> = columns.iter().filter_map(dimension_of).collect();
    let mut places = HashMap::new();
    for (list, of) in [("entities", entity_of as fn(&_) -> _), ("dimensions", dimension_of)] {
        let columns = columns.iter().filter(|column| of(column).is_some()).enumerate();
        places.extend(columns.map(|(index, column)| (format!("{list}.{index}"), column.place.clone())));
    }
    if let Some(derived) = derived
        && let Some(mut inner) = Section::of(derived, format!("`derived_semantics` of model `{model}`"), reader)
    {
        for yaml in inner.list("entities", reader) {
            places.insert(format!("entities.{}", entities.len()), yaml.place.clone());
            entities.extend(entity(yaml, &what, reader));
        }
        for yaml in inner.list("dimensions", reader) {
            places.insert(format!("dimensions.{}", dimensions.len()), yaml.place.clone());
            dimensions.extend(derived_dimension(yaml, &what, reader));
        }
        inner.refuse_others(reader);
    }
    let within = Within {
        semantic_model: &name,
        time_dimension: time_dimension.as_deref(),
    };
    let metrics = metrics
        .iter()
        .filter_map(|yaml| {
            let yaml = rendered(yaml, reader);
            MetricProperties::read_within(&yaml, Some(within), reader)
        })
        .collect();
    let semantic_model = SemanticModelProperties {
        description,
        label: None,
        model: format!("ref('{model}')"),
        config,
        defaults: json!({ "agg_time_dimension": time_dimension }),
        primary_entity,
        entities,
        dimensions,
        measures: Vec::new(),
        with_metric: Vec::new(),
        within_model: true,
        places,
        place: place.clone(),
        name,
    };
    (Some(semantic_model), metrics)
}

/// A metric with its Jinja rendered, but for its conditions.
pub(in crate::project::properties) fn rendered(metric: &Yaml, reader: &mut Reader) -> Yaml {
    reader.rendered(metric, &|key| is_rendered_later(key) || key == "filter")
}

fn column_meta(column: &ColumnProperties, own: &Json) -> Json {
    let mut meta: Map<String, Json> = column.config_meta.clone();
    meta.extend(own["meta"].as_object().cloned().unwrap_or_default());
    json!({ "meta": meta })
}

fn entity_of(column: &ColumnProperties) -> Option<Map<String, Json>> {
    let entity = &column.semantics.entity;
    match entity {
        Json::String(kind) => Some(object(json!({
            "name": column.name,
            "type": kind,
            "description": column.description,
            "label": null,
            "role": null,
            "expr": null,
            "config": column_meta(column, &Json::Null),
        }))),
        Json::Object(_) => {
            let meta = match entity["config"].get("meta") {
                Some(meta) => json!({ "meta": meta }),
                None => column_meta(column, &Json::Null),
            };
            Some(object(json!({
                "name": entity["name"],
                "type": entity["type"],
                "description": entity["description"],
                "label": entity["label"],
                "role": null,
                "expr": (entity["name"] != column.name.as_str()).then_some(&column.name),
                "config": meta,
            })))
        }
        _ => None,
    }
}

fn dimension_of(column: &ColumnProperties) -> Option<Map<String, Json>> {
    let dimension = &column.semantics.dimension;
    let granularity = &column.semantics.granularity;
    match dimension {
        Json::String(kind) => Some(object(json!({
            "name": column.name,
            "type": kind,
            "description": column.description,
            "label": null,
            "is_partition": false,
            // dbt drops the granularity of the short form.
            "type_params": null,
            "expr": null,
            "metadata": null,
            "config": column_meta(column, &Json::Null),
            "datatype": null,
        }))),
        Json::Object(_) => Some(object(json!({
            "name": dimension["name"],
            "type": dimension["type"],
            "description": dimension["description"],
            "label": dimension["label"],
            "is_partition": dimension["is_partition"],
            "type_params": granularity.as_ref().map(|granularity| json!({
                "time_granularity": granularity,
                "validity_params": dimension["validity_params"],
            })),
            "expr": (dimension["name"] != column.name.as_str()).then_some(&column.name),
            "metadata": null,
            "config": column_meta(column, &dimension["config"]),
            "datatype": null,
        }))),
        _ => None,
    }
}

fn derived_dimension(yaml: &Yaml, within: &str, reader: &mut Reader) -> Option<Map<String, Json>> {
    let mut section = Section::of(yaml, format!("a derived dimension of {within}"), reader)?;
    let name = section.required("name", reader)?;
    section.what = format!("derived dimension `{name}` of {within}");
    section.required("type", reader)?;
    let kind = word(&mut section, "type", &DIMENSIONS, reader)?;
    let granularity = word(&mut section, "granularity", &GRANULARITIES, reader);
    let validity = validity(&mut section, reader);
    if granularity.is_none() && validity.is_object() {
        reader.problems.push(
            Diagnostic::warning("missing-key", format!("{} has no `granularity`", section.what))
                .at(section.place.clone())
                .because("without it the `validity_params` are dropped"),
        );
    }
    let params = granularity.map_or(
        Json::Null,
        |granularity| json!({ "time_granularity": granularity, "validity_params": validity }),
    );
    let dimension = dimension_entry(&name, &kind, &params, &mut section, reader);
    section.refuse_others(reader);
    Some(dimension)
}

/// `time_spine`, checked against the columns that are described.
pub(in crate::project::properties) fn time_spine(
    section: &mut Section,
    columns: Option<&[ColumnProperties]>,
    reader: &mut Reader,
) -> Option<Json> {
    let yaml = section.take("time_spine")?;
    let mut inner = Section::of(yaml, format!("`time_spine` of {}", section.what), reader)?;
    let standard = inner.required("standard_granularity_column", reader)?;
    let mut custom = Vec::new();
    for yaml in inner.list("custom_granularities", reader) {
        let Some(mut entry) = Section::of(yaml, "an entry of `custom_granularities`", reader) else {
            continue;
        };
        if let Some(name) = entry.required("name", reader) {
            custom.push((name, entry.text("column_name", reader)));
        }
        entry.refuse_others(reader);
    }
    inner.refuse_others(reader);
    if let Some(columns) = columns {
        let find = |name: &str| columns.iter().find(|column| column.name == name);
        let custom = custom.iter().map(|(name, column)| column.as_ref().unwrap_or(name));
        for name in std::iter::once(&standard).chain(custom) {
            if find(name).is_none() {
                let near = nearest(name, columns.iter().map(|column| column.name.as_str()));
                let problem = Diagnostic::error(
                    "bad-time-spine",
                    format!(
                        "the time spine of {} names column `{name}`, which is not described",
                        section.what
                    ),
                )
                .at(yaml.place.clone());
                reader.problems.push(match near {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help(format!("add `- name: {name}` to `columns`")),
                });
            }
        }
        if find(&standard).is_some_and(|column| column.semantics.granularity.is_none()) {
            reader.problems.push(
                Diagnostic::error(
                    "bad-time-spine",
                    format!(
                        "column `{standard}` of the time spine of {} has no `granularity`",
                        section.what
                    ),
                )
                .at(yaml.place.clone())
                .help(format!("write `granularity: day` at column `{standard}`, say")),
            );
        }
    }
    let custom: Vec<Json> = custom
        .into_iter()
        .map(|(name, column)| json!({ "name": name, "column_name": column }))
        .collect();
    Some(json!({ "standard_granularity_column": standard, "custom_granularities": custom }))
}
