//! The command tag of a statement, which the driver gives as a count only.

use super::statements::{depth_zero_words, statements};
use crate::sql::Response;

/// What the server says of the last statement of a text that touched or returned `count` rows
/// (<https://www.postgresql.org/docs/current/protocol-message-formats.html>, `CommandComplete`).
pub(super) fn response(sql: &str, count: u64) -> Response {
    let all = statements(sql);
    let Some(last) = all.last() else {
        return Response::default();
    };
    // A query in brackets has its verb inside them.
    let words = if last.starts_with('(') {
        Vec::new()
    } else {
        depth_zero_words(last)
    };
    let (tag, counted) = tag(&words);
    let message = match (counted, tag.as_str()) {
        (false, _) => tag.clone(),
        (true, "INSERT") => format!("INSERT 0 {count}"),
        (true, _) => format!("{tag} {count}"),
    };
    Response {
        message,
        code: tag,
        rows: counted.then_some(count),
    }
}

/// The tag without its count, and whether it has one.
fn tag(words: &[String]) -> (String, bool) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(&first) = words.first() else {
        return ("SELECT".to_owned(), true);
    };
    match first {
        "with" => {
            let verbs = ["select", "insert", "update", "delete", "merge", "values", "table"];
            let verb = words[1..].iter().find(|word| verbs.contains(word)).unwrap_or(&"select");
            tag(&[(*verb).to_owned()])
        }
        "select" | "values" | "table" => ("SELECT".to_owned(), true),
        "insert" | "update" | "delete" | "merge" | "copy" | "fetch" | "move" => (first.to_uppercase(), true),
        "create" => create(&words),
        "alter" | "drop" => {
            let object = object(&words[1..]);
            (format!("{} {object}", first.to_uppercase()), false)
        }
        "truncate" | "lock" => (format!("{} TABLE", first.to_uppercase()), false),
        "refresh" => ("REFRESH MATERIALIZED VIEW".to_owned(), false),
        "end" => ("COMMIT".to_owned(), false),
        "abort" => ("ROLLBACK".to_owned(), false),
        "start" => ("START TRANSACTION".to_owned(), false),
        "declare" => ("DECLARE CURSOR".to_owned(), false),
        "discard" => {
            let what = words.get(1).copied().unwrap_or("all");
            (format!("DISCARD {}", what.to_uppercase()), false)
        }
        _ => (first.to_uppercase(), false),
    }
}

fn create(words: &[&str]) -> (String, bool) {
    let object = object(&words[1..]);
    let queried = words
        .iter()
        .position(|word| *word == "as")
        .map(|at| &words[at + 1..])
        .filter(|_| matches!(object.as_str(), "TABLE" | "MATERIALIZED VIEW"));
    match queried {
        Some(rest) if rest.windows(3).any(|three| three == ["with", "no", "data"]) => {
            let tag = if object == "TABLE" { "TABLE AS" } else { &object };
            (format!("CREATE {tag}"), false)
        }
        Some(_) => ("SELECT".to_owned(), true),
        None => (format!("CREATE {object}"), false),
    }
}

/// What is created, altered or dropped, past the words that say how.
fn object(words: &[&str]) -> String {
    let how = [
        "or",
        "replace",
        "temp",
        "temporary",
        "unlogged",
        "global",
        "local",
        "unique",
        "recursive",
        "trusted",
        "procedural",
        "constraint",
        "if",
        "not",
        "exists",
    ];
    let mut rest = words.iter().skip_while(|word| how.contains(word));
    let Some(first) = rest.next() else {
        return String::new();
    };
    let second = rest.next().copied().unwrap_or_default();
    match (*first, second) {
        ("materialized", _) => "MATERIALIZED VIEW".to_owned(),
        ("user" | "group", second) if second != "mapping" => "ROLE".to_owned(),
        ("operator", "class" | "family")
        | ("foreign", "table" | "data")
        | ("default", "privileges")
        | ("event", "trigger")
        | ("user", "mapping")
        | ("text", "search")
        | ("access", "method")
        | ("large", "object") => {
            let third = rest.next().copied().unwrap_or_default();
            let long = matches!((*first, second), ("foreign", "data") | ("text", "search"));
            let third = if long { format!(" {third}") } else { String::new() };
            format!("{first} {second}{third}").to_uppercase()
        }
        (first, _) => first.to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As psql prints them.
    #[test]
    fn tags_are_those_of_the_server() {
        for (sql, said) in [
            ("select 1", "SELECT 3"),
            ("(select 1) union all select 2", "SELECT 3"),
            ("with a as (select 1) insert into t select * from a", "INSERT 0 3"),
            ("create view v as select 1", "CREATE VIEW"),
            ("create or replace view v as (select 1)", "CREATE VIEW"),
            ("create temporary table t as select 1", "SELECT 3"),
            (
                "create table if not exists t (a int, b text default 'as')",
                "CREATE TABLE",
            ),
            ("create table t as select 1 with no data", "CREATE TABLE AS"),
            ("create materialized view if not exists m as select 1", "SELECT 3"),
            ("refresh materialized view m", "REFRESH MATERIALIZED VIEW"),
            ("create unique index if not exists i on t (a)", "CREATE INDEX"),
            ("alter table a rename to b", "ALTER TABLE"),
            ("drop materialized view if exists m cascade", "DROP MATERIALIZED VIEW"),
            (
                "alter default privileges in schema s grant select on tables to r",
                "ALTER DEFAULT PRIVILEGES",
            ),
            ("create user u", "CREATE ROLE"),
            ("select 1; delete from t; -- done", "DELETE 3"),
            ("truncate t", "TRUNCATE TABLE"),
            ("merge into t using s on true when matched then delete", "MERGE 3"),
            ("grant select on t to r", "GRANT"),
            ("", ""),
        ] {
            assert_eq!(response(sql, 3).message, said, "{sql}");
        }
        let created = response("create view v as select 1", 0);
        assert_eq!((created.code.as_str(), created.rows), ("CREATE VIEW", None));
        let inserted = response("insert into t values (1)", 1);
        assert_eq!((inserted.code.as_str(), inserted.rows), ("INSERT", Some(1)));
    }
}
