//! Expressions beside what Python's Jinja2 with dbt's functions makes of them.

use serde_json::Value as Json;

use super::Project;

/// Recorded with Jinja2 3.1 in the environment of dbt 1.12; `error` where Python raises.
const RECORD: &str = include_str!("oracle.json");

#[test]
fn expressions_render_as_in_python() {
    let mut project = Project::new();
    project.world.env.insert("VALUES_T".to_owned(), "v".to_owned());
    let engine = project.engine().unwrap();
    let text =
        std::env::var("ASSAY_ORACLE").map_or_else(|_| RECORD.to_owned(), |path| std::fs::read_to_string(path).unwrap());
    let record: Vec<Json> = serde_json::from_str(&text).unwrap();
    let mut wrong = Vec::new();
    for case in &record {
        let template = case["template"].as_str().unwrap();
        let mut project = Project::new();
        project.world.env.insert("VALUES_T".to_owned(), "v".to_owned());
        let rendered = project.rendered_by(&engine, template);
        match (case["out"].as_str(), rendered) {
            (Some(expected), Ok(text)) if text == expected => {}
            (None, Err(_)) => {}
            (Some(expected), Ok(text)) => {
                wrong.push(format!("{template}\n  Python   {expected:?}\n  rendered {text:?}"))
            }
            (Some(expected), Err(error)) => {
                wrong.push(format!("{template}\n  Python   {expected:?}\n  {}", error.message))
            }
            (None, Ok(text)) => wrong.push(format!("{template}\n  Python   {}\n  rendered {text:?}", case["error"])),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        record.len(),
        wrong.join("\n")
    );
}
