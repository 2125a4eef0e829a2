//! Small projects, each about one kind of resource: parsing them must leave the manifest that dbt 1.12 leaves
//! (recorded by `fixtures/resources/record.py`).

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::support::Project;

const SECTIONS: [&str; 6] = ["nodes", "sources", "exposures", "groups", "disabled", "selectors"];

/// What differs from run to run, and what is recorded in another way.
const LEFT_OUT: [&str; 6] = [
    "created_at",
    "build_path",
    "unrendered_config",
    "unrendered_schema",
    "unrendered_database",
    "doc_blocks",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/fixtures/resources")
        .join(name)
}

fn project(name: &str) -> Project {
    let profiles = std::fs::read_to_string(fixture("profiles.yml")).expect("profiles");
    Project::copy_of(&fixture(name)).write("profiles.yml", &profiles)
}

/// Adds every difference between two values, with where it is.
fn differences(at: &str, dbt: &Json, assay: &Json, found: &mut Vec<String>) {
    if let (Json::Object(left), Json::Object(right)) = (dbt, assay) {
        let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        for key in keys.into_iter().filter(|key| !LEFT_OUT.contains(&key.as_str())) {
            match (left.get(key), right.get(key)) {
                (Some(left), Some(right)) => differences(&format!("{at}/{key}"), left, right, found),
                (Some(_), None) => found.push(format!("{at}/{key}: only in dbt's")),
                _ => found.push(format!("{at}/{key}: only in Assay's")),
            }
        }
    } else if let (Json::Array(left), Json::Array(right)) = (dbt, assay)
        && left.len() == right.len()
    {
        for (index, (left, right)) in left.iter().zip(right).enumerate() {
            differences(&format!("{at}/{index}"), left, right, found);
        }
    } else if dbt != assay {
        found.push(format!("{at}: dbt {dbt}, Assay {assay}"));
    }
}

fn compare(name: &str) -> Project {
    let project = project(name);
    project.ok(&["parse"]);
    let manifest: Json = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    let expected: Json = serde_json::from_str(&project.read("expected.json")).expect("JSON");
    let mut found = Vec::new();
    for section in SECTIONS {
        differences(section, &expected[section], &manifest[section], &mut found);
    }
    // The sum over a contract is dbt's own, which names what a foreign key reads only once the model is compiled.
    found.retain(|difference| !difference.contains("/contract/checksum") && !difference.contains("/to: dbt \"ref("));
    assert!(found.is_empty(), "{}", found.join("\n"));
    project
}

fn listed(project: &Project, selector: &str, kind: &str) -> Vec<String> {
    let outcome = project.ok(&["ls", "--select", selector, "--resource-type", kind]);
    outcome.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn snapshots() {
    let project = compare("snapshots");
    let all = [
        "shop.sub.of_source",
        "shop.sub.of_yaml",
        "shop.sub.two.orders_snapshot",
        "shop.sub.two.second",
    ];
    assert_eq!(listed(&project, "resource_type:snapshot", "all")[..4], all);
    assert_eq!(listed(&project, "resource_type:snapshot", "snapshot"), all);
    assert_eq!(listed(&project, "of_yaml+1", "model"), ["shop.reads"]);
}

#[test]
fn versions() {
    let project = compare("versions");
    for (selector, models) in [
        ("version:latest", &["shop.sub.m.v2", "shop.sub.n.valpha"][..]),
        ("version:old", &["shop.sub.m.v1", "shop.sub.n.v1"]),
        ("version:prerelease", &["shop.sub.m.v3"]),
        ("version:none", &["shop.reads"]),
        ("m", &["shop.sub.m.v1", "shop.sub.m.v2", "shop.sub.m.v3"]),
        ("shop.sub.m", &["shop.sub.m.v1", "shop.sub.m.v2", "shop.sub.m.v3"]),
        ("m.v1", &["shop.sub.m.v1"]),
        ("m_v1", &["shop.sub.m.v1"]),
        ("n.valpha", &["shop.sub.n.valpha"]),
        ("tag:two", &["shop.sub.m.v2"]),
    ] {
        assert_eq!(listed(&project, selector, "model"), models, "{selector}");
    }
}

/// No server runs Python: the model fails when its turn comes, what reads it is skipped, and the rest is built.
#[test]
fn python_models() {
    compare("python");
    let project = Project::copy_of(&fixture("python")).write("dbt_project.yml", "name: shop\nprofile: it\n");
    let outcome = project.run(&["run"]);
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("PASS=1 WARN=0 ERROR=1 SKIP=1"), "{outcome:?}");
    assert!(
        outcome.stderr.contains("models in Python do not run on PostgreSQL"),
        "{outcome:?}"
    );
}

/// Two runs and a full refresh: constraints keep their names, and what a contract forbids fails.
#[test]
fn contracts() {
    compare("contracts");
    let project = Project::copy_of(&fixture("contracts")).write("dbt_project.yml", "name: shop\nprofile: it\n");
    for arguments in [&["run"][..], &["run"], &["run", "--full-refresh"]] {
        let outcome = project.run(arguments);
        assert_eq!(outcome.status, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains("PASS=3 WARN=0 ERROR=3 SKIP=0"), "{outcome:?}");
        for part in [
            "| id          | bigint          | integer       | data type mismatch    |",
            "these have no data_type: id",
            "violates not-null constraint",
        ] {
            assert!(outcome.stderr.contains(part), "{part} is not in:\n{}", outcome.stderr);
        }
    }
    let constraints = project.psql(
        "select string_agg(pg_get_constraintdef(oid), '; ' order by contype, oid) from pg_constraint where conrelid = 'dev.child'::regclass",
    );
    assert_eq!(
        constraints,
        "CHECK ((amount > (0)::numeric)); FOREIGN KEY (parent_id) REFERENCES dev.parent(id); \
         FOREIGN KEY (parent_id) REFERENCES dev.parent(id); PRIMARY KEY (id); UNIQUE (id, code); EXCLUDE USING btree (id WITH =)"
    );
    let named = project
        .psql("select string_agg(conname, ' ' order by conname) from pg_constraint where conname in ('uq', 'fk')");
    assert_eq!(named, "fk uq");
    let columns = project.psql(
        "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) from pg_attribute
         where attrelid = 'dev.child'::regclass and attnum > 0",
    );
    assert_eq!(
        columns,
        "id integer, code character varying, amount numeric(5,2), parent_id integer"
    );
}

/// Versions stand side by side in one schema, each with constraints of its own.
#[test]
fn contracts_of_published_models() {
    let project = Project::with(&[
        ("project.yml", "name: it\nprofile: it\ngate: {schema: shown}\n"),
        (
            "models/m.sql",
            "{{ config(materialized='table', access='public') }} select 1 as id, 'a' as name",
        ),
        (
            "models/m.yml",
            "models:\n- name: m\n  config: {contract: {enforced: true}}\n  constraints: [{type: unique, name: one, columns: [id]}]\n  \
             columns:\n  - {name: name, data_type: varchar(5)}\n  - {name: id, data_type: int}\n",
        ),
    ]);
    project.put(
        "models/m.sql",
        "{{ config(materialized='table', access='public') }} select 1 as id, 'a'::varchar as name",
    );
    project.ok(&["build"]);
    project.ok(&["build", "--full-refresh"]);
    let columns = project.psql(
        "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) from pg_attribute
         where attrelid = 'shown.m'::regclass and attnum > 0",
    );
    assert_eq!(columns, "name character varying(5), id integer");
    let versions = project.psql("select count(distinct conname) from pg_constraint where conname like 'one%'");
    assert_eq!(versions, "2");
}

#[test]
fn names_and_places_of_older_projects_count_as_in_dbt() {
    let project = Project::new()
        .write(
            "dbt_project.yml",
            "name: shop\nprofile: it\nsource-paths: [queries]\ndata-paths: [data]\n",
        )
        .write("data/codes.csv", "code\na\na\n")
        .write("queries/m.sql", "select code from {{ ref('codes') }}")
        .write(
            "queries/schema.yml",
            "
models:
  - name: m
    columns:
      - name: code
        data_tests:
          - accepted_values:
              arguments: {values: [b], config: {severity: warn}}
tests:
  - unique: {arguments: {column_name: code}}
",
        );
    let outcome = project.ok(&["build"]);
    for part in [
        "`data-paths` is called `seed-paths` now",
        "has no key `tests`",
        "WARN=1",
    ] {
        assert!(outcome.stderr.contains(part), "{part} is not in:\n{}", outcome.stderr);
    }
    project.put(
        "dbt_project.yml",
        "name: shop\nprofile: it\ndata-paths: [data]\nseed-paths: [seeds]\n",
    );
    let refused = project.ends(2, &["parse"]);
    assert!(refused.stderr.contains("error[former-name]"), "{}", refused.stderr);
}
