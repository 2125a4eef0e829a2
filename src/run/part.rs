//! One step within a transaction that goes on after it: what would end with a transaction of its own ends with the step.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::postgres::{Connection, SqlError};
use crate::sql::{ident, literal};

/// The settings of the session as the step found them, by name.
pub(super) struct Part(HashMap<String, String>);

impl Part {
    pub async fn enter(connection: &Connection) -> Result<Self, SqlError> {
        let found = settings(connection).await?;
        connection.enter_part().await?;
        Ok(Self(found))
    }

    /// Drops temporary tables and takes back settings. What failed is undone as a whole.
    pub async fn leave(self, connection: &Connection, well: bool) -> Result<(), SqlError> {
        if well && !connection.in_transaction() {
            let mut sql = String::new();
            for (name, value) in settings(connection).await? {
                if let Some(before) = self.0.get(&name).filter(|before| **before != value) {
                    let _ = writeln!(
                        sql,
                        "select pg_catalog.set_config({}, {}, true);",
                        literal(&name),
                        literal(before)
                    );
                }
            }
            let temporary = connection
                .query(
                    "select n.nspname::text, c.relname::text, c.relkind::text
                     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                     where n.oid = pg_catalog.pg_my_temp_schema() and c.relkind in ('r', 'p', 'v')
                     order by c.oid desc",
                    &[],
                )
                .await?;
            for row in &temporary {
                let (schema, name, kind): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
                let kind = if kind == "v" { "view" } else { "table" };
                let _ = writeln!(sql, "drop {kind} if exists {}.{} cascade;", ident(schema), ident(name));
            }
            if !sql.is_empty() {
                connection.batch(&sql).await?;
            }
        }
        connection.leave_part(well).await
    }
}

async fn settings(connection: &Connection) -> Result<HashMap<String, String>, SqlError> {
    let rows = connection
        .query(
            "select name, setting from pg_catalog.pg_settings
             where context in ('user', 'superuser') and name not like 'transaction%' and setting is not null
             union all
             select 'role', pg_catalog.current_setting('role')",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
