//! The shipped project's experiments: statistics against a reference implementation, models built one by one, and a page
//! whose examples run.

use serde_json::Value as Json;

use super::shipped::{assay, read, root, shipped};

/// The values beside the expressions were computed with scipy 1.17.1 and statsmodels 0.15.0.
#[test]
fn statistics_are_those_of_scipy() {
    let project = shipped();
    let folder = root().join("tests/it/fixtures/statistics");
    let sql = read(&folder.join("functions.sql"));
    let shown = assay(
        &project,
        &["show", "--inline", &sql, "--limit", "1000", "--output", "json", "-q"],
    );
    let shown: Json = serde_json::from_str(&shown.stdout).expect("JSON");
    let found = shown["show"].as_array().expect("rows");
    let expected = read(&folder.join("functions.csv"));
    let expected: Vec<&str> = expected.lines().skip(1).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let (name, value) = expected.rsplit_once(',').expect("name,value");
        assert_eq!(found["name"], name);
        let value: f64 = value.parse().expect("a number");
        let found = found["value"].as_f64().expect("a number");
        // Quantiles of t are a series; all else is exact, also in relation where it is a chance in the far tail.
        let near = match name {
            name if name.starts_with("student_quantile") => 3e-4,
            _ if value != 0.0 && value.abs() < 1e-5 => value.abs() * 1e-7,
            _ => 1e-9 * value.abs().max(1.0),
        };
        assert!((found - value).abs() <= near, "{name}: {found}, not {value}");
    }
}

#[test]
fn one_model_and_what_is_above_it_build_in_an_empty_database() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano"]);
    assay(&project, &["build", "--select", "+exp_conversation_sessions"]);
    assay(&project, &["build", "--select", "+fact_voice_ai_sessions"]);
    // A sibling that comes later brings the tests that compare the two.
    let built = assay(
        &project,
        &["build", "--select", "+exp_session_experiments +exp_experiment_variants"],
    );
    let told = built.stdout + &built.stderr;
    assert!(
        told.contains("relationships_exp_session_experiments_session_id"),
        "{told}"
    );
}

/// Every query of the page, on practice data.
#[test]
fn the_pages_questions_have_answers() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "micro"]);
    assay(&project, &["build", "--select", "+tag:exp"]);
    let page = read(&root().join("docs/experiments.md"));
    let queries: Vec<&str> = page
        .split("```sql\n")
        .skip(1)
        .filter_map(|part| part.split("```").next())
        .collect();
    assert_eq!(queries.len(), 5);
    for query in queries {
        let query = query.trim().trim_end_matches(';');
        let rows = project.psql(&format!("select count(*) from ({query}) q"));
        assert!(query.contains("is_firing") || rows != "0", "{query}");
    }
}
