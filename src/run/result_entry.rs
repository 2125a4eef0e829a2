//! A result as templates of `on-run-end` and `run_results.json` show it.

use serde_json::{Map, Value as Json, json};

use crate::graph::{Batch, ResourceType, entry};

use super::layout::Layout;
use super::result::{NodeResult, Span};

impl NodeResult {
    /// What the server answered to the main statement; empty where nothing was asked.
    #[must_use]
    pub fn adapter_response(&self) -> Map<String, Json> {
        let mut response = Map::new();
        let Some(code) = &self.code else { return response };
        let message = match (&self.message, self.rows_affected) {
            (Some(message), _) if !self.status.is_failure() && message.starts_with(code.as_str()) => message.clone(),
            (_, Some(rows)) => format!("{code} {rows}"),
            (_, None) => code.clone(),
        };
        response.insert("_message".to_owned(), message.into());
        response.insert("code".to_owned(), code.as_str().into());
        // -1 is what a driver in Python answers for a command that counts nothing.
        let rows = self.rows_affected.map_or_else(|| (-1).into(), Json::from);
        response.insert("rows_affected".to_owned(), rows);
        response
    }

    /// When compiling and executing took place, as far as they did.
    #[must_use]
    pub fn timing(&self) -> Vec<Json> {
        let moment = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let entry = |name: &str, span: Span| json!({"name": name, "started_at": moment(span.started), "completed_at": moment(span.completed)});
        [("compile", self.compile), ("execute", self.execute)]
            .into_iter()
            .filter_map(|(name, span)| Some(entry(name, span?)))
            .collect()
    }

    /// From when to when the batches of a microbatch model are that were built, and those that were not.
    #[must_use]
    pub fn batch_results(&self) -> Json {
        let Some(batches) = &self.batches else {
            return Json::Null;
        };
        let moment = |at| Batch::written(at).replace(' ', "T");
        let list = |batches: &[Batch]| -> Vec<Json> {
            let pairs = batches
                .iter()
                .map(|batch| json!([moment(batch.start), moment(batch.end)]));
            pairs.collect()
        };
        json!({ "successful": list(&batches.successful), "failed": list(&batches.failed) })
    }

    /// Which of the overloads of a function were made.
    #[must_use]
    pub fn overload_results(&self) -> Json {
        self.overloads.as_ref().map_or(
            Json::Null,
            |overloads| json!({ "successful": overloads.successful, "failed": overloads.failed }),
        )
    }

    /// dbt's `RunResult`, with the whole node.
    pub(super) fn entry_for_templates(&self, layout: &Layout) -> Json {
        let compiled = self.compiled_code.as_ref().map(|code| entry::Compiled {
            code: code.clone(),
            ..entry::Compiled::default()
        });
        let node = entry::node_entry(
            &self.node,
            entry::Surroundings {
                root: &layout.root.display().to_string(),
                target_path: &layout.target_path,
                compiled: compiled.as_ref(),
                ..entry::Surroundings::default()
            },
        );
        let mut entry = json!({
            "status": self.status.name(),
            "timing": self.timing(),
            "thread_id": self.thread,
            "execution_time": self.execution_time_seconds,
            "adapter_response": self.adapter_response(),
            "message": self.message,
            "failures": self.failures,
            "node": node,
        });
        let more = match (&self.age, self.node.resource_type) {
            (Some(age), _) => json!({
                "max_loaded_at": python_moment(age.max_loaded_at),
                "snapshotted_at": python_moment(age.snapshotted_at),
                "age": age.seconds,
            }),
            (None, ResourceType::Source) => return entry,
            _ => json!({
                "agate_table": null,
                "batch_results": self.batch_results(),
                "overload_results": self.overload_results(),
            }),
        };
        if let (Some(entry), Json::Object(more)) = (entry.as_object_mut(), more) {
            entry.extend(more);
        }
        entry
    }
}

/// As Python prints a `datetime` in UTC.
fn python_moment(at: jiff::Timestamp) -> String {
    let text = at.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
    format!("{}+00:00", text.strip_suffix(".000000").unwrap_or(&text))
}
