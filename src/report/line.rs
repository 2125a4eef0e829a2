//! One thing to say: a line for people, and the same as an event of dbt's log for machines.

use serde_json::{Map, Value as Json, json};

use crate::graph::Node;
use crate::graph::entry;
use crate::run::{Level, NodeResult};

use super::text::Text;

#[derive(Clone, Debug)]
pub struct Line {
    pub level: Level,
    /// dbt's code, such as `Q011`; ours begin with `G`, the gate, and `X`, everything else.
    pub code: &'static str,
    pub name: &'static str,
    pub text: Text,
    pub data: Map<String, Json>,
    /// Who said it: `MainThread`, or a thread of the run.
    pub thread: String,
    /// A live display shows the same in another way.
    pub shown_live: bool,
}

impl Line {
    pub fn new(level: Level, code: &'static str, name: &'static str, text: Text) -> Self {
        Self {
            level,
            code,
            name,
            text,
            data: Map::new(),
            thread: "MainThread".to_owned(),
            shown_live: false,
        }
    }

    pub fn info(code: &'static str, name: &'static str, text: impl Into<String>) -> Self {
        Self::new(Level::Info, code, name, Text::plain(text))
    }

    /// An empty line.
    pub fn blank() -> Self {
        Self::info("Z017", "Formatting", "").with("msg", "")
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn about(self, info: Json) -> Self {
        self.with("node_info", info)
    }

    #[must_use]
    pub fn by(mut self, thread: &str) -> Self {
        if !thread.is_empty() {
            thread.clone_into(&mut self.thread);
        }
        self
    }

    #[must_use]
    pub fn shown_live(mut self) -> Self {
        self.shown_live = true;
        self
    }
}

/// dbt's `node_info` of a node that has `status`; times are empty where they are not known.
pub fn node_info(node: &Node, status: &str, started: &str, finished: &str) -> Json {
    let relation_name = entry::relation_name(node).unwrap_or_default();
    json!({
        "materialized": node.config.materialized_name,
        "meta": node.meta,
        "node_checksum": entry::checksum(node).unwrap_or_default(),
        "node_finished_at": finished,
        "node_name": node.name,
        "node_path": node.path,
        "node_relation": {
            "alias": node.alias,
            "database": node.relation.database.clone().unwrap_or_default(),
            "relation_name": relation_name,
            "schema": node.relation.schema,
        },
        "node_started_at": started,
        "node_status": status,
        "resource_type": node.resource_type.name(),
        "unique_id": &*node.id,
    })
}

/// The `node_info` of a node that is done.
pub fn result_info(result: &NodeResult) -> Json {
    let span = result.compile.or(result.execute);
    let started = span.map(|span| timestamp(span.started)).unwrap_or_default();
    let end = result.execute.or(result.compile);
    let finished = end.map(|span| timestamp(span.completed)).unwrap_or_default();
    node_info(&result.node, result.status.name(), &started, &finished)
}

/// As dbt writes times into `node_info`: UTC, microseconds, no zone.
pub fn timestamp(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}
