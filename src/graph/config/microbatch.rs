//! What the configuration of a microbatch model says.

use serde_json::Value as Json;

use super::typer::{Typer, truth};
use crate::diagnostic::Diagnostic;
use crate::graph::{Batch, BatchSize, Materialization, MicrobatchSpec};

impl Typer<'_> {
    /// `None` for any other model, and where what a microbatch model needs is missing, which is told.
    pub(super) fn microbatch(&mut self, materialized: Materialization) -> Option<MicrobatchSpec> {
        let strategy = self.get("incremental_strategy")?;
        if materialized != Materialization::Incremental || strategy.value != "microbatch" {
            return None;
        }
        let event_time = self.needed("event_time", "names the column that dates a row");
        let begin = self.needed("begin", "is the time of the first batch, such as 2024-01-01");
        let size = self.needed("batch_size", "is hour, day, month or year");
        let begin = begin.and_then(|text| {
            let begin = Batch::moment(&text);
            if let (None, Some(setting)) = (begin, self.get("begin")) {
                self.bad(&setting, "begin", "a time such as 2024-01-01 or 2024-01-01 06:00:00");
            }
            begin
        });
        let size = size.and_then(|word| {
            let size = BatchSize::named(&word);
            if let (None, Some(setting)) = (size, self.get("batch_size")) {
                self.unknown(&setting, "batch_size", &word, ["hour", "day", "month", "year"]);
            }
            size
        });
        let lookback = match self.get("lookback") {
            None => 1,
            Some(setting) => {
                let number = setting.value.as_i64().and_then(|number| i32::try_from(number).ok());
                if number.is_none() {
                    self.bad(&setting, "lookback", "a whole number");
                }
                number.unwrap_or(1)
            }
        };
        // PostgreSQL takes one batch after the other, whatever is said here; dbt does the same.
        if let Some(setting) = self.get("concurrent_batches")
            && truth(&setting.value).is_none()
        {
            self.bad(&setting, "concurrent_batches", "true or false");
        }
        Some(MicrobatchSpec {
            event_time: event_time?,
            size: size?,
            begin: begin?,
            lookback,
        })
    }

    fn needed(&mut self, key: &str, what: &str) -> Option<String> {
        if let Some(setting) = self.get(key) {
            if let Json::String(text) = &setting.value {
                return Some(text.clone());
            }
            self.bad(&setting, key, "text");
            return None;
        }
        let place = self.get("incremental_strategy").map(|setting| setting.place);
        let mut diagnostic = Diagnostic::error(
            "microbatch-config",
            format!("{} is a microbatch model without `{key}`", self.owner.what),
        )
        .help(format!("set `{key}`, which {what}"));
        diagnostic.place = place;
        self.problems.push(diagnostic);
        None
    }
}
