//! What dbt asks of a parser that it hands a project to (`dbt --use-v2-parser`).

use serde_json::Value as Json;

use super::support::Project;

#[test]
fn a_manifest_and_records_for_dbt() {
    let project = Project::with(&[
        (
            "macros/m.sql",
            "{% macro outer() %}{{ inner() }}{% endmacro %}{% macro inner() %}1{% endmacro %}",
        ),
        (
            "macros/m.yml",
            "macros: [{name: outer, arguments: [{name: x, type: text}]}]\n",
        ),
        ("models/a.sql", "select {{ outer() }} as id"),
        (
            "models/a.yml",
            "exposures: [{name: report, type: dashboard, owner: {email: a@b.c}, depends_on: [ref('a')]}]\n",
        ),
    ]);
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let outcome = project.ok(&[
        "parse",
        "--invocation-id",
        id,
        "--log-format",
        "otel",
        "--log-level-file",
        "off",
    ]);
    assert!(!outcome.stderr.is_empty());
    for line in outcome.stderr.lines() {
        let record: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(record["record_type"], "LogRecord");
        assert!(record["severity_number"].is_u64());
    }
    let manifest: Json = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    assert_eq!(manifest["metadata"]["invocation_id"], id);
    let nodes = manifest["nodes"].as_object().expect("nodes");
    let model = nodes.values().find(|node| node["name"] == "a").expect("the model");
    let package = model["package_name"].as_str().expect("a package");
    assert_eq!(
        model["depends_on"]["macros"],
        serde_json::json!([format!("macro.{package}.outer")]),
        "what a macro calls is not the model's"
    );
    assert_eq!(model["unrendered_config"], serde_json::json!({}));
    let exposure = &manifest["exposures"][format!("exposure.{package}.report")];
    assert_eq!(exposure["type"], "dashboard");
    assert_eq!(exposure["owner"]["email"], "a@b.c");
    let found = &manifest["macros"][format!("macro.{package}.outer")];
    assert_eq!(found["arguments"][0]["type"], "text");
    assert_eq!(found["patch_path"], format!("{package}://macros/m.yml"));
    let semantic: Json = serde_json::from_str(&project.read("target/semantic_manifest.json")).expect("JSON");
    assert_eq!(semantic["semantic_models"], serde_json::json!([]));
}
