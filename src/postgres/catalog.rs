//! What the database holds: one query a run.

use std::collections::HashSet;

use super::{Connection, SqlError};
use crate::sql::{Column, RelationKind};

/// A relation as `pg_class` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogRelation {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    /// `None` for what Assay does not build: foreign tables.
    pub kind: Option<RelationKind>,
    pub owner: String,
    pub comment: Option<String>,
    /// Divided into partitions.
    pub partitioned: bool,
    /// A partition of another table.
    pub is_partition: bool,
}

/// The relations of some schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Those of the schemas asked for that exist, in the order of their names.
    pub schemas: Vec<String>,
    /// By schema and name.
    pub relations: Vec<CatalogRelation>,
}

impl Catalog {
    pub fn has_schema(&self, schema: &str) -> bool {
        self.schemas.iter().any(|name| name == schema)
    }

    pub fn relation(&self, schema: &str, name: &str) -> Option<&CatalogRelation> {
        self.relations
            .binary_search_by(|relation| (relation.schema.as_str(), relation.name.as_str()).cmp(&(schema, name)))
            .ok()
            .map(|index| &self.relations[index])
    }
}

/// Schemas and names of the functions of some schemas.
pub async fn functions(connection: &Connection, schemas: &[String]) -> Result<HashSet<(String, String)>, SqlError> {
    let rows = connection
        .query(
            "select n.nspname::text, p.proname::text from pg_catalog.pg_proc p \
             join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname = any($1::text[])",
            &[&schemas],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Tables, views, materialized views and foreign tables of the schemas, whoever owns them; one query.
pub async fn catalog(connection: &Connection, schemas: &[String]) -> Result<Catalog, SqlError> {
    let rows = connection
        .query(
            "select n.nspname::text, c.oid, c.relname::text, c.relkind::text, \
                    pg_catalog.pg_get_userbyid(c.relowner)::text, \
                    pg_catalog.obj_description(c.oid, 'pg_class'), c.relispartition \
             from pg_catalog.pg_namespace n \
             left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f') \
             where n.nspname = any($1::text[])",
            &[&schemas],
        )
        .await?;
    let mut catalog = Catalog::default();
    for row in rows {
        let schema: String = row.get(0);
        if let Some(name) = row.get::<_, Option<String>>(2) {
            let kind: String = row.get(3);
            catalog.relations.push(CatalogRelation {
                oid: row.get(1),
                schema: schema.clone(),
                name,
                kind: relation_kind(&kind),
                owner: row.get(4),
                comment: row.get(5),
                partitioned: kind == "p",
                is_partition: row.get(6),
            });
        }
        catalog.schemas.push(schema);
    }
    // Here and not in SQL, where the database's collation would order them.
    catalog.schemas.sort();
    catalog.schemas.dedup();
    catalog
        .relations
        .sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    Ok(catalog)
}

fn relation_kind(relkind: &str) -> Option<RelationKind> {
    match relkind {
        "r" | "p" => Some(RelationKind::Table),
        "v" => Some(RelationKind::View),
        "m" => Some(RelationKind::MaterializedView),
        _ => None,
    }
}

/// A relation's columns in their order; empty where there is no such relation.
pub async fn columns(connection: &Connection, schema: &str, name: &str) -> Result<Vec<Column>, SqlError> {
    let rows = connection
        .query(
            "select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod) \
             from pg_catalog.pg_attribute a \
             join pg_catalog.pg_class c on c.oid = a.attrelid \
             join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
             where n.nspname = $1::text and c.relname = $2::text and a.attnum > 0 and not a.attisdropped \
               and c.relkind in ('r', 'p', 'v', 'm', 'f') \
             order by a.attnum",
            &[&schema, &name],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Column {
            name: row.get(0),
            data_type: row.get(1),
        })
        .collect())
}

/// A view that reads a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    /// A view or a materialized view.
    pub kind: RelationKind,
    pub owner: String,
    /// The query, as `pg_get_viewdef` prints it.
    pub definition: String,
    /// 1 for a direct reader of the relation, 2 for a reader of that, and so on; the longest way counts, so that
    /// creating in this order and dropping in the reverse order always works.
    pub depth: i32,
}

/// The views that read a relation, directly or through others, in the order in which they can be created.
pub async fn dependents(connection: &Connection, schema: &str, name: &str) -> Result<Vec<Dependent>, SqlError> {
    let rows = connection
        .query(
            "with recursive reader (oid, depth) as ( \
               select r.ev_class, 1 \
               from pg_catalog.pg_class c \
               join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
               join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = c.oid \
                 and d.classid = 'pg_catalog.pg_rewrite'::regclass and d.deptype = 'n' \
               join pg_catalog.pg_rewrite r on r.oid = d.objid \
               where n.nspname = $1::text and c.relname = $2::text and r.ev_class <> c.oid \
               union \
               select r.ev_class, reader.depth + 1 \
               from reader \
               join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = reader.oid \
                 and d.classid = 'pg_catalog.pg_rewrite'::regclass and d.deptype = 'n' \
               join pg_catalog.pg_rewrite r on r.oid = d.objid \
               where r.ev_class <> reader.oid \
             ) \
             select c.oid, n.nspname::text, c.relname::text, c.relkind::text, \
                    pg_catalog.pg_get_userbyid(c.relowner)::text, pg_catalog.pg_get_viewdef(c.oid), reader.depth \
             from (select oid, max(depth) as depth from reader group by oid) reader \
             join pg_catalog.pg_class c on c.oid = reader.oid and c.relkind in ('v', 'm') \
             join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
             order by reader.depth, n.nspname, c.relname",
            &[&schema, &name],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Dependent {
            oid: row.get(0),
            schema: row.get(1),
            name: row.get(2),
            kind: if row.get::<_, String>(3) == "m" {
                RelationKind::MaterializedView
            } else {
                RelationKind::View
            },
            owner: row.get(4),
            definition: row.get(5),
            depth: row.get(6),
        })
        .collect())
}
