//! What a plan means for what stands in the database: what is created, changed, only renewed, or left alone, and why.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::graph::{Graph, Materialization, Node, NodeId, OnSchemaChange};
use crate::sql::{Column, Relation, RelationKind};

use super::step::{Action, Current, Plan, Step, Why};

/// What a step does to its relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is not there yet.
    Create,
    /// It comes out with other columns, of another kind, or from another definition.
    Change,
    /// The same relation with today's rows.
    Renew,
    /// New rows into the relation that stands.
    Append,
    /// A test.
    Test,
    /// Left as it is.
    Skip,
    /// It cannot be built.
    Fail,
}

impl Effect {
    /// Whether something other than rows comes out.
    #[must_use]
    pub fn is_change(self) -> bool {
        matches!(self, Self::Create | Self::Change)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Renew => "renew",
            Self::Append => "append",
            Self::Test => "test",
            Self::Skip => "skip",
            Self::Fail => "fail",
        }
    }
}

/// How the columns of a relation differ from what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnChanges {
    pub added: Vec<Column>,
    pub removed: Vec<Column>,
    /// The column as it comes out, and its type before.
    pub retyped: Vec<(Column, String)>,
}

impl ColumnChanges {
    #[must_use]
    pub fn between(before: &[Column], after: &[Column]) -> Self {
        let types: HashMap<&str, &str> = before.iter().map(|c| (c.name.as_str(), c.data_type.as_str())).collect();
        let names: HashSet<&str> = after.iter().map(|c| c.name.as_str()).collect();
        let mut changes = Self::default();
        for column in after {
            match types.get(column.name.as_str()) {
                None => changes.added.push(column.clone()),
                Some(before) if *before != column.data_type => {
                    changes.retyped.push((column.clone(), (*before).to_owned()));
                }
                Some(_) => {}
            }
        }
        changes.removed = before
            .iter()
            .filter(|c| !names.contains(c.name.as_str()))
            .cloned()
            .collect();
        changes
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.retyped.is_empty()
    }
}

/// What is known of a step's relation beside the plan.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The columns that stand; empty where nothing does.
    pub before: Vec<Column>,
    /// The columns that come out; `None` where that cannot be told before something else was built.
    pub after: Option<Vec<Column>>,
    /// Why the model cannot be built as it is.
    pub failure: Option<String>,
    /// The version that readers see.
    pub published: Option<Current>,
}

/// One step, told before it happens.
#[derive(Clone, Debug)]
pub struct Preview {
    pub node: Arc<Node>,
    pub effect: Effect,
    /// Empty where the effect says all.
    pub why: String,
    pub columns: ColumnChanges,
    /// Tests that the step must pass before anybody sees what it built.
    pub audits: Vec<NodeId>,
    /// Those of a delta that look at the whole relation, and why.
    pub whole_audits: Vec<(NodeId, String)>,
}

/// The relation that stands where the step builds, if any; `published` is the version that readers see.
#[must_use]
pub fn standing(step: &Step, published: Option<&Current>) -> Option<Relation> {
    let node = &step.node;
    match &step.action {
        Action::View { existing }
        | Action::Table { existing }
        | Action::Incremental { existing }
        | Action::Seed { existing }
        | Action::Microbatch { existing, .. } => existing.map(|kind| node.relation.clone().of_kind(kind)),
        Action::Delta => Some(node.relation.clone().of_kind(RelationKind::Table)),
        Action::PublishedDelta { current, .. } => Some(current.clone()),
        Action::Version { .. } => published.map(|current| current.relation.clone()),
        _ => None,
    }
}

/// What happens to each step's relation, in the plan's order. `seen` tells what is known of a step.
#[must_use]
pub fn preview(plan: &Plan, graph: &Graph, seen: &IndexMap<NodeId, Seen>) -> Vec<Preview> {
    let nothing = Seen::default();
    plan.steps
        .values()
        .map(|step| {
            let seen = seen.get(&step.node.id).unwrap_or(&nothing);
            let mut told = told(step, seen);
            if told.effect == Effect::Renew
                && let Some(parent) = unsettled(step, graph, plan, seen)
            {
                told.why = format!("its columns are known once {parent} is built");
            }
            told
        })
        .collect()
}

/// The parent that keeps the columns of a step from being known.
fn unsettled(step: &Step, graph: &Graph, plan: &Plan, seen: &Seen) -> Option<String> {
    if seen.after.is_some() || seen.before.is_empty() || !describes(&step.node) {
        return None;
    }
    let parents = graph.parents(&step.node.id).into_iter();
    let mut built = parents.filter(|parent| plan.steps.contains_key(&parent.id));
    built.next().map(|parent| parent.name.clone())
}

/// Whether a node is a query whose columns can be asked for.
#[must_use]
pub fn describes(node: &Node) -> bool {
    matches!(
        node.config.materialized,
        Materialization::View | Materialization::Table | Materialization::Incremental
    ) && !node.is_python()
}

fn told(step: &Step, seen: &Seen) -> Preview {
    let node = &step.node;
    let columns = match &seen.after {
        Some(after) if !seen.before.is_empty() => ColumnChanges::between(&seen.before, after),
        _ => ColumnChanges::default(),
    };
    let (effect, why) = if let Some(failure) = &seen.failure {
        (Effect::Fail, failure.clone())
    } else {
        effect(step, &columns, seen.published.as_ref())
    };
    Preview {
        node: Arc::clone(node),
        effect,
        why,
        columns,
        audits: step.audits.iter().chain(&step.audits_of_views).cloned().collect(),
        whole_audits: Vec::new(),
    }
}

fn effect(step: &Step, columns: &ColumnChanges, published: Option<&Current>) -> (Effect, String) {
    let plain = |effect| (effect, String::new());
    match &step.action {
        Action::Test | Action::UnitTest | Action::AuditInside { .. } => plain(Effect::Test),
        // No build looks at the age of sources.
        Action::Nothing | Action::Freshness => plain(Effect::Skip),
        Action::View { existing } => in_place(*existing, RelationKind::View, columns, ""),
        Action::Table { existing } => in_place(
            *existing,
            RelationKind::Table,
            columns,
            "tables are built anew in every run",
        ),
        Action::Seed { existing } => in_place(*existing, RelationKind::Table, columns, ""),
        Action::Incremental { existing } => in_place(*existing, RelationKind::Table, columns, "full refresh asked for"),
        Action::Delta | Action::PublishedDelta { .. } => delta(&step.node, columns),
        Action::Microbatch {
            id: Some(Err(diagnostic)),
            ..
        }
        | Action::Jinja {
            id: Err(diagnostic), ..
        } => (Effect::Fail, diagnostic.message.clone()),
        Action::Microbatch { incremental: true, .. } => (Effect::Append, "batch by batch".to_owned()),
        Action::Microbatch { existing, .. } => in_place(*existing, RelationKind::Table, columns, "batch by batch"),
        Action::Jinja {
            id: Ok(id),
            incremental,
        } => {
            let effect = if *incremental { Effect::Append } else { Effect::Renew };
            (effect, format!("`{id}` builds it"))
        }
        Action::Version { why, .. } => version(step, *why, columns, published),
    }
}

fn in_place(
    existing: Option<RelationKind>,
    kind: RelationKind,
    columns: &ColumnChanges,
    why: &str,
) -> (Effect, String) {
    match existing {
        None => (Effect::Create, String::new()),
        Some(found) if found != kind => (Effect::Change, format!("it replaces a {}", word(found))),
        Some(_) if !columns.is_empty() => (Effect::Change, "its columns change".to_owned()),
        Some(_) => (Effect::Renew, why.to_owned()),
    }
}

fn version(step: &Step, why: Why, columns: &ColumnChanges, published: Option<&Current>) -> (Effect, String) {
    let Some(published) = published else {
        return (Effect::Create, Why::First.text().to_owned());
    };
    if !columns.is_empty() {
        (Effect::Change, "its columns change".to_owned())
    } else if published.definition != step.definition {
        (Effect::Change, Why::DefinitionChanged.text().to_owned())
    } else {
        (Effect::Renew, why.text().to_owned())
    }
}

/// What new columns of an incremental model come to depends on its configuration.
fn delta(node: &Node, columns: &ColumnChanges) -> (Effect, String) {
    let differs = !columns.added.is_empty() || !columns.removed.is_empty();
    let retyped = !columns.retyped.is_empty();
    match node.config.on_schema_change {
        OnSchemaChange::Ignore if differs => (
            Effect::Append,
            "`on_schema_change: ignore` keeps the columns that stand".to_owned(),
        ),
        OnSchemaChange::Fail if differs || retyped => (
            Effect::Fail,
            "`on_schema_change: fail`, and its columns change".to_owned(),
        ),
        OnSchemaChange::AppendNewColumns if !columns.added.is_empty() => {
            (Effect::Change, "`on_schema_change: append_new_columns`".to_owned())
        }
        OnSchemaChange::SyncAllColumns if differs || retyped => {
            (Effect::Change, "`on_schema_change: sync_all_columns`".to_owned())
        }
        _ => (Effect::Append, String::new()),
    }
}

fn word(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::Table => "table",
        RelationKind::View => "view",
        RelationKind::MaterializedView => "materialized view",
        RelationKind::Ephemeral => "subquery",
    }
}
