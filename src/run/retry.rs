//! A node that failed for a reason that passes, done again as a whole.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::graph::Node;
use crate::plan::{Action, Step};
use crate::postgres::{Connection, Passing, PooledConnection, SqlError, find_relation};
use crate::sql::RelationKind;

use super::blocker::Blockers;
use super::context::RunContext;
use super::event::Level;
use super::execute::{NodeRun, ended};
use super::result::{NodeResult, Status};

/// How often a node is done again that other sessions were in the way of.
const CONFLICTS: u32 = 5;

/// How often a node has been done again, and why.
#[derive(Default)]
pub(super) struct Repeats {
    conflicts: u32,
    losses: u32,
    reason: Option<String>,
}

impl Repeats {
    /// How long to wait before the node is done again; `None` where it is not.
    pub(super) fn next(&mut self, error: &SqlError, retries: u32) -> Option<Duration> {
        let (count, limit, first) = match error.passing()? {
            // Without retries nothing is tried again.
            Passing::Conflict => (&mut self.conflicts, CONFLICTS.min(retries * CONFLICTS), 100),
            Passing::Lost => (&mut self.losses, retries, 1000),
        };
        if *count >= limit {
            return None;
        }
        *count += 1;
        self.reason = Some(error.message.clone());
        Some(Duration::from_millis(first << (*count - 1).min(4)))
    }

    /// Says in the node's message that this was not the first try.
    fn tell(&self, results: &mut [NodeResult]) {
        let (Some(reason), Some(own)) = (&self.reason, results.first_mut()) else {
            return;
        };
        let count = self.conflicts + self.losses;
        let times = if count == 1 { "retry" } else { "retries" };
        let told = own.message.take().unwrap_or_default();
        own.message = Some(format!("{told} (after {count} {times}: {reason})"));
    }
}

/// Runs a node on a connection of the pool, again where it failed for a reason that passes and nothing of it is settled.
/// The first result is the node's own, the others are of audits that ran inside it.
pub(super) async fn run_node(context: &Arc<RunContext>, mut step: Step, thread: &str) -> Vec<NodeResult> {
    let node = Arc::clone(&step.node);
    let mut repeats = Repeats::default();
    loop {
        let started = Timestamp::now();
        let connection = match context.pool.get().await {
            Ok(connection) => connection,
            Err(diagnostic) => {
                let mut result = ended(&node, Status::Error, started, thread, None);
                result.message = Some(diagnostic.message.clone());
                result.diagnostic = Some(diagnostic);
                let mut results = vec![result];
                repeats.tell(&mut results);
                return results;
            }
        };
        // Waiting for a connection may have taken a while.
        if repeats.reason.is_none() && context.interrupt.is_raised() {
            return vec![NodeResult::skipped(node, None)];
        }
        if repeats.reason.is_some() {
            look_again(&connection, &mut step).await;
        }
        connection.begin_attempt();
        let run = NodeRun::new(context, step.clone(), connection, thread.to_owned());
        let connection = Arc::clone(&run.connection);
        let blockers = Blockers::of(&context.pool, &connection);
        let mut results = run.execute().await;
        let blocked_by = blockers.told();
        drop(blockers);
        let Some((error, unsettled)) = cause(&results, &connection) else {
            repeats.tell(&mut results);
            return results;
        };
        explain_lock(&mut results, &error, &connection, context, &node, blocked_by).await;
        // Its place in the pool is needed for the next try.
        drop(connection);
        let retries = context.pool.target().retries;
        let again = unsettled && !context.interrupt.is_raised();
        let wait = if again { repeats.next(&error, retries) } else { None };
        let Some(wait) = wait else {
            repeats.tell(&mut results);
            return results;
        };
        context.events.message(
            Level::Warn,
            format!(
                "{}: {}; trying again in {} s",
                node.name,
                error.message,
                wait.as_secs_f64()
            ),
        );
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = context.interrupt.raised() => return results,
        }
    }
}

/// Says who held the lock that a node waited for in vain.
pub(super) async fn explain_lock(
    results: &mut [NodeResult],
    error: &SqlError,
    connection: &Connection,
    context: &RunContext,
    node: &Node,
    blocked_by: String,
) {
    if error.is("55P03")
        && let Some(diagnostic) = results.first_mut().and_then(|own| own.diagnostic.as_mut())
    {
        // A limit that a hook sets is not known before: then all that can be said is who holds locks now.
        let holders = if blocked_by.is_empty() {
            holders(connection, context, node).await
        } else {
            blocked_by
        };
        let cause = diagnostic.cause.take().unwrap_or_default();
        diagnostic.cause = Some(format!("{cause}{holders}").trim().to_owned());
    }
}

/// The server's error that a node failed for, and whether nothing of the node is settled.
pub(super) fn cause(results: &[NodeResult], connection: &PooledConnection) -> Option<(SqlError, bool)> {
    let own = results.first().filter(|own| own.status == Status::Error)?;
    let told = own.diagnostic.as_ref()?;
    let (error, unsettled) = connection.attempt_failure()?;
    told.message.ends_with(&error.message).then_some((error, unsettled))
}

/// What stands now: somebody may have made or replaced it since the run was planned.
pub(super) async fn look_again(connection: &Connection, step: &mut Step) {
    let (Action::View { existing }
    | Action::Table { existing }
    | Action::Incremental { existing }
    | Action::Seed { existing }) = &mut step.action
    else {
        return;
    };
    let relation = &step.node.relation;
    let found = find_relation(connection, &relation.stored_schema(), &relation.stored_identifier()).await;
    // Where this fails, so will the node, and says why.
    if let Ok(found) = found {
        *existing = found.map(|relation| relation.kind.unwrap_or(RelationKind::Table));
    }
}

/// Who holds locks on the node's relation or on what it reads, a line each.
async fn holders(connection: &Connection, context: &RunContext, node: &Node) -> String {
    let parents = context.graph.parents(&node.id);
    let relations: Vec<String> = std::iter::once(&node.relation)
        .chain(parents.iter().map(|parent| &parent.relation))
        .map(ToString::to_string)
        .collect();
    let rows = connection
        .query(
            "select distinct a.pid, coalesce(a.usename::text, '?'), coalesce(a.application_name, ''), coalesce(a.state, '?'),
                    l.relation::regclass::text, l.mode, to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
             from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid
             where l.granted and l.pid <> pg_catalog.pg_backend_pid()
               and l.relation = any (select pg_catalog.to_regclass(name) from unnest($1::text[]) as t (name))
             order by a.pid, l.mode",
            &[&relations],
        )
        .await
        .unwrap_or_default();
    let mut lines = String::new();
    for row in &rows {
        let (process, user, application): (i32, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let (state, relation, mode): (&str, &str, &str) = (row.get(3), row.get(4), row.get(5));
        let since: Option<&str> = row.get(6);
        let since = since.unwrap_or("?");
        let _ = write!(
            lines,
            "\nprocess {process} (user {user}, application {application:?}, {state}, in a transaction since {since} UTC) \
             holds {mode} on {relation}",
        );
    }
    lines
}
