//! Who builds each selected node, and what cannot be built.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexSet;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{Node, NodeId};
use crate::project::HOLD;
use crate::run::{Builder, Reason, builder, has_microbatch_of_its_own};

use super::workspace::Workspace;

/// The materialization macros of nodes that Rust does not build, for the plan.
pub(super) type Macros = HashMap<NodeId, Result<String, Diagnostic>>;

impl Workspace {
    /// A behaviour flag of the project file that is on unless the file says `false`.
    fn is_flag_on(&self, name: &str) -> bool {
        self.project.own().settings.flags.get(name) != Some(&Json::Bool(false))
    }

    /// Whether a test that fails stops what is below any of its parents: as the project says; by itself, dbt's own project
    /// files keep dbt's rule, which is all of them.
    pub fn holds_below_any_parent(&self) -> bool {
        let flag = self.project.own().settings.flags.get(HOLD);
        flag.and_then(Json::as_bool).unwrap_or(!self.is_lenient())
    }

    /// Whether nodes are skipped where an `on-run-start` hook failed.
    pub fn skips_after_failed_hook(&self) -> bool {
        self.is_flag_on("skip_nodes_if_on_run_start_fails")
    }

    /// Whether `source freshness` runs the hooks of the project.
    pub fn hooks_around_freshness(&self) -> bool {
        self.is_flag_on("source_freshness_run_project_hooks")
    }

    /// Microbatch models that are built in one go.
    pub fn unbatched(&self, selected: &IndexSet<NodeId>) -> HashSet<NodeId> {
        let flag = "require_batched_execution_for_custom_microbatch_strategy";
        if self.project.own().settings.flags.get(flag) == Some(&Json::Bool(true)) {
            return HashSet::new();
        }
        let nodes = selected.iter().filter_map(|id| self.graph.node(id));
        nodes
            .filter(|node| node.config.microbatch.is_some() && has_microbatch_of_its_own(&self.engine, node))
            .map(|node| Arc::clone(&node.id))
            .collect()
    }

    /// Finds who builds a node.
    pub fn builder_of(&self, node: &Node) -> Builder {
        let packages_may_override = !self.is_flag_on("require_explicit_package_overrides_for_builtin_materializations");
        builder(&self.engine, self.project_name(), packages_may_override, node)
    }

    /// Finds who builds the selected nodes. What nobody can build is refused before anything runs; in a project that follows
    /// dbt's lenience it is that node's failure, as in dbt.
    pub fn builders(&self, selected: &IndexSet<NodeId>) -> Result<Macros, Diagnostics> {
        let mut problems = Diagnostics::default();
        let mut macros = Macros::new();
        for node in selected.iter().filter_map(|id| self.graph.node(id)) {
            if self.gate().is_some() && node.is_published() && node.config.microbatch.is_some() {
                problems.push(microbatch_refusal(node));
                continue;
            }
            let made_by = match self.builder_of(node) {
                Builder::Rust => continue,
                Builder::Jinja { id, why } => {
                    if self.gate().is_some() && node.is_published() {
                        problems.push(gate_refusal(node, &id, &why));
                        continue;
                    }
                    Ok(id)
                }
                Builder::Missing => Err(no_materialization(node)),
                Builder::MissingStrategy(strategy) => Err(no_strategy(node, &strategy)),
            };
            if let (Err(missing), false) = (&made_by, self.is_lenient()) {
                problems.push(missing.clone());
            }
            macros.insert(Arc::clone(&node.id), made_by);
        }
        if problems.has_errors() {
            Err(problems)
        } else {
            Ok(macros)
        }
    }
}

fn microbatch_refusal(node: &Node) -> Diagnostic {
    Diagnostic::error(
        "not-supported",
        format!("the published model {} is built in batches", node.name),
    )
    .at(node.declared.clone())
    .because("readers would see batches one by one, before any audit")
    .help("publish a view, table or incremental model that reads it, or take `access: public` away")
}

fn gate_refusal(node: &Node, id: &str, why: &Reason) -> Diagnostic {
    let cause = match why {
        Reason::Defined => format!("`{id}` builds it, which may show readers rows before any audit"),
        Reason::Overridden(by) => {
            format!("`{by}` takes part in building it, and may show readers rows before any audit")
        }
        Reason::OnlyThere => "only a macro can build it, which may show readers rows before any audit".to_owned(),
    };
    Diagnostic::error(
        "published-by-macro",
        format!(
            "the published model {} is materialized as `{}` by a macro",
            node.name, node.config.materialized_name
        ),
    )
    .at(node.declared.clone())
    .because(cause)
    .help("publish a view, table or incremental model that reads it, or take `access: public` away")
}

fn no_materialization(node: &Node) -> Diagnostic {
    Diagnostic::error(
        "missing-materialization",
        format!("there is no materialization `{}`", node.config.materialized_name),
    )
    .at(node.declared.clone())
    .because("neither the project nor its packages define it, for PostgreSQL or for any adapter")
    .help("check the spelling, and that the package which defines it is installed")
}

fn no_strategy(node: &Node, strategy: &str) -> Diagnostic {
    Diagnostic::error(
        "missing-strategy",
        format!("there is no incremental strategy `{strategy}`, wanted by {}", node.name),
    )
    .at(node.declared.clone())
    .because("append, delete+insert and merge are there; another needs a macro of the project")
    .help(format!(
        "define the macro get_incremental_{}_sql",
        strategy.replace('+', "_")
    ))
}
