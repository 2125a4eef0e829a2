//! What is said of a node with its statements: the model keeps the statement that made it.

use super::support::Project;

const MODEL: &str = "{{ config(materialized='table') }}\nselect current_query() as sent";

const MACROS: &str = "{% macro said(node) %}{{ node.name }} by {{ target.name }}{{ node.nothing }}{% endmacro %}
{% materialization own, default %}
{% call statement('main') %}create table {{ this }} as {{ sql }}{% endcall %}
{% do adapter.commit() %}
{{ return({'relations': [this]}) }}
{% endmaterialization %}
";

fn sent(comment: &str, model: &str) -> String {
    let project = Project::with(&[("macros/m.sql", MACROS), ("models/m.sql", model)]);
    project.put("project.yml", &format!("name: it\nprofile: it\n{comment}\n"));
    project.ok(&["run"]);
    project.psql("select sent from dev.m").trim().to_owned()
}

#[test]
fn the_standard_comment_names_the_node() {
    let wanted = "/* {\"app\": \"assay\", \"dbt_version\": \"1.12.6\", \"profile_name\": \"it\", \"target_name\": \"dev\", \
                  \"node_id\": \"model.it.m\"} */\n";
    let found = sent("", MODEL);
    assert!(found.starts_with(wanted), "{found}");
    let found = sent("", &MODEL.replace("table", "own"));
    assert!(found.starts_with(wanted), "{found}");
}

#[test]
fn a_comment_of_the_project() {
    let found = sent("query-comment: {comment: '{{ said(node) }}', append: true}", MODEL);
    assert!(!found.starts_with("/*") && found.contains("/* m by dev */"), "{found}");
    for off in ["query-comment:", "query-comment: ''"] {
        let found = sent(off, MODEL);
        assert!(!found.contains("/*"), "{found}");
    }
}

#[test]
fn a_comment_that_ends_itself_fails_the_node() {
    let project = Project::with(&[("models/m.sql", MODEL)]);
    project.put("project.yml", "name: it\nprofile: it\nquery-comment: 'a */ b'\n");
    let outcome = project.ends(1, &["run"]);
    assert!(
        outcome.stdout.contains("`*/`") || outcome.stderr.contains("`*/`"),
        "{} {}",
        outcome.stdout,
        outcome.stderr
    );
}
