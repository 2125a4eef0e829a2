//! What a delta touched in a published version.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::diagnostic::Diagnostic;
use crate::gate::{Changes, LastAudits, TestEvidence, fingerprint, gone_relation};
use crate::graph::{Node, NodeConfig, NodeId};
use crate::plan::{Scope, Scoped};
use crate::postgres::Row;
use crate::sql::{Column, Relation, ident};

use super::compile::compile_instead;
use super::context::RunContext;
use super::execute::NodeRun;
use super::host::Instead;
use super::key::Key;
use super::published_delta::Audit;

pub(super) const BEFORE: &str = "assay_before";
pub(super) const TOUCHED: &str = "assay_touched";

/// Parents that a delta took away, for the tests of what is built after it.
#[derive(Clone, Debug)]
pub struct Gone {
    /// The run that had certified the parent before.
    pub before: String,
    /// By the column that children point to; `None` where nothing of it went away.
    pub tables: HashMap<String, Option<Relation>>,
}

/// The rows of one delta, in temporary tables of its transaction.
pub(super) struct Touched {
    /// The session's temporary schema.
    pub(super) schema: String,
    pub(super) rows: Relation,
    /// Values of these columns that no row has any more.
    pub(super) gone: HashMap<String, Option<Relation>>,
    /// The newest certificate of each published model.
    pub(super) last: HashMap<String, LastAudits>,
    /// It took rows away, or put others in their place.
    pub(super) replaces: bool,
    /// Functions of the catalogue that mean the same in every run, and whether they look at one row.
    pub(super) immutable: HashMap<String, bool>,
    /// What each test of the model has to look at, where it can be narrowed.
    pub(super) scopes: HashMap<NodeId, Scoped>,
    /// By audit, see [`definition_of`].
    pub(super) definitions: HashMap<NodeId, Option<String>>,
    pub(super) parts: AtomicUsize,
    pub(super) changes: Option<Changes>,
}

impl Touched {
    /// The newest certificate of what is read of another model. A version of this run is no more certified than this delta.
    pub(super) fn certified(&self, context: &RunContext, model: &NodeId) -> Option<&LastAudits> {
        let last = self.last.get(&**model)?;
        let readable = context.readable(context.graph.node(model)?);
        (readable.schema != last.relation.schema || readable == last.relation).then_some(last)
    }
}

impl NodeRun {
    /// Keeps the rows that the delta is about to replace; whether there can be any.
    pub(super) async fn keep_before(
        &self,
        current: &Relation,
        stage: &str,
        columns: &[String],
        null_keys: &[Vec<bool>],
    ) -> Result<bool, Diagnostic> {
        let Some(matched) = self.batch(current, stage, columns, null_keys).matched() else {
            return Ok(false);
        };
        let sql = temporary(BEFORE, &matched);
        self.connection
            .batch(&sql)
            .await
            .map_err(|error| self.database_error(&error))?;
        Ok(true)
    }

    /// Looks at what the delta did. The transaction is still open, and the delta applied.
    pub(super) async fn touch(
        &self,
        current: &Relation,
        stage: &str,
        columns: &[String],
        null_keys: &[Vec<bool>],
        replaces: bool,
    ) -> Result<Touched, Diagnostic> {
        let failed = |error: crate::postgres::SqlError| self.database_error(&error);
        let batch = self.batch(current, stage, columns, null_keys);
        let sql = match batch.matched().filter(|_| !batch.arrives_whole()) {
            Some(matched) => temporary(TOUCHED, &matched),
            None => arrived(current, stage, columns),
        };
        self.connection
            .batch(&format!("{sql}analyze {};\n", ident(TOUCHED)))
            .await
            .map_err(failed)?;
        let schema = self
            .connection
            .query("select pg_my_temp_schema()::regnamespace::text", &[])
            .await
            .map_err(failed)?;
        let schema: String = schema.first().map_or_else(|| "pg_temp".to_owned(), |row| row.get(0));
        let audits = self.step.audits.iter().filter_map(|id| self.context.graph.node(id));
        let looked_at = audits.flat_map(|test| &test.depends_on).map(|id| &**id);
        let nodes: Vec<&str> = looked_at.chain([&*self.step.node.id]).collect();
        let last = self.ledger()?.last_audits(&self.connection, &nodes).await;
        let scopes = self.scopes();
        let mut touched = Touched {
            rows: Relation::new(None, &schema, TOUCHED),
            schema,
            gone: HashMap::new(),
            last: last.map_err(failed)?,
            immutable: self.immutable_functions(&scopes).await?,
            definitions: self.definitions(),
            parts: AtomicUsize::new(0),
            replaces,
            changes: self.count_changes(current, replaces).await?,
            scopes,
        };
        for (field, shared) in self.fields_pointed_to(&touched.scopes) {
            let gone = self.went_away(current, &field, replaces, shared).await?;
            touched.gone.insert(field, gone);
        }
        Ok(touched)
    }

    /// Rows added, changed and removed; `None` where they cannot be compared.
    async fn count_changes(&self, current: &Relation, replaces: bool) -> Result<Option<Changes>, Diagnostic> {
        let columns =
            crate::postgres::catalog::columns(&self.connection, &current.stored_schema(), &current.stored_identifier())
                .await
                .map_err(|error| self.database_error(&error))?;
        let sql = if replaces {
            changes_sql(&ident(BEFORE), &ident(TOUCHED), &columns, &self.step.node.config)
        } else {
            format!("select count(*), 0::bigint, 0::bigint from {}", ident(TOUCHED))
        };
        self.tried(&sql).await.map(|rows| {
            rows?.first().map(|row| Changes {
                added: row.get(0),
                changed: row.get(1),
                removed: row.get(2),
            })
        })
    }

    /// Asks something that may fail without harm; the transaction goes on either way.
    pub(super) async fn tried(&self, sql: &str) -> Result<Option<Vec<Row>>, Diagnostic> {
        let failed = |error: crate::postgres::SqlError| self.database_error(&error);
        self.connection.batch("savepoint assay_try").await.map_err(failed)?;
        let Ok(rows) = self.connection.query(sql, &[]).await else {
            self.connection
                .batch("rollback to savepoint assay_try")
                .await
                .map_err(failed)?;
            return Ok(None);
        };
        self.connection
            .batch("release savepoint assay_try")
            .await
            .map_err(failed)?;
        Ok(Some(rows))
    }

    fn definitions(&self) -> HashMap<NodeId, Option<String>> {
        let audits = self.step.audits.iter().chain(&self.step.audits_of_views);
        let tests = audits.filter_map(|id| self.context.graph.node(id));
        tests
            .map(|test| (Arc::clone(&test.id), definition_of(&self.context, test)))
            .collect()
    }

    /// Columns of this model that tests of others point to, and whether one of those tests runs later, in another step.
    fn fields_pointed_to(&self, scopes: &HashMap<NodeId, Scoped>) -> BTreeMap<String, bool> {
        let mut fields = BTreeMap::new();
        for (test, scoped) in scopes {
            if let Scope::Parents { parent, field, .. } = &scoped.scope
                && *parent == self.step.node.id
            {
                let own = self.step.audits.contains(test);
                *fields.entry(field.clone()).or_insert(false) |= !own;
            }
        }
        fields
    }

    /// The values of `field` that were there before and are not any more.
    async fn went_away(
        &self,
        current: &Relation,
        field: &str,
        replaces: bool,
        shared: bool,
    ) -> Result<Option<Relation>, Diagnostic> {
        if !replaces {
            return Ok(None);
        }
        let failed = |error: crate::postgres::SqlError| self.database_error(&error);
        let name = format!("assay_gone_{}", &fingerprint(&[field])[..8]);
        let rows = gone_sql(current, field);
        let made = self
            .connection
            .batch(&format!("{}analyze {};\n", temporary(&name, &rows), ident(&name)))
            .await
            .map_err(failed)?;
        if made.first() == Some(&0) {
            return Ok(None);
        }
        let here = Relation::new(None, "pg_temp", &name);
        if !shared {
            return Ok(Some(here));
        }
        // The step that asks has another connection.
        let there = gone_relation(&self.step.node.relation, field);
        self.connection
            .batch(&format!(
                "drop table if exists {there};\ncreate table {there} as\nselect * from {};\n",
                ident(&name)
            ))
            .await
            .map_err(failed)?;
        Ok(Some(there))
    }

    async fn immutable_functions(&self, scopes: &HashMap<NodeId, Scoped>) -> Result<HashMap<String, bool>, Diagnostic> {
        let called: Vec<&str> = scopes
            .values()
            .flat_map(|scoped| &scoped.functions)
            .map(String::as_str)
            .collect();
        if called.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = self
            .connection
            .query(
                "select proname::text, bool_and(prokind = 'f') from pg_proc where proname = any ($1::text[])
                 group by proname having bool_and(provolatile = 'i' and prokind <> 'p')",
                &[&called],
            )
            .await
            .map_err(|error| self.database_error(&error))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// How each audit ended, for the certificate.
    pub(super) fn evidence(&self, audits: &[Audit], touched: &Touched) -> Vec<TestEvidence> {
        audits
            .iter()
            .filter_map(|audit| {
                let verdict = audit.verdict.as_ref().ok()?;
                let test = self.context.graph.node(&audit.test)?;
                let others = test.depends_on.iter().filter(|id| **id != self.step.node.id);
                let beside = others.filter_map(|id| {
                    let last = touched.certified(&self.context, id)?;
                    Some((id.to_string(), last.run_id.clone()))
                });
                Some(TestEvidence {
                    test: audit.test.to_string(),
                    status: verdict.status.name().to_owned(),
                    failures: verdict.failures,
                    scope: if audit.scoped { "delta" } else { "all" }.to_owned(),
                    definition: touched.definitions.get(&test.id).cloned().flatten(),
                    beside: beside.collect(),
                })
            })
            .collect()
    }

    /// Tells later steps what this delta took away; it is committed.
    pub(super) fn tell_gone(&self, touched: &Touched) {
        if let Some(last) = touched.last.get(&*self.step.node.id) {
            let gone = Gone {
                before: last.run_id.clone(),
                tables: touched.gone.clone(),
            };
            self.context.set_gone(&self.step.node.id, gone);
        }
    }
}

/// A fingerprint of what a test asks, the same whichever version it asks it of; `None` where that depends on what its
/// template finds in the database.
pub fn definition_of(context: &Arc<RunContext>, test: &Arc<Node>) -> Option<String> {
    let spec = test.test.as_ref()?;
    let sql = compile_instead(context, test, Instead::Names, None).ok()?;
    let limit = spec.limit.map_or_else(String::new, |limit| limit.to_string());
    let parts = [sql.trim(), &spec.fail_calc, &spec.warn_if, &spec.error_if, &limit];
    Some(fingerprint(&parts)[..16].to_owned())
}

fn temporary(name: &str, rows: &str) -> String {
    format!("create temporary table {} on commit drop as\n{rows};\n", ident(name))
}

/// The rows of a batch as the table took them, with its types.
fn arrived(current: &Relation, stage: &str, columns: &[String]) -> String {
    let table = ident(TOUCHED);
    let list: Vec<String> = columns.iter().map(|column| ident(column)).collect();
    let list = list.join(", ");
    format!(
        "create temporary table {table} (like {current}) on commit drop;\n\
         insert into {table} ({list})\nselect {list} from {stage};\n"
    )
}

fn gone_sql(current: &Relation, field: &str) -> String {
    format!(
        "select distinct b.{field} from {before} as b\nwhere b.{field} is not null\n\
         and not exists (select from {current} as c where c.{field} = b.{field})",
        before = ident(BEFORE)
    )
}

/// Types that PostgreSQL cannot tell apart by sorting or hashing.
const UNSORTED: [&str; 8] = ["json", "xml", "point", "line", "lseg", "box", "path", "polygon"];

/// Whether values of a type can be told apart by sorting or hashing.
pub(super) fn sortable(data_type: &str) -> bool {
    let base = data_type.trim_end_matches("[]");
    !UNSORTED.contains(&base) && base != "circle"
}

/// Counts what differs between two sets of rows. Rows that have a key on both sides are changed, one for one; the rest is
/// added or removed.
pub fn changes_sql(before: &str, after: &str, columns: &[Column], config: &NodeConfig) -> String {
    let list: Vec<String> = columns
        .iter()
        .map(|column| {
            let name = ident(&column.name);
            if sortable(&column.data_type) {
                name
            } else {
                format!("{name}::text as {name}")
            }
        })
        .collect();
    let list = list.join(", ");
    let keys: Vec<String> = Key::all(config).iter().map(|key| key.within("")).collect();
    let changed = if keys.is_empty() {
        "select 0::bigint as n".to_owned()
    } else {
        let keyed = |from: &str| {
            let named: Vec<String> = keys
                .iter()
                .enumerate()
                .map(|(i, key)| format!("{key} as k{i}"))
                .collect();
            let groups: Vec<String> = (1..=keys.len()).map(|i| i.to_string()).collect();
            format!(
                "select {}, count(*) as n from {from} group by {}",
                named.join(", "),
                groups.join(", ")
            )
        };
        let parts: Vec<String> = (0..keys.len()).map(|i| format!("k{i}")).collect();
        let parts = parts.join(", ");
        // Grouped rather than joined: NULL keys meet, and a hash finds them.
        format!(
            "select coalesce(sum(least(c, g)), 0)::bigint as n from (\n\
             select {parts}, sum(c) as c, sum(g) as g from (\n\
             select {parts}, n as c, 0::bigint as g from ({come}) as c\n\
             union all\n\
             select {parts}, 0::bigint, n from ({gone}) as g) as both_sides\n\
             group by {parts}) as keys",
            come = keyed("come"),
            gone = keyed("gone"),
        )
    };
    format!(
        "with come as materialized (select {list} from {after} except all select {list} from {before}),\n\
         gone as materialized (select {list} from {before} except all select {list} from {after}),\n\
         changed as (\n{changed})\n\
         select (select count(*) from come) - n, n, (select count(*) from gone) - n from changed"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::test_node;

    #[test]
    fn what_is_sent() {
        let current = Relation::new(None, "analytics__versions", "m__0a_1b");
        let mut config = test_node("m", &[]).config;
        let column = |name: &str, data_type: &str| Column {
            name: name.into(),
            data_type: data_type.into(),
        };
        let columns = [column("id", "integer"), column("Doc", "json[]")];
        let unkeyed = changes_sql("before", "after", &columns, &config);
        config.unique_key = vec!["id".into(), "\"Day\"".into()];
        let keyed = changes_sql("before", "after", &columns, &config);
        insta::assert_snapshot!(
            [
                arrived(&current, "stage", &["id".to_owned(), "Doc".to_owned()]),
                temporary(BEFORE, "select 1"),
                gone_sql(&current, "id"),
                unkeyed,
                keyed
            ]
            .join("\n\n")
        );
    }
}
