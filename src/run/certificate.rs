//! What a certificate says beside its tests: how fresh the sources were, and until when it holds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::gate::{Certificate, SourceEvidence, TestEvidence};
use crate::graph::{Node, NodeId, ResourceType};
use crate::plan::Plan;
use crate::project::Judgement;

use super::context::RunContext;
use super::execute::NodeRun;
use super::freshness::limits;
use super::result::{NodeResult, Status};

/// The code of what stands on a source that is too old.
pub(super) const STALE: &str = "stale-source";

/// How fresh the sources above each published model of a run are.
#[derive(Clone, Debug, Default)]
pub struct Freshnesses(HashMap<NodeId, Vec<SourceEvidence>>);

/// What a published model stands on.
#[derive(Default)]
struct Ground {
    sources: Vec<Arc<Node>>,
    /// Published models that this run does not build; their certificates say what they stand on.
    published: Vec<Arc<Node>>,
}

/// Asks every source with a limit for its age above the published models of a plan, once each.
pub async fn measure_sources(context: &Arc<RunContext>, plan: &Plan) -> Result<(), Diagnostic> {
    let Some(gate) = &context.gate else { return Ok(()) };
    let built = plan.steps.values().filter(|step| step.is_gated());
    let grounds: Vec<(NodeId, Ground)> = built
        .map(|step| (Arc::clone(&step.node.id), ground(context, plan, &step.node)))
        .collect();
    let asked = grounds.iter().flat_map(|(_, ground)| &ground.sources);
    let asked = asked.map(|source| Arc::clone(&source.id)).collect();
    let mut measured: HashMap<NodeId, SourceEvidence> = HashMap::new();
    for step in Plan::freshness(&context.graph, &asked).steps.into_values() {
        let connection = context.pool.get().await?;
        let id = Arc::clone(&step.node.id);
        let run = NodeRun::new(context, step, connection, super::thread::current_thread());
        if let Some(result) = run.execute().await.first() {
            measured.insert(id, evidence(result));
        }
    }
    let mut certified: HashMap<String, Vec<SourceEvidence>> = HashMap::new();
    if grounds.iter().any(|(_, ground)| !ground.published.is_empty()) {
        let connection = context.pool.get().await?;
        let standing = gate.ledger.sources(&connection).await;
        certified = standing.map_err(|error| error.diagnostic())?;
    }
    let mut found = HashMap::new();
    let mut told = HashSet::new();
    for (id, ground) in grounds {
        let own = ground.sources.iter().filter_map(|source| measured.get(&source.id));
        let mut sources: Vec<SourceEvidence> = own.cloned().collect();
        for parent in &ground.published {
            for source in certified.get(&*parent.id).into_iter().flatten() {
                if !sources.iter().any(|own| own.source == source.source) {
                    sources.push(judged_again(context, source));
                }
            }
        }
        sources.sort_by(|a, b| a.source.cmp(&b.source));
        for source in sources.iter().filter(|source| !source.is_fresh()) {
            if let Some(node) = context.graph.node(&id)
                && !requires_fresh(context, node)
                && told.insert(source.source.clone())
                && let Some(of) = context.graph.node(&source.source)
            {
                context.warn(
                    of,
                    STALE,
                    &format!("what is certified now stands on it: {}", source.text()),
                );
            }
        }
        found.insert(id, sources);
    }
    // A run measures once.
    let _ = context.made.freshnesses.set(Freshnesses(found));
    Ok(())
}

/// The sources above a model, as far as this run can vouch for what lies between.
fn ground(context: &RunContext, plan: &Plan, model: &Node) -> Ground {
    let mut ground = Ground::default();
    let mut seen: HashSet<&NodeId> = HashSet::new();
    let mut open: Vec<&NodeId> = model.depends_on.iter().collect();
    while let Some(id) = open.pop() {
        let Some(node) = context.graph.node(id).filter(|_| seen.insert(id)) else {
            continue;
        };
        let dated = node
            .source_spec
            .as_ref()
            .is_some_and(crate::graph::SourceSpec::has_freshness);
        let built = || plan.steps.get(id).is_some_and(crate::plan::Step::is_gated);
        if node.resource_type == ResourceType::Source {
            if dated {
                ground.sources.push(Arc::clone(node));
            }
        } else if node.is_published() && !built() {
            ground.published.push(Arc::clone(node));
        } else {
            open.extend(&node.depends_on);
        }
    }
    ground
}

fn evidence(result: &NodeResult) -> SourceEvidence {
    let age = result.age.as_ref();
    SourceEvidence {
        source: result.node.id.to_string(),
        status: match (result.status, age) {
            // `--warn-error` makes an error of a warning; the age is judged all the same.
            (Status::Error, Some(age)) => judgement(&result.node, age.seconds),
            (status, _) => status.name(),
        }
        .to_owned(),
        max_loaded_at: age.map(|age| age.max_loaded_at.to_string()),
        measured_at: age.map(|age| age.snapshotted_at.to_string()),
        age_seconds: age.map(|age| age.seconds),
    }
}

/// What another run measured, and how old it is by now.
fn judged_again(context: &RunContext, source: &SourceEvidence) -> SourceEvidence {
    let mut again = source.clone();
    let loaded = source.max_loaded_at.as_ref().and_then(|at| at.parse().ok());
    if let (Some(loaded), Some(node)) = (loaded, context.graph.node(&source.source)) {
        let age = context.flags.started.duration_since(loaded).as_secs_f64();
        again.age_seconds = Some(age);
        judgement(node, age).clone_into(&mut again.status);
    }
    again
}

fn judgement(node: &Node, age: f64) -> &'static str {
    match limits(node).judge(age) {
        Judgement::Pass => "pass",
        Judgement::Warn => "warn",
        Judgement::Error => "error",
    }
}

fn requires_fresh(context: &RunContext, node: &Node) -> bool {
    let gate = context.gate.as_ref();
    let default = gate.is_some_and(|gate| gate.certification.require_fresh);
    node.config.require_fresh.unwrap_or(default)
}

impl RunContext {
    /// How fresh the sources above a published model were when the run began.
    #[must_use]
    pub(super) fn sources_of(&self, id: &NodeId) -> Vec<SourceEvidence> {
        let found = self.made.freshnesses.get();
        found.and_then(|found| found.0.get(id)).cloned().unwrap_or_default()
    }

    pub(super) fn certificate(
        &self,
        node: &Node,
        scope: &'static str,
        tests: Vec<TestEvidence>,
        rows: Option<i64>,
    ) -> Certificate {
        let gate = self.gate.as_ref();
        let within = gate.and_then(|gate| gate.certification.certify_within);
        let within = node.config.certify_within.or(within);
        Certificate {
            scope,
            tests,
            rows,
            data_as_of: self.as_of.clone(),
            sources: self.sources_of(&node.id),
            holds_seconds: within.and_then(crate::project::Threshold::seconds),
        }
    }
}

impl NodeRun {
    /// Refuses to build what could not be certified, where fresh sources are asked for.
    pub(super) fn check_fresh(&self) -> Result<(), Diagnostic> {
        let node = &self.step.node;
        let sources = self.context.sources_of(&node.id);
        let stale: Vec<String> = sources
            .iter()
            .filter(|s| !s.is_fresh())
            .map(SourceEvidence::text)
            .collect();
        if stale.is_empty() || !requires_fresh(&self.context, node) {
            return Ok(());
        }
        let names: Vec<&str> = sources
            .iter()
            .filter(|s| !s.is_fresh())
            .map(SourceEvidence::name)
            .collect();
        Err(Diagnostic::error(
            "stale-source",
            format!("{} is not certified: it stands on {}, which is not fresh", node.name, names.join(", ")),
        )
        .at(node.declared.clone())
        .because(stale.join("\n"))
        .help("load the source, then build again; `require_fresh: false` certifies it as it is, and the certificate says so"))
    }
}
