//! What the chat domain does with events that are wrong, come late, or are of kinds that nobody foresaw.

use std::collections::BTreeSet;

use serde_json::Value as Json;

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

/// Every column of text that readers see, for the values that are no names.
const SEEN: &str = "create or replace function pg_temp.seen() returns setof text language plpgsql as $$
     declare r record; found bigint;
     begin
       for r in select c.oid::regclass as relation, a.attname from pg_class c
                join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.atttypid = 'text'::regtype
                where c.relnamespace = 'analytics'::regnamespace and c.relname ~ '^(rasa_|conversations)'
       loop
         execute format('select count(*) from %s t where t.%I ~ $1 or length(t.%2$I) > 255', r.relation, r.attname)
         into found using '@|[{[]|555|my secret';
         if found > 0 then return next r.relation || '.' || r.attname; end if;
       end loop;
     end $$;
     select coalesce(string_agg(t, ', '), '') from pg_temp.seen() t";

#[test]
fn what_stands_where_a_name_should_is_withheld_and_counted() {
    let project = seven_senders();
    project.psql(
        r#"insert into rasa_tracker.events (id, sender_id, type_name, "timestamp", data, load_id)
         select 200 + e.place, 'R8', e.type_name, 1643760000 + e.place, e.data, '1643707202.5'
         from (values
           (1, 'action', '{"event": "action", "name": "mail ann@example.org", "policy": "+1 (555) 010-0199"}'),
           (2, 'bot', '{"event": "bot", "metadata": {"utter_action": "utter_{a}"}, "model_id": "555 010 01999"}'),
           (3, 'active_loop', '{"event": "active_loop", "name": "+1 555 010 0199"}'),
           (4, 'slot', '{"event": "slot", "name": "requested_slot", "value": "ann@example.org"}'),
           (5, 'slot', '{"event": "slot", "name": "ann@example.org", "value": 1, "environment": "[1]"}'),
           (6, 'user', '{"event": "user", "text": "/my secret is", "parse_data": {"intent": {"name": "my secret is"}}, "message_id": "5550100199",
                         "input_channel": "+15550100199", "metadata": {"external_session_id": "+15550100199"}}'),
           (7, 'ann@example.org', '{"event": "ann@example.org"}'),
           (8, 'followup', '{"event": "followup", "name": "' || repeat('x', 5000) || '"}'),
           (9, 'user', '{"event": "user", "text": "book", "parse_data": {"intent": {"name": "book a flight"}}}'),
           -- Long enough for no index to hold it, and hard to compress.
           (10, 'user', '{"event": "user", "parse_data": {"text": "hey"}, "metadata": {"user_id": "'
                        || (select string_agg(md5(n::text), '') from generate_series(1, 400) n) || '"}}'),
           (11, '', '{"event": ""}')
         ) as e(place, type_name, data)"#,
    );
    build(&project, FIXED);
    assert_eq!(project.psql(SEEN), "");
    assert_eq!(
        project.psql(
            "select string_agg(column_name || ':' || reason || ' ' || rows, ', ' order by column_name, reason)
             from analytics_int.dq_rasa where reason <> 'missing' and reason <> 'duplicate'"
        ),
        "environment:document 1, event:personal 1, event:unknown_type 2, external_session_id:personal 1, input_channel:personal 1, \
         intent_name:free_text 1, message_id:personal 1, model_id:personal 1, person_id:too_long 1, policy:personal 1, \
         requested_slot:personal 1, value:document 1, value:personal 3, value:too_long 1"
    );
    assert_eq!(
        project.psql(
            "select string_agg(event || ' ' || coalesce(value, '-'), ', ' order by seq) from analytics.rasa_event_sequence
             where sender_key = 'R8'"
        ),
        "action -, bot -, active_loop -, slot requested_slot, slot -, user -, __unknown -, followup -, user book a flight, user -, __unknown -"
    );
    assert_eq!(
        project.psql(
            "select max(user_key) || ' ' || max(text_length) filter (where interaction_nr = 3) from analytics.rasa_user_messages
             where sender_key = 'R8'"
        ),
        "R8 3"
    );
    same_after_a_full_refresh(&project, FIXED);
}

#[test]
fn columns_of_the_store_may_have_other_types() {
    let project = seven_senders();
    let sessions = "select string_agg(session_id || ' ' || session_initiation_timestamp, ', ' order by session_id) from analytics.rasa_sessions";
    build(&project, FIXED);
    let expected = project.psql(sessions);
    for change in [
        // Without the document's own time the column's counts.
        "alter table rasa_tracker.events alter data type jsonb using data::jsonb - 'timestamp'",
        "alter table rasa_tracker.events alter \"timestamp\" type text using \"timestamp\"::text",
        "alter table rasa_tracker.events
         alter \"timestamp\" type timestamptz using to_timestamp(\"timestamp\"::double precision)",
        // The table of an SQL event broker has no more columns than this.
        "update rasa_tracker.events set data = data || jsonb_build_object('timestamp', extract(epoch from \"timestamp\"));
         alter table rasa_tracker.events drop type_name, drop \"timestamp\", drop intent_name, drop action_name",
    ] {
        project.psql(change);
        assay(
            &project,
            &["build", "--full-refresh", "--select", "+tag:chat", "--vars", FIXED],
        );
        assert_eq!(project.psql(sessions), expected, "{change}");
    }
    project.psql("alter table rasa_tracker.events drop load_id");
    let arguments = [
        "build",
        "--select",
        "base_rasa__events",
        "--vars",
        FIXED,
        "--profile",
        "it",
    ];
    let told = project.ends(1, &arguments);
    let told = format!("{}{}", told.stdout, told.stderr);
    assert!(told.contains("has no column load_id"), "{told}");
}

#[test]
fn a_store_that_nothing_has_arrived_in_says_so() {
    let project = shipped();
    run_file(&project, &root().join("src/generate/schema/rasa.sql"));
    let arguments = [
        "build",
        "--select",
        "+rasa_sessions",
        "--vars",
        "{pseudonymize: false}",
        "--profile",
        "it",
    ];
    let told = project.ends(1, &arguments);
    let told = format!("{}{}", told.stdout, told.stderr);
    assert!(told.contains("there is no as_of: nothing has arrived"), "{told}");
    build(&project, FIXED);
    assert_eq!(project.psql("select count(*) from analytics.rasa_sessions"), "0");
}

#[test]
fn an_empty_text_is_no_name_and_no_session() {
    let project = shipped();
    run_file(&project, &root().join("src/generate/schema/rasa.sql"));
    project.psql(
        r#"insert into rasa_tracker.events (id, sender_id, type_name, "timestamp", data, load_id)
         select e.place, 'S', e.type_name, 1643796000 + e.place, e.data, 'one'
         from (values
           (1, 'action', '{"event": "action", "name": "action_session_start", "model_id": "", "environment": "", "metadata": {"session_id": ""}}'),
           (2, 'user', '{"event": "user", "text": "", "message_id": "", "input_channel": "", "metadata": {"session_id": "", "user_id": ""},
                         "parse_data": {"intent": {"name": ""}, "intent_ranking": [{"name": ""}, {"name": ""}]}}'),
           (3, 'action', '{"event": "action", "name": "action_session_start", "policy": "", "metadata": {"session_id": ""}}'),
           (4, 'bot', '{"event": "bot", "text": "", "metadata": {"utter_action": "", "template_name": ""}}'),
           (5, 'slot', '{"event": "slot", "name": "", "value": ""}')
         ) as e(place, type_name, data);
         insert into rasa_tracker._loads values ('one', 0, '2022-02-02T12:00:00Z')"#,
    );
    let check = || {
        // A session id that is empty keeps nothing together.
        let sequence = "select string_agg(session_nr || ' ' || coalesce(value, '-'), ', ' order by seq) from analytics.rasa_event_sequence";
        assert_eq!(
            project.psql(sequence),
            "1 action_session_start, 1 -, 2 action_session_start, 2 -, 2 -"
        );
        let named = "select count(model_id) + count(nullif(environment, '__unknown')) from analytics.rasa_event_sequence
                     union all
                     select count(message_id) + count(input_channel) + count(second_intent_name) from analytics.rasa_user_messages
                     union all
                     select count(policy) from analytics.rasa_actions
                     union all
                     select sum(text_length) from analytics.rasa_user_messages";
        assert_eq!(project.psql(named), "0\n0\n0\n0");
    };
    build(&project, FIXED);
    check();
    run_file(&project, &fixture().join("unpacked.sql"));
    project.psql("alter table rasa_event.event_action add metadata__session_id text default ''");
    assay(
        &project,
        &["build", "--full-refresh", "--select", "+tag:chat", "--vars", UNPACKED],
    );
    check();
}

#[test]
fn unpacked_times_without_a_zone_are_those_of_utc() {
    let project = seven_senders();
    run_file(&project, &fixture().join("unpacked.sql"));
    project.psql(
        "alter table rasa_event.event alter \"timestamp\" type timestamp using \"timestamp\" at time zone 'UTC', drop model_id;
         alter table rasa_event.event_bot add metadata__model_id text default 'm';
         do $$ begin execute format('alter database %I set timezone to ''Asia/Kathmandu''', current_database()); end $$",
    );
    build(&project, UNPACKED);
    assert_eq!(
        project.psql(
            "set timezone to 'UTC';
             select min(\"timestamp\") || ' ' || string_agg(distinct event || ' ' || model_id, ', ') from analytics.rasa_event_sequence"
        ),
        "2022-02-01 08:00:00+00 bot m"
    );
}

/// Values that the project makes itself: keys, places, and the time of a load.
fn is_made(column: &str) -> bool {
    let places = ["session_id", "interaction_id", "conversation_id", "_load_id"];
    let ends = ["_key", "_hash", "_sk", "_fk", "_interaction_id", "_session_id"];
    column != "external_session_id" && (places.contains(&column) || ends.iter().any(|end| column.ends_with(end)))
}

#[test]
fn texts_that_are_published_are_looked_at_and_have_an_owner() {
    let project = shipped();
    assay(&project, &["parse"]);
    let manifest: Json = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    let nodes = manifest["nodes"].as_object().expect("nodes");
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let looked_at: BTreeSet<(String, String)> = nodes
        .values()
        .filter(|node| ["no_pii_pattern", "accepted_values"].contains(&text(&node["test_metadata"]["name"]).as_str()))
        .map(|node| (text(&node["attached_node"]), text(&node["column_name"])))
        .collect();
    let mut columns = 0;
    for (id, node) in nodes
        .iter()
        .filter(|(id, node)| id.starts_with("model.") && text(&node["original_file_path"]).contains("/published/"))
    {
        let group = format!("group.{}.{}", text(&node["package_name"]), text(&node["group"]));
        assert!(
            manifest["groups"][&group]["owner"]["email"].is_string(),
            "{id}: {group}"
        );
        let is_chat = text(&node["original_file_path"]).starts_with("models/chat/");
        for (column, stated) in node["columns"].as_object().into_iter().flatten() {
            if is_chat && text(&stated["data_type"]) == "text" && !is_made(column) {
                columns += 1;
                assert!(looked_at.contains(&(id.clone(), column.clone())), "{id}: {column}");
            }
        }
    }
    assert_eq!(columns, 54);
    for (id, metric) in manifest["metrics"].as_object().expect("metrics") {
        let meta = &metric["config"]["meta"];
        assert!(
            ["up", "down"].contains(&text(&meta["direction"]).as_str()),
            "{id}: {meta}"
        );
        assert!(meta["unit"].is_string() && metric["group"].is_string(), "{id}");
    }
}

#[test]
fn unpacked_rows_that_are_sent_again_count_once() {
    let project = seven_senders();
    run_file(&project, &fixture().join("unpacked.sql"));
    project.psql(
        "insert into rasa_event.event_user select * from rasa_event.event_user;
         insert into rasa_event.event_bot__data__buttons select * from rasa_event.event_bot__data__buttons;
         insert into rasa_event.event_user__parse_data__intent_ranking select * from rasa_event.event_user__parse_data__intent_ranking;
         insert into rasa_event.event (_record_hash, _load_id, \"timestamp\", sender_id, event, seq)
         values (null, '1643707202.5', '2022-02-02', 'R1', 'user', 300), ('h1', '1643707202.5', 'infinity', 'R1', 'pause', 301),
                ('h2', '1643707202.5', '2022-02-02', repeat('long', 1000), 'pause', 302), ('h3', '1643707202.5', '2022-02-02', 'R1', null, 303)",
    );
    build(&project, UNPACKED);
    assert_eq!(
        project.psql(
            "select (select count(*) from rasa_event.event) || ' ' || (select count(*) from analytics.rasa_event_sequence) || ' '
                    || (select string_agg(reason, ' ' order by reason) from analytics_quarantine.rasa_quarantine) || ' '
                    || (select count(*) from analytics_int.dq_rasa where reason = 'duplicate')"
        ),
        "53 50 hash_missing sender_too_long timestamp_invalid 0"
    );
    same_after_a_full_refresh(&project, UNPACKED);
}
