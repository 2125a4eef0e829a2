//! Data tests: count what is wrong, compare with the thresholds.

use std::sync::Arc;

use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::graph::{Node, Severity, TestSpec};

use super::compile::Compiled;
use super::execute::NodeRun;
use super::result::Status;
use super::stored_failures::stored_as;

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

/// dbt's rules: an error threshold counts only with error severity, and comes before the warning. With `strict` a
/// warning fails.
fn judge(
    spec: &TestSpec,
    failures: u64,
    should_warn: bool,
    should_error: bool,
    strict: bool,
) -> (Status, Option<String>) {
    let results = if failures == 1 { "result" } else { "results" };
    if spec.severity == Severity::Error && should_error {
        let message = format!("Got {failures} {results}, configured to fail if {}", spec.error_if);
        (Status::Fail, Some(message))
    } else if should_warn && strict {
        let message = format!("Got {failures} {results}, configured to fail if {}", spec.warn_if);
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
        let stored = stored_as(spec, &self.context.flags).filter(|_| store);
        let sql = match stored {
            Some(stored) => {
                let rows = self.store_failures(test, &compiled, stored).await?;
                // What is kept is limited already.
                let unlimited = TestSpec {
                    limit: None,
                    ..spec.clone()
                };
                count_sql(&unlimited, &rows)
            }
            None => count_sql(spec, &compiled.sql),
        };
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
        let strict = self.context.flags.warn_error.is_error("LogTestResult");
        let (status, message) = judge(spec, failures, yes(1), yes(2), strict);
        // As in dbt: what is within the limits does not count.
        let failures = if status == Status::Pass { 0 } else { failures };
        Ok(Verdict {
            status,
            failures,
            message,
            compiled,
            compiled_at,
        })
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
            stored_as_view: false,
            audit_scope: None,
            audit_keys: Vec::new(),
        }
    }

    #[test]
    fn counts_in_one_row() {
        insta::assert_snapshot!(count_sql(&spec(Severity::Error), "select * from t where bad"));
    }

    #[test]
    fn thresholds() {
        let judged = |severity, failures, warn, error| judge(&spec(severity), failures, warn, error, false).0;
        assert_eq!(judged(Severity::Error, 11, true, true), Status::Fail);
        assert_eq!(judged(Severity::Warn, 11, true, true), Status::Warn);
        assert_eq!(judged(Severity::Error, 5, true, false), Status::Warn);
        assert_eq!(judged(Severity::Error, 1, false, false), Status::Pass);
        let strictly = judge(&spec(Severity::Warn), 2, true, false, true);
        assert_eq!(strictly.0, Status::Fail);
        assert_eq!(strictly.1.as_deref(), Some("Got 2 results, configured to fail if > 1"));
    }
}
