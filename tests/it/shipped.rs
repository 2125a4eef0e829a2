//! The shipped project: the figures of its fixture, the generator's own truth, and increments against full refreshes.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::support::Project;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The repository's own project, connected to a database of its own.
pub(super) fn shipped() -> Project {
    let project = Project::new();
    for folder in ["models", "seeds", "macros", "tests/data"] {
        project.lay_over(&root().join(folder), folder);
    }
    project.put(
        "project.yml",
        &std::fs::read_to_string(root().join("project.yml")).expect("project.yml"),
    );
    let profile = project.read("profiles.yml").replace("schema: dev", "schema: analytics");
    project.put("profiles.yml", &profile);
    project
}

/// Runs a command on that database; the project itself names no profile.
pub(super) fn assay(project: &Project, arguments: &[&str]) -> super::support::Outcome {
    project.ok(&[arguments, &["--profile", "it"]].concat())
}

/// Every relation of an incremental model, as `schema.name`.
pub fn incremental_models(project: &Project) -> Vec<String> {
    assay(project, &["parse"]);
    let manifest: Json = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    let nodes = manifest["nodes"]
        .as_object()
        .expect("nodes")
        .values()
        .cloned()
        .collect::<Vec<_>>();
    nodes
        .iter()
        .filter(|node| node["config"]["materialized"] == "incremental")
        .map(|node| {
            format!(
                "{}.{}",
                node["schema"].as_str().unwrap_or_default(),
                node["alias"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

/// Rows as text, sorted: the same text is the same table.
pub fn contents(project: &Project, relation: &str) -> String {
    project.psql(&format!(
        "select coalesce(string_agg(t::text, e'\\n' order by t::text), '') from {relation} t"
    ))
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every query of a folder gives the rows of the CSV file beside it; there are so many.
pub fn expected_figures(project: &Project, folder: &Path, figures: usize) {
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).expect("expected figures").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "sql") {
            let sql = read(&path);
            let expected = read(&path.with_extension("csv"));
            let found = project.psql(&format!(
                "copy (\n{}\n) to stdout (format csv, header)",
                sql.trim().trim_end_matches(';')
            ));
            assert_eq!(found.trim(), expected.trim(), "{}", path.display());
            checked += 1;
        }
    }
    assert_eq!(checked, figures);
}

#[test]
fn the_fourteen_sessions_give_the_figures_computed_by_hand() {
    let project = shipped();
    let fixture = root().join("tests/it/fixtures/f_exp");
    project.psql(&read(&root().join("src/generate/schema/exp.sql")));
    project.psql(&read(&fixture.join("raw.sql")));
    assay(
        &project,
        &[
            "build",
            "--select",
            "+tag:exp",
            "--vars",
            "{as_of: '2025-03-02T00:00:00Z'}",
        ],
    );
    expected_figures(&project, &fixture.join("expected"), 16);
}

#[test]
fn batch_by_batch_equals_a_full_refresh() {
    let project = shipped();
    // Cuts of the 90 days by arrival time, uneven on purpose; what is late in its events arrives in a later batch.
    let mut append = "--replace";
    for until in [
        "2025-01-20T00:00:00Z",
        "2025-01-21T06:00:00Z",
        "2025-02-15T12:00:00Z",
        "2025-03-10T00:00:00Z",
        "2025-04-30T00:00:00Z",
    ] {
        assay(
            &project,
            &["generate", "--tier", "nano", "--seed", "7", append, "--until", until],
        );
        assay(&project, &["build"]);
        append = "--append";
    }
    let models = incremental_models(&project);
    assert!(models.len() >= 41, "{models:?}");
    let before: Vec<String> = models.iter().map(|model| contents(&project, model)).collect();
    assert!(before.iter().all(|rows| !rows.is_empty()));
    assay(&project, &["build", "--full-refresh"]);
    for (model, before) in models.iter().zip(before) {
        assert_eq!(before, contents(&project, model), "{model}");
    }
}

#[test]
fn a_broken_raw_row_reaches_nobody() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano"]);
    assay(&project, &["build"]);
    let published = "select string_agg(model || ':' || rows, ' ' order by model) from analytics.published_models";
    let before = project.psql(published);
    let rows = contents(&project, "analytics.fact_voice_ai_sessions");
    // A call that was transferred for a reason that nobody knows.
    project.psql(
        "insert into voice_raw.voice_sessions (session_id, user_id, channel, language, total_duration_sec, total_turns, final_outcome,
                                               transfer_reason, created_at, started_at, ended_at, asr_model_version, ingested_at)
         select 'S-broken', user_id, channel, language, total_duration_sec, total_turns, 'transferred',
                'aliens', created_at, started_at, ended_at, asr_model_version, ingested_at
         from voice_raw.voice_sessions where ended_at is not null order by ingested_at desc limit 1",
    );
    let outcome = project.ends(1, &["build", "--profile", "it"]);
    for part in [
        "accepted_values",
        "transfer_reason",
        "FAIL 1",
        "target/compiled/conversation_analytics/",
    ] {
        assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
    }
    assert_eq!(rows, contents(&project, "analytics.fact_voice_ai_sessions"));
    let voice = |text: &str| {
        text.split(' ')
            .filter(|m| m.contains("voice"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(voice(&before), voice(&project.psql(published)));
    // The reader reads what is published and is refused everything else.
    let others = project.psql(
        "select string_agg(format('%I.%I', n.nspname, c.relname), ' ')
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'v', 'm', 'p') and n.nspname not in ('analytics', 'pg_catalog', 'information_schema', 'pg_toast')",
    );
    assert!(
        others.contains("voice_raw.voice_turns") && others.contains("assay.versions"),
        "{others}"
    );
    for relation in others.split(' ') {
        let refused = project
            .database
            .try_psql_as("metabase", &format!("select * from {relation}"));
        assert!(
            refused.clone().is_err_and(|e| e.contains("42501")),
            "{relation}: {refused:?}"
        );
    }
}

#[test]
fn shuffled_arrivals_equal_a_full_refresh() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano", "--seed", "3"]);
    // Everything arrives once more, in an order that has nothing to do with when it happened. Calls arrive after most of
    // their turns: a test allows few calls without any. The number is the first batch that may hold a row.
    let tables = [
        ("exp.events", "created_at", 0),
        ("voice_raw.voice_turns", "ingested_at", 0),
        ("voice_raw.voice_sessions", "ingested_at", 3),
        ("voice_raw.voice_ai_metrics", "ingested_at", 3),
    ];
    project.psql("create schema hold");
    for (table, _, _) in tables {
        let held = table.split('.').nth(1).unwrap_or_default();
        project.psql(&format!(
            "create table hold.{held} as table {table}; truncate {table} cascade"
        ));
    }
    for batch in 0..5 {
        for (table, arrival, first) in tables {
            let held = table.split('.').nth(1).unwrap_or_default();
            project.psql(&format!(
                "insert into {table}
                 select (jsonb_populate_record(null::{table}, to_jsonb(t) || jsonb_build_object('{arrival}',
                          timestamptz '2025-04-01T00:00:00Z' + {batch} * interval '3 hours'
                          + (('x' || substr(h.hash, 1, 4))::bit(16)::int * interval '0.01 seconds')))).*
                 from hold.{held} t, lateral (select md5(to_jsonb(t)::text) as hash) h
                 where {first} + ('x' || substr(h.hash, 5, 4))::bit(16)::int % (5 - {first}) = {batch}"
            ));
        }
        assay(&project, &["build"]);
    }
    let models = incremental_models(&project);
    let before: Vec<String> = models.iter().map(|model| contents(&project, model)).collect();
    assert!(before.iter().all(|rows| !rows.is_empty()));
    assay(&project, &["build", "--full-refresh"]);
    for (model, before) in models.iter().zip(before) {
        assert_eq!(before, contents(&project, model), "{model}");
    }
}
