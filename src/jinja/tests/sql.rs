//! The builtin package's SQL.

use serde_json::json;

use super::Project;
use crate::jinja::Global;
use crate::sql::Relation;

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sql(template: &str) -> String {
    squeezed(&Project::new().render(template))
}

#[test]
fn every_builtin_macro_compiles() {
    let files = crate::jinja::builtin::files();
    for file in files {
        let copy = crate::jinja::MacroFile {
            package: "copy".to_owned(),
            ..file
        };
        crate::jinja::Engine::new("copy", &[], &[copy], &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}

#[test]
fn the_four_tests() {
    assert_eq!(
        sql("{{ test_unique(ref('a'), 'id') }}"),
        "select id as unique_field, count(*) as n_records from \"db\".\"analytics\".\"a\" where id is not null group by id having count(*) > 1"
    );
    assert_eq!(
        sql("{{ test_not_null(get_where_subquery(ref('a')), 'id') }}"),
        "select id from \"db\".\"analytics\".\"a\" where id is null"
    );
    assert_eq!(
        sql(
            "{{ dbt.test_accepted_values(model=ref('a'), column_name='s', values=['x', 1]) }}{{ test_accepted_values(ref('a'), 's', [1, 2], quote=false) }}"
        ),
        "with all_values as ( select s as value_field, count(*) as n_records from \"db\".\"analytics\".\"a\" group by s ) \
         select * from all_values where value_field not in ( 'x', '1' )\
         with all_values as ( select s as value_field, count(*) as n_records from \"db\".\"analytics\".\"a\" group by s ) \
         select * from all_values where value_field not in ( 1, 2 )"
    );
    assert_eq!(
        sql("{{ test_relationships(ref('a'), 'b_id', to=ref('b'), field='id') }}"),
        "with child as ( select b_id as from_field from \"db\".\"analytics\".\"a\" where b_id is not null ), \
         parent as ( select id as to_field from \"db\".\"analytics\".\"b\" ) \
         select from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null"
    );
}

#[test]
fn tests_can_be_overridden_and_narrowed() {
    let overridden = Project::new().file(
        "macros/t.sql",
        "{% macro default__test_unique(model, column_name) %}mine{% endmacro %}",
    );
    assert_eq!(
        squeezed(&overridden.render("{{ test_unique(ref('a'), 'id') }}")),
        "mine"
    );
    let mut narrowed = Project::new();
    narrowed.world.config.insert("where".to_owned(), json!("x > 1"));
    assert_eq!(
        narrowed.render("{{ get_where_subquery(ref('a')) }}"),
        "(select * from \"db\".\"analytics\".\"a\" where x > 1) dbt_subquery"
    );
}

/// Without what has no meaning in SQL: white space, comments, and a semicolon at the end, which the engine may leave out.
fn bare(sql: &str) -> String {
    let lines = sql
        .lines()
        .map(|line| line.split_once("--").map_or(line, |(before, _)| before));
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut out = squeezed(&text);
    for mark in ["(", ")", ",", ";"] {
        let parts: Vec<_> = out.split(mark).map(str::trim).collect();
        out = parts.join(mark);
    }
    out
}

/// `recorded/calls.txt`: calls of macros and methods, each with what dbt 1.12.6 (dbt-postgres 1.11.0) compiles it to in
/// a model `m` of the schema `analytics`, squeezed as `bare` does.
#[test]
fn macros_compile_to_what_dbt_compiles_them_to() {
    let recorded: Vec<_> = include_str!("recorded/calls.txt").lines().collect();
    let mut different = Vec::new();
    for pair in recorded.chunks(2) {
        let [call, expected] = pair else {
            panic!("a call without its output: {pair:?}");
        };
        let mut project = Project::new();
        let this = Relation::new(Some("db"), "analytics", "m");
        project.globals.insert("this".to_owned(), Global::Relation(this));
        let model = json!({"name": "m", "columns": {}});
        project.globals.insert("model".to_owned(), Global::from(model));
        let target = json!({"name": "dev", "schema": "analytics", "database": "db"});
        project.globals.insert("target".to_owned(), Global::from(target));
        let text = bare(&project.render(&format!("{{{{ {call} }}}}")));
        if text != expected.trim() {
            different.push(format!("{call}\n  dbt:  {}\n  ours: {text}", expected.trim()));
        }
    }
    assert!(recorded.len() > 400, "{} lines are recorded", recorded.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
}
