//! A whole run, or a named set, as one publication: deltas and versions become visible at once.

use std::sync::atomic::{AtomicBool, Ordering};

use super::support::{Project, Reader, wait_until};

const GATE: &str = "name: shop\nprofile: it\ngate: {schema: analytics, readers: [it_reader], keep: 5, KEYS}\n";

const SCHEMA: &str = "sources: [{name: raw, tables: [{name: orders}, {name: mark}]}]\n\
    models:\n  - {name: dim, access: public, columns: [{name: id, data_tests: [unique]}]}\n  \
    - {name: fact, access: public, columns: [{name: id, data_tests: [unique, not_null]}, {name: amount, data_tests: [not_null]}]}\n  \
    - {name: lines, access: public}\n  - {name: kept, columns: [{name: n, data_tests: [not_null]}]}\n  \
    - {name: daily, access: public, columns: [{name: n, data_tests: [not_null]}]}\n  - {name: shown, access: public}\n  \
    - name: later\n";

/// Each published model has the mark of the run that made it: a table, deltas on the source, on a table and on a delta, a
/// table on a private incremental model, and a view. `later` is private, and nothing published stands on it.
const MODELS: &[(&str, &str)] = &[
    ("models/schema.yml", SCHEMA),
    (
        "models/stg.sql",
        "select id, amount, (select mark from {{ source('raw', 'mark') }}) as mark from {{ source('raw', 'orders') }}",
    ),
    (
        "models/dim.sql",
        "{{ config(materialized='table') }} select distinct id % 10 as id, mark from {{ ref('stg') }}",
    ),
    (
        "models/fact.sql",
        "{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert') }}
         select id, amount, mark from {{ ref('stg') }}
         {% if is_incremental() %} where id > (select max(id) from {{ this }}) or id = 1 {% endif %}",
    ),
    (
        "models/lines.sql",
        "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
         select f.id, f.amount, d.mark from {{ ref('fact') }} f join {{ ref('dim') }} d on d.id = f.id % 10",
    ),
    (
        "models/kept.sql",
        "{{ config(materialized='incremental') }} select count(*) as n, max(mark) as mark from {{ ref('lines') }}",
    ),
    (
        "models/daily.sql",
        "{{ config(materialized='table') }} select max(n) as n, max(mark) as mark from {{ ref('kept') }}",
    ),
    ("models/shown.sql", "select id, mark from {{ ref('fact') }}"),
    (
        "models/later.sql",
        "{{ config(materialized='incremental') }} select count(*) as n, max(mark) as mark from {{ ref('fact') }}",
    ),
];

fn shop(keys: &str) -> Project {
    let project = Project::new().write("project.yml", &GATE.replace("KEYS", keys));
    for (path, text) in MODELS {
        project.put(path, text);
    }
    project.psql(
        "create schema raw; create table raw.orders (id int, amount int); create table raw.mark (mark int);
         insert into raw.orders select g, g from generate_series(1, 20) g; insert into raw.mark values (1)",
    );
    project
}

/// Another run has something to do.
const MORE: &str = "update raw.mark set mark = mark + 1;
    insert into raw.orders select max(id) + 1, 7 from raw.orders;";

/// The marks of all published models, each once.
const SEEN: &str = "select string_agg(distinct mark::text, ',') from (
    select mark from analytics.dim union all select mark from analytics.fact where id = 1
    union all select mark from analytics.lines where id = 1 union all select mark from analytics.daily
    union all select mark from analytics.shown where id = 1) as all_of_them";

const COUNTS: &str = "select (select count(*) from analytics.fact) || ' ' || (select count(*) from analytics.lines) || ' ' ||
    (select n from analytics.daily) || ' ' || (select count(*) from dev.kept) || ' ' || (select count(*) from dev.later)";

#[test]
fn readers_see_all_of_a_run_or_nothing() {
    let project = shop("together: true");
    project.ok(&["build"]);
    let plan = project.ok(&["plan"]);
    let told = "Published together: dim, fact, shown, lines, daily\n  In one transaction, one after another: fact, shown, lines, kept, daily";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let marks = project.database.try_psql_as("it_reader", SEEN).expect("always there");
                assert!(marks.parse::<i32>().is_ok(), "a mix: {marks}");
                seen.push(marks);
            }
            seen.dedup();
            seen
        });
        for round in 2..6 {
            project.psql(MORE);
            let outcome = project.ok(&["build"]);
            assert_eq!(project.psql(SEEN), round.to_string(), "{}", outcome.stderr);
        }
        stop.store(true, Ordering::SeqCst);
        let seen = reader.join().expect("the reader saw nothing wrong");
        assert!(seen.len() > 2, "{seen:?}");
    });
    assert_eq!(project.psql(COUNTS), "24 24 24 5 5");
    let moments = "select count(distinct run_id) || ' ' || count(*) from assay.publications where action = 'delta'";
    assert_eq!(project.psql(moments), "4 8");
}

#[test]
fn a_failed_test_of_one_keeps_all_and_the_next_run_makes_it_good() {
    for command in ["build", "run"] {
        let project = shop("together: true");
        project.ok(&["build"]);
        let before = project.psql(COUNTS);
        project.psql(MORE);
        project.psql("insert into raw.orders values (100, null)");
        let outcome = project.ends(1, &[command]);
        assert_eq!(project.psql(SEEN), "1", "{}", outcome.stderr);
        assert_eq!(project.psql(COUNTS), before, "{}", outcome.stderr);
        for part in ["fact", "not_null_fact_amount", "kept its certified rows", "dim"] {
            assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
        }
        let left = "select count(*) from assay.publications where run_id = (select run_id from assay.runs order by started_at desc limit 1)";
        assert_eq!(project.psql(left), "0");
        // Further down, after deltas went in.
        project.psql("update raw.orders set amount = 1 where amount is null");
        project.put("tests/never.sql", "select 1 from {{ ref('daily') }} where mark = 2");
        let outcome = project.ends(1, &[command]);
        assert_eq!(project.psql(SEEN), "1", "{}", outcome.stderr);
        assert_eq!(project.psql(COUNTS), before, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("kept: undone with the set"),
            "{}",
            outcome.stderr
        );
        let results: serde_json::Value = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
        for result in results["results"].as_array().expect("results") {
            let name = result["unique_id"].as_str().expect("an id");
            if ["fact", "lines", "kept", "daily", "later"]
                .iter()
                .any(|n| name == format!("model.shop.{n}"))
            {
                assert_eq!(result["status"], "skipped", "{name}");
            }
        }
        project.put("tests/never.sql", "select 1 from {{ ref('daily') }} where mark = 9");
        project.ok(&["build"]);
        assert_eq!(project.psql(SEEN), "2");
        assert_eq!(project.psql(COUNTS), "22 22 22 2 2");
    }
}

#[test]
fn what_fails_before_keeps_the_transaction_from_beginning() {
    let project = shop("together: true");
    project.ok(&["build"]);
    project.psql(MORE);
    project.put("tests/dims.sql", "select 1 from {{ ref('dim') }} where mark = 2");
    let outcome = project.ends(1, &["build"]);
    assert_eq!(project.psql(SEEN), "1", "{}", outcome.stderr);
    assert!(
        !outcome.stderr.contains("START incremental model analytics.fact"),
        "{}",
        outcome.stderr
    );
    project.put("tests/dims.sql", "select 1 from {{ ref('dim') }} where mark = 3");
    project.ok(&["retry"]);
    assert_eq!(project.psql(SEEN), "2");
}

/// Relations that readers see, and private ones, row by row.
fn rows(project: &Project) -> String {
    let all = [
        "analytics.dim",
        "analytics.fact",
        "analytics.lines",
        "analytics.daily",
        "analytics.shown",
        "dev.kept",
        "dev.later",
    ];
    let rows = all.map(|name| project.psql(&format!("select '{name}', t::text from {name} t order by 2")));
    rows.join("\n")
}

#[test]
fn it_comes_to_the_same_as_without() {
    let (one, other) = (shop("together: true"), shop("together: false"));
    for round in 0..3 {
        let arguments: &[&str] = if round == 2 {
            &["build", "--audit", "full"]
        } else {
            &["build"]
        };
        for project in [&one, &other] {
            project.ok(arguments);
            project.psql(MORE);
        }
        assert_eq!(rows(&one), rows(&other), "round {round}");
    }
}

#[test]
fn new_columns_of_a_delta_become_visible_with_the_rest() {
    let project = shop("together: true");
    let fact = |columns: &str| {
        format!(
            "{{{{ config(materialized='incremental', unique_key='id', on_schema_change='append_new_columns', full_refresh=false) }}}}
             select id, amount, mark{columns} from {{{{ ref('stg') }}}}"
        )
    };
    project.put("models/fact.sql", &fact(""));
    project.ok(&["build"]);
    project.psql(MORE);
    project.put("models/fact.sql", &fact(", 5 as five"));
    project.put("tests/never.sql", "select 1 from {{ ref('daily') }} where mark = 2");
    project.ends(1, &["build"]);
    assert_eq!(project.psql(SEEN), "1");
    project.psql(MORE);
    let outcome = project.ok(&["build"]);
    assert_eq!(project.psql(SEEN), "3", "{}", outcome.stderr);
    assert_eq!(project.psql("select count(five) from analytics.fact"), "22");
    project.psql(MORE);
    project.ok(&["build"]);
    assert_eq!(project.psql(SEEN), "4");
}

#[test]
fn a_reader_in_the_way_is_waited_for_and_a_second_run_refused() {
    let project = shop("together: true");
    project.ok(&["build"]);
    project.psql(MORE);
    let reader = Reader::of(&project.database, "select * from analytics.dim");
    let build = project.spawn(&["build"]);
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    wait_until("the publication waits", || project.psql(waits) != "0");
    let second = project.ends(2, &["build"]);
    assert!(second.stderr.contains("error[run-in-progress]"), "{}", second.stderr);
    // Who comes now waits for the publication no longer than it waits itself, and sees what was.
    assert_eq!(project.psql(SEEN), "1");
    drop(reader);
    let output = build.wait_with_output().expect("ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(project.psql(SEEN), "2", "{told}");
}

#[test]
fn a_stopped_run_leaves_everything_as_it_was() {
    let project = shop("together: true");
    project.ok(&["build"]);
    let before = rows(&project);
    project.psql(MORE);
    let daily = MODELS
        .iter()
        .find(|(path, _)| *path == "models/daily.sql")
        .expect("there")
        .1;
    project.put("models/daily.sql", &format!("{daily}, pg_sleep(600)"));
    let run = project.spawn(&["build"]);
    let busy = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid() and datname = current_database()";
    wait_until("the model runs", || project.psql(busy) != "0");
    let killed = std::process::Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
    let output = run.wait_with_output().expect("ends");
    assert_ne!(output.status.code(), Some(0));
    assert_eq!(rows(&project), before, "{}", String::from_utf8_lossy(&output.stderr));
    project.put("models/daily.sql", daily);
    project.ok(&["build"]);
    assert_eq!(project.psql(SEEN), "2");
}

#[test]
fn a_delta_is_tested_against_the_parents_that_become_visible_with_it() {
    let project = shop("together: true");
    project.put(
        "models/more.yml",
        "models:\n  - {name: parent, access: public}\n  - name: child\n    access: public\n    columns: [{name: id, data_tests: [{relationships: {arguments: {to: ref('parent'), field: id}}}]}]\n",
    );
    project.put(
        "models/parent.sql",
        "{{ config(materialized='table') }} select id from raw.orders where amount > 0",
    );
    project.put(
        "models/child.sql",
        "{{ config(materialized='incremental', unique_key='id') }} select id, amount from raw.orders
         {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
    );
    project.ok(&["build"]);
    project.psql(MORE);
    // A parent goes whose child the delta does not touch.
    project.psql("update raw.orders set amount = -1 where id = 3");
    let outcome = project.ends(1, &["build"]);
    assert!(outcome.stderr.contains("relationships_child_id"), "{}", outcome.stderr);
    assert_eq!(project.psql(SEEN), "1");
    assert_eq!(project.psql("select count(*) from analytics.parent where id = 3"), "1");
    project.psql("update raw.orders set amount = 1 where id = 3");
    project.ok(&["build"]);
    assert_eq!(project.psql(SEEN), "2");
}

#[test]
fn one_thread_is_enough_and_the_first_failure_stops_it() {
    let project = shop("together: true");
    project.ok(&["build", "--threads", "1"]);
    project.psql(MORE);
    project.ok(&["build", "--threads", "1"]);
    assert_eq!(project.psql(SEEN), "2");
    project.psql(MORE);
    project.psql("insert into raw.orders values (100, null)");
    let outcome = project.ends(1, &["build", "--fail-fast", "--threads", "1"]);
    assert!(
        !outcome.stderr.contains("START sql incremental model analytics.lines"),
        "{}",
        outcome.stderr
    );
    assert_eq!(project.psql(SEEN), "2");
}

#[test]
fn settings_and_temporary_tables_end_with_their_model() {
    let project = shop("together: true");
    project.put(
        "models/lines.sql",
        "{{ config(materialized='incremental', unique_key='id', pre_hook=[\"set local work_mem = '4321kB'\",
                   'create temporary table aside on commit drop as select 1']) }}
         select f.id, f.amount, d.mark, current_setting('work_mem') as set_to
         from {{ ref('fact') }} f join {{ ref('dim') }} d on d.id = f.id % 10",
    );
    project.put(
        "models/kept.sql",
        "{{ config(materialized='incremental') }}
         select count(*) as n, max(mark) as mark, current_setting('work_mem') || coalesce(to_regclass('pg_temp.aside')::text, '') as set_to
         from {{ ref('lines') }}",
    );
    project.ok(&["build"]);
    project.psql(MORE);
    project.ok(&["build"]);
    assert_eq!(project.psql("select distinct set_to from dev.kept"), "4MB");
    assert_eq!(project.psql(SEEN), "2");
}

#[test]
fn what_cannot_be_in_one_transaction_is_refused_by_name() {
    let project = shop("together: true");
    project.ok(&["build"]);
    for (text, told) in [
        (
            "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', begin='2025-01-01', batch_size='year') }}
             select 1 as n, 2 as mark, now()::timestamp as at from {{ ref('lines') }}",
            "its batches are transactions of their own",
        ),
        (
            "{{ config(materialized='table', sql_header='set local work_mem = 4096;') }} select 1 as n, 2 as mark from {{ ref('lines') }}",
            "the materialization `table` is a macro",
        ),
        (
            "{{ config(materialized='incremental', pre_hook={'sql': 'vacuum raw.mark', 'transaction': false}) }}
             select 1 as n, 2 as mark from {{ ref('lines') }}",
            "it has a hook that runs outside of a transaction",
        ),
    ] {
        project.put("models/kept.sql", text);
        for command in ["plan", "build"] {
            let outcome = project.ends(2, &[command]);
            for part in ["error[not-in-one-transaction]: `kept` cannot", told, "kept.sql"] {
                assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
            }
        }
    }
    // Nothing published stands on it: it comes after the publication.
    project.put(
        "models/daily.sql",
        "{{ config(materialized='table') }} select count(*) as n, max(mark) as mark from {{ ref('lines') }}",
    );
    project.psql(MORE);
    project.ok(&["build"]);
    assert_eq!(project.psql(SEEN), "2");
}

#[test]
fn a_hook_that_commits_stays_inside() {
    let project = shop("together: true");
    project.put(
        "models/kept.sql",
        "{{ config(materialized='incremental', post_hook='insert into raw.seen values (1); commit; insert into raw.seen values (2)') }}
         select count(*) as n, max(mark) as mark from {{ ref('lines') }}",
    );
    project.psql("create table raw.seen (n int)");
    project.ok(&["build"]);
    project.psql("delete from raw.seen");
    project.psql(MORE);
    project.put("tests/never.sql", "select 1 from {{ ref('daily') }} where mark = 2");
    let outcome = project.ends(1, &["build"]);
    assert_eq!(project.psql("select count(*) from raw.seen"), "0", "{}", outcome.stderr);
    project.put("tests/never.sql", "select 1 from {{ ref('daily') }} where mark = 9");
    project.ok(&["build"]);
    assert_eq!(project.psql("select count(*) from raw.seen"), "2");
}

#[test]
fn deltas_of_a_named_set_become_visible_with_its_versions() {
    let project = shop("sets: {pair: [fact, dim]}");
    project.ok(&["build"]);
    let pair = "select string_agg(distinct mark::text, ',') from (
        select mark from analytics.dim union all select mark from analytics.fact where id = 1) as pair";
    project.psql(MORE);
    project.put("tests/never.sql", "select 1 from {{ ref('dim') }} where mark = 2");
    let outcome = project.ends(1, &["build"]);
    assert_eq!(project.psql(pair), "1", "{}", outcome.stderr);
    project.put(
        "tests/never.sql",
        "select 1 from {{ ref('fact') }} where mark = 3 and id = 1",
    );
    project.ok(&["build"]);
    assert_eq!(project.psql(pair), "2");
    project.psql(MORE);
    project.ends(1, &["build"]);
    assert_eq!(project.psql(pair), "2");
    let moments = "select count(distinct xmin::text) from assay.publications where model in ('dim', 'fact')
        and run_id = (select run_id from assay.runs where status = 'success' order by started_at desc limit 1)";
    assert_eq!(project.psql(moments).len(), 1);
    project.psql("update raw.mark set mark = 4");
    project.ok(&["build"]);
    assert_eq!(project.psql(pair), "4");
    assert_eq!(project.psql(SEEN), "4");
}
