//! How long the ledger remembers. Runs, versions, certificates and publications are evidence and stay for ever; how long
//! each node of each run took is most of the ledger's rows, and only the newest is of use.

use serde::Serialize;

use crate::postgres::{Connection, SqlError};

use super::ledger::Ledger;

/// Rows of `assay.node_runs` that are due, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timings {
    pub due: i64,
    pub all: i64,
}

/// The newest success of each node stays whatever its age: the critical path of the next run is told by it.
const OLD: &str = "from assay.node_runs o join assay.runs r using (run_id)
     where r.published_schema = $1 and o.finished_at < now() - make_interval(days => $2)
       and not (o.status in ('success', 'pass')
                and o.finished_at = (select max(n.finished_at) from assay.node_runs n join assay.runs m using (run_id)
                                     where m.published_schema = $1 and n.node_id = o.node_id
                                       and n.status in ('success', 'pass')))";

/// Counts what is older than so many days.
pub async fn old_timings(connection: &Connection, ledger: &Ledger, days: u32) -> Result<Timings, SqlError> {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let count = format!(
        "select (select count(*) {OLD}),
                (select count(*) from assay.node_runs join assay.runs r using (run_id) where r.published_schema = $1)"
    );
    let rows = connection.query(&count, &[&ledger.schema, &days]).await?;
    Ok(rows.first().map_or_else(Timings::default, |row| Timings {
        due: row.get(0),
        all: row.get(1),
    }))
}

/// Deletes them. Only the holder of the run lock may call it.
pub async fn drop_old_timings(connection: &Connection, ledger: &Ledger, days: u32) -> Result<u64, SqlError> {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let delete = format!(
        "delete from assay.node_runs d using (select o.run_id, o.node_id {OLD}) due
         where d.run_id = due.run_id and d.node_id = due.node_id"
    );
    connection.execute(&delete, &[&ledger.schema, &days]).await
}
