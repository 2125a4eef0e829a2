//! Who works on a node, for `thread_id`.

tokio::task_local! {
    static THREAD: String;
}

/// Does the work under a name.
pub(super) async fn on_thread<T>(name: String, work: impl Future<Output = T>) -> T {
    THREAD.scope(name, work).await
}

/// The name of whoever works here, such as `Thread-1`; dbt's name of the main thread where nobody said.
pub(super) fn current_thread() -> String {
    THREAD
        .try_with(Clone::clone)
        .unwrap_or_else(|_| "MainThread".to_owned())
}
