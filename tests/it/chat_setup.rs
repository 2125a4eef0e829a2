//! What `docs/chat.md` says about setting the chat domain up and about questions, done word by word.

use super::chat::{FIXED, build, fixture, seven_senders};
use super::shipped::{assay, read, root, shipped};
use super::support::Project;

/// The blocks of the page that begin with this line.
fn blocks(opening: &str) -> Vec<String> {
    let page = read(&root().join("docs/chat.md"));
    page.split(&format!("\n```{opening}\n"))
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().trim().to_owned())
        .collect()
}

#[test]
fn the_questions_of_the_page_have_answers() {
    let project = shipped();
    assay(
        &project,
        &["generate", "--tier", "micro", "--seed", "11", "--domain", "rasa"],
    );
    build(&project, "{pseudonymize: true}");
    let questions = blocks("sql");
    assert_eq!(questions.len(), 9);
    for question in questions {
        let answer = project.database.try_psql_as("metabase", &question);
        assert!(
            answer.as_ref().is_ok_and(|rows| !rows.is_empty()),
            "{question}\n{answer:?}"
        );
    }
}

/// As Rasa makes it, with the seven senders in it.
fn rasas_own_store() -> Project {
    let project = seven_senders();
    project.psql(
        "create table public.events (
           id serial primary key, sender_id varchar(255) not null, type_name varchar(255) not null, timestamp double precision,
           intent_name varchar(255), action_name varchar(255), data text
         );
         insert into public.events
         select id, sender_id, type_name, timestamp, intent_name, action_name, data from rasa_tracker.events;
         drop schema rasa_tracker, rasa_model cascade",
    );
    project
}

#[test]
fn a_tracker_store_of_ones_own_in_schemas_and_partitions_of_its_own() {
    let project = rasas_own_store();
    let (setup, load) = (blocks("sql setup"), blocks("sql load"));
    let vars = FIXED.replace(
        '}',
        ", rasa_tracker_schema: public, dest_schema_prefix: bank, rasa_partition_by_month: true}",
    );
    project.psql(&setup[0]);
    project.psql(&load[0]);
    project.psql("insert into rasa_model.model values ('model-1', 'helpdesk')");
    assay(&project, &["test", "--select", "tag:prerequisites", "--vars", &vars]);
    build(&project, &vars);
    for figures in ["01_sessions", "03_slot_requests", "06_rates"] {
        let expected = fixture().join("expected").join(figures);
        let sql = read(&expected.with_extension("sql")).replace("analytics", "bank");
        let found = project.psql(&format!(
            "copy (\n{}\n) to stdout (format csv, header)",
            sql.trim().trim_end_matches(';')
        ));
        assert_eq!(found.trim(), read(&expected.with_extension("csv")).trim(), "{figures}");
    }
    // What arrives is the next load; without anything there is none.
    project.psql(
        "insert into events (id, sender_id, type_name, timestamp, data)
         values (99, 'R1', 'user', 1646360000, '{\"event\": \"user\", \"parse_data\": {\"intent\": {\"name\": \"greet\"}}}')",
    );
    project.psql(&load[0]);
    project.psql(&load[0]);
    build(&project, &vars);
    assert_eq!(
        project.psql(
            "select (select count(*) from _loads) || ' ' || (select count(*) from bank_int.rasa_loads_commit where consumer = 'bank')
                    || ' ' || (select count(*) from bank.rasa_event_sequence)"
        ),
        "2 2 50"
    );
    assert_eq!(
        project.psql(
            "select string_agg(distinct right(c.relname, 9), ' ')
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'bank__versions' and c.relispartition and c.relname like 'rasa_user_messages%' and c.relkind = 'r'"
        ),
        "__p202202 __p202203"
    );
    assert_eq!(
        project.psql("select count(*) from pg_namespace where nspname like 'analytics%'"),
        "0"
    );
}

#[test]
fn a_story_and_a_count_of_ones_own() {
    let project = seven_senders();
    project.put("seeds/story_intents.csv", "intent_name\ngreet\n");
    let project_file = project.read("project.yml").replace(
        "  count_metrics:\n",
        "  count_metrics:\n    - {name: intents_complaint, event: user, values: [react_frustrated, \"don't\"]}\n",
    );
    project.put("project.yml", &project_file);
    let count = "      - {name: intents_complaint_count, description: Complaints., data_type: bigint}\n";
    let session =
        "      - {name: intents_complaint_session_id, description: Session with a complaint., data_type: text}\n";
    let mut contracts = project.read("models/chat/published/_published.yml");
    for (model, columns) in [
        ("rasa_interactions", count.to_owned()),
        ("rasa_sessions", format!("{count}{session}")),
    ] {
        let (before, after) = contracts
            .split_once(&format!("  - name: {model}\n"))
            .expect("the model");
        let after = after.replacen("    columns:\n", &format!("    columns:\n{columns}"), 1);
        contracts = format!("{before}  - name: {model}\n{after}");
    }
    project.put("models/chat/published/_published.yml", &contracts);
    build(&project, FIXED);
    assert_eq!(
        project.psql(
            "select string_agg(session_id || ' ' || first_story_intent || ' ' || intents_complaint_count, ', ' order by session_id)
             from analytics.rasa_sessions where first_story_intent is not null"
        ),
        "R1/1 greet 0, R6/1 greet 0, R6/2 greet 0, UX/1 greet 1"
    );
    assert_eq!(
        project.psql("select string_agg(intents_complaint_session_id, ' ') from analytics.rasa_sessions"),
        "UX/1"
    );
    // A count that is none is refused while the project is read.
    let wrong = project
        .read("project.yml")
        .replace("event: user, values: [react", "event: said, values: [react");
    project.put("project.yml", &wrong);
    let told = project.ends(2, &["parse", "--profile", "it"]).stderr;
    assert!(
        told.contains("intents_complaint") && told.contains("user, action or slot"),
        "{told}"
    );
}

#[test]
fn the_page_is_about_every_published_table() {
    let page = read(&root().join("docs/chat.md"));
    for model in std::fs::read_dir(root().join("models/chat/published"))
        .expect("models")
        .flatten()
    {
        let path = model.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
