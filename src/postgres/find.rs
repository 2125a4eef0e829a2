//! One relation by name.

use crate::sql::{Relation, RelationKind};

use super::{Connection, SqlError};

/// The relation as the database has it; `None` where there is no table or view of that name.
pub async fn find_relation(
    connection: &Connection,
    schema: &str,
    identifier: &str,
) -> Result<Option<Relation>, SqlError> {
    let rows = connection
        .query(
            "select c.relkind::text, current_database()::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'f', 'v', 'm')",
            &[&schema, &identifier],
        )
        .await?;
    Ok(rows.first().map(|row| {
        let kind = match row.get::<_, &str>(0) {
            "v" => RelationKind::View,
            "m" => RelationKind::MaterializedView,
            _ => RelationKind::Table,
        };
        Relation::new(Some(row.get::<_, &str>(1)), schema, identifier).of_kind(kind)
    }))
}
