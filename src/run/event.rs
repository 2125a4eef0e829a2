//! What happens during a command, as it happens; `report` shows it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::diagnostic::Diagnostic;
use crate::graph::{Node, NodeId};

use super::result::{Held, NodeResult, Published, RunResult};

/// How much something matters, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Clone, Debug)]
pub enum Event {
    /// The options in force, told to whoever reads the log.
    Called(Map<String, Json>),
    /// The command began.
    Invoked,
    /// The project was read: how many there are of what, such as `(8, "model")`.
    Found(Vec<(usize, String)>),
    /// Work on nodes begins.
    Started {
        nodes: usize,
        threads: usize,
        target: String,
    },
    /// `index` counts from 1 in the order of starting; `thread` names who does it, such as `Thread-1`.
    NodeStarted {
        index: usize,
        total: usize,
        node: Arc<Node>,
        thread: String,
    },
    /// The same `index` as when it started. A skipped node finishes without having started.
    NodeFinished {
        index: usize,
        total: usize,
        result: Arc<NodeResult>,
    },
    /// A batch of a microbatch model begins; `index` counts from 1.
    BatchStarted {
        index: usize,
        total: usize,
        node: Arc<Node>,
        thread: String,
    },
    /// The result is that of the batch alone.
    BatchFinished {
        index: usize,
        total: usize,
        result: Arc<NodeResult>,
    },
    /// A statement goes to the server; `node` is what is worked on.
    StatementSent {
        node: Option<NodeId>,
        thread: String,
        sql: String,
    },
    /// The last statement of that thread came back; `error` is what the server had against it.
    StatementDone {
        node: Option<NodeId>,
        thread: String,
        seconds: f64,
        error: Option<String>,
    },
    /// Every audit of a version passed; readers do not see it yet.
    Certified {
        model: Arc<Node>,
        tests: usize,
    },
    Published(Published),
    HeldBack(Held),
    /// Something to say that is no error: what a template logs, a wait for a lock, a server that starts.
    Message {
        level: Level,
        text: String,
    },
    /// What a template prints: it goes to standard output as it is.
    Printed(String),
    Diagnostic(Diagnostic),
    /// The last event of a run.
    Finished(Arc<RunResult>),
    /// The command ended.
    Completed {
        command: String,
        success: bool,
        elapsed_seconds: f64,
    },
}

/// An event and when it happened.
#[derive(Clone, Debug)]
pub struct Stamped {
    pub at: Timestamp,
    pub event: Event,
}

/// Where to tell what happens. Cheap to clone; every thread may have its own.
#[derive(Clone, Debug)]
pub struct Events(Sender<Stamped>);

impl Events {
    /// A teller and who listens to it. Listening ends when the last clone of the teller is gone.
    pub fn channel() -> (Self, Receiver<Stamped>) {
        let (sender, receiver) = channel();
        (Self(sender), receiver)
    }

    /// Never waits and never fails: where nobody listens any more, nothing is lost but talk.
    pub fn tell(&self, event: Event) {
        let at = Timestamp::now();
        drop(self.0.send(Stamped { at, event }));
    }

    pub fn message(&self, level: Level, text: impl Into<String>) {
        let text = text.into();
        self.tell(Event::Message { level, text });
    }
}
