//! What the shipped project's reader can see says nothing about a person: no ids, addresses, numbers or names in any cell, no
//! message, no document that could hold one.

use std::collections::HashSet;

use regex::Regex;

use super::shipped::{assay, shipped};

/// What a person can be recognised by, as whole words of a cell; each is in the raw tables.
const PATTERNS: [(&str, &str, &str); 7] = [
    (
        "an e-mail address",
        r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
        "select payload::text from exp.events",
    ),
    (
        "a telephone number",
        r"\+[0-9][0-9 ()-]{7,}[0-9]",
        "select sender_id from rasa_tracker.events",
    ),
    ("a name", r"\bSam [0-9]+", "select payload::text from exp.events"),
    (
        "the id of a unit",
        r"\b(user|household)-[0-9]+",
        "select unit_id from exp.events",
    ),
    (
        "the id of a sender",
        r"\bsender-[0-9]+",
        "select sender_id from rasa_tracker.events",
    ),
    (
        "the id of a person",
        r"\b(person|other)-[0-9]+",
        "select data from rasa_tracker.events",
    ),
    (
        "the id of a caller",
        r"\bU[0-9]{4,}\b",
        "select user_id from voice_raw.voice_sessions",
    ),
];

/// What people wrote, and what the bot wrote to them.
const MESSAGES: [&str; 3] = [
    "select distinct payload ->> 'message_text' from exp.events where payload ? 'message_text'",
    "select distinct data::jsonb ->> 'text' from rasa_tracker.events where data::jsonb ? 'text'",
    "select distinct text from analytics_restricted.rasa_user_message_text",
];

#[test]
fn no_cell_that_the_reader_sees_tells_of_a_person() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano", "--seed", "8"]);
    assay(&project, &["build"]);
    let reader = |sql: &str| project.database.try_psql_as("metabase", sql);
    let patterns = PATTERNS.map(|(what, pattern, raw)| {
        let regex = Regex::new(pattern).expect("a regular expression");
        assert!(regex.is_match(&project.psql(raw)), "there is {what} to be found");
        (what, regex)
    });
    let messages: HashSet<String> = MESSAGES
        .iter()
        .flat_map(|sql| project.psql(sql).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(messages.len() > 20, "{messages:?}");

    let columns = reader(
        "select c.relname, a.attname, format_type(a.atttypid, null)
         from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'analytics' and c.relkind in ('v', 'r', 'm') and a.attnum > 0 and not a.attisdropped",
    )
    .expect("the catalogue");
    let (mut wrong, mut relations, mut cells) = (Vec::new(), HashSet::new(), 0);
    for line in columns.lines() {
        let [relation, column, kind] = line.split('|').collect::<Vec<_>>().try_into().expect("three fields");
        relations.insert(relation);
        let harmless = [
            "bigint",
            "integer",
            "smallint",
            "numeric",
            "double precision",
            "boolean",
            "date",
            "uuid",
        ];
        if harmless.contains(&kind.trim_end_matches("[]")) || kind.starts_with("timestamp") {
            continue;
        }
        // What the gate tells of freshness is a document; it is read like everything else.
        let of_the_gate = relation == "published_models" && kind == "jsonb";
        if !of_the_gate && !["text", "text[]", "uuid[]", "date[]", "name", "character varying"].contains(&kind) {
            wrong.push(format!("{relation}.{column} is of type {kind}"));
            continue;
        }
        let seen = reader(&format!(
            "select distinct \"{column}\"::text from analytics.\"{relation}\""
        ))
        .expect("published");
        for cell in seen.lines() {
            cells += 1;
            for (what, regex) in &patterns {
                if regex.is_match(cell) {
                    wrong.push(format!("{relation}.{column} has {what}: {cell}"));
                }
            }
            let is_document = cell.starts_with('{') && cell.contains("\":") && !of_the_gate;
            if messages.contains(cell) || is_document {
                wrong.push(format!("{relation}.{column} has a message or a document: {cell}"));
            }
        }
    }
    assert!(
        relations.len() > 40 && cells > 2_000,
        "{} relations, {cells} cells",
        relations.len()
    );
    assert!(wrong.is_empty(), "{}", wrong[..wrong.len().min(40)].join("\n"));

    // Messages are certified where a named group may read them, which is not this reader's.
    assert_ne!(
        project.psql("select count(text) from analytics_restricted.rasa_user_message_text"),
        "0"
    );
    for sql in [
        "select text from analytics_restricted.rasa_user_message_text",
        "select data from rasa_tracker.events",
        "select payload from exp.events",
    ] {
        let refused = reader(sql);
        assert!(
            refused.clone().is_err_and(|error| error.contains("42501")),
            "{sql}: {refused:?}"
        );
    }
    // Samples of columns that statistics keep are shown to those who may read the column.
    let samples = reader("select count(*) from pg_stats where schemaname not in ('pg_catalog', 'information_schema')");
    let own = reader(
        "select count(*) from pg_stats s where schemaname not in ('pg_catalog', 'information_schema')
           and has_column_privilege(format('%I.%I', schemaname, tablename), attname, 'select')",
    );
    assert_eq!(samples, own);
}
