//! The newest arrival in the sources: what `var('as_of')` means where nobody says.

use crate::graph::Node;
use crate::postgres::{Connection, SqlError};

/// The greatest finite `loaded_at_field` over the given sources that declare one, as ISO 8601 text in UTC; `None` where there is
/// none or all are empty.
pub async fn newest_arrival(connection: &Connection, sources: &[&Node]) -> Result<Option<String>, SqlError> {
    let parts: Vec<String> = sources
        .iter()
        .filter_map(|node| {
            let field = node.source_spec.as_ref()?.loaded_at_field.as_ref()?;
            Some(format!(
                "select max({field})::timestamptz as arrived from {} where ({field}) < 'infinity'",
                node.relation
            ))
        })
        .collect();
    if parts.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "select to_char(max(arrived) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from (\n{}\n) arrivals",
        parts.join("\nunion all\n")
    );
    let rows = connection.query(&sql, &[]).await?;
    Ok(rows.first().and_then(|row| row.get(0)))
}
