//! A demo shop as dbt projects are: it must become what dbt 1.12 made of it (recorded by `fixtures/shop/record.py`).

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::support::{Project, Server};

pub fn shop() -> Project {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/shop");
    let project = Project::copy_of(&folder);
    // The copy brought the fixture's own profile, which asks the environment.
    let database = project.database.name.clone();
    let socket = Server::shared().socket.display().to_string();
    project
        .env("SHOP_HOST", &socket)
        .env("SHOP_PORT", "5432")
        .env("SHOP_USER", "postgres")
        .env("SHOP_DATABASE", &database)
        .env("SHOP_SCHEMA", "shop")
}

fn recorded() -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/shop/expected.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the record")).expect("JSON")
}

fn statuses(project: &Project) -> BTreeMap<String, String> {
    let results: Json = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    let results = results["results"].as_array().expect("a list").clone();
    results
        .iter()
        .map(|r| {
            let text = |key: &str| r[key].as_str().unwrap_or_default().to_owned();
            (text("unique_id"), text("status"))
        })
        .collect()
}

fn compare(project: &Project) {
    let recorded = recorded();
    let relations = recorded["relations"].as_object().expect("relations");
    let names = project.psql(
        "select string_agg(relname, ' ' order by relname) from pg_class c join pg_namespace n on n.oid = relnamespace
         where nspname = 'shop' and relkind in ('r', 'v', 'm')",
    );
    let expected: Vec<&str> = relations.keys().map(String::as_str).collect();
    assert_eq!(names.split(' ').collect::<Vec<_>>(), expected);
    for (name, expected) in relations {
        let kind = project.psql(&format!(
            "select case relkind when 'r' then 'table' when 'v' then 'view' else 'materialized_view' end from pg_class where oid = 'shop.{name}'::regclass"
        ));
        assert_eq!(kind, expected["kind"].as_str().unwrap_or_default(), "{name}");
        let columns = project.psql(&format!(
            "select json_agg(json_build_array(attname, format_type(atttypid, atttypmod)) order by attnum) from pg_attribute
             where attrelid = 'shop.{name}'::regclass and attnum > 0 and not attisdropped"
        ));
        let columns: Json = serde_json::from_str(&columns).expect("JSON");
        assert_eq!(columns, expected["columns"], "{name}");
        let cells: Vec<String> = columns
            .as_array()
            .expect("columns")
            .iter()
            .map(|c| format!("\"{}\"::text", c[0].as_str().unwrap_or_default()))
            .collect();
        let rows = project.psql(&format!(
            "select coalesce(json_agg(row), '[]') from (select json_build_array({}) as row from shop.{name}) rows",
            cells.join(", ")
        ));
        let mut rows: Vec<String> = serde_json::from_str::<Vec<Json>>(&rows)
            .expect("JSON")
            .iter()
            .map(Json::to_string)
            .collect();
        let mut wanted: Vec<String> = expected["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .map(Json::to_string)
            .collect();
        rows.sort();
        wanted.sort();
        assert_eq!(rows, wanted, "{name}");
    }
}

#[test]
fn builds_what_dbt_builds() {
    let project = shop();
    project.ok(&["build"]);
    compare(&project);
    let expected: BTreeMap<String, String> = serde_json::from_value(recorded()["statuses"].clone()).expect("statuses");
    assert_eq!(statuses(&project), expected);
    // A second build leaves the same.
    project.ok(&["build"]);
    compare(&project);
    // In pieces too.
    project.ok(&["seed"]);
    project.ok(&["run"]);
    project.ok(&["test"]);
    compare(&project);
}

#[test]
fn the_manifest_is_dbts() {
    let project = shop();
    project.ok(&["parse"]);
    let ours: Json = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/shop/manifest.json");
    let theirs: Json = serde_json::from_str(&std::fs::read_to_string(folder).expect("the record")).expect("JSON");
    for list in ["nodes", "sources", "exposures"] {
        let keys = |manifest: &Json| -> Vec<String> {
            let mut keys: Vec<String> = manifest[list].as_object().expect("a mapping").keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&ours), keys(&theirs), "{list}");
        for (id, node) in theirs[list].as_object().expect("a mapping") {
            let own = &ours[list][id];
            for key in [
                "resource_type",
                "package_name",
                "path",
                "original_file_path",
                "fqn",
                "alias",
                "tags",
                "refs",
                "sources",
                "description",
            ] {
                assert_eq!(own[key], node[key], "{id}: {key}");
            }
            assert_eq!(
                own["depends_on"]["nodes"], node["depends_on"]["nodes"],
                "{id}: depends_on"
            );
            assert_eq!(
                own["config"]["materialized"], node["config"]["materialized"],
                "{id}: materialized"
            );
        }
    }
    assert_eq!(ours["parent_map"], theirs["parent_map"]);
}
