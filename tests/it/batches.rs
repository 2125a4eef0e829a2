//! However the raw rows arrive, in few or many batches, in order or not, and with a run that was killed in between: what
//! increments leave is what a full refresh makes, row for row.

use std::io::{BufRead, BufReader};

use super::shipped::{assay, contents, incremental_models, shipped};
use super::support::Project;

/// Raw tables whose rows may come in any order, the column that says when they came, and between which shares of the batches
/// they come: tests hold a call back whose user nobody knows, and allow few calls without turns.
const TABLES: [(&str, &str, f64, f64); 7] = [
    ("exp.assignments", "created_at", 0.0, 1.0),
    ("exp.events", "created_at", 0.0, 1.0),
    ("voice_raw.users", "ingested_at", 0.0, 0.6),
    ("voice_raw.voice_turns", "ingested_at", 0.0, 1.0),
    ("voice_raw.voice_sessions", "ingested_at", 0.6, 1.0),
    ("voice_raw.voice_ai_metrics", "ingested_at", 0.6, 1.0),
    ("rasa_tracker.events", "ingested_at", 0.0, 1.0),
];

fn same_as_a_full_refresh(project: &Project, how: &str) {
    let models = incremental_models(project);
    assert!(models.len() >= 41, "{}: {models:?}", models.len());
    let before: Vec<String> = models.iter().map(|model| contents(project, model)).collect();
    assert!(before.iter().all(|rows| !rows.is_empty()), "{how}");
    assay(project, &["build", "--full-refresh"]);
    for (model, before) in models.iter().zip(before) {
        let after = contents(project, model);
        if before != after {
            let differs = |a: &str, b: &str| {
                a.lines()
                    .filter(|line| !b.contains(line))
                    .take(3)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
                    .join("\n  ")
            };
            panic!(
                "{how}: {model}\nincrements:\n  {}\nfull refresh:\n  {}",
                differs(&before, &after),
                differs(&after, &before)
            );
        }
    }
}

/// Kills a build once so many nodes are done.
fn killed_build(project: &Project, after: usize) {
    let mut build = project.spawn(&["build", "--profile", "it"]);
    let mut lines = BufReader::new(build.stderr.take().expect("piped")).lines();
    let done = lines
        .by_ref()
        .map_while(Result::ok)
        .filter(|line| line.contains(" OK ") || line.contains(" PASS "));
    let done = done.take(after).count();
    assert_eq!(done, after, "the build ended before it could be killed");
    build.kill().expect("it runs");
    build.wait().expect("it is gone");
}

/// Rows by table, sorted.
fn rows_of(folders: &[std::path::PathBuf]) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut rows: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for file in folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder"))
    {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".copy") {
            let table = name.split('.').take(2).collect::<Vec<_>>().join(".");
            let text = std::fs::read_to_string(&path).expect("text");
            rows.entry(table).or_default().extend(text.lines().map(str::to_owned));
        }
    }
    for rows in rows.values_mut() {
        rows.sort();
    }
    rows
}

#[test]
fn folders_of_batches_hold_the_rows_of_one_generation() {
    let project = Project::new();
    let generate = |more: &[&str]| project.run(&[&["generate", "--tier", "nano", "--seed", "5"], more].concat());
    assert_eq!(generate(&["--output", "whole"]).status, Some(0));
    assert_eq!(generate(&["--output", "parts", "--batches", "3"]).status, Some(0));
    let parts = ["1", "2", "3"].map(|part| project.path().join("parts").join(part));
    let whole = rows_of(&[project.path().join("whole")]);
    assert!(
        whole.len() > 12 && whole["exp.events"].len() > 500,
        "{:?}",
        whole.keys()
    );
    assert_eq!(whole, rows_of(&parts));
    assert!(
        parts
            .iter()
            .all(|part| rows_of(std::slice::from_ref(part))["exp.events"].len() < whole["exp.events"].len())
    );
    for (wrong, why) in [
        (&["--batches", "3"][..], "which batch to load was not said"),
        (&["--batches", "3", "--batch", "4"], "there is no batch 4 of 3"),
    ] {
        let refused = generate(wrong);
        assert_eq!(refused.status, Some(2));
        assert!(
            refused.stderr.contains("error[generate-batch]") && refused.stderr.contains(why),
            "{}",
            refused.stderr
        );
    }
}

/// In order; builds of the batches in `killed` are killed, and what came with them waits for the next one.
fn in_order(seed: &str, batches: usize, killed: &[usize]) {
    let project = shipped();
    let all = batches.to_string();
    for batch in 1..=batches {
        let number = batch.to_string();
        assay(
            &project,
            &[
                "generate",
                "--tier",
                "nano",
                "--seed",
                seed,
                "--batches",
                &all,
                "--batch",
                &number,
            ],
        );
        if killed.contains(&batch) {
            killed_build(&project, 20 + 17 * (batch % 5));
        } else {
            assay(&project, &["build"]);
        }
    }
    same_as_a_full_refresh(
        &project,
        &format!("seed {seed}, {batches} batches, killed in {killed:?}"),
    );
}

/// Every row comes in a batch that has nothing to do with when it happened.
fn shuffled(seed: &str, batches: u32) {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano", "--seed", seed]);
    project
        .psql("create schema hold; create table hold.loads as table rasa_tracker._loads; truncate rasa_tracker._loads");
    for (place, (table, ..)) in TABLES.iter().enumerate() {
        project.psql(&format!(
            "create table hold.t{place} as table {table}; truncate {table} cascade"
        ));
    }
    for batch in 0..batches {
        let opens = format!("timestamptz '2025-04-01T00:00:00Z' + {batch} * interval '3 hours'");
        for (place, (table, arrival, from, to)) in TABLES.iter().enumerate() {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most the batches"
            )]
            let [first, end] = [from, to].map(|share| (f64::from(batches) * share).floor() as u32);
            let load = if *table == "rasa_tracker.events" {
                format!(", 'load_id', '17430{batch:05}.5'")
            } else {
                String::new()
            };
            project.psql(&format!(
                "insert into {table}
                 select (jsonb_populate_record(null::{table}, to_jsonb(t) || jsonb_build_object('{arrival}',
                          {opens} + (('x' || substr(h.hash, 1, 4))::bit(16)::int * interval '0.01 seconds'){load}))).*
                 from hold.t{place} t, lateral (select md5('{seed}' || to_jsonb(t)::text) as hash) h
                 where {first} + ('x' || substr(h.hash, 5, 6))::bit(24)::int % ({end} - {first}) = {batch}"
            ));
        }
        project.psql(&format!(
            "insert into rasa_tracker._loads values ('17430{batch:05}.5', 0, {opens})"
        ));
        // Calls can come long before their turns. Where too many have, they are held back, and taken in by a later build.
        let outcome = project.run(&["build", "--profile", "it"]);
        let failed: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains(" FAIL ")).collect();
        assert!(
            failed
                .iter()
                .all(|line| line.contains("sessions_without_turns_are_rare"))
                && outcome.status == Some(i32::from(!failed.is_empty())),
            "{}",
            outcome.stderr
        );
    }
    assay(&project, &["build"]);
    same_as_a_full_refresh(&project, &format!("seed {seed}, {batches} batches, shuffled"));
}

#[test]
fn a_killed_build_between_batches_leaves_nothing_behind() {
    in_order("19", 3, &[2]);
}

#[test]
#[ignore = "minutes; run by hand"]
fn many_batches_in_order_equal_a_full_refresh() {
    for (seed, batches) in [("11", 1), ("12", 7), ("13", 50)] {
        in_order(seed, batches, &[]);
        eprintln!("seed {seed}, {batches} batches: equal");
    }
    in_order("14", 7, &[2, 3, 5, 6]);
}

#[test]
#[ignore = "minutes; run by hand"]
fn many_shuffled_batches_equal_a_full_refresh() {
    for (seed, batches) in [("21", 7), ("22", 7), ("23", 50)] {
        shuffled(seed, batches);
        eprintln!("seed {seed}, {batches} shuffled batches: equal");
    }
}
