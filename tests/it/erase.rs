//! A person is taken out of everything that is kept.

use super::chat::{UNPACKED, build, fixture, run_file, seven_senders};
use super::shipped::{assay, shipped};
use super::support::Project;

const SETTINGS: &str = "name: it\nprofile: it\ngate: {schema: analytics, keep: 3}\nmodels: {+materialized: table}\n";

const PROPERTIES: &str = "
sources:
  - name: raw
    tables:
      - name: calls
        columns:
          - {name: user_id, meta: {subject_key: user_id}}
models:
  - name: stg_calls
    columns:
      - {name: user_id, meta: {subject_key: user_id}, data_tests: [{unique: {config: {store_failures: true, severity: warn}}}]}
  - name: calls
    access: public
    columns:
      - {name: user_key, meta: {subject_key: {name: user_id, as: hidden}}}
  - name: turns
    access: public
    columns:
      - {name: call_id, meta: {subject_key: {name: user_id, through: calls.call_id}}}
  - name: per_day
    access: public
    meta: {subject_key: none}
";

/// Calls of people `ann` and `bob`, whose turns name the call only.
fn project() -> Project {
    let project = Project::new()
        .write("project.yml", SETTINGS)
        .write("models/schema.yml", PROPERTIES)
        .write(
            "macros/hidden.sql",
            "{% macro hidden(column) %}md5({{ column }}){% endmacro %}",
        )
        .write(
            "models/stg_calls.sql",
            "{{ config(materialized='incremental') }} select call_id, user_id from {{ source('raw', 'calls') }}
             {% if is_incremental() %} where call_id > (select max(call_id) from {{ this }}) {% endif %}",
        )
        .write(
            "models/calls.sql",
            "select call_id, {{ hidden('user_id') }} as user_key from {{ ref('stg_calls') }}",
        )
        .write(
            "models/turns.sql",
            "select c.call_id, n as turn from {{ ref('calls') }} c cross join generate_series(1, 2) n",
        )
        .write("models/per_day.sql", "select count(*) as calls from {{ ref('calls') }}");
    project.psql(
        "create schema raw;
         create table raw.calls (call_id int, user_id text);
         insert into raw.calls values (1, 'ann-77'), (2, 'bob-88'), (3, 'ann-77')",
    );
    project
}

const LEFT: &str = "select (select count(*) from dev.stg_calls) || ' ' || (select count(*) from analytics.calls) || ' '
                    || (select count(*) from analytics.turns) || ' ' || (select count(*) from raw.calls)";

#[test]
fn rows_go_from_every_version_and_what_cannot_be_reached_is_said() {
    let project = project();
    project.ok(&["build"]);
    project.ok(&["build", "--select", "calls+"]);
    assert_eq!(project.psql(LEFT), "3 3 6 3");
    let dry = project
        .ok(&["erase", "--subject", "user_id=ann-77", "--dry-run"])
        .stdout;
    assert!(dry.contains("14 rows would be deleted, 0 not covered"), "{dry}");
    assert!(dry.contains("raw.calls: 2 rows left in the source"), "{dry}");
    let unconfirmed = project.ends(2, &["erase", "--subject", "user_id=ann-77"]);
    assert!(unconfirmed.stderr.contains("not-confirmed"), "{}", unconfirmed.stderr);
    assert_eq!(project.psql(LEFT), "3 3 6 3");

    let told = project.ok(&["erase", "--subject", "user_id=ann-77", "--yes"]).stdout;
    assert!(told.contains("dev.stg_calls: 2 rows deleted"), "{told}");
    assert!(told.contains("14 rows deleted, 0 not covered"), "{told}");
    assert!(told.contains("The sources still hold this person"), "{told}");
    assert_eq!(project.psql(LEFT), "1 1 2 3");
    // Two versions of each, the test's failing rows, and nothing of the person in what is left.
    let versions = "select string_agg(rows::text, ' ' order by model, version_id) from assay.versions where model in ('calls', 'turns')";
    assert_eq!(project.psql(versions), "1 1 2 2");
    assert_eq!(
        project.psql("select count(*) from dev_dbt_test__audit.unique_stg_calls_user_id"),
        "0"
    );

    let record = project.psql(
        "select subjects->0->>'key', length(subjects->0->>'sha256'), erased_by, with_sources,
                subjects->0->>'sha256' = encode(sha256(convert_to(run_id || ':user_id:ann-77', 'UTF8')), 'hex') from assay.erasures",
    );
    assert_eq!(record, "user_id|64|postgres|f|t");
    for place in ["assay.erasures", "assay.runs", "assay.versions"] {
        let found = project.psql(&format!("select count(*) from {place} t where t::text like '%ann-77%'"));
        assert_eq!(found, "0", "{place}");
    }
    let log = project.read("logs/assay.log");
    assert!(log.contains("erase"), "the log tells of the command");
    assert!(!log.contains("ann-77") && !log.contains("ann\\u"), "{log}");

    // The source first, then what was made of it.
    project.ok(&["erase", "--subject", "user_id=ann-77", "--include-sources", "--yes"]);
    assert_eq!(project.psql(LEFT), "1 1 2 1");
    project.ok(&["build", "--full-refresh"]);
    assert_eq!(project.psql(LEFT), "1 1 2 1");
}

#[test]
fn a_file_names_many_and_nothing_tells_who_they_are() {
    let project = project();
    project.ok(&["build"]);
    project.put("who.txt", "user_id=ann-77\n\nuser_id=bob-88\n");
    project.ok(&["erase", "--subjects-file", "who.txt", "--yes", "--debug"]);
    assert_eq!(project.psql(LEFT), "0 0 0 3");
    for wrong in [
        &["erase", "--subject", "ann-77", "--yes"][..],
        &["erase", "--subject", "user_id=", "--yes"],
        &["erase", "--yes"],
    ] {
        let refused = project.ends(2, wrong);
        assert!(
            refused.stderr.contains("it is not said who is to be erased"),
            "{}",
            refused.stderr
        );
        assert!(!refused.stderr.contains("ann-77"), "{}", refused.stderr);
    }
    let unknown = project.ends(2, &["erase", "--subject", "userid=ann-77", "--yes"]);
    assert!(unknown.stderr.contains("did you mean `user_id`?"), "{}", unknown.stderr);
    assert!(!unknown.stderr.contains("ann-77"), "{}", unknown.stderr);
    let log = project.read("logs/assay.log");
    assert!(!log.contains("ann-77") && !log.contains("bob-88"), "{log}");
}

#[test]
fn a_condition_finds_everybody_who_meets_it() {
    let project = project();
    project.ok(&["build"]);
    project.psql(
        "insert into raw.calls values (4, 'eve-99'); create schema privacy; create table privacy.requests (who text);
         insert into privacy.requests values ('nobody'), ('ann-77'), ('eve-99')",
    );
    let asked = "user_id in (select who from privacy.requests)";
    let dry = project
        .ok(&["erase", "--where", asked, "--dry-run", "--output", "json"])
        .stdout;
    let dry: serde_json::Value = serde_json::from_str(&dry).expect("JSON");
    // Of ann 2 calls, staged and published, and 4 turns; of eve nothing but the source.
    assert_eq!((&dry["persons"], &dry["rows"]), (&2.into(), &8.into()), "{dry}");
    project.ok(&["erase", "--where", asked, "--include-sources", "--yes"]);
    assert_eq!(project.psql(LEFT), "1 1 2 1");
    assert_eq!(
        project.psql("select jsonb_array_length(subjects) from assay.erasures"),
        "2"
    );
    // Nobody is left, which is no failure: a schedule asks every night.
    let again = project
        .ok(&["erase", "--where", asked, "--include-sources", "--yes"])
        .stdout;
    assert_eq!(again, "Nobody meets the condition; nothing is erased.\n");
    assert_eq!(project.psql("select count(*) from assay.erasures"), "1");

    for (wrong, why) in [
        ("user_id = 'bob-88' or", "syntax error"),
        ("user_id = $$bob-88$$ 88", "syntax error at or near \"*****\""),
        (
            "user_id::int = 3",
            "invalid input syntax for type integer: \"*****\" (SQLSTATE 22P02)",
        ),
        (
            "user_id = 'bob-88' and nextval('privacy.s') > 0",
            "cannot execute nextval() in a read-only transaction",
        ),
        ("user_id = any ('bob-88')", "malformed array literal: \"*****\""),
        ("userid = 'bob-88'", "did you mean `user_id`?"),
    ] {
        project.psql("create sequence if not exists privacy.s");
        let refused = project.ends(2, &["erase", "--where", wrong, "--yes"]);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
        assert!(!refused.stderr.contains("bob-88"), "{}", refused.stderr);
    }
    assert_eq!(project.psql(LEFT), "1 1 2 1");
    let log = project.read("logs/assay.log");
    for name in ["ann-77", "bob-88", "eve-99"] {
        assert!(!log.contains(name), "{log}");
    }
}

#[test]
fn what_tells_nothing_is_named_and_a_refusal_erases_nothing() {
    let project = project();
    project.put(
        "models/schema.yml",
        &PROPERTIES.replace("    meta: {subject_key: none}\n", ""),
    );
    project.ok(&["build"]);
    let told = project
        .ends(1, &["erase", "--subject", "user_id=bob-88", "--yes"])
        .stdout;
    assert!(
        told.contains("NOT COVERED analytics__versions.per_day__[version]: per_day is made of rows of persons"),
        "{told}"
    );
    assert_eq!(project.psql(LEFT), "2 2 4 3");
    project.psql(
        "create function raw.refuse() returns trigger language plpgsql as
         $$ begin raise exception 'no, not %', old.user_id; end $$;
         create trigger refuse before delete on raw.calls for each row execute function raw.refuse()",
    );
    let refused = project.ends(
        2,
        &["erase", "--subject", "user_id=ann-77", "--include-sources", "--yes"],
    );
    assert!(refused.stderr.contains("erasure-failed"), "{}", refused.stderr);
    assert!(refused.stderr.contains("no, not *****"), "{}", refused.stderr);
    assert_eq!(project.psql(LEFT), "2 2 4 3");
    assert!(!project.read("logs/assay.log").contains("ann-77"));
}

#[test]
fn keys_that_mean_nothing_are_found_while_parsing() {
    let project = project();
    for (wrong, cause) in [
        (
            "{name: user_id, through: nowhere.id}",
            "no table `nowhere` has a column that holds the key `user_id` itself",
        ),
        (
            "{name: user_id, through: calls}",
            "`through` is not of the form model.column",
        ),
        ("{as: hidden}", "`name` is missing"),
    ] {
        project.put(
            "models/schema.yml",
            &PROPERTIES.replace("{name: user_id, through: calls.call_id}", wrong),
        );
        let refused = project.ends(2, &["parse"]);
        assert!(refused.stderr.contains(cause), "{}", refused.stderr);
    }
}

/// Every relation outside of the server's own schemas in which a word stands.
fn traces(project: &Project, word: &str) -> String {
    project.psql(&format!(
        "create or replace function pg_temp.traces(word text) returns setof text language plpgsql as $$
         declare r record; found bigint;
         begin
           for r in select c.oid::regclass as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where c.relkind in ('r', 'm', 'p', 'v') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
           loop
             execute format('select count(*) from %s t where t::text ~ $1', r.name) into found using '\\m' || word || '\\M';
             if found > 0 then return next r.name || ' ' || found; end if;
           end loop;
         end $$;
         select coalesce(string_agg(t, ', ' order by t), '') from pg_temp.traces('{word}') t"
    ))
}

#[test]
fn nothing_is_left_of_a_person_in_the_shipped_project() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano", "--seed", "7", "--replace"]);
    assay(&project, &["build"]);
    assay(&project, &["build", "--full-refresh"]);
    let caller =
        project.psql("select user_id from voice_raw.voice_sessions group by 1 order by count(*) desc, 1 limit 1");
    let unit = project.psql(
        "select unit_id from exp.events where unit_type = 'user' and event_type = 'message_sent'
         group by 1 order by count(*) desc, 1 limit 1",
    );
    let writer = project.psql(
        "select user_id from analytics_staging.stg_rasa__sender_ids where user_id <> sender_id
         group by 1 order by count(*) desc, 1 limit 1",
    );
    let senders = project.psql(&format!(
        "select string_agg(replace(sender_id, '+', ''), '|') from analytics_staging.stg_rasa__sender_ids where user_id = '{writer}'"
    ));
    let sessions = project.psql(&format!(
        "select string_agg(session_id, '|') from voice_raw.voice_sessions where user_id = '{caller}'"
    ));
    let pseudonym = |id: &str| project.psql(&format!("select encode(sha256('it:{id}'), 'hex')"));
    let gone = [
        caller.clone(),
        unit.clone(),
        pseudonym(&caller),
        pseudonym(&unit),
        writer.clone(),
        pseudonym(&writer),
        format!("({senders})"),
        format!("({sessions})"),
    ];
    for word in &gone {
        assert!(traces(&project, word).contains(','), "{word} is in several relations");
    }
    project.put("who", &format!("user_id={caller}\nuser_id={unit}\nuser_id={writer}\n"));
    let told = assay(
        &project,
        &["erase", "--subjects-file", "who", "--include-sources", "--yes"],
    )
    .stdout;
    assert!(told.contains(" 0 not covered"), "{told}");
    for word in &gone {
        assert_eq!(traces(&project, word), "", "{word}\n{told}");
    }
    // What is left builds and passes.
    assay(&project, &["build", "--full-refresh"]);
    for word in &gone {
        assert_eq!(traces(&project, word), "", "{word}");
    }
}

#[test]
fn nothing_is_left_of_a_person_in_unpacked_tables_and_those_that_are_missing_are_no_gap() {
    let project = seven_senders();
    run_file(&project, &fixture().join("unpacked.sql"));
    // A table of a type that the bot sent once, without forms.
    project.psql(
        "drop table rasa_event.event_active_loop;
         create table rasa_event.event_user__parse_data__entities as
         select _record_hash as _parent_hash, sender_id as _dist_key, 'an entity of ' || sender_id as value from rasa_event.event_user",
    );
    build(&project, UNPACKED);
    let erase = |more: &[&str]| {
        let arguments = [
            "erase",
            "--subject",
            "user_id=UX",
            "--include-sources",
            "--vars",
            UNPACKED,
            "--profile",
            "it",
        ];
        [&arguments[..], more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let said = |arguments: &[String]| {
        project
            .ok(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
            .stdout
    };
    let dry: serde_json::Value = serde_json::from_str(&said(&erase(&["--dry-run", "--output", "json"]))).expect("JSON");
    let absent = dry["absent"].as_array().expect("a list");
    assert!(
        absent.iter().any(|name| name == "rasa_event.event_active_loop"),
        "{dry}"
    );
    assert_eq!(dry["not_covered"], serde_json::json!([]), "{dry}");
    let words = ["UX", "R3", "R4"];
    for word in words {
        assert!(traces(&project, word).contains("rasa_event.event_user "), "{word}");
    }
    let told = said(&erase(&["--yes"]));
    assert!(told.contains("sources that are not there: "), "{told}");
    assert!(
        told.contains("rasa_event.event_user__parse_data__entities: 4 rows deleted"),
        "{told}"
    );
    for word in words {
        assert_eq!(traces(&project, word), "", "{word}\n{told}");
    }
    // What is left builds and passes.
    assay(
        &project,
        &["build", "--full-refresh", "--select", "+tag:chat", "--vars", UNPACKED],
    );
    // A view in the place of a source cannot be deleted from, and a table without the column tells nothing.
    project.psql(
        "create view rasa_event.event_active_loop as select 1 as one; alter table rasa_event.event_slot drop column sender_id",
    );
    let arguments = erase(&["--dry-run"]);
    let told = project
        .ends(1, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
        .stdout;
    assert!(
        told.contains("event_active_loop: the source is no table of this database")
            && told.contains("event_slot: it has no column sender_id")
            && told.contains(" 2 not covered"),
        "{told}"
    );
}
