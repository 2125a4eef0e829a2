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
