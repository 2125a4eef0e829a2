//! What the database says of the project's relations, asked through the macros that dbt asks: a project may have its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::graph::{Materialization, Node, ResourceType};
use crate::jinja::{Arg, Render, Returned};
use crate::postgres::{PooledConnection, SqlError};
use crate::sql::Relation;

use super::context::RunContext;
use super::host::RunHost;
use super::transaction::Transaction;

/// With more relations than this, dbt asks for whole schemas.
const MOST_RELATIONS: usize = 100;

/// A row for each column of each relation, as the macro named them: `table_name`, `column_type`...
pub type CatalogRow = Map<String, Json>;

/// What was found, and what went wrong on the way: a database that cannot be asked leaves the others.
#[derive(Debug, Default)]
pub struct CatalogAnswer {
    pub rows: Vec<CatalogRow>,
    pub errors: Vec<Diagnostic>,
}

/// Whether a node leaves a relation that a catalogue tells of.
#[must_use]
pub fn is_in_catalog(node: &Node) -> bool {
    match node.resource_type {
        ResourceType::Model | ResourceType::Snapshot => node.config.materialized != Materialization::Ephemeral,
        ResourceType::Seed | ResourceType::Source => true,
        ResourceType::Test => node.test.as_ref().is_some_and(|test| test.store_failures == Some(true)),
        _ => false,
    }
}

/// Asks for the relations of `nodes`: one by one through `get_catalog_relations`, or by schema through `get_catalog`
/// where they are many or `whole` schemas are wanted.
pub async fn catalog(
    context: &Arc<RunContext>,
    connection: &Arc<PooledConnection>,
    asking: &Arc<Node>,
    nodes: &[&Node],
    whole: bool,
) -> CatalogAnswer {
    let mut databases: IndexMap<Option<&str>, Vec<&Relation>> = IndexMap::new();
    for node in nodes.iter().filter(|node| is_in_catalog(node)) {
        let of_database = databases.entry(node.relation.database.as_deref()).or_default();
        of_database.push(&node.relation);
    }
    let many = databases.values().map(Vec::len).sum::<usize>() > MOST_RELATIONS;
    let mut answer = CatalogAnswer::default();
    for relations in databases.into_values() {
        let (name, wanted) = if whole || many {
            let schemas: IndexSet<String> = relations.iter().map(|r| r.schema.to_lowercase()).collect();
            let schemas = schemas.into_iter().map(|schema| Arg::from(schema.as_str()));
            ("get_catalog", ("schemas", schemas.collect()))
        } else {
            let relations = relations.iter().map(|r| Arg::from((*r).clone()));
            ("get_catalog_relations", ("relations", relations.collect()))
        };
        let Some(any) = relations.first() else { continue };
        let information = Arg::InformationSchema((*any).clone());
        let arguments = IndexMap::from([
            ("information_schema".to_owned(), information),
            (wanted.0.to_owned(), Arg::List(wanted.1)),
        ]);
        match ask(context, connection, asking, name, &arguments).await {
            Ok(rows) => answer.rows.extend(rows),
            Err(diagnostic) => answer.errors.push(diagnostic),
        }
    }
    answer
}

async fn ask(
    context: &Arc<RunContext>,
    connection: &Arc<PooledConnection>,
    asking: &Arc<Node>,
    name: &str,
    arguments: &IndexMap<String, Arg>,
) -> Result<Vec<CatalogRow>, Diagnostic> {
    let transaction = Arc::new(Transaction::new(connection));
    transaction.clear().await.map_err(|error| error.diagnostic())?;
    let host = RunHost::new(context, asking, Some(Arc::clone(connection))).within_transaction(&transaction);
    let request = Render {
        package: &asking.package,
        within: name,
        source: &SourceFile::new(name, ""),
        part: None,
        host: Arc::new(host),
        execute: true,
        globals: context.base_globals.clone(),
    };
    let returned = context.engine.call(&request, name, &[], arguments);
    transaction.rollback().await;
    match returned? {
        Returned::Rows(rows) => Ok(rows),
        _ => Err(
            Diagnostic::error("invalid-catalog", format!("the macro `{name}` returned no table"))
                .because("the catalogue is made of the rows of a query")
                .help("end the macro with: {{ return(load_result('catalog').table) }}"),
        ),
    }
}

/// What the server knows of a relation beside its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// As the last ANALYZE counted; `None` where there was none.
    pub rows: Option<i64>,
    /// On disk, with indexes.
    pub bytes: i64,
    /// Privileges of others than the owner, by role.
    pub grants: BTreeMap<String, Vec<String>>,
}

/// Sizes and privileges of all relations of some schemas, by schema and name; one query.
pub async fn measured(
    connection: &PooledConnection,
    schemas: &[String],
) -> Result<IndexMap<(String, String), Measured>, SqlError> {
    let rows = connection
        .query(
            "select n.nspname::text, c.relname::text, \
                    case when c.relkind in ('r', 'm', 'p') and c.reltuples >= 0 then c.reltuples::bigint end, \
                    case c.relkind when 'p' then (select pg_catalog.sum(pg_catalog.pg_total_relation_size(part.relid))::bigint \
                                                  from pg_catalog.pg_partition_tree(c.oid) part) \
                         else pg_catalog.pg_total_relation_size(c.oid) end, \
                    coalesce((select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array( \
                                 case a.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee) end, \
                                 pg_catalog.lower(a.privilege_type)) order by a.privilege_type) \
                              from pg_catalog.aclexplode(c.relacl) a where a.grantee <> c.relowner), '[]') \
             from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
             where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname = any($1::text[])",
            &[&schemas],
        )
        .await?;
    let mut found = IndexMap::new();
    for row in &rows {
        let mut measured = Measured {
            rows: row.get(2),
            bytes: row.get(3),
            ..Measured::default()
        };
        for granted in row.get::<_, Json>(4).as_array().into_iter().flatten() {
            if let (Some(role), Some(privilege)) = (granted[0].as_str(), granted[1].as_str()) {
                let privileges = measured.grants.entry(role.to_owned()).or_default();
                privileges.push(privilege.to_owned());
            }
        }
        found.insert((row.get(0), row.get(1)), measured);
    }
    Ok(found)
}
