//! What of the versions is kept, and what goes.

use super::support::{Project, Reader};

const PROPERTIES: &str = "models:\n  - {name: m, access: public}\n  - {name: n, access: public}\n";

/// Two published tables, keeping two versions of each.
fn project(days: u32) -> Project {
    let settings = format!(
        "name: it\nprofile: it\ngate: {{schema: analytics, keep: 2, keep_days: {days}}}\nmodels: {{+materialized: table}}\n"
    );
    Project::new()
        .write("project.yml", &settings)
        .write("models/schema.yml", PROPERTIES)
        .write("models/m.sql", "select 1 as id")
        .write("models/n.sql", "select 1 as id")
}

const LEFT: &str = "select string_agg(regexp_replace(relname, '__.*', ''), ' ' order by relname) from pg_class
                    where relnamespace = 'analytics__versions'::regnamespace and relkind in ('r', 'v')";

#[test]
fn a_dry_run_says_what_gc_does_and_why() {
    let project = project(0);
    let empty = project.ok(&["gc", "--dry-run"]);
    insta::assert_snapshot!(empty.stdout, @"0 relations would drop, 0 kept; 0 B would be freed");
    // Versions are told newest first: one after the other, or either of the two may be the newer one.
    project.ok(&["build", "--threads", "1"]);
    project.ok(&["build", "--select", "m"]);
    // As a killed run leaves it; and something that reads what another one left.
    project.psql(
        "create table analytics__versions.m__left as select 1 as id;
         create table analytics__versions.n__left as select 1 as id;
         create view analytics__versions.o__left as select * from analytics__versions.n__left;
         create view public.mine as select * from analytics__versions.o__left;",
    );
    let told = "dropped m__left (8192 B): an earlier run left it
kept o__left (0 B): read by public.mine
kept n__left (8192 B): read by analytics__versions.o__left
kept m__[version] (8192 B): published
kept n__[version] (8192 B): published
kept m__[version] (8192 B): kept for rollback (2 of keep: 2)
1 relation dropped, 5 kept; 8192 B freed
";
    let before = project.psql(LEFT);
    let dry = project.ok(&["gc", "--dry-run"]);
    assert_eq!(
        dry.stdout,
        told.replace("relation dropped", "relation would drop")
            .replace("dropped", "would drop")
            .replace("B freed", "B would be freed")
    );
    let json: serde_json::Value =
        serde_json::from_str(&project.ok(&["gc", "--dry-run", "--output", "json"]).stdout).expect("JSON");
    assert_eq!(json["dropped"][0]["bytes"], 8192);
    assert_eq!(json["dropped"][0]["reason"]["code"], "leftover");
    assert_eq!(json["kept"][0]["reason"]["relations"][0], "public.mine");
    assert_eq!(json["freed_bytes"], 8192);
    assert_eq!(project.psql(LEFT), before);
    assert_eq!(project.ok(&["gc"]).stdout, told);
    assert_eq!(project.psql(LEFT), "m m n n o");
}

#[test]
fn versions_that_readers_saw_lately_are_kept_beyond_the_number() {
    let project = project(7);
    for _ in 0..3 {
        project.ok(&["build", "--select", "m"]);
    }
    assert_eq!(project.psql(LEFT), "m m m");
    let told = project.ok(&["gc"]).stdout;
    assert!(
        told.contains("readers saw it less than 7 days ago (keep_days)"),
        "{told}"
    );
    project.psql("update assay.publications set published_at = published_at - interval '8 days'");
    let told = project.ok(&["gc"]).stdout;
    assert!(
        told.contains("dropped m__[version] (8192 B): older than the versions that are kept (keep: 2)"),
        "{told}"
    );
    assert_eq!(project.psql(LEFT), "m m");
    project.put(
        "project.yml",
        "name: it\nprofile: it\ngate: {schema: analytics, keep_days: -1}\n",
    );
    let refused = project.ends(2, &["gc"]);
    assert!(
        refused.stderr.contains("`keep_days: -1` is no number of days"),
        "{}",
        refused.stderr
    );
}

#[test]
fn versions_of_a_model_that_is_gone_go_with_it() {
    let project = project(0);
    project.ok(&["build"]);
    project.ok(&["build", "--select", "m"]);
    project.put("models/schema.yml", "models:\n  - {name: n, access: public}\n");
    project.psql("create view public.mine as select * from analytics.m");
    let told = project.ok(&["gc"]).stdout;
    assert!(told.contains("kept m__[version] (8192 B): published"), "{told}");
    assert!(
        told.contains("analytics.m stays published: view mine depends on view analytics.m"),
        "{told}"
    );
    assert_eq!(project.psql(LEFT), "m m n");
    project.psql("drop view public.mine");
    let dry = project.ok(&["gc", "--dry-run"]).stdout;
    assert!(
        dry.contains("analytics.m would be gone: the project has no public model of this name any more"),
        "{dry}"
    );
    let told = project.ok(&["gc"]).stdout;
    assert!(told.contains("analytics.m is gone: the project"), "{told}");
    for told in [told, dry] {
        assert_eq!(
            told.matches("its model is no longer published, and no view shows it")
                .count(),
            2,
            "{told}"
        );
    }
    assert_eq!(project.psql(LEFT), "n");
    let states = "select string_agg(model || ' ' || state, ', ' order by version_id) from assay.versions";
    assert!(project.psql(states).contains("m dropped"));
    assert!(
        !project.psql(states).contains("m published"),
        "{}",
        project.psql(states)
    );
}

#[test]
fn the_ledger_forgets_old_timings_but_never_evidence() {
    let project = project(0);
    for _ in 0..3 {
        project.ok(&["build"]);
    }
    let count = "select (select count(*) from assay.node_runs) || ' ' || (select count(*) from assay.certificates) || ' '
                 || (select count(*) from assay.publications) || ' ' || (select count(distinct node_id) from assay.node_runs)";
    assert_eq!(project.psql(count), "6 6 6 2");
    project.psql("update assay.node_runs set finished_at = finished_at - interval '401 days'");
    assert!(
        project
            .ok(&["gc", "--dry-run"])
            .stdout
            .contains("would drop 4 old timings of 6")
    );
    project.ok(&["gc", "--ledger-older-than", "never"]);
    project.ok(&["gc", "--ledger-older-than", "500d"]);
    assert_eq!(project.psql(count), "6 6 6 2");
    assert!(project.ok(&["gc"]).stdout.contains("dropped 4 old timings of 6"));
    // The newest success of each node tells the next run's critical path.
    assert_eq!(project.psql(count), "2 6 6 2");
    assert!(
        project
            .ends(2, &["gc", "--ledger-older-than", "1y"])
            .stderr
            .contains("400d")
    );
}

#[test]
fn gc_waits_for_a_run_where_it_is_told_to() {
    let project = project(0);
    project.ok(&["build"]);
    let holder = Reader::of(
        &project.database,
        "select pg_advisory_lock(hashtextextended('assay run analytics', 0))",
    );
    let refused = project.ends(2, &["gc"]);
    assert!(refused.stderr.contains("run-in-progress"), "{}", refused.stderr);
    // Nothing is held by whoever only looks.
    project.ok(&["gc", "--dry-run"]);
    let mut waits = project.spawn(&["gc", "--lock-wait", "60"]);
    let told = Project::told(&mut waits, "process ", || drop(holder));
    let output = waits.wait_with_output().expect("ends");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("process ") && stdout.contains("0 relations dropped"),
        "{told}{stdout}"
    );
}
