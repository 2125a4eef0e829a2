//! Who works on what, for `thread_id` and the log.

use crate::graph::NodeId;

struct Worker {
    name: String,
    node: NodeId,
}

tokio::task_local! {
    static WORKER: Worker;
}

/// Does the work on a node under a name.
pub(super) async fn on_thread<T>(name: String, node: NodeId, work: impl Future<Output = T>) -> T {
    WORKER.scope(Worker { name, node }, work).await
}

/// The name of whoever works here, such as `Thread-1`; dbt's name of the main thread where nobody said.
pub(super) fn current_thread() -> String {
    WORKER
        .try_with(|worker| worker.name.clone())
        .unwrap_or_else(|_| "MainThread".to_owned())
}

/// What is worked on here; nothing between the nodes.
pub(super) fn current_node() -> Option<NodeId> {
    WORKER.try_with(|worker| NodeId::clone(&worker.node)).ok()
}
