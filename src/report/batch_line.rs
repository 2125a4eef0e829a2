//! The lines of one batch of a microbatch model: `Batch 1 of 3 OK created batch 2024-01-01 of shop.daily ... [MERGE 4 in 0.10s]`.

use jiff::Timestamp;

use crate::graph::{Batch, Node};
use crate::run::{Level, NodeResult, Status};

use super::line::{Line, node_info, result_info, timestamp};
use super::node_line::padded;
use super::text::{Style, Text, harmless};

pub fn started(index: usize, total: usize, node: &Node, thread: &str, at: Timestamp) -> Line {
    let description = description(node);
    let text = padded(index, total, &format!("START {description}"), Style::Plain, "RUN", None);
    Line::new(Level::Info, "Q045", "LogStartBatch", numbered(&text))
        .with("description", description)
        .with("batch_index", index)
        .about(node_info(node, "started", &timestamp(at), ""))
        .with("total_batches", total)
        .by(thread)
        .shown_live()
}

pub fn finished(index: usize, total: usize, result: &NodeResult) -> Line {
    let (level, style, verb, said) = match result.status {
        Status::Success => {
            let said = result.message.as_deref().map_or_else(|| "OK".to_owned(), harmless);
            (Level::Info, Style::Good, "OK created", said)
        }
        Status::Skipped => (Level::Info, Style::Warn, "SKIP", "SKIPPED".to_owned()),
        _ => (Level::Error, Style::Bad, "ERROR creating", "ERROR".to_owned()),
    };
    let description = description(&result.node);
    let time = Some(result.execution_time_seconds);
    let text = padded(index, total, &format!("{verb} {description}"), style, &said, time);
    Line::new(level, "Q046", "LogBatchResult", numbered(&text))
        .with("description", description)
        .with("status", said)
        .with("batch_index", index)
        .with("total_batches", total)
        .with("execution_time", result.execution_time_seconds)
        .about(result_info(result))
        .by(&result.thread)
}

fn description(node: &Node) -> String {
    let label = node.batch.as_ref().map(Batch::label).unwrap_or_default();
    format!("batch {label} of {}", node.relation.plain())
}

/// dbt writes the word before the padded line.
fn numbered(text: &Text) -> Text {
    text.after("Batch ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::{BatchSize, test_node};

    #[test]
    fn a_batch_that_was_built_and_one_that_was_not() {
        let mut node = test_node("daily_payments", &[]);
        let at = |text| Batch::moment(text).expect("a time");
        node.batch = Some(Batch {
            start: at("2024-01-01"),
            end: at("2025-01-01"),
            size: BatchSize::Year,
        });
        let node = Arc::new(node);
        let mut result = NodeResult::skipped(Arc::clone(&node), None);
        let skipped = finished(2, 3, &result);
        result.status = Status::Success;
        result.message = Some("SELECT 6".into());
        let lines = [
            started(1, 3, &node, "Thread-1", at("2024-01-01")),
            finished(1, 3, &result),
            skipped,
        ];
        let shown: Vec<String> = lines.iter().map(|line| line.text.to_string()).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }
}
