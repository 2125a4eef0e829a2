//! `sources.json`, version 3 of dbt's schema: how old sources are.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::run::{NodeResult, RunResult};

use super::invocation::Invocation;

/// Sources of which nothing could be told are left out, as in dbt.
pub fn sources(run: &RunResult, invocation: &Invocation, now: Timestamp) -> Json {
    json!({
        "metadata": invocation.metadata("sources/v3", now),
        "results": run.results.iter().filter_map(entry).collect::<Vec<_>>(),
        "elapsed_time": run.elapsed_seconds,
    })
}

fn entry(result: &NodeResult) -> Option<Json> {
    let age = result.age.as_ref()?;
    let spec = result.node.source_spec.as_ref()?;
    Some(json!({
        "unique_id": &*result.node.id,
        "max_loaded_at": moment(age.max_loaded_at),
        "snapshotted_at": moment(age.snapshotted_at),
        "max_loaded_at_time_ago_in_s": age.seconds,
        "status": result.status.name(),
        "criteria": spec.freshness,
        "adapter_response": result.adapter_response(),
        "timing": result.timing(),
        "thread_id": result.thread,
        "execution_time": result.execution_time_seconds,
    }))
}

/// As dbt writes these times: with an offset, microseconds where there are any.
fn moment(at: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string();
    format!("{}+00:00", text.strip_suffix(".000000").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::select::shop;
    use crate::run::{SourceAge, Status};

    #[test]
    fn what_was_told_is_written_as_dbt_writes_it() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let source = shop::named("source.shop.server.zones");
        let told = NodeResult {
            status: Status::Error,
            code: Some("SELECT".to_owned()),
            rows_affected: Some(1),
            age: Some(SourceAge {
                max_loaded_at: at("0001-01-01T00:00:00Z"),
                snapshotted_at: at("2026-11-21T14:55:43.334876Z"),
                seconds: 63_930_869_743.334_88,
            }),
            ..NodeResult::skipped(source.clone(), None)
        };
        let untold = NodeResult {
            status: Status::RuntimeError,
            ..NodeResult::skipped(source, None)
        };
        let now = at("2026-11-21T14:55:44Z");
        let run = RunResult {
            results: vec![told, untold],
            ..RunResult::nothing(now)
        };
        let invocation = Invocation::of_test("freshness", now);
        let written = sources(&run, &invocation, now);
        assert_eq!(
            written["metadata"]["dbt_schema_version"],
            "https://schemas.getdbt.com/dbt/sources/v3.json"
        );
        let unset = json!({"count": null, "period": null});
        assert_eq!(
            written["results"],
            json!([{
                "unique_id": "source.shop.server.zones",
                "max_loaded_at": "0001-01-01T00:00:00+00:00",
                "snapshotted_at": "2026-11-21T14:55:43.334876+00:00",
                "max_loaded_at_time_ago_in_s": 63_930_869_743.334_88,
                "status": "error",
                "criteria": {"warn_after": unset, "error_after": unset, "filter": null},
                "adapter_response": {"_message": "SELECT 1", "code": "SELECT", "rows_affected": 1},
                "timing": [],
                "thread_id": "",
                "execution_time": 0.0,
            }])
        );
    }
}
