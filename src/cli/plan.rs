//! `plan`: what a build would do, without doing it.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::Diagnostics;
use crate::gate::{leftovers, outdated};
use crate::graph::select::kinds;
use crate::graph::{NodeId, ResourceType};
use crate::plan::{Action, Current, Effect, Facts, Plan, Seen, Step, describes, parted_sets, preview, standing};
use crate::postgres::{PooledConnection, catalog};
use crate::report::{self, Expiring, Forecast};
use crate::run::{self, Event, RunContext};

use super::arguments::{Global, PlanArguments, ShowOutput};
use super::connect::{connect_to_look, ledger_is_there};
use super::facts::{Asked, facts};
use super::ls::{closed_pipe, unwritable};
use super::select::select;
use super::state::defer;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

pub(super) async fn plan(global: &Global, talk: &Talk, arguments: &PlanArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "plan")?;
    let selection = &arguments.selection;
    let selected = select(&workspace, "build", selection, &kinds::BUILD, arguments.allow_empty)?.nodes;
    let macros = workspace.builders(&selected)?;
    workspace.check_seeds(&selected)?;
    let connected = connect_to_look(&workspace).await?;
    let forecast = async {
        let as_of = workspace.as_of(&connected, &selected).await?;
        let mut flags = workspace.flags("build", connected.threads);
        flags.full_refresh = arguments.full_refresh;
        let context = workspace.context(&connected, flags, as_of, &selected);
        defer(&workspace, &context, &selected).await?;
        let connection = Arc::new(context.pool.get().await?);
        let asked = Asked {
            tests_block: true,
            gated: true,
            full_refresh: arguments.full_refresh,
        };
        let mut facts = facts(&workspace, &context, &connection, asked, &selected).await?;
        facts.macros = macros;
        facts.unbatched = workspace.unbatched(&selected);
        let plan = Plan::new(&workspace.graph, &selected, &facts);
        let parted = parted_sets(&workspace.graph, &plan);
        if parted.has_errors() {
            return Err(parted);
        }
        forecast(&workspace, &context, &connection, &plan, &facts).await
    };
    let outcome = forecast.await;
    connected.leave(outcome.is_ok()).await?;
    let forecast = outcome?;
    let mut out = std::io::stdout().lock();
    let written = match arguments.output {
        ShowOutput::Text => report::plan_text(&mut out, &forecast),
        ShowOutput::Json => report::plan_json(&mut out, &forecast),
    };
    written.or_else(closed_pipe).map_err(|error| unwritable(&error))?;
    Ok(if forecast.steps.iter().any(|step| step.effect == Effect::Fail) {
        Status::Failed
    } else if forecast.is_pending() {
        Status::Pending
    } else {
        Status::Success
    })
}

async fn forecast(
    workspace: &Workspace,
    context: &Arc<RunContext>,
    connection: &Arc<PooledConnection>,
    plan: &Plan,
    facts: &Facts,
) -> Result<Forecast, Diagnostics> {
    let current = facts.current.as_ref();
    let mut looked = Looked::default();
    for step in plan.steps.values() {
        let published = current.and_then(|current| current.get(&step.node.relation.identifier));
        let published = published.filter(|_| step.is_gated()).cloned();
        looked.at(context, connection, step, published).await?;
    }
    let mut steps = preview(plan, &workspace.graph, &looked.seen);
    for told in &mut steps {
        if let Some(step) = plan.steps.get(&told.node.id)
            && matches!(step.action, Action::PublishedDelta { .. })
        {
            told.whole_audits = whole_audits(context, step);
        }
    }
    let mut drops = Vec::new();
    let mut orphans = Vec::new();
    let mut expiring = Vec::new();
    if let (Some(gate), Some(current)) = (context.gate.as_ref(), current) {
        let there = ledger_is_there(gate, connection).await?;
        let due = async {
            if !there {
                return Ok((Vec::new(), Vec::new(), Vec::new()));
            }
            let renewed: Vec<&str> = plan
                .steps
                .values()
                .filter(|step| matches!(step.action, Action::Version { .. }))
                .map(|step| step.node.relation.identifier.as_str())
                .collect();
            let left = leftovers(connection, &gate.ledger).await?;
            let old = outdated(connection, &gate.ledger, gate.keep, &renewed).await?;
            let certificates = gate.ledger.certificates(connection).await?;
            Ok((left, old, certificates))
        };
        let (left, old, certificates) = due
            .await
            .map_err(|error: crate::postgres::SqlError| error.diagnostic())?;
        drops.extend(left.into_iter().map(|(name, _)| (name, "an earlier run left it")));
        drops.extend(
            old.into_iter()
                .map(|(name, _)| (name, "older than the versions that are kept")),
        );
        expiring.extend(certificates.into_iter().filter_map(|certificate| {
            let step = plan.steps.get(certificate.node_id.as_str());
            Some(Expiring {
                at: certificate.expires_at?,
                is_current: certificate.is_current,
                renewed: step.is_some_and(Step::is_gated),
                model: certificate.model,
            })
        }));
        expiring.sort_by(|a, b| a.model.cmp(&b.model));
        let known: HashSet<&str> = workspace
            .graph
            .nodes()
            .filter(|node| node.is_published())
            .map(|node| node.relation.identifier.as_str())
            .collect();
        orphans.extend(current.keys().filter(|model| !known.contains(model.as_str())).cloned());
        orphans.sort();
    }
    Ok(Forecast {
        invocation_id: workspace.talk.invocation_id.clone(),
        target: workspace.target.name.clone(),
        steps,
        sets: plan.sets.clone(),
        drops,
        expiring,
        orphans,
        graph: Arc::clone(&workspace.graph),
    })
}

/// The audits of a delta that cannot be narrowed to what it touched.
fn whole_audits(context: &RunContext, step: &Step) -> Vec<(NodeId, String)> {
    let own = step.audits.iter().filter_map(|id| {
        let test = context.graph.node(id)?;
        let why = run::scope_of(context, test, &step.node.id).err()?;
        Some((Arc::clone(id), why))
    });
    let of_views = step.audits_of_views.iter();
    let of_views = of_views.map(|id| (Arc::clone(id), "it looks at a view of this model".to_owned()));
    own.chain(of_views).collect()
}

/// What was found out about each step.
#[derive(Default)]
struct Looked {
    seen: IndexMap<NodeId, Seen>,
    /// Steps whose relation comes out different, so that nothing can be asked of what reads them.
    unsettled: HashSet<NodeId>,
}

impl Looked {
    /// Asks the server for the columns that stand and those that the step's query has now.
    async fn at(
        &mut self,
        context: &Arc<RunContext>,
        connection: &Arc<PooledConnection>,
        step: &Step,
        published: Option<Current>,
    ) -> Result<(), Diagnostics> {
        let node = &step.node;
        if matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest) {
            return Ok(());
        }
        let stands = standing(step, published.as_ref());
        let mut seen = Seen {
            published,
            ..Seen::default()
        };
        if let Some(relation) = &stands {
            let (schema, name) = (relation.stored_schema(), relation.stored_identifier());
            let columns = catalog::columns(connection, &schema, &name).await;
            seen.before = columns.map_err(|error| error.diagnostic())?;
        }
        let above = context.graph.ancestors(&node.id, None);
        let settled = !above.iter().any(|parent| self.unsettled.contains(&parent.id));
        if settled && describes(node) {
            let incremental = matches!(step.action, Action::Delta | Action::PublishedDelta { .. });
            match run::columns_now(context, node, incremental, connection).await {
                Ok(after) => seen.after = after,
                Err(problem) => {
                    seen.failure = Some(problem.message.clone());
                    context.events.tell(Event::Diagnostic(problem));
                }
            }
        }
        let same = seen.after.as_ref() == Some(&seen.before) || !describes(node);
        if stands.is_none() || !settled || !same {
            self.unsettled.insert(Arc::clone(&node.id));
        }
        self.seen.insert(Arc::clone(&node.id), seen);
        Ok(())
    }
}
