//! Views and tables built where they stand, as dbt does: beside, then swapped in, in one transaction.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::graph::rename_constraints;
use crate::postgres::{Dependent, catalog, dependents, find_relation, is_read_by_views};
use crate::sql::{Relation, RelationKind, literal};

use super::comment::forget_comments;
use super::execute::{Done, NodeRun};
use super::index::create_indexes;
use super::revoke::{Kept, revoke_lost};
use super::statement::{
    create_contracted_table, create_table_as, create_view_as, dress, drop_dependents, drop_foreign_keys, drop_relation,
    restore_dependents, swap,
};

/// The name of a table until it takes its place.
const NEW: &str = "__assay_new";

const ALONE: &str = "select pg_advisory_xact_lock(hashtextextended('assay views', 0))";

impl NodeRun {
    /// `create or replace view` where PostgreSQL allows it, since that keeps whatever others built on the view.
    pub(super) async fn view(&self, existing: Option<RelationKind>) -> Result<Done, Diagnostic> {
        let relation = self.step.node.relation.clone();
        let compiled = self.compile(&relation, false)?;
        let before = self.pre_hooks(&relation)?;
        self.check_contract(&compiled).await?;
        let dressing = dress(&relation, &self.step.node, true);
        let comments = self.view_comments(&relation, &compiled.sql).await?;
        let write = |begin: &str, create: &str| format!("{begin}{before}{create}{dressing}{comments}");
        let attempt = match existing {
            None | Some(RelationKind::View) => {
                let mut create = create_view_as(&relation, &compiled.sql, existing.is_some());
                if existing.is_some() {
                    create.push_str(&revoke_lost(&relation, &self.step.node.config, Kept::Replaced));
                    create.push_str(&forget_comments(&relation));
                }
                let sql = write(&self.begin(), &create);
                self.note_sql(&create);
                match self.connection.batch(&sql).await {
                    Ok(_) => {
                        self.commit(&relation).await?;
                        return Ok(Done::named("CREATE VIEW"));
                    }
                    // invalid_table_definition: the columns changed.
                    Err(error) if existing.is_some() && error.is("42P16") => {
                        self.rollback().await;
                        RelationKind::View
                    }
                    Err(error) => return Err(self.refused(&error, &sql, &compiled).await),
                }
            }
            Some(kind) => kind,
        };
        let hanging = self.begin_alone(&relation).await?;
        let create = [
            drop_dependents(&hanging),
            drop_relation(&relation, attempt),
            create_view_as(&relation, &compiled.sql, false),
            restore_dependents(&hanging),
        ]
        .concat();
        let sql = write("", &create);
        self.note_sql(&create);
        if let Err(error) = self.connection.batch(&sql).await {
            return Err(self.refused(&error, &sql, &compiled).await);
        }
        self.commit(&relation).await?;
        self.report_lost(&hanging).await?;
        Ok(Done::named("CREATE VIEW"))
    }

    pub(super) async fn table(&self, existing: Option<RelationKind>) -> Result<Done, Diagnostic> {
        let node = Arc::clone(&self.step.node);
        let relation = node.relation.clone();
        let compiled = self.compile(&relation, false)?;
        self.check_contract(&compiled).await?;
        let before = self.pre_hooks(&relation)?;
        let indexes = &node.config.indexes;
        let new = match existing {
            Some(_) => new_name(&relation),
            None => relation.clone(),
        };
        // The old table's constraints keep their names until it is gone.
        let suffix = if existing.is_some() { "__new" } else { "" };
        let contracted = node.config.contract_enforced;
        let begin = format!("{}{before}", self.begin());
        let (rows, divided) = if let Some(by) = &node.config.partition_by {
            let divided = self.divided(&begin, &new, by, &compiled, suffix).await?;
            (divided.rows, Some(divided))
        } else {
            let create = if contracted {
                create_contracted_table(&new, &self.context.with_deferred_keys(&node), &compiled.sql, suffix)
            } else {
                create_table_as(&new, &compiled.sql, node.config.unlogged)
            };
            let first = begin + &create;
            self.note_sql(&create);
            match self.connection.batch(&first).await {
                Ok(done) => (done.last().copied().unwrap_or(0), None),
                Err(error) => return Err(self.refused(&error, &first, &compiled).await),
            }
        };
        let columns = self.column_names(&new).await?;
        // Asked as late as may be: another run may have made a view on the old table meanwhile.
        let hanging = match existing {
            Some(_) => self.hanging(&relation).await?,
            None => Vec::new(),
        };
        // What reads it next is planned by its statistics, and autovacuum comes too late for that.
        let mut rest = format!("{}analyze {new};\n", create_indexes(&new, indexes));
        if let Some(kind) = existing {
            rest.push_str(&drop_foreign_keys(&self.context.graph, &node, kind));
            rest.push_str(&swap(&new, &relation, kind, indexes, &hanging));
            if let Some(divided) = &divided {
                rest.push_str(&divided.rename(&new, &relation));
            }
            if contracted {
                rest.push_str(&rename_constraints(&relation.to_string(), &node.constraints, suffix));
            }
        }
        rest.push_str(&dress(&relation, &node, false));
        rest.push_str(&self.comments_on(&relation, &columns));
        if let Err(error) = self.connection.batch(&rest).await {
            return Err(self.refused(&error, &rest, &compiled).await);
        }
        self.commit(&relation).await?;
        self.report_lost(&hanging).await?;
        let inserted = contracted || divided.is_some();
        Ok(Done::rows(if inserted { "INSERT 0" } else { "SELECT" }, rows))
    }

    /// Whether views hang on a relation that is about to be replaced.
    pub(super) async fn is_hung_on(&self, relation: &Relation) -> Result<bool, Diagnostic> {
        let found = is_read_by_views(&self.connection, relation).await;
        found.map_err(|error| self.database_error(&error))
    }

    /// In the transaction that replaces a relation: what hangs on it, with `alone` where something does. Where it fails the
    /// transaction is over.
    pub(super) async fn hanging(&self, relation: &Relation) -> Result<Vec<Dependent>, Diagnostic> {
        match self.is_hung_on(relation).await {
            Ok(true) => self.alone(relation).await,
            Ok(false) => Ok(Vec::new()),
            Err(diagnostic) => {
                self.rollback().await;
                Err(diagnostic)
            }
        }
    }

    /// In the transaction that replaces a relation under views: waits for others that do the same, since two that make the
    /// same views anew would wait for each other in a circle. Answers with what hangs on the relation by then. Where it
    /// fails the transaction is over.
    async fn alone(&self, relation: &Relation) -> Result<Vec<Dependent>, Diagnostic> {
        let alone = match self.connection.batch(ALONE).await {
            Ok(_) => self.dependents(relation).await,
            Err(error) => Err(self.database_error(&error)),
        };
        if alone.is_err() {
            self.rollback().await;
        }
        alone
    }

    /// Begins the transaction that builds the node's relation. Runs that overlap build it one after the other: they would
    /// meet in its name, and the later one must see the rows of the earlier.
    pub(super) fn begin(&self) -> String {
        format!("begin;\n{}", self.in_turn())
    }

    /// Waits until no other run builds the node's relation; until the end of the transaction, others wait. Behind a gate too:
    /// a project without one, or with another published schema, may write to the same relations.
    pub(super) fn in_turn(&self) -> String {
        let relation = &self.step.node.relation;
        let name = format!("assay {}.{}", relation.stored_schema(), relation.stored_identifier());
        let key = format!("pg_catalog.hashtextextended({}, 0)", literal(&name));
        format!("select pg_catalog.pg_advisory_xact_lock({key});\n")
    }

    pub(super) async fn begin_alone(&self, relation: &Relation) -> Result<Vec<Dependent>, Diagnostic> {
        let begun = self.connection.batch(&self.begin()).await;
        begun.map_err(|error| self.database_error(&error))?;
        self.alone(relation).await
    }

    async fn dependents(&self, relation: &Relation) -> Result<Vec<Dependent>, Diagnostic> {
        let all = dependents(&self.connection, std::slice::from_ref(relation))
            .await
            .map_err(|error| self.database_error(&error))?;
        if let Some(stuck) = all.iter().find(|d| d.definition.is_none()) {
            return Err(Diagnostic::error(
                "dependent-relation",
                format!(
                    "{} cannot be replaced: the {} {} reads it",
                    relation.plain(),
                    stuck.kind,
                    stuck.relation.plain()
                ),
            )
            .at(self.step.node.declared.clone())
            .help("drop that relation, or make it a model of this project"));
        }
        Ok(all)
    }

    /// Says which views could not be made again on the new columns.
    pub(super) async fn report_lost(&self, hanging: &[Dependent]) -> Result<(), Diagnostic> {
        for dependent in hanging {
            let there = find_relation(
                &self.connection,
                &dependent.relation.stored_schema(),
                &dependent.relation.stored_identifier(),
            )
            .await
            .map_err(|error| self.database_error(&error))?;
            if there.is_none() {
                self.warn(
                    "lost-view",
                    &format!(
                        "the view {} read {} and does not fit its new columns; it is gone until it is built again",
                        dependent.relation.plain(),
                        self.step.node.relation.plain()
                    ),
                );
            }
        }
        Ok(())
    }

    async fn view_comments(&self, relation: &Relation, sql: &str) -> Result<String, Diagnostic> {
        if !self.step.node.config.persist_docs_columns {
            return Ok(String::new());
        }
        let columns = self
            .connection
            .describe(sql)
            .await
            .map_err(|error| self.database_error(&error))?;
        let names: Vec<String> = columns.into_iter().map(|c| c.name).collect();
        Ok(self.comments_on(relation, &names))
    }

    pub(super) async fn column_names(&self, relation: &Relation) -> Result<Vec<String>, Diagnostic> {
        let columns = catalog::columns(
            &self.connection,
            &relation.stored_schema(),
            &relation.stored_identifier(),
        )
        .await
        .map_err(|error| self.database_error(&error))?;
        Ok(columns.into_iter().map(|c| c.name).collect())
    }
}

fn new_name(relation: &Relation) -> Relation {
    let mut end = relation.identifier.len().min(63 - NEW.len());
    while !relation.identifier.is_char_boundary(end) {
        end -= 1;
    }
    relation.sibling(format!("{}{NEW}", &relation.identifier[..end]))
}
