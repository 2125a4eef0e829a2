//! `run_results.json`, version 6 of dbt's schema.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::graph::ResourceType;
use crate::run::{NodeResult, RunResult};

use super::invocation::Invocation;
use crate::graph::entry::relation_name;

pub fn run_results(run: &RunResult, invocation: &Invocation, now: Timestamp) -> Json {
    let mut args = invocation.args.clone();
    args.insert("which".to_owned(), invocation.command.as_str().into());
    json!({
        "metadata": invocation.metadata("run-results/v6", now),
        "results": run.results.iter().map(entry).collect::<Vec<_>>(),
        "elapsed_time": run.elapsed_seconds,
        "args": args,
    })
}

fn entry(result: &NodeResult) -> Json {
    let compiles = matches!(
        result.node.resource_type,
        ResourceType::Model
            | ResourceType::Test
            | ResourceType::Snapshot
            | ResourceType::Analysis
            | ResourceType::Operation
            | ResourceType::Function
    );
    let message = match (&result.message, &result.diagnostic) {
        (Some(message), _) => Some(message.clone()),
        (None, Some(diagnostic)) => Some(diagnostic.to_string()),
        (None, None) => None,
    };
    json!({
        "status": result.status.name(),
        "timing": result.timing(),
        "thread_id": result.thread,
        "execution_time": result.execution_time_seconds,
        "adapter_response": result.adapter_response(),
        "message": message,
        "failures": result.failures,
        "unique_id": &*result.node.id,
        "compiled": compiles.then_some(result.compiled_code.is_some()),
        "compiled_code": result.compiled_code,
        "relation_name": result.relation_name.clone().or_else(|| relation_name(&result.node).filter(|_| compiles)),
        "batch_results": result.batch_results(),
        "overload_results": result.overload_results(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::graph::select::shop;
    use crate::run::Span;
    use crate::run::Status;

    const STATUSES: [Status; 9] = [
        Status::Success,
        Status::Error,
        Status::Fail,
        Status::Warn,
        Status::Skipped,
        Status::Pass,
        Status::RuntimeError,
        Status::PartialSuccess,
        Status::NoOp,
    ];

    /// The result that dbt tells of.
    fn told(entry: &Json) -> NodeResult {
        let text = |key: &str| entry[key].as_str().map(str::to_owned);
        let answer = &entry["adapter_response"];
        let span = |name: &str| {
            let found = entry["timing"]
                .as_array()?
                .iter()
                .find(|timing| timing["name"] == name)?;
            let at = |key: &str| found[key].as_str()?.parse().ok();
            Some(Span {
                started: at("started_at")?,
                completed: at("completed_at")?,
            })
        };
        let status = STATUSES.into_iter().find(|status| entry["status"] == status.name());
        NodeResult {
            node: shop::named(entry["unique_id"].as_str().expect("an id")),
            status: status.expect("a status"),
            compile: span("compile"),
            execute: span("execute"),
            thread: text("thread_id").unwrap_or_default(),
            execution_time_seconds: 0.0,
            message: text("message"),
            failures: entry["failures"].as_u64(),
            rows_affected: answer["rows_affected"].as_u64(),
            code: answer["code"].as_str().map(str::to_owned),
            compiled_code: text("compiled_code"),
            relation_name: None,
            compiled_path: None,
            diagnostic: None,
            batches: None,
            overloads: None,
            skipped_because: None,
            age: None,
        }
    }

    #[test]
    fn says_of_every_result_what_dbt_says() {
        let dbts: Json = serde_json::from_str(&shop::file("run_results.json")).expect("JSON");
        let now: Timestamp = "2025-01-01T00:00:00Z".parse().expect("a time");
        let run = RunResult {
            started: now,
            elapsed_seconds: 0.0,
            results: dbts["results"].as_array().expect("results").iter().map(told).collect(),
            published: Vec::new(),
            held_back: Vec::new(),
            compiled: std::collections::HashMap::new(),
            interrupted: false,
        };
        let invocation = Invocation::of_test("build", now);
        let ours = run_results(&run, &invocation, now);
        assert_eq!(ours["metadata"], dbts["metadata"]);
        assert_eq!(ours["args"]["which"], "build");
        // Whole numbers and fractions are the same number.
        let still = |entry: &Json| entry.to_string().replace(":0.0", ":0");
        for (ours, dbts) in ours["results"]
            .as_array()
            .expect("results")
            .iter()
            .zip(dbts["results"].as_array().expect("results"))
        {
            assert_eq!(still(ours), still(dbts));
        }
    }
}
