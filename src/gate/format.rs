//! The format of the ledger: made where there is none, brought up to date where it is older.

use crate::postgres::{Connection, SqlError};
use crate::sql::literal;

use super::ledger::Ledger;

/// Raised with every change of `ledger.sql`, which must be fit to run on every older ledger.
pub const LEDGER_FORMAT: i32 = 3;

/// The format of ledgers that do not say theirs.
const FIRST: i32 = 1;

const DDL: &str = include_str!("ledger.sql");

impl Ledger {
    /// The format of the ledger that is there, for commands that only look.
    pub async fn format(&self, connection: &Connection) -> Result<Option<i32>, SqlError> {
        let there = connection
            .query(
                "select to_regclass('assay.locks') is not null, to_regclass('assay.format') is not null",
                &[],
            )
            .await?;
        let Some(there) = there.first().filter(|row| row.get(0)) else {
            return Ok(None);
        };
        if !there.get::<_, bool>(1) {
            return Ok(Some(FIRST));
        }
        let rows = connection.query("select max(format) from assay.format", &[]).await?;
        let format = rows.first().and_then(|row| row.get::<_, Option<i32>>(0));
        Ok(Some(format.unwrap_or(FIRST)))
    }

    /// Creates what is missing; cheap where everything is there. A ledger of a newer Assay is left as it is: formats only
    /// ever add.
    pub async fn prepare(&self, connection: &Connection) -> Result<(), SqlError> {
        if self.format(connection).await? >= Some(LEDGER_FORMAT) {
            return Ok(());
        }
        // Two first runs may meet here; the lock makes the second wait and find everything made.
        connection
            .batch(&format!(
                "begin; select pg_advisory_xact_lock(hashtextextended('assay ledger', 0)); {DDL} \
                 insert into assay.format (format, made_by) select {LEDGER_FORMAT}, {} \
                 where not exists (select from assay.format where format >= {LEDGER_FORMAT}); commit;",
                literal(env!("CARGO_PKG_VERSION"))
            ))
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::version::fingerprint;
    use super::*;

    /// Whoever changes the ledger raises its format, so that ledgers which are there get the change too.
    #[test]
    fn every_change_of_the_ledger_is_a_new_format() {
        insta::assert_snapshot!(
            format!("format {LEDGER_FORMAT}: {}", &fingerprint(&[DDL])[..16]),
            @"format 3: f6129509a8e2937b"
        );
    }
}
