//! Published models: a new version beside the one that readers see.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::gate::{Ledger, NewVersion, fingerprint, versions_schema};
use crate::graph::{Materialization, Node};
use crate::sql::{Relation, RelationKind};

use super::compile::Compiled;
use super::execute::{Done, NodeRun};
use super::index::create_indexes;
use super::statement::{create_contracted_table, create_table_as, create_view_as};

impl NodeRun {
    pub(super) fn ledger(&self) -> Result<&Ledger, Diagnostic> {
        self.context
            .gate
            .as_ref()
            .map(|gate| &gate.ledger)
            .ok_or_else(|| Diagnostic::error("internal", "a published model was planned in a project without a gate"))
    }

    /// Builds, indexes and analyses a version; it stays a candidate until its audits have passed.
    pub(super) async fn version(&self, version: &Relation) -> Result<Done, Diagnostic> {
        let node = Arc::clone(&self.step.node);
        let view = node.config.materialized == Materialization::View;
        let kind = if view { RelationKind::View } else { RelationKind::Table };
        let compiled = self.compile(version, false)?;
        self.check_contract(&compiled).await?;
        let (before, after) = self.hooks(version)?;
        let new = NewVersion {
            model: &node.relation.identifier,
            node_id: &node.id,
            version,
            kind,
            definition: &self.step.definition,
        };
        let record = self
            .ledger()?
            .record_candidate_sql(&new, &self.context.flags.invocation_id);
        let begin = format!("begin;\n{before}");
        let rows = if let Some(by) = &node.config.partition_by {
            self.divided(&begin, version, by, &compiled, "").await?.rows
        } else {
            let create = if view {
                create_view_as(version, &compiled.sql, false)
            } else {
                new_table(version, &self.context.with_deferred_keys(&node), &compiled.sql)
            };
            self.note_sql(&create);
            let first = begin + &create;
            match self.connection.batch(&first).await {
                Ok(done) => done.last().copied().unwrap_or(0),
                Err(error) => return Err(self.refused(&error, &first, &compiled).await),
            }
        };
        if view && let Err(diagnostic) = self.check_view(version).await {
            self.rollback().await;
            return Err(diagnostic);
        }
        let analyze = if view {
            String::new()
        } else {
            format!("analyze {version};\n")
        };
        let rest = format!(
            "{}{after}{analyze}{record};\n{}commit;\n",
            create_indexes(version, &node.config.indexes),
            set_rows(version, &self.ledger()?.schema, (!view).then_some(rows)),
        );
        if let Err(error) = self.connection.batch(&rest).await {
            return Err(self.refused(&error, &rest, &compiled).await);
        }
        self.context.set_readable(&node.id, version.clone().of_kind(kind));
        Ok(if view {
            Done::named("CREATE VIEW")
        } else {
            Done::rows("SELECT", rows)
        })
    }

    /// A published view shows nothing but versions, whatever its text names.
    async fn check_view(&self, version: &Relation) -> Result<(), Diagnostic> {
        let node = &self.step.node;
        let schema = versions_schema(&node.relation.schema);
        let rows = self
            .connection
            .query(
                "select distinct format('%I.%I', n.nspname, c.relname)
                 from pg_rewrite r
                 join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                                 and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
                 join pg_class c on c.oid = d.refobjid
                 join pg_namespace n on n.oid = c.relnamespace
                 where r.ev_class = $1::text::regclass and n.nspname not in ($2, 'pg_catalog', 'information_schema')
                 order by 1",
                &[&version.to_string(), &schema],
            )
            .await
            .map_err(|error| self.database_error(&error))?;
        let read: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        if read.is_empty() {
            return Ok(());
        }
        Err(Diagnostic::error(
            "published-view-reads-private",
            format!("the published view {} reads {}", node.name, read.join(", ")),
        )
        .at(node.declared.clone())
        .because(
            "a view shows what it reads as it is at the moment, and these are tested by nobody before they are seen",
        )
        .help("read published models with ref(), or make it a table"))
    }

    pub(super) fn compile_other(&self, node: &Arc<crate::graph::Node>) -> Result<Compiled, Diagnostic> {
        let view = super::compile::View {
            this: node.relation.clone(),
            incremental: false,
        };
        super::compile::compile_node(&self.context, node, &view, Some(&self.connection))
    }
}

fn set_rows(version: &Relation, schema: &str, rows: Option<u64>) -> String {
    rows.map_or_else(String::new, |rows| {
        format!(
            "update assay.versions set rows = {rows} where published_schema = {} and version_name = {};\n",
            crate::sql::literal(schema),
            crate::sql::literal(&version.identifier)
        )
    })
}

/// A version's constraints carry a part of its name: versions stand side by side in one schema.
fn new_table(version: &Relation, node: &Node, sql: &str) -> String {
    if node.config.contract_enforced {
        let suffix = format!("__{}", &fingerprint(&[&version.identifier])[..10]);
        create_contracted_table(version, node, sql, &suffix)
    } else {
        create_table_as(version, sql, node.config.unlogged)
    }
}
