//! Materializations, hooks, tests, artifacts: what `build` leaves behind.

use super::support::{Brake, Project, wait_until};

#[test]
fn every_materialization_and_their_order() {
    let project = Project::with(&[
        ("seeds/raw.csv", "id,name\n1,a\n2,b\n"),
        (
            "models/base.sql",
            "{{ config(materialized='ephemeral') }} select id, upper(name) as name from {{ ref('raw') }}",
        ),
        (
            "models/v.sql",
            "{{ config(materialized='view') }} with x as (select 1) select * from {{ ref('base') }}",
        ),
        (
            "models/t.sql",
            "{{ config(materialized='table', indexes=[{'columns': ['id'], 'unique': true}]) }} select * from {{ ref('v') }}",
        ),
    ]);
    for _ in 0..2 {
        let outcome = project.ok(&["build"]);
        assert!(outcome.stderr.contains("PASS=3"), "{}", outcome.stderr);
        assert_eq!(
            project.psql("select string_agg(name, ',' order by id) from dev.t"),
            "A,B"
        );
        assert_eq!(
            project.psql("select count(*) from pg_indexes where schemaname = 'dev' and tablename = 't' and indexdef like '%UNIQUE%(id)'"),
            "1"
        );
        assert_eq!(
            project.psql("select string_agg(relname || ':' || relkind::text, ' ' order by relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'dev' and relkind in ('r', 'v')"),
            "raw:r t:r v:v"
        );
    }
    // A table becomes a view and back; a view that somebody built on it stays.
    project.psql("create view public.mine as select name from dev.t");
    project.put(
        "models/t.sql",
        "{{ config(materialized='view') }} select * from {{ ref('v') }}",
    );
    project.ok(&["run"]);
    assert_eq!(project.psql("select count(*) from public.mine"), "2");
    project.put(
        "models/t.sql",
        "{{ config(materialized='table') }} select name, id from {{ ref('v') }}",
    );
    project.ok(&["run"]);
    assert_eq!(project.psql("select count(*) from public.mine"), "2");
}

#[test]
fn incremental_strategies() {
    for (strategy, expected) in [
        ("append", "1:old 2:old 2:new 3:new"),
        ("delete+insert", "1:old 2:new 3:new"),
        ("merge", "1:old 2:new 3:new"),
    ] {
        let key = if strategy == "append" { "" } else { ", unique_key='id'" };
        let project = Project::with(&[(
            "models/m.sql",
            &format!(
                "{{{{ config(materialized='incremental', incremental_strategy='{strategy}'{key}) }}}}
                 {{% if is_incremental() %}} select * from (values (2, 'new'), (3, 'new')) v (id, state)
                 {{% else %}} select * from (values (1, 'old'), (2, 'old')) v (id, state) {{% endif %}}"
            ),
        )]);
        let all = "select string_agg(id || ':' || state, ' ' order by id, state desc) from dev.m";
        project.ok(&["run"]);
        assert_eq!(project.psql(all), "1:old 2:old");
        project.ok(&["run"]);
        assert_eq!(project.psql(all), expected, "{strategy}");
        project.ok(&["run", "--full-refresh"]);
        assert_eq!(project.psql(all), "1:old 2:old");
    }
}

#[test]
fn a_key_that_holds_null_does_not_multiply() {
    for strategy in ["delete+insert", "merge"] {
        let project = Project::with(&[(
            "models/m.sql",
            &format!(
                "{{{{ config(materialized='incremental', incremental_strategy='{strategy}', unique_key=['a', 'b']) }}}}
                 select * from (values (1, null, 'x'), (null, null, 'y'), (1, 2, 'z')) v (a, b, c)"
            ),
        )]);
        for _ in 0..3 {
            project.ok(&["run"]);
            assert_eq!(
                project.psql("select string_agg(c, '' order by c) from dev.m"),
                "xyz",
                "{strategy}"
            );
        }
    }
}

#[test]
fn a_changed_query_meets_its_table() {
    let model = |policy: &str, columns: &str| {
        format!("{{{{ config(materialized='incremental', on_schema_change='{policy}') }}}} select {columns}")
    };
    let columns = "select string_agg(column_name, ' ' order by column_name) from information_schema.columns where table_schema = 'dev' and table_name = 'm'";
    for (policy, status, expected) in [
        ("ignore", 0, "a b"),
        ("append_new_columns", 0, "a b c"),
        ("sync_all_columns", 0, "a b c"),
        ("fail", 1, "a b"),
    ] {
        let project = Project::with(&[("models/m.sql", &model(policy, "1 as a, 2 as b"))]);
        project.ok(&["run"]);
        project.put("models/m.sql", &model(policy, "1 as a, 2 as b, 3 as c"));
        let outcome = project.ends(status, &["run"]);
        assert_eq!(project.psql(columns), expected, "{policy}\n{}", outcome.stderr);
        if policy == "sync_all_columns" {
            project.put("models/m.sql", &model(policy, "1 as a, 'x' as c"));
            project.ok(&["run"]);
            assert_eq!(project.psql(columns), "a c");
        }
    }
}

#[test]
fn tests_block_what_is_downstream() {
    let project = Project::with(&[
        (
            "models/a.sql",
            "{{ config(materialized='table') }} select 1 as id union all select 1",
        ),
        ("models/b.sql", "select * from {{ ref('a') }}"),
        ("models/c.sql", "select 1 as id"),
        (
            "models/schema.yml",
            "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests: [unique]\n  - name: c\n    columns:\n      - name: id\n        data_tests:\n          - accepted_values:\n              arguments: {values: [2]}\n              config: {severity: warn}\n",
        ),
        ("tests/none_above_nine.sql", "select * from {{ ref('c') }} where id > 9"),
    ]);
    let outcome = project.ends(1, &["build"]);
    for part in [
        "FAIL 1 unique_a_id",
        "SKIP",
        "WARN 1",
        "PASS none_above_nine",
        "Got 1 result, configured to fail if != 0",
    ] {
        assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
    }
    assert_eq!(
        project.psql("select to_regclass('dev.b') is null and to_regclass('dev.c') is not null"),
        "t"
    );
    let results: serde_json::Value = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    let status = |name: &str| {
        let results = results["results"].as_array().expect("a list");
        let found = results
            .iter()
            .find(|r| r["unique_id"].as_str().is_some_and(|id| id.starts_with(name)));
        found.map(|r| r["status"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(status("test.it.unique_a_id").as_deref(), Some("fail"));
    assert_eq!(status("model.it.b").as_deref(), Some("skipped"));
    assert_eq!(status("test.it.accepted_values").as_deref(), Some("warn"));
    let manifest: serde_json::Value = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    assert_eq!(manifest["nodes"]["model.it.b"]["depends_on"]["nodes"][0], "model.it.a");
}

#[test]
fn hooks_run_in_the_transaction_and_around_the_run() {
    let project = Project::new()
        .write(
            "project.yml",
            "name: it\nprofile: it\non-run-start: ['create table if not exists public.log (at text)', \"insert into public.log values ('start')\"]\non-run-end: [\"insert into public.log values ('end')\"]\n",
        )
        .write(
            "models/a.sql",
            "{{ config(materialized='table', pre_hook=\"insert into public.log values ('pre')\", post_hook=[\"insert into public.log select 'post ' || count(*) from {{ this }}\", \"insert into public.log values ('saw {{ dbt.run_query('select count(*) as n from ' ~ this).columns['n'][0] }}')\"]) }} select 1 as id",
        );
    project.ok(&["run"]);
    assert_eq!(
        project.psql("select string_agg(at, ',' order by ctid) from public.log"),
        "start,pre,post 1,saw 1,end"
    );
    project.put(
        "models/a.sql",
        "{{ config(materialized='table', pre_hook=\"insert into public.log values ('again')\") }} select 1/0 as id",
    );
    project.ends(1, &["run"]);
    assert_eq!(
        project.psql("select count(*) from public.log where at = 'again'"),
        "0",
        "rolled back with the node"
    );
}

#[test]
fn macros_run_queries_while_a_model_compiles() {
    let project = Project::with(&[
        ("seeds/kinds.csv", "kind\nred\nblue\n"),
        (
            "macros/kinds.sql",
            "{% macro kinds() %}{% if execute %}{{ return(run_query('select kind from ' ~ ref('kinds') ~ ' order by 1').columns[0].values()) }}{% else %}{{ return([]) }}{% endif %}{% endmacro %}",
        ),
        (
            "models/m.sql",
            "select {% for k in kinds() %}'{{ k }}' as is_{{ k }}{{ ', ' if not loop.last }}{% endfor %} from {{ ref('kinds') }}",
        ),
    ]);
    project.ok(&["build"]);
    assert_eq!(
        project.psql("select string_agg(is_blue || is_red, ',') from dev.m"),
        "bluered,bluered"
    );
    let compiled = project.ok(&["compile", "--select", "m"]);
    assert!(
        compiled.stdout.contains("'blue' as is_blue, 'red' as is_red"),
        "{}",
        compiled.stdout
    );
}

/// Where the server found the error in what a macro sent, and every call that led there.
#[test]
fn a_statement_of_a_package_five_calls_deep_shows_the_whole_stack() {
    let project = Project::new()
        .write("project.yml", "name: it\nprofile: it\n")
        .write("packages.yml", "packages: [{local: pk}]\n")
        .write("pk/dbt_project.yml", "name: pk\n")
        .write(
            "pk/macros/deep.sql",
            "{% macro one() %}{{ return(pk.two()) }}{% endmacro %}\n\
             {% macro two() %}{% set x = pk.three() %}{{ return(x) }}{% endmacro %}\n\
             {% macro three() %}{{ adapter.dispatch('four', 'pk')() }}{% endmacro %}\n\
             {% macro default__four() %}\n  {{ pk.five() }}\n{% endmacro %}\n\
             {% macro five() %}{% set r = run_query(\"select 1,\\n  nope\") %}{% endmacro %}\n",
        )
        .write("models/m.sql", "select 1 as id\n  {{ pk.one() }}\n");
    let output = project.ends(1, &["run"]).stderr;
    let found = output.find("error[database-error]").expect("the error is shown");
    let shown: Vec<&str> = output[found..].lines().take_while(|l| !l.contains("Done.")).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    error[database-error]: column "nope" does not exist
        --> the statement:2:3
         2 |   nope
           |   ^^^^
        called from pk/macros/deep.sql:7:30 in macro five
         7 | {% macro five() %}{% set r = run_query("select 1,\n  nope") %}{% endmacro %}
           |                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        called from pk/macros/deep.sql:5:6 in macro default__four
         5 |   {{ pk.five() }}
           |      ^^^^^^^^^
        called from pk/macros/deep.sql:3:23 in macro three
         3 | {% macro three() %}{{ adapter.dispatch('four', 'pk')() }}{% endmacro %}
           |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        called from pk/macros/deep.sql:2:29 in macro two
         2 | {% macro two() %}{% set x = pk.three() %}{{ return(x) }}{% endmacro %}
           |                             ^^^^^^^^^^
        called from pk/macros/deep.sql:1:28 in macro one
         1 | {% macro one() %}{{ return(pk.two()) }}{% endmacro %}
           |                            ^^^^^^^^
        called from models/m.sql:2:6 in model m
         2 |   {{ pk.one() }}
           |      ^^^^^^^^
        why: the server reports SQLSTATE 42703
        help: correct the name, or give what is read such a column
    [time]
    "#);
}

#[test]
fn tables_under_the_same_views_are_rebuilt_side_by_side() {
    let mut project = Project::new().write("project.yml", "name: it\nprofile: it\n");
    let tables: Vec<String> = (0..16).map(|i| format!("t{i:02}")).collect();
    for table in &tables {
        project = project.write(
            &format!("models/{table}.sql"),
            "{{ config(materialized='table') }} select 1 as id",
        );
    }
    let all: Vec<String> = tables
        .iter()
        .map(|t| format!("select id from {{{{ ref('{t}') }}}}"))
        .collect();
    for view in 0..12 {
        project = project.write(&format!("models/v{view:02}.sql"), &all.join("\nunion all "));
    }
    project.ok(&["run", "--threads", "8"]);
    for _ in 0..3 {
        project.ok(&["run", "--threads", "8", "--select", "config.materialized:table"]);
    }
    assert_eq!(project.psql("select count(*) from dev.v11"), "16");
}

#[test]
fn ctrl_c_cancels_the_statement_on_the_server() {
    let project = Project::with(&[(
        "models/slow.sql",
        "{{ config(materialized='table') }} select pg_sleep(600)::text as x",
    )]);
    let child = project.spawn(&["run"]);
    let busy = "select count(*) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(600)%' and pid <> pg_backend_pid() and state = 'active'";
    wait_until("the model runs", || project.psql(busy) != "0");
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    let output = child.wait_with_output().expect("ends");
    assert_ne!(output.status.code(), Some(0));
    assert_eq!(project.psql(busy), "0");
    assert_eq!(project.psql("select to_regclass('dev.slow') is null"), "t");
    assert!(project.read("target/run_results.json").contains("model.it.slow"));
}

#[test]
fn a_server_that_goes_away_in_mid_run() {
    let project = Project::with(&[
        (
            "models/slow.sql",
            &format!("{{{{ config(materialized='table') }}}} {}", Brake::MODEL),
        ),
        ("models/after.sql", "select * from {{ ref('slow') }}"),
    ]);
    let profile = project.read("profiles.yml");
    project.put(
        "profiles.yml",
        &profile.replace("threads: 4", "threads: 4\n      retries: 0"),
    );
    let brake = Brake::on(&project.database);
    let child = project.spawn(&["run"]);
    brake.reached();
    // Whoever holds the model back stays, lest the model ends before its turn comes.
    project.psql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query !~ '^lock table'");
    let output = child.wait_with_output().expect("ends");
    let outcome = project.outcome(output.status.code(), &output.stdout, &output.stderr);
    assert_eq!(outcome.status, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("SKIP") && outcome.stderr.contains("slow"),
        "{}",
        outcome.stderr
    );
    drop(brake);
    project.ok(&["run"]);
    assert_eq!(project.psql("select count(*) from dev.after"), "1");
}

#[test]
fn show_and_ls() {
    let project = Project::with(&[
        ("models/a.sql", "select 1 as id, 'x' as name"),
        ("models/b.sql", "select * from {{ ref('a') }}"),
    ]);
    project.ok(&["run"]);
    let shown = project.ok(&["show", "--select", "a"]);
    assert!(
        shown.stdout.contains("| id |") || shown.stdout.contains("id"),
        "{}",
        shown.stdout
    );
    let inline = project.ok(&[
        "show",
        "--inline",
        "select name || '!' as n from {{ ref('b') }}",
        "--output",
        "json",
    ]);
    assert!(inline.stdout.contains("x!"), "{}", inline.stdout);
    assert_eq!(project.ok(&["ls", "--select", "a+"]).stdout, "it.a\nit.b\n");
    assert_eq!(project.ok(&["ls", "--select", "b", "--output", "name"]).stdout, "b\n");
    project.ok(&["parse"]);
    let debug = project.ok(&["debug"]);
    assert!(debug.stdout.contains("All checks passed."), "{}", debug.stdout);
    project.ok(&["clean"]);
    assert!(!project.path().join("target").exists());
}

#[test]
fn json_lines_are_json() {
    let project = Project::with(&[("models/a.sql", "select 1 as id")]);
    let outcome = project.ok(&["run", "--log-format", "json"]);
    let lines: Vec<serde_json::Value> = outcome
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert!(
        lines.iter().any(|line| line["info"]["code"] == "Q012"),
        "{}",
        outcome.stderr
    );
}
