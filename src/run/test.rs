//! Data tests: count what is wrong, compare with the thresholds.

use std::sync::Arc;

use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::graph::{Node, Severity, TestSpec};
use crate::sql::{Relation, ident};

use super::compile::Compiled;
use super::execute::NodeRun;
use super::result::Status;

/// How a test ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub status: Status,
    pub failures: u64,
    pub message: Option<String>,
    pub compiled: Compiled,
    pub compiled_at: Timestamp,
}

/// One row: failures, whether to warn, whether to fail.
#[must_use]
pub fn count_sql(spec: &TestSpec, rows: &str) -> String {
    let calc = &spec.fail_calc;
    let limit = spec.limit.map_or_else(String::new, |n| format!("\nlimit {n}"));
    format!(
        "select\n  {calc} as failures,\n  {calc} {} as should_warn,\n  {calc} {} as should_error\nfrom (\n{rows}{limit}\n) dbt_internal_test",
        spec.warn_if, spec.error_if
    )
}

/// dbt's rules: an error threshold counts only with error severity, and comes before the warning.
fn judge(spec: &TestSpec, failures: u64, should_warn: bool, should_error: bool) -> (Status, Option<String>) {
    let results = if failures == 1 { "result" } else { "results" };
    if spec.severity == Severity::Error && should_error {
        let message = format!("Got {failures} {results}, configured to fail if {}", spec.error_if);
        (Status::Fail, Some(message))
    } else if should_warn {
        let message = format!("Got {failures} {results}, configured to warn if {}", spec.warn_if);
        (Status::Warn, Some(message))
    } else {
        (Status::Pass, None)
    }
}

impl NodeRun {
    /// Runs a test on this connection, inside whatever transaction is open there.
    pub(super) async fn run_test(&self, test: &Arc<Node>, store: bool) -> Result<Verdict, Diagnostic> {
        let Some(spec) = &test.test else {
            return Err(Diagnostic::error("internal", format!("{} is not a test", test.id)));
        };
        let compiled = self.compile_other(test)?;
        let compiled_at = Timestamp::now();
        let mut rows = compiled.sql.clone();
        if store && spec.store_failures == Some(true) {
            rows = self.store_failures(test, &compiled).await?;
        }
        let sql = count_sql(spec, &rows);
        self.note_sql_of(test, &sql);
        let table = match self.connection.table(&sql).await {
            Ok(table) => table,
            Err(error) => return Err(self.sql_error(test, &error, &sql, &compiled)),
        };
        let cell = |i: usize| table.rows.first().and_then(|row| row.get(i)).and_then(Clone::clone);
        // sum() over no rows is NULL, which is no failure.
        let failures = cell(0).map_or(0.0, |text| text.parse::<f64>().unwrap_or(0.0));
        let yes = |i: usize| matches!(cell(i).as_deref(), Some("t" | "true"));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let failures = failures.max(0.0) as u64;
        let (status, message) = judge(spec, failures, yes(1), yes(2));
        Ok(Verdict {
            status,
            failures,
            message,
            compiled,
            compiled_at,
        })
    }

    /// Keeps the failing rows in a table; gives the query that reads them back.
    async fn store_failures(&self, test: &Arc<Node>, compiled: &Compiled) -> Result<String, Diagnostic> {
        let place: &Relation = &test.relation;
        let sql = format!(
            "begin;\ncreate schema if not exists {};\ndrop table if exists {place} cascade;\ncreate table {place} as (\n{}\n);\ncommit;\n",
            ident(&place.stored_schema()),
            compiled.sql
        );
        if let Err(error) = self.connection.batch(&sql).await {
            let diagnostic = self.sql_error(test, &error, &sql, compiled);
            self.rollback().await;
            return Err(diagnostic);
        }
        Ok(format!("select * from {place}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(severity: Severity) -> TestSpec {
        TestSpec {
            generic: None,
            severity,
            warn_if: "> 1".into(),
            error_if: "> 10".into(),
            fail_calc: "count(*)".into(),
            limit: Some(500),
            where_: None,
            store_failures: None,
        }
    }

    #[test]
    fn counts_in_one_row() {
        insta::assert_snapshot!(count_sql(&spec(Severity::Error), "select * from t where bad"));
    }

    #[test]
    fn thresholds() {
        let judged = |severity, failures, warn, error| judge(&spec(severity), failures, warn, error).0;
        assert_eq!(judged(Severity::Error, 11, true, true), Status::Fail);
        assert_eq!(judged(Severity::Warn, 11, true, true), Status::Warn);
        assert_eq!(judged(Severity::Error, 5, true, false), Status::Warn);
        assert_eq!(judged(Severity::Error, 1, false, false), Status::Pass);
    }
}
