//! The connections of one command: as many as it has threads, opened when first needed.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Cancel, Connection, Session, SqlError};
use crate::diagnostic::Diagnostic;
use crate::project::profile::Target;

/// Shared by clones.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    target: Target,
    session: Session,
    places: Arc<Semaphore>,
    state: Mutex<State>,
    tell: OnceLock<Tell>,
}

/// Takes what a user should be told.
type Tell = Box<dyn Fn(String) + Send + Sync>;

#[derive(Default)]
struct State {
    idle: Vec<(u64, Connection)>,
    live: HashMap<u64, Cancel>,
    /// Those whose statements only an interrupt stops.
    spared: HashSet<u64>,
    next: u64,
    /// The server had no connection left at least once.
    full: bool,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> Option<(u64, Connection)> {
        let mut state = self.state();
        loop {
            match state.idle.pop() {
                Some((id, connection)) if connection.is_lost() => {
                    state.live.remove(&id);
                    drop(connection);
                }
                other => return other,
            }
        }
    }

    /// Whether there are connections to wait for. The first who waits says so.
    fn some_live(&self, full: &Diagnostic) -> bool {
        let (some, first) = {
            let mut state = self.state();
            (!state.live.is_empty(), !std::mem::replace(&mut state.full, true))
        };
        if let (Some(tell), true) = (self.tell.get(), first && some) {
            let help = full.help.as_deref().unwrap_or_default();
            tell(format!("{}; going on with those that are open: {help}", full.message));
        }
        some
    }
}

/// How long to wait before a server that is full is asked again.
const FULL: Duration = Duration::from_millis(500);

impl Pool {
    /// Opens nothing yet. `size` is the most connections at a time; at least one.
    pub fn new(target: Target, session: Session, size: usize) -> Self {
        Self(Arc::new(Inner {
            target,
            session,
            places: Arc::new(Semaphore::new(size.max(1))),
            state: Mutex::default(),
            tell: OnceLock::new(),
        }))
    }

    /// Lets somebody hear that the pool has to do with fewer connections than it may have.
    pub fn tell(&self, tell: impl Fn(String) + Send + Sync + 'static) {
        // Whoever comes first is told.
        let _ = self.0.tell.set(Box::new(tell));
    }

    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// A connection for oneself, waiting while all are taken. One that broke meanwhile is replaced.
    pub async fn get(&self) -> Result<PooledConnection, Diagnostic> {
        let place = Arc::clone(&self.0.places)
            .acquire_owned()
            .await
            .map_err(|_| Diagnostic::error("connection-lost", "the pool of connections is closed"))?;
        let (id, connection) = loop {
            if let Some(found) = self.0.idle() {
                break found;
            }
            match Connection::open(&self.0.target, &self.0.session).await {
                Ok(connection) => {
                    let mut state = self.0.state();
                    state.next += 1;
                    let id = state.next;
                    state.live.insert(id, connection.cancel_handle());
                    break (id, connection);
                }
                // The server is full: those that work give theirs back in the end.
                Err(full) if full.code == "too-many-connections" && self.0.some_live(&full) => {
                    tokio::time::sleep(FULL).await;
                }
                Err(error) => return Err(error),
            }
        };
        Ok(PooledConnection {
            inner: Arc::clone(&self.0),
            held: Some((id, connection, place)),
            retired: AtomicBool::new(false),
        })
    }

    /// A session beside those of the pool, for questions that must not wait for a place in it.
    pub async fn beside(&self) -> Result<Connection, Diagnostic> {
        Connection::open(&self.0.target, &self.0.session).await
    }

    /// Stops every statement that runs now, on the server. They end with SQLSTATE 57014; the pool can still be used.
    pub async fn cancel_all(&self) -> Vec<SqlError> {
        let running = self.0.state().live.values().cloned().collect();
        Self::cancel(running).await
    }

    /// Like [`Self::cancel_all`], but for connections that are [`PooledConnection::spared`].
    pub async fn cancel_unspared(&self) -> Vec<SqlError> {
        let running = {
            let state = self.0.state();
            let unspared = state.live.iter().filter(|(id, _)| !state.spared.contains(id));
            unspared.map(|(_, cancel)| cancel.clone()).collect()
        };
        Self::cancel(running).await
    }

    async fn cancel(running: Vec<Cancel>) -> Vec<SqlError> {
        join_all(running.iter().map(Cancel::cancel))
            .await
            .into_iter()
            .filter_map(Result::err)
            .collect()
    }
}

/// Goes back to the pool when dropped; an open transaction is rolled back first.
pub struct PooledConnection {
    inner: Arc<Inner>,
    held: Option<(u64, Connection, OwnedSemaphorePermit)>,
    retired: AtomicBool,
}

impl PooledConnection {
    /// Ends the session once it is given back: it holds what nobody else should find.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Lets its statements run to their end when others are cancelled because of a failure, until it is given back.
    #[must_use]
    pub fn spared(self) -> Self {
        self.spare();
        self
    }

    /// The same, in the middle of its work.
    pub fn spare(&self) {
        if let Some((id, _, _)) = &self.held {
            self.inner.state().spared.insert(*id);
        }
    }
}

impl Deref for PooledConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.held.as_ref().expect("held until dropped").1
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        let Some((id, connection, place)) = self.held.take() else {
            return;
        };
        let inner = Arc::clone(&self.inner);
        inner.state().spared.remove(&id);
        connection.annotate(None);
        // A transaction around everything ends with its session.
        if connection.is_lost() || self.retired.load(Ordering::SeqCst) || connection.is_nested() {
            inner.state().live.remove(&id);
        } else if connection.is_abandoned() || connection.in_transaction() {
            let Ok(runtime) = tokio::runtime::Handle::try_current() else {
                inner.state().live.remove(&id);
                return;
            };
            runtime.spawn(async move {
                if connection.is_abandoned() {
                    // Nobody waits for the answer any more; the server must not go on alone.
                    let _ = connection.cancel_handle().cancel().await;
                    inner.state().live.remove(&id);
                } else if connection.rollback().await.is_ok() {
                    inner.state().idle.push((id, connection));
                } else {
                    inner.state().live.remove(&id);
                }
                drop(place);
            });
        } else {
            inner.state().idle.push((id, connection));
            drop(place);
        }
    }
}
