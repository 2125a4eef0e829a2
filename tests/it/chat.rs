//! The shipped project's chat domain: figures by hand from both raw layouts, loads that come in any order, identities that
//! come late, and a load that is not done before all is.

use std::path::Path;

use super::shipped::{assay, contents, expected_figures, incremental_models, read, root, shipped};
use super::support::Project;

pub(super) const FIXED: &str = "{pseudonymize: false, as_of: '2022-02-03T00:00:00Z'}";
pub(super) const UNPACKED: &str = "{pseudonymize: false, as_of: '2022-02-03T00:00:00Z', rasa_layout: unpacked}";

pub(super) fn fixture() -> std::path::PathBuf {
    root().join("tests/it/fixtures/f_rasa")
}

pub(super) fn run_file(project: &Project, path: &Path) {
    project.psql(&read(path));
}

/// The project with the seven senders in its tracker store.
pub(super) fn seven_senders() -> Project {
    let project = shipped();
    run_file(&project, &root().join("src/generate/schema/rasa.sql"));
    run_file(&project, &fixture().join("raw.sql"));
    project
}

pub(super) fn build(project: &Project, vars: &str) {
    assay(project, &["build", "--select", "+tag:chat", "--vars", vars]);
}

#[test]
fn the_seven_senders_give_the_figures_computed_by_hand() {
    let project = seven_senders();
    build(&project, FIXED);
    expected_figures(&project, &fixture().join("expected"), 7);
    // A load that was sent twice is processed once, and a build without a new load changes nothing.
    let log = "select string_agg(load_id || ' ' || status, ', ' order by load_id) from analytics_int.rasa_loads_commit";
    assert_eq!(project.psql(log), "1643707201.5 1, 1643707202.5 1");
    build(&project, FIXED);
    assert_eq!(project.psql(log), "1643707201.5 1, 1643707202.5 1");
    assert_eq!(
        project.psql("select count(*) from analytics_staging.stg_rasa__load_ids"),
        "0"
    );
    expected_figures(&project, &fixture().join("expected"), 7);
}

#[test]
fn the_unpacked_layout_gives_the_same_figures() {
    let project = seven_senders();
    run_file(&project, &fixture().join("unpacked.sql"));
    build(&project, UNPACKED);
    expected_figures(&project, &fixture().join("expected"), 7);
    // A bot without forms has no such table.
    project.psql("drop table rasa_event.event_active_loop");
    assay(
        &project,
        &["build", "--full-refresh", "--select", "+tag:chat", "--vars", UNPACKED],
    );
    assert_eq!(
        project.psql("select count(*) || ' ' || count(active_form) from analytics.rasa_event_sequence"),
        "49 0"
    );
}

#[test]
fn a_bot_without_forms_gives_everything_but_slots_that_are_asked_for() {
    let project = shipped();
    let generated = assay(
        &project,
        &[
            "generate",
            "--tier",
            "nano",
            "--domain",
            "rasa",
            "--rasa-profile",
            "formless",
        ],
    );
    let manifest: serde_json::Value = serde_json::from_str(&generated.stdout).expect("a manifest");
    let truth = &manifest["rasa"]["truth"];
    assert_eq!(
        project.psql("select count(*) from rasa_tracker.events where type_name = 'active_loop'"),
        "0"
    );
    assay(&project, &["build", "--select", "+tag:chat"]);
    assert_eq!(
        project.psql(
            "select (select count(*) from analytics.rasa_event_sequence) || ' '
                    || (select count(*) from analytics.rasa_sessions) || ' '
                    || (select count(active_form) from analytics.rasa_event_sequence) || ' '
                    || (select coalesce(sum(requests), 0) from analytics.rasa_slot_funnel)"
        ),
        format!("{} {} 0 0", truth["events"], truth["sessions"])
    );
    assert!(truth["sessions"].as_u64() > Some(10), "{truth}");
}

#[test]
fn a_layout_that_nobody_knows_is_refused_while_the_project_is_read() {
    let project = shipped();
    let outcome = project.ends(2, &["parse", "--profile", "it", "--vars", "{rasa_layout: packed}"]);
    assert!(outcome.stderr.contains("rasa_layout is `packed`"), "{}", outcome.stderr);
    for (wrong, told) in [
        ("session_gap_minutes: soon", "the var session_gap_minutes is `soon`"),
        ("restart_starts_session: 'no'", "the var restart_starts_session is `no`"),
        ("story_intents: greet", "the var story_intents is `greet`; it is a list"),
        ("rasa_low_confidence: 50", "the var rasa_low_confidence is `50`"),
        ("user_id: 'a b'", "the var user_id is `a b`"),
        (
            "count_metrics: [{name: a, event: user, values: [x]}, {name: a, event: user, values: [y]}]",
            "two of the name a",
        ),
        ("count_metrics: [{name: a, event: user, values: x}]", "a list of values"),
    ] {
        let arguments = ["parse", "--profile", "it", "--vars", &format!("{{{wrong}}}")];
        let outcome = project.ends(2, &arguments);
        assert!(outcome.stderr.contains(told), "{wrong}: {}", outcome.stderr);
    }
}

#[test]
fn the_domain_builds_where_restarts_start_no_session() {
    let project = seven_senders();
    build(
        &project,
        &FIXED.replace('}', ", restart_starts_session: false, session_gap_minutes: 600}"),
    );
    assert_eq!(
        project.psql("select count(*) from analytics.rasa_sessions where sender_key = 'R2'"),
        "2"
    );
}

#[test]
fn a_sender_identified_later_leaves_nothing_behind() {
    let project = seven_senders();
    project.psql(
        "create table held as select * from rasa_tracker._loads where load_id = '1643707202.5';
         delete from rasa_tracker._loads where load_id = '1643707202.5';
         -- R4 says who it is in the second load only; R3 not before a third.
         update rasa_tracker.events set data = (data::jsonb #- '{metadata,user_id}')::text where sender_id in ('R3', 'R4');
         insert into rasa_tracker.events (id, sender_id, type_name, \"timestamp\", data, load_id)
         values (90, 'R4', 'action', 1643709500, '{\"event\": \"action\", \"name\": \"action_listen\"}', '1643707201.5'),
                (91, 'R3', 'user', 1643709700,
                 '{\"event\": \"user\", \"parse_data\": {\"intent\": {\"name\": \"greet\"}}, \"metadata\": {\"user_id\": \"UX\"}}', '1643707203.5');
         update rasa_tracker.events set data = jsonb_set(data::jsonb, '{metadata,user_id}', '\"UX\"')::text
         where sender_id = 'R4' and type_name = 'user'",
    );
    let users = "select string_agg(user_key || ':' || sessions_count || ':' || senders_count, ' ' order by user_key)
                 from analytics.rasa_users where user_key in ('R3', 'R4', 'UX')";
    build(&project, FIXED);
    assert_eq!(project.psql(users), "R3:1:1 R4:1:1");
    project.psql("insert into rasa_tracker._loads select * from held");
    build(&project, FIXED);
    assert_eq!(project.psql(users), "R3:1:1 UX:2:1");
    project.psql("insert into rasa_tracker._loads values ('1643707203.5', 0, '2022-02-02T12:00:00Z')");
    build(&project, FIXED);
    assert_eq!(project.psql(users), "UX:3:2");
    for relation in [
        "rasa_sessions",
        "rasa_interactions",
        "rasa_senders",
        "rasa_event_sequence",
        "rasa_user_messages",
    ] {
        let left = format!("select count(*) from analytics.{relation} where user_key in ('R3', 'R4')");
        assert_eq!(project.psql(&left), "0", "{relation}");
    }
    same_after_a_full_refresh(&project, FIXED);
}

/// Generated events in so many loads that have nothing to do with when they happened, or that follow it; announced by turns.
fn load_by_load(loads: u64, shuffled: bool) {
    let project = shipped();
    assay(
        &project,
        &["generate", "--tier", "nano", "--seed", "3", "--domain", "rasa"],
    );
    let load = if shuffled {
        "('x' || substr(md5(id::text), 1, 4))::bit(16)::int"
    } else {
        "(row_number() over (order by id) - 1) * {loads} / count(*) over ()"
    };
    project.psql(&format!(
        "update rasa_tracker.events e set load_id = 'load-' || l.load % {loads}
         from (select id, {} as load from rasa_tracker.events) l where l.id = e.id;
         truncate rasa_tracker._loads",
        load.replace("{loads}", &loads.to_string())
    ));
    for place in 0..loads {
        let load = if shuffled { (place * 37 + 11) % loads } else { place };
        project.psql(&format!(
            "insert into rasa_tracker._loads
             values ('load-{load}', 0, timestamptz '2025-04-01T00:00:00Z' + {place} * interval '3 hours')"
        ));
        build(&project, "{pseudonymize: false}");
    }
    same_after_a_full_refresh(&project, "{pseudonymize: false}");
}

#[test]
fn loads_in_any_order_equal_a_full_refresh() {
    load_by_load(4, true);
}

#[test]
#[ignore = "more than a hundred builds: many minutes"]
fn many_loads_in_any_order_equal_a_full_refresh() {
    for loads in [1, 7, 50] {
        load_by_load(loads, false);
        load_by_load(loads, true);
    }
}

pub(super) fn same_after_a_full_refresh(project: &Project, vars: &str) {
    let models: Vec<String> = incremental_models(project)
        .into_iter()
        .filter(|model| model.contains("rasa"))
        .collect();
    let before: Vec<String> = models.iter().map(|model| contents(project, model)).collect();
    // A fixture without forms leaves the tables of slots empty.
    assert!(
        before.iter().filter(|rows| !rows.is_empty()).count() >= 10,
        "{models:?}"
    );
    assay(
        project,
        &["build", "--full-refresh", "--select", "+tag:chat", "--vars", vars],
    );
    for (model, before) in models.iter().zip(before) {
        assert_eq!(before, contents(project, model), "{model}");
    }
}

#[test]
fn a_load_is_not_done_before_everything_is() {
    let project = seven_senders();
    let done = "select count(*) from analytics_int.rasa_loads_commit";
    build(&project, FIXED);
    assert_eq!(project.psql(done), "2");
    // A confidence that no test lets pass cannot come from the source, so a test of the project's own fails.
    project.put(
        "tests/data/chat/nobody_says_goodbye.sql",
        "select _record_hash from {{ ref('rasa_event_sequence') }} where value = 'goodbye'",
    );
    project.psql(
        "insert into rasa_tracker.events (id, sender_id, type_name, \"timestamp\", data, load_id)
         values (99, 'R1', 'user', 1643760000, '{\"event\": \"user\", \"parse_data\": {\"intent\": {\"name\": \"goodbye\"}}}', 'third');
         insert into rasa_tracker._loads values ('third', 0, '2022-02-02T12:00:00Z')",
    );
    project.ends(
        1,
        &["build", "--select", "+tag:chat", "--vars", FIXED, "--profile", "it"],
    );
    assert_eq!(project.psql(done), "2");
    expected_figures(&project, &fixture().join("expected"), 7);
    // Once it passes, the same load is taken up again.
    project.put("tests/data/chat/nobody_says_goodbye.sql", "select 1 as one where false");
    build(&project, FIXED);
    assert_eq!(project.psql(done), "3");
    assert_eq!(project.psql("select count(*) from analytics.rasa_event_sequence"), "50");
}

#[test]
fn the_sources_own_log_is_written_on_request_only() {
    let project = seven_senders();
    let log = "select string_agg(load_id || ' ' || status, ', ' order by load_id, status, inserted_at) from rasa_tracker._loads";
    let loaded = "1643707201.5 0, 1643707201.5 0, 1643707202.5 0";
    build(&project, FIXED);
    assert_eq!(project.psql(log), loaded);
    // Another consumer's first build, as it were: nothing is in its own log.
    project.psql("truncate analytics_int.rasa_loads_commit");
    let writing = FIXED.replace('}', ", rasa_write_source_loads: true}");
    for _ in 0..2 {
        build(&project, &writing);
        assert_eq!(
            project.psql(log),
            "1643707201.5 0, 1643707201.5 0, 1643707201.5 1, 1643707202.5 0, 1643707202.5 1"
        );
    }
}
