//! The end of a publish set: certificates and the switch, or the reasons why not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use crate::diagnostic::Diagnostic;
use crate::gate::{Changes, PublicAction, Publication, PublishError, TestEvidence, VersionState, publish};
use crate::graph::{Node, NodeId, ResourceType};
use crate::plan::{Action, Plan, Step};
use crate::postgres::{PooledConnection, SqlError};
use crate::sql::Relation;

use super::certificate::STALE;
use super::changes::count_changes;
use super::context::{Gate, RunContext};
use super::event::Level;
use super::result::{FailedAudit, Held, HeldBecause, NodeResult, Published, Status};
use super::settle::settle_views;
use super::touched::definition_of;

/// How a publish set ended.
#[derive(Clone, Debug, Default)]
pub struct SetEnd {
    pub members: Vec<NodeId>,
    /// What readers see now that they did not see before.
    pub published: Vec<Published>,
    /// What they still see as it was.
    pub held: Vec<Held>,
    /// Why a set that passed could not be published.
    pub problem: Option<Diagnostic>,
}

/// Certifies and publishes a set whose models and tests have all ended, or says why it is held back.
pub(super) async fn finish_set(
    context: &Arc<RunContext>,
    plan: &Plan,
    index: usize,
    results: &IndexMap<NodeId, NodeResult>,
) -> SetEnd {
    let mut end = SetEnd {
        members: plan.sets[index].members.clone(),
        ..SetEnd::default()
    };
    let Some(gate) = &context.gate else { return end };
    let steps: Vec<&Step> = end.members.iter().filter_map(|id| plan.steps.get(id)).collect();
    for step in &steps {
        end.published.extend(published_delta(context, plan, step, results));
    }
    let passed = steps.iter().all(|step| against(plan, &step.node, results).is_empty());
    let versions: Vec<&Step> = steps
        .iter()
        .copied()
        .filter(|s| matches!(s.action, Action::Version { .. }))
        .collect();
    let outcome = async {
        let released = if passed {
            release_surely(context, gate, plan, &versions, results).await
        } else {
            let connection = context.pool.get().await?.spared();
            hold(gate, &connection, &versions, results).await.map(|()| Vec::new())
        };
        let ids = || versions.iter().map(|step| Arc::clone(&step.node.id));
        if passed && released.is_ok() {
            for step in &versions {
                if let Action::Version { version, .. } = &step.action {
                    context.set_standing(&step.node.id, version.clone());
                }
            }
        }
        settle(context, plan, ids().collect(), results).await;
        released
    };
    match outcome.await {
        Ok(published) => end.published.extend(published),
        Err(diagnostic) => end.problem = Some(diagnostic),
    }
    if !passed || end.problem.is_some() {
        end.held = held(context, gate, plan, &steps, &end.published, results).await;
    }
    end
}

/// Whatever comes after a publication reads what readers read, or the candidate where there is nothing else.
pub(super) async fn settle(
    context: &Arc<RunContext>,
    plan: &Plan,
    mut versions: Vec<NodeId>,
    results: &IndexMap<NodeId, NodeResult>,
) {
    versions.retain(|id| context.stands(id));
    for id in &versions {
        context.clear_readable(id);
    }
    let built = |id: &NodeId| results.get(id).is_some_and(|result| result.status == Status::Success);
    settle_views(context, plan, &versions, built).await;
}

/// What a delta that went well shows to readers.
pub(super) fn published_delta(
    context: &RunContext,
    plan: &Plan,
    step: &Step,
    results: &IndexMap<NodeId, NodeResult>,
) -> Option<Published> {
    let Action::PublishedDelta { current, .. } = &step.action else {
        return None;
    };
    let result = results.get(&step.node.id)?;
    (result.status == Status::Success).then(|| Published {
        model: Arc::clone(&step.node),
        version: current.identifier.clone(),
        rows: result.rows_affected,
        tests: tests_of(plan, &step.node, results).len(),
        warnings: warnings(plan, &step.node, results),
        sources: context.sources_of(&step.node.id),
        changes: None,
        changed: result.rows_affected != Some(0),
    })
}

/// What a version that is published shows to readers.
pub(super) fn published_version(
    context: &RunContext,
    plan: &Plan,
    step: &Step,
    results: &IndexMap<NodeId, NodeResult>,
    changes: &HashMap<String, Changes>,
) -> Option<Published> {
    let Action::Version { version, .. } = &step.action else {
        return None;
    };
    Some(Published {
        model: Arc::clone(&step.node),
        version: version.identifier.clone(),
        rows: results.get(&step.node.id).and_then(|r| r.rows_affected),
        tests: tests_of(plan, &step.node, results).len(),
        warnings: warnings(plan, &step.node, results),
        sources: context.sources_of(&step.node.id),
        changes: changes.get(&version.identifier).copied(),
        changed: true,
    })
}

/// The models of a set that readers still see as they were, each with its reason.
pub(super) async fn held(
    context: &RunContext,
    gate: &Gate,
    plan: &Plan,
    steps: &[&Step],
    published: &[Published],
    results: &IndexMap<NodeId, NodeResult>,
) -> Vec<Held> {
    let standing = match context.pool.get().await {
        Ok(connection) => gate.ledger.standing(&connection).await.unwrap_or_default(),
        Err(_) => HashMap::new(),
    };
    let culprit = steps.iter().find(|step| !against(plan, &step.node, results).is_empty());
    let mut held = Vec::new();
    for step in steps {
        let node = &step.node;
        if published.iter().any(|p| p.model.id == node.id) {
            continue;
        }
        let because =
            reason(plan, node, results).unwrap_or_else(|| HeldBecause::Set(Arc::clone(&culprit.unwrap_or(step).node)));
        held.push(Held {
            model: Arc::clone(node),
            because,
            standing: standing.get(&node.relation.identifier).copied(),
        });
    }
    held
}

/// Why a model itself cannot be published; `None` where it could.
fn reason(plan: &Plan, node: &Arc<Node>, results: &IndexMap<NodeId, NodeResult>) -> Option<HeldBecause> {
    let failed: Vec<FailedAudit> = tests_of(plan, node, results)
        .into_iter()
        .filter(|r| matches!(r.status, Status::Fail | Status::Error))
        .map(|r| FailedAudit {
            test: Arc::clone(&r.node),
            failures: r.failures,
            compiled_path: r.compiled_path.clone(),
        })
        .collect();
    if !failed.is_empty() {
        return Some(HeldBecause::Audits(failed));
    }
    let own = results.get(&node.id)?;
    if let Some(stale) = own.diagnostic.as_ref().filter(|diagnostic| diagnostic.code == STALE) {
        return Some(HeldBecause::Stale(stale.cause.clone().unwrap_or_default()));
    }
    match own.status {
        Status::Success => None,
        Status::Skipped => Some(
            match own.skipped_because.as_ref().and_then(|id| blamed(plan, id, results)) {
                Some(parent) => HeldBecause::Parent(parent),
                None => HeldBecause::NotBuilt,
            },
        ),
        _ => Some(HeldBecause::NotBuilt),
    }
}

/// The model behind a skip: the one that failed, or that a failed test looks at.
fn blamed(plan: &Plan, id: &NodeId, results: &IndexMap<NodeId, NodeResult>) -> Option<Arc<Node>> {
    let mut id = Arc::clone(id);
    for _ in 0..plan.steps.len() {
        let result = results.get(&id)?;
        match &result.skipped_because {
            Some(before) => id = Arc::clone(before),
            None => break,
        }
    }
    let node = &plan.steps.get(&id)?.node;
    if node.resource_type != ResourceType::Test {
        return Some(Arc::clone(node));
    }
    let tested = node.depends_on.iter().rev().find_map(|parent| plan.steps.get(parent));
    Some(tested.map_or_else(|| Arc::clone(node), |step| Arc::clone(&step.node)))
}

/// Results that keep a model from readers: its own, or those of the tests that look at it.
pub(super) fn against(plan: &Plan, node: &Node, results: &IndexMap<NodeId, NodeResult>) -> Vec<NodeResult> {
    let own = results.get(&node.id).filter(|r| r.status != Status::Success);
    let tests = tests_of(plan, node, results);
    own.into_iter()
        .chain(
            tests
                .into_iter()
                .filter(|r| !matches!(r.status, Status::Pass | Status::Warn)),
        )
        .cloned()
        .collect()
}

fn version_of(step: &Step) -> Option<&Relation> {
    match &step.action {
        Action::Version { version, .. } => Some(version),
        _ => None,
    }
}

fn tests_of<'a>(plan: &Plan, node: &Node, results: &'a IndexMap<NodeId, NodeResult>) -> Vec<&'a NodeResult> {
    plan.steps
        .values()
        .filter(|s| s.node.resource_type == ResourceType::Test && s.node.depends_on.contains(&node.id))
        .filter_map(|s| results.get(&s.node.id))
        .collect()
}

/// The tests that found too much and block nothing, with what they counted.
fn warnings(plan: &Plan, node: &Node, results: &IndexMap<NodeId, NodeResult>) -> Vec<(Arc<Node>, u64)> {
    let tests = tests_of(plan, node, results).into_iter();
    let warned = tests.filter(|result| result.status == Status::Warn);
    warned
        .map(|result| (Arc::clone(&result.node), result.failures.unwrap_or(0)))
        .collect()
}

/// Publishes a set, again where the connection broke and the ledger says that nothing came of it. What is reported is what
/// readers see.
async fn release_surely(
    context: &Arc<RunContext>,
    gate: &Gate,
    plan: &Plan,
    versions: &[&Step],
    results: &IndexMap<NodeId, NodeResult>,
) -> Result<Vec<Published>, Diagnostic> {
    let set: Vec<&Relation> = versions.iter().filter_map(|step| version_of(step)).collect();
    if set.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = versions.iter().map(|step| step.node.name.as_str()).collect();
    let names = names.join(", ");
    let mut losses = 0;
    let mut connection = context.pool.get().await?.spared();
    let changes = count_changes(context, &connection, versions, results).await;
    let published = || {
        let all = versions.iter();
        let all = all.filter_map(|step| published_version(context, plan, step, results, &changes));
        Ok(all.collect())
    };
    loop {
        let lost = match release(
            context,
            gate,
            plan,
            &connection,
            versions,
            results,
            &changes,
            Vec::new(),
        )
        .await
        {
            Ok(()) => return published(),
            Err(PublishError::Sql(error)) if error.lost => error,
            Err(error) => return Err(publish_diagnostic(&error)),
        };
        // Its place in the pool is needed for the new one.
        drop(connection);
        let asked = async {
            let connection = context.pool.get().await?.spared();
            let there = gate.ledger.is_published(&connection, &set).await;
            there
                .map(|published| (connection, published))
                .map_err(|error| error.diagnostic())
        };
        connection = match asked.await {
            Ok((_, true)) => {
                let told = format!("{names}: {}; the ledger says that it is published", lost.message);
                context.events.message(Level::Warn, told);
                return published();
            }
            Ok((connection, false)) => connection,
            Err(second) => return Err(unknown(&names, &lost, &second)),
        };
        if losses >= context.pool.target().retries || context.interrupt.is_raised() {
            let diagnostic = lost.diagnostic();
            let cause = diagnostic.cause.clone().unwrap_or_default();
            let cause = format!("{cause}\nthe ledger says that nothing of it was published");
            return Err(diagnostic.because(cause.trim()));
        }
        let wait = Duration::from_secs(1 << losses.min(4));
        losses += 1;
        let told = format!(
            "{names}: {}; publishing again in {} s",
            lost.message,
            wait.as_secs_f64()
        );
        context.events.message(Level::Warn, told);
        tokio::time::sleep(wait).await;
    }
}

/// The connection broke before the server's answer came, and now there is nobody to ask.
#[must_use]
pub fn unknown(names: &str, lost: &SqlError, second: &Diagnostic) -> Diagnostic {
    Diagnostic::error(
        "publication-unknown",
        format!("nobody knows whether {names} changed for readers: {}", lost.message),
    )
    .because(format!(
        "the connection broke before the server had answered, and then: {}",
        second.message
    ))
    .help("once the server is there again, `assay history` says what was published; run the command again in any case")
}

/// Certifies versions and publishes them in one transaction, with copies that are certified already.
#[allow(clippy::too_many_arguments)]
pub(super) async fn release(
    context: &Arc<RunContext>,
    gate: &Gate,
    plan: &Plan,
    connection: &PooledConnection,
    versions: &[&Step],
    results: &IndexMap<NodeId, NodeResult>,
    changes: &HashMap<String, Changes>,
    mut set: Vec<Publication>,
) -> Result<(), PublishError> {
    let run_id = &context.flags.invocation_id;
    let tests = versions.iter().flat_map(|step| tests_of(plan, &step.node, results));
    let looked_at: Vec<&str> = tests.flat_map(|test| &test.node.depends_on).map(|id| &**id).collect();
    let last = gate.ledger.last_audits(connection, &looked_at).await?;
    // What this set certifies with it, and what stood beside it all the while.
    let beside = |test: &Node, own: &NodeId| {
        let others = test.depends_on.iter().filter(|id| *id != own);
        let certified = others.filter_map(|id| {
            if versions.iter().any(|step| step.node.id == *id) {
                return Some((id.to_string(), run_id.clone()));
            }
            last.get(&**id).map(|last| (id.to_string(), last.run_id.clone()))
        });
        certified.collect::<BTreeMap<_, _>>()
    };
    for step in versions {
        let Some(version) = version_of(step) else { continue };
        let node = &step.node;
        let tests = tests_of(plan, node, results);
        let rows = results.get(&node.id).and_then(|r| r.rows_affected);
        let evidence = tests
            .iter()
            .map(|r| TestEvidence {
                test: r.node.id.to_string(),
                status: r.status.name().to_owned(),
                failures: r.failures.unwrap_or(0),
                scope: "all".to_owned(),
                definition: definition_of(context, &r.node),
                beside: beside(&r.node, &node.id),
            })
            .collect();
        let rows = rows.and_then(|n| i64::try_from(n).ok());
        let certificate = context.certificate(node, "version", evidence, rows);
        gate.ledger.certify(connection, version, run_id, &certificate).await?;
        set.push(Publication {
            changes: changes.get(&version.identifier).copied(),
            ..publication(node, version)
        });
    }
    if set.is_empty() {
        return Ok(());
    }
    publish(
        connection,
        &gate.ledger,
        run_id,
        &gate.readers,
        PublicAction::Publish,
        &set,
    )
    .await
}

/// Publishes one certified version by itself.
pub(super) async fn publish_alone(
    context: &RunContext,
    connection: &PooledConnection,
    node: &Node,
    version: &Relation,
) -> Result<(), Diagnostic> {
    let Some(gate) = &context.gate else { return Ok(()) };
    publish(
        connection,
        &gate.ledger,
        &context.flags.invocation_id,
        &gate.readers,
        PublicAction::Publish,
        &[publication(node, version)],
    )
    .await
    .map_err(|error| publish_diagnostic(&error))?;
    context.set_standing(&node.id, version.clone());
    Ok(())
}

pub(super) fn publication(node: &Node, version: &Relation) -> Publication {
    Publication {
        published: node.relation.clone(),
        version: version.clone(),
        description: node.description.clone(),
        column_descriptions: node
            .columns
            .values()
            .filter(|c| !c.description.is_empty())
            .map(|c| (c.name.clone(), c.description.clone()))
            .collect(),
        grants: node.config.grants.clone(),
        standing_grants: Vec::new(),
        changes: None,
    }
}

/// Marks the candidates that failed; they stay until the next run, to be looked at.
pub(super) async fn hold(
    gate: &Gate,
    connection: &PooledConnection,
    versions: &[&Step],
    results: &IndexMap<NodeId, NodeResult>,
) -> Result<(), Diagnostic> {
    for step in versions {
        let built = results.get(&step.node.id).is_some_and(|r| r.status == Status::Success);
        if let (Action::Version { version, .. }, true) = (&step.action, built) {
            gate.ledger
                .set_state(connection, version, VersionState::Failed)
                .await
                .map_err(|error| error.diagnostic())?;
        }
    }
    Ok(())
}

/// What a publication that could not be made says to its user.
#[must_use]
pub fn publish_diagnostic(error: &PublishError) -> Diagnostic {
    match error {
        PublishError::Sql(error) if error.lost => error
            .diagnostic()
            .help("`assay history` says whether it is done; run the command again if not"),
        PublishError::Sql(error) => error.diagnostic(),
        PublishError::Occupied { relation, kind } => Diagnostic::error(
            "published-name-taken",
            format!("{} is a {kind} that Assay did not make", relation.plain()),
        )
        .because("published models are views on certified versions, and this name is taken")
        .help(format!("rename or drop {}, then run again", relation.plain())),
        PublishError::Dependents {
            relation,
            dependents,
            cause,
        } => Diagnostic::error(
            "dependents-in-the-way",
            format!(
                "the new columns of {} do not suit what others built on it: {}",
                relation.plain(),
                dependents.join(", ")
            ),
        )
        .because(cause.clone())
        .help("change or drop these relations, or keep the columns they use; nothing was changed"),
        PublishError::Busy { relation } => Diagnostic::error(
            "published-view-busy",
            format!("readers kept {relation} and its set locked through every attempt to publish"),
        )
        .because("a long query or an open transaction holds a published view")
        .help("end that session (see pg_stat_activity), then run again; the certified version is built anew"),
    }
}
