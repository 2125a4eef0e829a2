//! Microbatch models, and runs that read no rows.

use serde_json::Value as Json;

use super::support::Project;

const EVENTS: &str = "id,kind,happened\n1,a,2024-01-01 08:00\n2,b,2024-01-02 09:00\n3,c,2024-01-03 10:00\n";

const SEED: &str =
    "seeds:\n  - name: events\n    config: {event_time: happened, column_types: {happened: timestamp}}\n";

/// A log of what ran, beside a model of one batch a day.
fn project(model: &str) -> Project {
    let project = Project::with(&[
        ("seeds/events.csv", EVENTS),
        ("seeds/events.yml", SEED),
        ("models/daily.sql", model),
    ]);
    project.psql("create table public.log (at serial, said text)");
    project.ok(&["seed"]);
    project
}

fn daily(more: &str, query: &str) -> String {
    format!(
        "{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='happened', batch_size='day', \
         begin='2024-01-01', unique_key='id'{more}) }}}}\n{query}"
    )
}

const SPAN: [&str; 5] = [
    "run",
    "--event-time-start",
    "2024-01-01",
    "--event-time-end",
    "2024-01-04",
];

fn results(project: &Project) -> Json {
    let text = project.read("target/run_results.json");
    serde_json::from_str::<Json>(&text).expect("JSON")["results"].take()
}

#[test]
fn hooks_run_once_and_a_batch_knows_itself() {
    let said = |what: &str| format!("insert into public.log (said) values ('{what} {{{{ model.batch.id }}}}')");
    let hooks = format!(", pre_hook=\"{}\", post_hook=\"{}\"", said("before"), said("after"));
    let query = "select id, happened, '{% if model.batch %}{{ model.batch.event_time_start.strftime('%d.%m.') }}{% endif %}' as day, \
                 {{ 'true' if is_incremental() else 'false' }} as again\nfrom {{ ref('events') }} as e where e.id > 0";
    let project = project(&daily(&hooks, query));
    project.ok(&SPAN);
    let found = project.psql("select id, day, again from dev.daily order by id");
    assert_eq!(found, "1|01.01.|f\n2|02.01.|t\n3|03.01.|t");
    let logged = project.psql("select said from public.log order by at");
    assert_eq!(logged, "before 20240101\nafter 20240103");
    // The alias of the query takes the place of the one that the span brings along.
    let compiled = project.read("target/compiled/it/models/daily/daily_2024-01-02.sql");
    let filter = "where happened >= '2024-01-02 00:00:00+00:00' and happened < '2024-01-03 00:00:00+00:00') as e where";
    assert!(compiled.contains(filter), "{compiled}");
    let batches = &results(&project)[0]["batch_results"];
    let first = serde_json::json!(["2024-01-01T00:00:00+00:00", "2024-01-02T00:00:00+00:00"]);
    assert_eq!(batches["successful"][0], first);
    assert_eq!(batches["failed"], serde_json::json!([]));
}

#[test]
fn a_full_refresh_forgets_what_the_batches_do_not_hold() {
    let project = project(&daily("", "select id, happened from {{ ref('events') }}"));
    project.ok(&SPAN);
    project.psql("insert into dev.daily values (9, '2023-12-01')");
    project.ok(&SPAN);
    assert_eq!(project.psql("select count(*) from dev.daily"), "4");
    let full: Vec<&str> = SPAN.iter().copied().chain(["--full-refresh"]).collect();
    project.ok(&full);
    assert_eq!(project.psql("select id from dev.daily order by id"), "1\n2\n3");
}

#[test]
fn where_the_first_batch_fails_the_others_are_not_tried() {
    let query = "insert into public.log (said) values ('x')";
    let project = project(&daily(
        &format!(", pre_hook=\"{query}\""),
        "select id, happened, 1 / (id - 1) as part from {{ ref('events') }}",
    ));
    let outcome = project.ends(1, &SPAN);
    assert!(
        outcome
            .stderr
            .contains("Batch 2 of 3 SKIP batch 2024-01-02 of dev.daily"),
        "{}",
        outcome.stderr
    );
    let results = results(&project);
    assert_eq!(results[0]["status"], "error");
    assert_eq!(results[0]["batch_results"]["failed"].as_array().map(Vec::len), Some(3));
}

#[test]
fn what_is_missing_is_told() {
    let config =
        "{{ config(materialized='incremental', incremental_strategy='microbatch', batch_size='week') }} select 1 as id";
    let project = Project::with(&[("models/weekly.sql", config)]);
    let outcome = project.ends(2, &["parse"]);
    for said in ["without `event_time`", "without `begin`", "`batch_size: week`"] {
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
    // A batch that is added needs a key; the one that makes the table does not.
    let keyless = daily("", "select id, happened from {{ ref('events') }}").replace(", unique_key='id'", "");
    let project = self::project(&keyless);
    let outcome = project.ends(1, &SPAN);
    assert!(outcome.stderr.contains("has no `unique_key`"), "{}", outcome.stderr);
    assert_eq!(results(&project)[0]["status"], "partial success");
}

#[test]
fn an_empty_run_builds_everything_and_reads_nothing() {
    let project = Project::with(&[
        ("seeds/events.csv", EVENTS),
        (
            "models/a.sql",
            "{{ config(materialized='table') }} select e.id, f.kind from {{ ref('events') }} e join {{ ref('events') }} as f using (id)",
        ),
        (
            "models/b.sql",
            "{{ config(materialized='ephemeral') }} select * from {{ ref('a') }} where id > 0",
        ),
        (
            "models/c.sql",
            "{{ config(materialized='table') }} select * from {{ ref('b') }}\nunion all select id, kind from {{ ref('a') }}",
        ),
    ]);
    project.ok(&["build", "--empty"]);
    let counts = "select (select count(*) from dev.events), (select count(*) from dev.a), (select count(*) from dev.c)";
    assert_eq!(project.psql(counts), "0|0|0");
    project.ok(&["build"]);
    assert_eq!(project.psql(counts), "3|3|6");
    let refused = project.ends(2, &["test", "--empty"]);
    assert!(
        refused.stderr.contains("`test` has no option --empty"),
        "{}",
        refused.stderr
    );
}
