//! Lines that are for the log: what a command was called with, what it sends to the server, how it ended.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::graph::NodeId;
use crate::run::Level;

use super::line::Line;
use super::text::{Style, Text, harmless};

/// The options of the command.
pub fn called(options: &Map<String, Json>) -> Line {
    let args: Map<String, Json> = options
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), text.into())
        })
        .collect();
    let listed: Vec<String> = args
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    let text = Text::default().and(Style::Dim, format!("Options: {}", listed.join(", ")));
    Line::new(Level::Debug, "A002", "MainReportArgs", text).with("args", args)
}

/// dbt names connections, and calls one after the node that it works for.
fn connection(node: Option<&NodeId>) -> &str {
    node.map_or("main", |id| id)
}

/// A statement goes out.
pub fn sent(node: Option<&NodeId>, thread: &str, sql: &str) -> Line {
    let connection = connection(node);
    let text = Text::default().and(Style::Dim, format!("On {connection}: {}", harmless(sql)));
    Line::new(Level::Debug, "E016", "SQLQuery", text)
        .with("conn_name", connection)
        .with("sql", sql)
        .by(thread)
}

/// It came back.
pub fn done(node: Option<&NodeId>, thread: &str, seconds: f64, error: Option<&str>) -> Line {
    let status = match error {
        Some(error) => format!("ERROR {}", harmless(error)),
        None => "OK".to_owned(),
    };
    let text = Text::default().and(Style::Dim, format!("SQL status: {status} in {seconds:.3} seconds"));
    Line::new(Level::Debug, "E017", "SQLQueryStatus", text)
        .with("conn_name", connection(node))
        .with("status", status)
        .with("elapsed", seconds)
        .by(thread)
}

/// The command is over.
pub fn completed(command: &str, success: bool, seconds: f64, at: Timestamp) -> Line {
    let how = if success { "succeeded" } else { "failed" };
    let text = format!("`assay {command}` {how} after {seconds:.2}s");
    Line::new(Level::Debug, "Q039", "CommandCompleted", Text::plain(text))
        .with("command", format!("assay {command}"))
        .with("completed_at", at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
        .with("elapsed", seconds)
        .with("success", success)
}
