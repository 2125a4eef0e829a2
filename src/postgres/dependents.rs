//! Views that others built on a relation, with what it takes to make them again.

use std::time::Duration;

use crate::sql::{Relation, ident, literal};

use super::{Connection, SqlError};

/// How often the catalogue is asked when it changes under the question.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// A view that reads a relation, directly or through other views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    pub relation: Relation,
    /// For people: `view`, `materialized view`.
    pub kind: &'static str,
    /// The query; `None` for what cannot be made again.
    pub definition: Option<String>,
    comment: Option<String>,
    options: Option<String>,
    /// Complete GRANT statements.
    grants: Vec<String>,
    /// Complete CREATE INDEX statements, of a materialized view.
    indexes: Vec<String>,
    /// A materialized view that was never filled.
    unfilled: bool,
}

impl Dependent {
    #[must_use]
    pub fn drop_sql(&self) -> String {
        format!("drop {} {};\n", self.kind, self.relation)
    }

    /// The view as it was: query, options, indexes, comment, grants. A materialized view is filled anew.
    #[must_use]
    pub fn restore_sql(&self) -> String {
        let Some(definition) = &self.definition else {
            return String::new();
        };
        let options = self
            .options
            .as_ref()
            .map_or_else(String::new, |o| format!(" with ({o})"));
        let query = definition.trim().trim_end_matches(';');
        let (kind, relation) = (self.kind, &self.relation);
        let unfilled = if self.unfilled { "\nwith no data" } else { "" };
        let mut sql = format!("create {kind} {relation}{options} as\n{query}{unfilled};\n");
        for index in &self.indexes {
            sql.push_str(index);
            sql.push_str(";\n");
        }
        if let Some(comment) = &self.comment {
            sql.push_str(&format!("comment on {kind} {relation} is {};\n", literal(comment)));
        }
        for grant in &self.grants {
            sql.push_str(grant);
            sql.push_str(";\n");
        }
        sql
    }
}

/// Whether a view reads the relation. Takes no locks on it or on its views.
pub async fn is_read_by_views(connection: &Connection, relation: &Relation) -> Result<bool, SqlError> {
    let found = connection
        .query(
            "select 1 from pg_namespace n
             join pg_class c on c.relnamespace = n.oid and c.relname = $2
             join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.classid = 'pg_rewrite'::regclass
             join pg_rewrite r on r.oid = d.objid and r.ev_class <> c.oid
             where n.nspname = $1
             limit 1",
            &[&relation.schema, &relation.identifier],
        )
        .await?;
    Ok(!found.is_empty())
}

/// Everything that reads the given relations, such that a view comes after the views it reads.
pub async fn dependents(connection: &Connection, relations: &[Relation]) -> Result<Vec<Dependent>, SqlError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match asked(connection, relations).await {
            // A view that was in the snapshot went before its query was printed: another node is making it again.
            Err(error) if error.is("XX000") && attempt < ATTEMPTS => tokio::time::sleep(PAUSE).await,
            found => return found,
        }
    }
}

async fn asked(connection: &Connection, relations: &[Relation]) -> Result<Vec<Dependent>, SqlError> {
    if relations.is_empty() {
        return Ok(Vec::new());
    }
    let schemas: Vec<_> = relations.iter().map(Relation::stored_schema).collect();
    let names: Vec<_> = relations.iter().map(Relation::stored_identifier).collect();
    let rows = connection
        .query(
            "with recursive reader (oid, depth) as (
               select c.oid, 0
               from unnest($1::text[], $2::text[]) as w (schema, name)
               join pg_namespace n on n.nspname = w.schema
               join pg_class c on c.relnamespace = n.oid and c.relname = w.name
               union
               select r.ev_class, reader.depth + 1
               from reader
               join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = reader.oid
                               and d.classid = 'pg_rewrite'::regclass
               join pg_rewrite r on r.oid = d.objid
               where r.ev_class <> reader.oid
             ), deepest as (
               select oid, max(depth) as depth from reader group by oid having max(depth) > 0
             )
             select n.nspname::text, c.relname::text, c.relkind::text, pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class'),
                    array_to_string(c.reloptions, ', '),
                    array(select format('grant %s on %I.%I to %s%s', a.privilege_type, n.nspname, c.relname,
                                        case when a.grantee = 0 then 'public' else quote_ident(g.rolname) end,
                                        case when a.is_grantable then ' with grant option' else '' end)
                          from aclexplode(c.relacl) a left join pg_roles g on g.oid = a.grantee
                          where a.grantee <> c.relowner
                          order by 1),
                    case when pg_get_userbyid(c.relowner) <> current_user then pg_get_userbyid(c.relowner)::text end,
                    array(select pg_get_indexdef(i.indexrelid) from pg_index i where i.indrelid = c.oid order by 1),
                    not c.relispopulated
             from deepest d
             join pg_class c on c.oid = d.oid
             join pg_namespace n on n.oid = c.relnamespace
             order by d.depth, n.nspname, c.relname",
            &[&schemas, &names],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let relation = Relation::new(None, row.get::<_, String>(0), row.get::<_, String>(1));
            let kind = match row.get::<_, &str>(2) {
                "v" => "view",
                "m" => "materialized view",
                _ => "table",
            };
            let definition: Option<String> = row.get(3);
            if kind != "table" && definition.is_none() {
                return Err(SqlError {
                    sqlstate: Some("XX000".to_owned()),
                    ..SqlError::client(format!("the {kind} {} is being replaced", relation.plain()))
                });
            }
            let mut grants: Vec<String> = row.get(6);
            if let Some(owner) = row.get::<_, Option<String>>(7) {
                grants.insert(0, format!("alter {kind} {relation} owner to {}", ident(&owner)));
            }
            Ok(Dependent {
                kind,
                // A table with a rule of its own has none.
                definition: definition.filter(|_| kind != "table"),
                indexes: row.get(8),
                unfilled: row.get(9),
                comment: row.get(4),
                options: row.get(5),
                grants,
                relation,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_restored_whole() {
        let dependent = Dependent {
            relation: Relation::new(None, "bi", "v"),
            kind: "view",
            definition: Some(" SELECT m.a\n   FROM analytics.m;".into()),
            comment: Some("it's ours".into()),
            options: Some("security_barrier=true".into()),
            grants: vec!["grant SELECT on bi.v to reporter".into()],
            indexes: Vec::new(),
            unfilled: false,
        };
        assert_eq!(
            dependent.restore_sql(),
            "create view \"bi\".\"v\" with (security_barrier=true) as\nSELECT m.a\n   FROM analytics.m;\n\
             comment on view \"bi\".\"v\" is 'it''s ours';\ngrant SELECT on bi.v to reporter;\n"
        );
        let materialized = Dependent {
            kind: "materialized view",
            comment: None,
            options: None,
            grants: Vec::new(),
            indexes: vec!["CREATE UNIQUE INDEX i ON bi.v USING btree (a)".into()],
            ..dependent
        };
        assert_eq!(
            materialized.drop_sql() + &materialized.restore_sql(),
            "drop materialized view \"bi\".\"v\";\ncreate materialized view \"bi\".\"v\" as\nSELECT m.a\n   \
             FROM analytics.m;\nCREATE UNIQUE INDEX i ON bi.v USING btree (a);\n"
        );
    }
}
