//! Results of queries beside what dbt's driver and agate make of them.

use serde_json::{Value as Json, json};

use super::Project;
use crate::sql::{Column, Table};

/// Recorded with dbt 1.12 on PostgreSQL 15: `cells` are single values, `tables` what templates do with a table;
/// `assay` is what we make of it where that differs.
const RECORD: &str = include_str!("tables.json");

fn table(columns: &[(&str, &str)], rows: Vec<Vec<Option<&str>>>) -> Table {
    let column = |(name, data_type): &(&str, &str)| Column {
        name: (*name).to_owned(),
        data_type: (*data_type).to_owned(),
    };
    Table {
        columns: columns.iter().map(column).collect(),
        rows: rows
            .into_iter()
            .map(|row| row.into_iter().map(|cell| cell.map(str::to_owned)).collect())
            .collect(),
        ..Table::default()
    }
}

fn small() -> Table {
    let columns = [("name", "text"), ("n", "integer"), ("x", "numeric"), ("day", "date")];
    let rows = vec![
        vec![Some("b"), Some("2"), Some("1.50"), Some("2024-01-02")],
        vec![Some("a"), Some("10"), Some("12345.6789"), None],
        vec![None, Some("3"), None, Some("2024-01-01")],
        vec![Some("a"), Some("2"), Some("-7"), Some("2024-01-01")],
    ];
    table(&columns, rows)
}

fn big() -> Table {
    let names: Vec<_> = (0..8).map(|i| format!("c{i}")).collect();
    let columns: Vec<_> = names.iter().map(|name| (name.as_str(), "integer")).collect();
    let cells: Vec<Vec<String>> = (0..25).map(|i| (0..8).map(|j| (i * j).to_string()).collect()).collect();
    let rows = cells.iter().map(|row| row.iter().map(|c| Some(c.as_str())).collect());
    table(&columns, rows.collect())
}

fn compared(field: &str, render: impl Fn(&Json) -> (Json, Json)) {
    let mut record: Json = serde_json::from_str(RECORD).unwrap();
    let mut wrong = Vec::new();
    let cases = record[field].as_array_mut().unwrap();
    for case in cases.iter_mut() {
        let (out, printed) = render(case);
        let same = |name: &str, ours: &Json| case.get(name).unwrap_or(&Json::Null) == ours;
        let as_dbt = same("out", &out) && same("printed", &printed);
        let ours = json!([out, printed]);
        if !as_dbt && case.get("assay") != Some(&ours) {
            wrong.push(format!("{case}\n  rendered {ours}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn values_of_every_type_are_what_dbt_has() {
    let template = "{% set r = adapter.execute('q', fetch=true)[1].rows[0][0] %}{{ r }}|{{ [r] }}|{{ r is string }} \
                    {{ r is number }} {{ r is integer }} {{ r is float }} {{ r is boolean }} {{ r is none }} \
                    {{ r is iterable }}";
    compared("cells", |case| {
        let mut project = Project::new();
        let cell = table(
            &[("x", case["type"].as_str().unwrap())],
            vec![vec![case["text"].as_str()]],
        );
        project.world.results.insert("q".to_owned(), cell);
        (project.try_render(template).map_or(Json::Null, Json::from), Json::Null)
    });
}

#[test]
fn tables_have_the_methods_of_agate() {
    compared("tables", |case| {
        let mut project = Project::new();
        project.world.results.insert("small".to_owned(), small());
        project.world.results.insert("big".to_owned(), big());
        let template = format!(
            "{{% set t = adapter.execute('small', fetch=true)[1] %}}{{% set big = adapter.execute('big', fetch=true)[1] \
             %}}{}",
            case["template"].as_str().unwrap()
        );
        let (rendered, world) = project.with(&template, super::Engine::render);
        let printed: String = world
            .heard()
            .iter()
            .filter_map(|line| line.strip_prefix("log ")?.strip_suffix(" true"))
            .map(|text| format!("{text}\n"))
            .collect();
        let printed = if printed.is_empty() {
            Json::Null
        } else {
            Json::from(printed)
        };
        (rendered.map_or(Json::Null, Json::from), printed)
    });
}
