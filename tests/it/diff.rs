//! `diff`: two versions of a published model, row by row.

use serde_json::{Value as Json, json};

use super::support::Project;

/// `fact` is a copy of `raw.rows`, with `id` tested for uniqueness.
fn project(columns: &str) -> Project {
    let project = Project::new()
        .write(
            "project.yml",
            "name: shop\nprofile: it\ngate: {schema: analytics, readers: [it_reader], keep: 3}\n\
             models: {shop: {+materialized: table}}\n",
        )
        .write(
            "models/schema.yml",
            "models: [{name: fact, access: public, columns: [{name: id, data_tests: [unique, not_null]}]}]",
        )
        .write("models/fact.sql", "select * from raw.rows");
    project.psql(&format!("create schema raw; create table raw.rows ({columns})"));
    project
}

fn diff(project: &Project, arguments: &[&str]) -> Json {
    let arguments = [&["diff", "fact", "--output", "json"], arguments].concat();
    serde_json::from_str(&project.ok(&arguments).stdout).expect("JSON")
}

#[test]
fn two_versions_side_by_side() {
    let project = project("id int, name text, doc json, n int");
    project.psql("insert into raw.rows select i, 'n' || i, '{}', i from generate_series(1, 100) as i");
    project.ok(&["build"]);
    let none = project.ends(2, &["diff", "fact"]);
    assert!(none.stderr.contains("nothing-to-compare"), "{}", none.stderr);
    project.psql(
        "delete from raw.rows where id <= 2;
         update raw.rows set name = 'other', doc = '{\"a\": 1}' where id = 50;
         update raw.rows set name = null where id = 60;
         insert into raw.rows values (101, 'new', null, null)",
    );
    project.ok(&["build"]);
    let found = diff(&project, &[]);
    // By hand: one came, two changed, two went, and 96 of the 98 that stayed are the same.
    assert_eq!(
        found["rows"],
        json!({"added": 1, "changed": 2, "removed": 2, "same": 96})
    );
    assert_eq!(found["key"], json!(["id"]));
    assert_eq!(found["changed_by_column"], json!({"name": 2, "doc": 1}));
    assert_eq!(
        found["changed"],
        json!([
            {"key": {"id": "50"}, "columns": {"name": {"before": "n50", "after": "other"}, "doc": {"before": "{}", "after": "{\"a\": 1}"}}},
            {"key": {"id": "60"}, "columns": {"name": {"before": "n60", "after": null}}},
        ])
    );
    assert_eq!(
        found["added"],
        json!([{"id": 101, "name": "new", "doc": null, "n": null}])
    );
    assert_eq!(found["removed"][1]["name"], "n2");
    let text = project.ok(&["diff", "fact", "--limit", "1"]).stdout;
    for part in [
        "1 added, 2 changed, 2 removed, 96 the same",
        "name differs in 2",
        "Changed (1 of 2):",
        "| 50 | name   | n50    | other",
        "Removed (1 of 2):",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // The other way round, by name.
    let named = |state: &str| {
        project.psql(&format!(
            "select version_name from assay.versions where state = '{state}'"
        ))
    };
    let (from, to) = (&named("retired"), &named("published"));
    let back = diff(&project, &["--from", to, "--to", from]);
    assert_eq!(
        back["rows"],
        json!({"added": 2, "changed": 2, "removed": 1, "same": 96})
    );
    let unknown = project.ends(2, &["diff", "fact", "--from", "fact__x"]);
    assert!(unknown.stderr.contains("no-such-version"), "{}", unknown.stderr);
}

#[test]
fn columns_that_come_go_and_change_their_type() {
    let project = project("id int, n int, gone text");
    project.psql("insert into raw.rows values (1, 1, 'a'), (2, 2, 'b')");
    project.ok(&["build"]);
    project.put(
        "models/fact.sql",
        "select id, n::bigint + id - id as n, 1 as one from raw.rows",
    );
    project.ok(&["build"]);
    let found = diff(&project, &[]);
    assert_eq!(
        found["columns"],
        json!({
            "added": [{"name": "one", "data_type": "integer"}],
            "removed": [{"name": "gone", "data_type": "text"}],
            "retyped": [{"name": "n", "data_type": "bigint", "data_type_before": "integer"}],
        })
    );
    assert_eq!(
        found["rows"],
        json!({"added": 0, "changed": 0, "removed": 0, "same": 2})
    );
}

#[test]
fn without_a_key_whole_rows_are_compared() {
    let project = project("id int, n int");
    project.put("models/schema.yml", "models: [{name: fact, access: public}]");
    project.psql("insert into raw.rows values (1, 1), (1, 1), (1, 2), (null, 3)");
    project.ok(&["build"]);
    // One of two equal rows goes, one row changes.
    project.psql(
        "delete from raw.rows where ctid = (select min(ctid) from raw.rows where n = 1); update raw.rows set n = 4 where id is null",
    );
    project.ok(&["build"]);
    let found = diff(&project, &[]);
    assert_eq!(
        found["rows"],
        json!({"added": 1, "changed": 0, "removed": 2, "same": 2})
    );
    assert_eq!(found["key"], json!([]));
    // A key that does not tell every row apart is not believed.
    project.put(
        "models/fact.sql",
        "{{ config(materialized='incremental', unique_key='id') }} select * from raw.rows",
    );
    project.ok(&["build", "--full-refresh"]);
    let found = diff(&project, &[]);
    assert!(
        found["without_key"]
            .as_str()
            .is_some_and(|why| why.contains("does not tell")),
        "{found}"
    );
    assert_eq!(
        found["rows"],
        json!({"added": 0, "changed": 0, "removed": 0, "same": 3})
    );
}

#[test]
fn a_sample_takes_the_same_keys_on_both_sides() {
    let project = project("id int, n int");
    project.psql("insert into raw.rows select i, 0 from generate_series(1, 2000) as i");
    project.ok(&["build"]);
    project.psql("update raw.rows set n = 1 where id % 2 = 0");
    project.ok(&["build"]);
    let found = diff(&project, &["--sample", "200"]);
    assert_eq!(found["one_in"], 10);
    let count = |what: &str| found["rows"][what].as_i64().expect("a count");
    // Were the two sides sampled apart, most keys would be on one side only.
    assert_eq!((count("added"), count("removed")), (0, 0));
    let by_hand = project.psql(
        "select count(*) filter (where n = 1) || ' ' || count(*) filter (where n = 0) from raw.rows
         where (hashtextextended(row(id::text)::text, 0) & 2147483647) % 10 = 0",
    );
    assert_eq!(format!("{} {}", count("changed"), count("same")), by_hand);
    assert_eq!(
        diff(&project, &["--whole"])["rows"],
        json!({"added": 0, "changed": 1000, "removed": 0, "same": 1000})
    );
}

#[test]
fn a_candidate_against_what_readers_see() {
    let project = project("id int, n int");
    project.psql("insert into raw.rows values (1, 1), (2, 2)");
    project.ok(&["build"]);
    let none = project.ends(2, &["diff", "fact", "--candidate"]);
    assert!(none.stderr.contains("no-candidate"), "{}", none.stderr);
    project.psql("insert into raw.rows values (null, 3)");
    project.ends(1, &["build"]);
    for candidate in [&["--candidate"][..], &["--to", "candidate"]] {
        let found = diff(&project, candidate);
        // The candidate has a row without a key, so whole rows are compared.
        assert_eq!(
            found["rows"],
            json!({"added": 1, "changed": 0, "removed": 0, "same": 2})
        );
        assert_eq!(found["to"]["state"], "candidate");
        assert_eq!(found["added"], json!([{"id": null, "n": 3}]));
    }
}
