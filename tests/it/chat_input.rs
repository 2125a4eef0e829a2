//! What the chat domain does with events that are wrong, come late, or are of kinds that nobody foresaw.

use super::chat::{FIXED, UNPACKED, build, fixture, run_file, same_after_a_full_refresh, seven_senders};
use super::shipped::{assay, expected_figures, root, shipped};

#[test]
fn what_cannot_be_read_is_kept_or_set_aside_and_counted() {
    let project = seven_senders();
    run_file(&project, &fixture().join("dirt.sql"));
    build(&project, FIXED);
    expected_figures(&project, &fixture().join("dirt"), 5);
    // The others are who they were.
    assert_eq!(
        project.psql("select count(*) from analytics.rasa_sessions where sender_key <> 'R9'"),
        "10"
    );
    same_after_a_full_refresh(&project, FIXED);
}

#[test]
fn stores_of_other_people() {
    let project = shipped();
    run_file(&project, &root().join("src/generate/schema/rasa.sql"));
    run_file(&project, &fixture().join("exports.sql"));
    build(&project, FIXED);
    expected_figures(&project, &fixture().join("exports"), 5);
    same_after_a_full_refresh(&project, FIXED);
    run_file(&project, &fixture().join("unpacked.sql"));
    assay(
        &project,
        &["build", "--full-refresh", "--select", "+tag:chat", "--vars", UNPACKED],
    );
    expected_figures(&project, &fixture().join("exports"), 5);
    // Who wants every rewind to take back says so.
    let all = UNPACKED.replace('}', ", rasa_rewinding_actions: []}");
    assay(
        &project,
        &["build", "--full-refresh", "--select", "+tag:chat", "--vars", &all],
    );
    let standing = "select string_agg(seq::text, ' ' order by seq) from analytics.rasa_event_sequence
                    where sender_key = 'E1' and not is_reverted";
    assert_eq!(project.psql(standing), "1 2 3 7 8 14 15");
}

#[test]
fn a_bot_that_answers_once_a_session_is_published() {
    let project = shipped();
    run_file(&project, &root().join("src/generate/schema/rasa.sql"));
    project.psql(
        "insert into rasa_tracker.events (id, sender_id, type_name, \"timestamp\", data, load_id)
         select 10 * s + p, 'S' || s, event, 1643796000 + 10 * s + p, data, 'one'
         from generate_series(1, 3) s,
              (values (1, 'user', '{\"event\": \"user\", \"text\": \"hi\", \"parse_data\": {\"intent\": {\"name\": \"greet\"}}}'),
                      (2, 'slot', '{\"event\": \"slot\", \"name\": \"language\", \"value\": \"en\"}'),
                      (3, 'bot', '{\"event\": \"bot\", \"text\": \"hello\"}')) as e(p, event, data);
         insert into rasa_tracker._loads values ('one', 0, '2022-02-02T12:00:00Z')",
    );
    let outcome = assay(&project, &["build", "--select", "+tag:chat", "--vars", FIXED]);
    assert!(outcome.stderr.contains("WARN=0 ERROR=0"), "{}", outcome.stderr);
    assert_eq!(
        project.psql("select sessions || ' ' || interactions from analytics.rasa_daily_quality"),
        "3 3"
    );
    // What names the neighbours is still looked at.
    project.psql("update analytics.rasa_bot_actions set next_user_interaction_fk = interaction_id");
    let arguments = [
        "test",
        "--select",
        "messages_name_their_neighbours",
        "--vars",
        FIXED,
        "--profile",
        "it",
    ];
    let told = project.ends(1, &arguments).stderr;
    assert!(told.contains("Got 3 results"), "{told}");
}

#[test]
fn senders_of_one_user_and_of_several() {
    let project = shipped();
    run_file(&project, &root().join("src/generate/schema/rasa.sql"));
    run_file(&project, &fixture().join("others.sql"));
    build(&project, FIXED);
    expected_figures(&project, &fixture().join("others/first"), 4);
    // The second load, and the first one again, which was processed already.
    project.psql(
        "insert into rasa_tracker._loads values ('1643707202.5', 0, '2022-02-02T00:15:00Z'), ('1643707201.5', 0, '2022-02-02T00:20:00Z')",
    );
    build(&project, FIXED);
    assert_eq!(
        project.psql("select string_agg(load_id, ' ') from analytics_staging.stg_rasa__load_ids"),
        "1643707202.5"
    );
    expected_figures(&project, &fixture().join("others/second"), 4);
    same_after_a_full_refresh(&project, FIXED);
    expected_figures(&project, &fixture().join("others/second"), 4);
}

#[test]
fn unpacked_tables_grow_columns_and_may_be_missing() {
    let project = seven_senders();
    run_file(&project, &fixture().join("unpacked.sql"));
    run_file(&project, &fixture().join("unpacked_later.sql"));
    build(&project, UNPACKED);
    expected_figures(&project, &fixture().join("unpacked"), 4);
    // An event that its table does not hold, and the loader's version missing, are found.
    project.psql(
        "delete from rasa_event.event_bot where _record_hash in (select _record_hash from rasa_event.event where seq = 6);
         truncate rasa_event._version; insert into rasa_event._version values (null, 1, now())",
    );
    let check = |selected: &str| {
        let arguments = ["test", "--select", selected, "--vars", UNPACKED, "--profile", "it"];
        project.ends(1, &arguments).stderr
    };
    let told = check("tables_of_types_hold_their_events");
    assert!(told.contains("Got 1 result"), "{told}");
    let told = check("tag:prerequisites");
    assert!(told.contains("source_not_null_rasa_event__version_version"), "{told}");
}

#[test]
fn the_layout_that_is_read_decides_about_tests() {
    let project = seven_senders();
    let tested = |vars: &str| {
        let arguments = [
            "ls",
            "--select",
            "tag:prerequisites",
            "--resource-type",
            "test",
            "--vars",
            vars,
        ];
        assay(&project, &arguments)
            .stdout
            .lines()
            .filter(|line| line.contains("not_null"))
            .count()
    };
    assert_eq!((tested(FIXED), tested(UNPACKED)), (2, 3));
}
