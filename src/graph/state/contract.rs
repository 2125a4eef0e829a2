//! What a changed contract breaks for those who rely on it
//! (<https://docs.getdbt.com/reference/resource-configs/contract#detecting-breaking-changes>).

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::Diagnostic;

use super::comparison::{kind, same};

fn enforced(entry: &Json) -> bool {
    entry["contract"]["enforced"].as_bool().unwrap_or_default()
}

/// Constraints become part of tables, and of nothing else.
fn has_constraints(entry: &Json) -> bool {
    matches!(entry["config"]["materialized"].as_str(), Some("table" | "incremental"))
}

fn columns(entry: &Json) -> Map<String, Json> {
    entry["columns"].as_object().cloned().unwrap_or_default()
}

fn constraints(entry: &Json) -> Vec<Json> {
    entry["constraints"].as_array().cloned().unwrap_or_default()
}

/// What dbt makes the checksum of a contract from: the order of columns does not matter.
fn terms(entry: &Json) -> Json {
    let mut columns: Vec<Json> = columns(entry)
        .values()
        .map(|column| json!([column["name"], column["data_type"], constraints(column)]))
        .collect();
    columns.sort_by_key(|column| column[0].to_string());
    let table = has_constraints(entry).then(|| json!([entry["config"]["materialized"], constraints(entry)]));
    json!([columns, table])
}

/// Whether nothing about the contract has changed. A contract that is enforced on neither side says nothing.
pub(super) fn is_same(new: &Json, old: &Json) -> bool {
    match (enforced(new), enforced(old)) {
        (false, false) => true,
        (true, true) => same(&terms(new), &terms(old)),
        _ => false,
    }
}

/// What breaks for those who rely on the old contract, in words; nothing where none was enforced.
fn broken(new: &Json, old: &Json) -> Vec<String> {
    if !enforced(old) || is_same(new, old) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if !enforced(new) {
        found.push("its contract is not enforced any more".to_owned());
    }
    let (was, is) = (columns(old), columns(new));
    let mut names: Vec<&String> = was.keys().collect();
    names.sort();
    let text = |value: &Json| value.as_str().unwrap_or("none").to_owned();
    for name in names {
        let before = &was[name];
        let Some(after) = is.get(name) else {
            found.push(format!("column {name} is gone"));
            continue;
        };
        if base(&before["data_type"]) != base(&after["data_type"]) {
            let (before, after) = (text(&before["data_type"]), text(&after["data_type"]));
            found.push(format!("column {name} is {after}, and was {before}"));
        }
        if has_constraints(old) {
            for gone in without(&constraints(before), &constraints(after)) {
                found.push(format!("column {name} has lost its constraint {}", named(gone)));
            }
        }
    }
    if has_constraints(old) {
        for gone in without(&constraints(old), &constraints(new)) {
            let columns: Vec<String> = gone["columns"].as_array().into_iter().flatten().map(text).collect();
            let of = columns.join(", ");
            found.push(format!("the constraint {} on columns {of} is gone", named(gone)));
        }
        let any = !constraints(old).is_empty() || was.values().any(|column| !constraints(column).is_empty());
        if any && !has_constraints(new) {
            let (before, after) = (&old["config"]["materialized"], &new["config"]["materialized"]);
            found.push(format!(
                "it is a {}, and was a {} with constraints",
                text(after),
                text(before)
            ));
        }
    }
    found
}

/// A type without its size: a longer or shorter `varchar` breaks nobody.
fn base(data_type: &Json) -> Option<String> {
    let text = data_type.as_str()?;
    Some(text.split('(').next().unwrap_or(text).trim().to_lowercase())
}

fn without<'a>(old: &'a [Json], new: &[Json]) -> Vec<&'a Json> {
    old.iter()
        .filter(|one| !new.iter().any(|other| same(one, other)))
        .collect()
}

fn named(constraint: &Json) -> &str {
    let name = constraint["name"].as_str().or(constraint["type"].as_str());
    name.unwrap_or("without a name")
}

/// A breaking change of a contract: an error for a version, which was promised to stay as it is; else a warning.
fn problem(model: &Json, what: &[String]) -> Diagnostic {
    let name = model["name"].as_str().unwrap_or_default();
    let file = model["original_file_path"].as_str().unwrap_or_default();
    let version = &model["version"];
    let cause = what.join("\n");
    if version.is_null() {
        return Diagnostic::warning(
            "breaking-contract",
            format!("the contract of model {name} ({file}) breaks what others rely on"),
        )
        .because(cause)
        .help("keep what was promised, or give the model versions and change a new one");
    }
    let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
    Diagnostic::error(
        "breaking-contract",
        format!("version {version} of model {name} ({file}) breaks its contract"),
    )
    .because(cause)
    .help("leave this version as it was, and make the change in a new version")
}

/// What to tell of a model that is still there.
pub(super) fn change(new: &Json, old: &Json) -> Option<Diagnostic> {
    if kind(old) != "model" || kind(new) != "model" {
        return None;
    }
    let broken = broken(new, old);
    (!broken.is_empty()).then(|| problem(new, &broken))
}

/// What to tell of a model that is deleted, renamed or disabled.
pub(super) fn removal(gone: &Json, now: Timestamp) -> Option<Diagnostic> {
    if kind(gone) != "model" || !enforced(gone) {
        return None;
    }
    let ended = gone["deprecation_date"].as_str().and_then(moment);
    if ended.is_some_and(|ended| ended < now) {
        return None;
    }
    let how = match gone["config"]["enabled"].as_bool() {
        Some(false) => "it is disabled",
        _ => "it is deleted or renamed",
    };
    Some(problem(gone, &[how.to_owned()]))
}

fn moment(text: &str) -> Option<Timestamp> {
    let exact = text.parse::<Timestamp>().ok();
    exact.or_else(|| {
        let day: DateTime = text.replace(' ', "T").parse().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Json {
        json!({
            "resource_type": "model", "name": "a", "original_file_path": "models/a.sql", "version": null,
            "contract": { "enforced": true }, "config": { "materialized": "table", "enabled": true },
            "constraints": [{ "type": "primary_key", "columns": ["id"], "name": null }],
            "columns": {
                "id": { "name": "id", "data_type": "int", "constraints": [{ "type": "not_null" }] },
                "name": { "name": "name", "data_type": "varchar(3)", "constraints": [] },
            },
        })
    }

    fn told(change_it: impl FnOnce(&mut Json)) -> String {
        let mut new = model();
        change_it(&mut new);
        change(&new, &model()).map(|told| told.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_breaks_is_told() {
        insta::assert_snapshot!(
            told(|new| {
                new["columns"] = json!({ "name": { "name": "name", "data_type": "text", "constraints": [] } });
                new["constraints"] = json!([]);
                new["config"]["materialized"] = json!("view");
            }),
            @r"
        warning[breaking-contract]: the contract of model a (models/a.sql) breaks what others rely on
          why: column id is gone
               column name is text, and was varchar(3)
               the constraint primary_key on columns id is gone
               it is a view, and was a table with constraints
          help: keep what was promised, or give the model versions and change a new one
        "
        );
        insta::assert_snapshot!(
            told(|new| {
                new["version"] = json!(2);
                new["contract"]["enforced"] = json!(false);
                new["columns"]["id"]["constraints"] = json!([]);
            }),
            @r"
        error[breaking-contract]: version 2 of model a (models/a.sql) breaks its contract
          why: its contract is not enforced any more
               column id has lost its constraint not_null
          help: leave this version as it was, and make the change in a new version
        "
        );
    }

    #[test]
    fn a_wider_type_or_another_column_breaks_nobody() {
        assert_eq!(
            told(|new| new["columns"]["name"]["data_type"] = json!("VARCHAR(9)")),
            ""
        );
        assert_eq!(
            told(|new| new["columns"]["more"] = json!({ "name": "more", "data_type": "int", "constraints": [] })),
            ""
        );
        let mut wider = model();
        wider["columns"]["name"]["data_type"] = json!("varchar(9)");
        assert!(!is_same(&wider, &model()));
    }

    #[test]
    fn a_model_that_is_gone_breaks_its_contract_until_it_was_announced_to_end() {
        let now: Timestamp = "2025-06-01T00:00:00Z".parse().expect("a time");
        let mut gone = model();
        assert!(removal(&gone, now).is_some());
        gone["deprecation_date"] = json!("2025-01-01T00:00:00");
        assert!(removal(&gone, now).is_none());
        gone["deprecation_date"] = json!("2026-01-01T00:00:00+00:00");
        assert!(removal(&gone, now).is_some());
        gone["contract"]["enforced"] = json!(false);
        assert!(removal(&gone, now).is_none());
    }
}
