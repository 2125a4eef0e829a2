//! What a user can get wrong: each with a code, a place and a next step, exit 2, nothing changed in the database.

use super::support::{Outcome, Project};

/// Runs `build`, expects exit 2 with every part in the message, and a database as empty as before.
fn refused(project: &Project, parts: &[&str]) -> Outcome {
    refused_by(project, &["build"], parts)
}

fn refused_by(project: &Project, arguments: &[&str], parts: &[&str]) -> Outcome {
    let before = contents(project);
    let outcome = project.ends(2, arguments);
    for part in parts {
        assert!(outcome.stderr.contains(part), "`{part}` is not in:\n{}", outcome.stderr);
    }
    assert!(outcome.stderr.contains("help:"), "no next step in:\n{}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    assert_eq!(before, contents(project), "the database changed");
    outcome
}

fn contents(project: &Project) -> String {
    project.psql(
        "select coalesce(string_agg(n.nspname || '.' || c.relname, ' ' order by 1), '')
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
         union all select count(*)::text from pg_namespace",
    )
}

#[test]
fn yaml_syntax() {
    let project = Project::with(&[
        ("models/a.sql", "select 1 as id"),
        ("models/schema.yml", "models:\n  - name: a\n   bad: [1\n"),
    ]);
    refused(&project, &["error[", "models/schema.yml:3:"]);
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n\
         d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n\
         g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f]\nmodels: [*g]\n";
    for (text, told) in [
        (
            "models: []\n---\nmodels: []\n",
            &["models/schema.yml:2:1", "more than one YAML document"][..],
        ),
        ("---\n# first\n---\n- a\n---\n- b\n", &["models/schema.yml:3:1"]),
        (bomb, &["models/schema.yml:1:4", "aliases"]),
        (
            "- models\n",
            &[
                "models/schema.yml:1:1",
                "`models/schema.yml` takes a mapping, not a list",
            ],
        ),
        (
            "unit_tests:\n- {name: t, model: a, given: [], expect: [1]}\n",
            &["`expect` of unit test `t` takes a mapping, not a list"],
        ),
    ] {
        let project = Project::with(&[("models/a.sql", "select 1 as id"), ("models/schema.yml", text)]);
        refused(&project, told);
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let project = Project::with(&[("models/a.sql", "select\n 'a\0b' as id")]);
    refused(
        &project,
        &[
            "error[unreadable-file]: cannot read models/a.sql",
            "NUL character (line 2)",
        ],
    );
    let project = Project::with(&[("models/a.sql", "select 1 as id")]);
    std::fs::write(project.path().join("models/b.sql"), b"select\n'\xe9' as id").expect("written");
    refused(
        &project,
        &["error[unreadable-file]: cannot read models/b.sql", "not UTF-8 (line 2)"],
    );
    let project = Project::with(&[("models/a.sql", "select 1 as id"), ("profiles.yml", "it: [\n")]);
    let told = project.ends(2, &["run"]).stderr;
    assert!(
        told.contains("profiles.yml:2:1") && told.contains("help: check the indentation"),
        "{told}"
    );
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_named() {
    for (link, to) in [
        ("models/loop", "."),
        ("models/gone.sql", "nowhere.sql"),
        ("models/own.sql", "own.sql"),
    ] {
        let project = Project::with(&[("models/a.sql", "select 1 as id")]);
        std::os::unix::fs::symlink(to, project.path().join(link)).expect("a link");
        refused(
            &project,
            &[
                "error[unreadable-file]: cannot read what is below models",
                link,
                "remove the link",
            ],
        );
    }
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    let project = Project::with(&[
        ("models/a.sql", "select 1 as id"),
        (
            "models/schema.yml",
            "models:\n  - name: a\n    colums:\n      - name: id\n",
        ),
    ]);
    refused(&project, &["models/schema.yml:3:5", "colums", "`columns`"]);
    let project = Project::with(&[
        ("project.yml", "name: it\nprofile: it\nmodel-path: [models]\n"),
        ("models/a.sql", "select 1 as id"),
    ]);
    refused(&project, &["project.yml:3:1", "model-path", "`model-paths`"]);
    let project = Project::with(&[("models/a.sql", "{{ config(materialised='table') }} select 1 as id")]);
    refused(&project, &["models/a.sql:1:", "materialised", "`materialized`"]);
}

#[test]
fn a_dbt_project_gets_a_warning_for_unknown_keys() {
    let project = Project::new()
        .write("dbt_project.yml", "name: it\nprofile: it\nversion: '1.0'\n")
        .write("models/a.sql", "select 1 as id")
        .write(
            "models/schema.yml",
            "models:\n  - name: a\n    colums:\n      - name: id\n",
        );
    let outcome = project.ok(&["build"]);
    assert!(
        outcome.stderr.contains("warning[") && outcome.stderr.contains("`columns`"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn wrong_types() {
    let project = Project::with(&[
        ("project.yml", "name: it\nprofile: it\nvars: 5\n"),
        ("models/a.sql", "select 1 as id"),
    ]);
    refused(&project, &["project.yml:3:", "vars"]);
    let project = Project::with(&[("models/a.sql", "{{ config(materialized='tabel') }} select 1 as id")]);
    refused(&project, &["tabel", "`table`", "models/a.sql"]);
}

#[test]
fn a_missing_ref_names_the_nearest_node() {
    let project = Project::with(&[
        ("models/orders.sql", "select 1 as id"),
        ("models/b.sql", "select *\nfrom {{ ref('ordrs') }}\n"),
    ]);
    refused(&project, &["missing-ref", "models/b.sql:2:", "ordrs", "`orders`"]);
}

#[test]
fn a_cycle_is_shown_with_its_path() {
    let project = Project::with(&[
        ("models/a.sql", "select * from {{ ref('b') }}"),
        ("models/b.sql", "select * from {{ ref('c') }}"),
        ("models/c.sql", "select * from {{ ref('a') }}"),
    ]);
    let outcome = refused(&project, &["cycle"]);
    for name in ["a", "b", "c"] {
        assert!(
            outcome.stderr.contains(&format!("models/{name}.sql"))
                || outcome.stderr.contains(&format!("model.it.{name}")),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn jinja_syntax() {
    let project = Project::with(&[("models/a.sql", "select 1 as id\n{% if true %}\nfrom x\n")]);
    refused(&project, &["jinja-syntax", "models/a.sql:2:"]);
    let project = Project::with(&[("models/a.sql", "select {{ 1 + }} as id")]);
    refused(&project, &["jinja-syntax", "models/a.sql:1:"]);
}

#[test]
fn an_undefined_macro_names_the_nearest_and_every_caller() {
    let project = Project::with(&[
        (
            "macros/outer.sql",
            "{% macro outer() %}\n  {{ inner() }}\n{% endmacro %}",
        ),
        (
            "macros/inner.sql",
            "{% macro inner() %}\n{{ cents_to_dolars(1) }}{% endmacro %}",
        ),
        (
            "macros/money.sql",
            "{% macro cents_to_dollars(x) %}{{ x }} / 100{% endmacro %}",
        ),
        ("models/a.sql", "select\n  {{ outer() }} as id"),
    ]);
    refused(
        &project,
        &[
            "undefined-macro",
            "`cents_to_dollars`",
            "macros/inner.sql:2:4",
            "macros/outer.sql:2:6",
            "models/a.sql:2:6",
        ],
    );
}

#[test]
fn bad_rows_of_a_seed_are_named() {
    let project = Project::with(&[("seeds/s.csv", "id,name\n1,a\n2\n")]);
    refused(&project, &["row 2", "seeds/s.csv:3:1", "`name`"]);
    let project = Project::with(&[
        ("seeds/s.csv", "id,name\n1,a\nx,b\n"),
        (
            "seeds/schema.yml",
            "seeds:\n  - name: s\n    config:\n      column_types: {id: integer}\n",
        ),
    ]);
    refused(&project, &["row 2", "`id`", "`x`", "seeds/s.csv:3:1"]);
}

#[test]
fn a_selector_that_matches_nothing() {
    let project = Project::with(&[("models/orders.sql", "select 1 as id")]);
    refused_by(
        &project,
        &["build", "--select", "ordres"],
        &["nothing-selected", "`orders`"],
    );
    project.ok(&["build", "--select", "ordres", "--allow-empty"]);
    let lenient = Project::new()
        .write("dbt_project.yml", "name: it\nprofile: it\n")
        .write("models/orders.sql", "select 1 as id");
    let outcome = lenient.ok(&["build", "--select", "ordres"]);
    assert!(outcome.stderr.contains("nothing-selected"), "{}", outcome.stderr);
}

#[test]
fn a_server_that_does_not_answer() {
    let project = Project::with(&[("models/a.sql", "select 1 as id")]);
    let profile = project
        .read("profiles.yml")
        .replace("host: ", "host: /nowhere")
        .replace("password: ''", "password: hunter2");
    project.put("profiles.yml", &profile);
    let outcome = project.ends(2, &["build"]);
    assert!(outcome.stderr.contains("help:"), "{}", outcome.stderr);
    assert!(
        !outcome.stderr.contains("hunter2") && !outcome.stdout.contains("hunter2"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn options_of_dbt_that_are_not_supported_are_refused_by_name() {
    let project = Project::with(&[("models/a.sql", "select 1 as id")]);
    let seeds = ["build", "--maximum-seed-size-mib", "5"];
    refused_by(&project, &seeds, &["not-supported", "`--maximum-seed-size-mib`"]);
    let unknown = project.ends(2, &["build", "--no-such-option"]);
    assert!(unknown.stderr.contains("--no-such-option"), "{}", unknown.stderr);
}

#[test]
fn sql_that_the_server_refuses_points_into_the_compiled_file() {
    let project = Project::with(&[
        (
            "models/a.sql",
            "{{ config(materialized='table') }}\nselect 1 as id,\n       nope\n",
        ),
        ("models/b.sql", "select * from {{ ref('a') }}"),
    ]);
    let outcome = project.ends(1, &["build"]);
    for part in ["target/compiled/it/models/a.sql:", "nope", "models/a.sql", "SKIP"] {
        assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
    }
    assert_eq!(
        project.psql(
            "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'dev'"
        ),
        "0"
    );
}
