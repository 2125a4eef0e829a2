//! Expressions beside what Python's Jinja2 with dbt's functions makes of them.

use serde_json::Value as Json;

use super::Project;

/// Recorded with Jinja2 3.1 in the environment of dbt 1.12: `out`, or `error` where Python raises; `assay` is what we
/// make of it where that differs, and `null` where we refuse it. To record that again, set `ASSAY_WRITE_ORACLE`.
const RECORD: &str = include_str!("oracle.json");

#[test]
fn expressions_render_as_in_python() {
    let engine = Project::new().engine().unwrap();
    let mut record: Vec<Json> = serde_json::from_str(RECORD).unwrap();
    let mut wrong = Vec::new();
    for case in &mut record {
        let template = case["template"].as_str().unwrap();
        let mut project = Project::new();
        project.world.env.insert("VALUES_T".to_owned(), "v".to_owned());
        let rendered = project
            .rendered_by(&engine, template)
            .ok()
            .map_or(Json::Null, Json::from);
        let python = case.get("out").cloned().unwrap_or(Json::Null);
        let expected = case.get("assay").unwrap_or(&python);
        if rendered != *expected {
            wrong.push(format!("{template}\n  expected {expected}\n  rendered {rendered}"));
        }
        let fields = case.as_object_mut().unwrap();
        fields.remove("assay");
        if rendered != python {
            fields.insert("assay".to_owned(), rendered);
        }
    }
    if std::env::var_os("ASSAY_WRITE_ORACLE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/jinja/tests/oracle.json");
        let lines: Vec<_> = record.iter().map(Json::to_string).collect();
        std::fs::write(path, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
        return;
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        record.len(),
        wrong.join("\n")
    );
}
