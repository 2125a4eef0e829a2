//! `plan`: what a build would do, for people and for programs.

use std::io::{self, Write};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::graph::{Graph, NodeId, ResourceType};
use crate::plan::{Effect, Preview, PublishSet};
use crate::sql::Column;

use super::text::harmless;

/// The certificate of a published model, where it does not hold for ever.
#[derive(Debug)]
pub struct Expiring {
    /// The published name.
    pub model: String,
    pub at: String,
    /// It has not expired yet.
    pub is_current: bool,
    /// The build makes a new one.
    pub renewed: bool,
}

impl Expiring {
    fn text(&self) -> String {
        let state = if self.is_current { "holds until" } else { "expired" };
        let next = if self.renewed {
            "renewed by this build"
        } else {
            "not renewed by this build"
        };
        format!("certificate of {}  {state} {}, {next}", harmless(&self.model), self.at)
    }
}

/// What a build would do.
#[derive(Debug)]
pub struct Forecast {
    pub invocation_id: String,
    pub target: String,
    /// In the order of the run.
    pub steps: Vec<Preview>,
    /// Published models that become visible together.
    pub sets: Vec<PublishSet>,
    /// Versions that the run drops, and why.
    pub drops: Vec<(String, &'static str)>,
    /// Certificates that expire.
    pub expiring: Vec<Expiring>,
    /// Published names that no model of the project has.
    pub orphans: Vec<String>,
    pub graph: Arc<Graph>,
}

impl Forecast {
    /// Whether anything but rows would change.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.steps.iter().any(|step| step.effect.is_change())
    }

    fn count(&self, effect: Effect) -> usize {
        self.steps.iter().filter(|step| step.effect == effect).count()
    }

    fn name(&self, id: &NodeId) -> String {
        self.graph
            .node(id)
            .map_or_else(|| id.to_string(), |node| node.name.clone())
    }

    /// The name of what is built, and nothing for a test.
    fn built(&self, id: &NodeId) -> Option<String> {
        let tests = [ResourceType::Test, ResourceType::UnitTest];
        let node = self.graph.node(id)?;
        (!tests.contains(&node.resource_type)).then(|| node.name.clone())
    }
}

/// One line a relation, tests as a number.
pub fn plan_text(out: &mut impl Write, forecast: &Forecast) -> io::Result<()> {
    let shown: Vec<&Preview> = forecast
        .steps
        .iter()
        .filter(|step| !matches!(step.effect, Effect::Test | Effect::Skip))
        .collect();
    let rows: Vec<[String; 4]> = shown.iter().map(|step| row(step)).collect();
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for (step, row) in shown.iter().zip(&rows) {
        let line = format!(
            "{:<a$}  {:<b$}  {:<c$}  {}",
            row[0],
            row[1],
            row[2],
            row[3],
            a = widths[0],
            b = widths[1],
            c = widths[2]
        );
        writeln!(out, "{}", line.trim_end())?;
        let before = " ".repeat(widths[0] + 2);
        for column in &step.columns.added {
            writeln!(out, "{before}+ {} {}", harmless(&column.name), column.data_type)?;
        }
        for column in &step.columns.removed {
            writeln!(out, "{before}- {} {}", harmless(&column.name), column.data_type)?;
        }
        for (column, old) in &step.columns.retyped {
            writeln!(
                out,
                "{before}~ {} {old} -> {}",
                harmless(&column.name),
                column.data_type
            )?;
        }
    }
    for step in &forecast.steps {
        if step.audits.is_empty() || step.effect != Effect::Append {
            continue;
        }
        let whole = step.whole_audits.len();
        let name = harmless(&step.node.relation.plain());
        writeln!(
            out,
            "Audits of {name}: {} look at what the delta touches, {whole} at everything",
            step.audits.len() - whole
        )?;
        for (test, why) in &step.whole_audits {
            writeln!(out, "  {}: {}", harmless(&forecast.name(test)), harmless(why))?;
        }
    }
    for set in forecast
        .sets
        .iter()
        .filter(|set| set.members.len() > 1 || !set.names.is_empty())
    {
        let models: Vec<String> = set.members.iter().map(|id| forecast.name(id)).collect();
        let name = match set.names.as_slice() {
            [] => String::new(),
            names => format!(" ({})", harmless(&names.join(", "))),
        };
        writeln!(out, "Published together{name}: {}", models.join(", "))?;
        let inside: Vec<String> = set.inside.iter().filter_map(|id| forecast.built(id)).collect();
        if !inside.is_empty() {
            writeln!(out, "  In one transaction, one after another: {}", inside.join(", "))?;
        }
    }
    for certificate in &forecast.expiring {
        writeln!(out, "{}", certificate.text())?;
    }
    for (version, why) in &forecast.drops {
        writeln!(out, "drop  {version}  {why}")?;
    }
    for orphan in &forecast.orphans {
        writeln!(
            out,
            "{orphan} is published, and the project has no public model of this name"
        )?;
    }
    let count = |effect| forecast.count(effect);
    let mut summary = format!(
        "{} to create, {} to change, {} to renew, {} to append to, {} to drop, {} tests",
        count(Effect::Create),
        count(Effect::Change),
        count(Effect::Renew),
        count(Effect::Append),
        forecast.drops.len(),
        count(Effect::Test)
    );
    if count(Effect::Fail) > 0 {
        summary.push_str(&format!(", {} cannot be built", count(Effect::Fail)));
    }
    writeln!(out, "{summary}")
}

fn row(step: &Preview) -> [String; 4] {
    let node = &step.node;
    [
        step.effect.name().to_owned(),
        node.config.materialized_name.clone(),
        harmless(&node.relation.plain()),
        harmless(&step.why),
    ]
}

/// The same as one JSON object.
pub fn plan_json(out: &mut impl Write, forecast: &Forecast) -> io::Result<()> {
    let steps: Vec<Json> = forecast.steps.iter().map(step_json).collect();
    let count = |effect| forecast.count(effect);
    let whole = json!({
        "metadata": {"invocation_id": forecast.invocation_id, "target": forecast.target},
        "changes_pending": forecast.is_pending(),
        "counts": {
            "create": count(Effect::Create),
            "change": count(Effect::Change),
            "renew": count(Effect::Renew),
            "append": count(Effect::Append),
            "test": count(Effect::Test),
            "skip": count(Effect::Skip),
            "fail": count(Effect::Fail),
            "drop": forecast.drops.len(),
        },
        "steps": steps,
        "publish_sets": forecast.sets.iter().map(|set| &set.members).collect::<Vec<_>>(),
        "publish_set_transactions": forecast.sets.iter().map(|set| &set.inside).collect::<Vec<_>>(),
        "publish_set_names": forecast.sets.iter().map(|set| &set.names).collect::<Vec<_>>(),
        "drops": forecast.drops.iter().map(|(name, why)| json!({"version": name, "why": why})).collect::<Vec<_>>(),
        "certificates": forecast.expiring.iter().map(|one| json!({
            "model": one.model, "expires_at": one.at, "is_current": one.is_current, "renewed": one.renewed,
        })).collect::<Vec<_>>(),
        "published_without_model": forecast.orphans,
    });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    writeln!(out)
}

fn step_json(step: &Preview) -> Json {
    let node = &step.node;
    let column = |column: &Column| json!({"name": column.name, "data_type": column.data_type});
    let retyped = |(column, old): &(Column, String)| json!({"name": column.name, "data_type": column.data_type, "data_type_before": old});
    let columns = &step.columns;
    json!({
        "unique_id": &*node.id,
        "resource_type": node.resource_type,
        "materialized": node.config.materialized_name,
        "relation_name": node.relation.to_string(),
        "effect": step.effect.name(),
        "why": step.why,
        "columns": {
            "added": columns.added.iter().map(column).collect::<Vec<_>>(),
            "removed": columns.removed.iter().map(column).collect::<Vec<_>>(),
            "retyped": columns.retyped.iter().map(retyped).collect::<Vec<_>>(),
        },
        "audits": step.audits,
        "whole_audits": step.whole_audits.iter().map(|(test, why)| json!({"test": &**test, "why": why})).collect::<Vec<_>>(),
    })
}
