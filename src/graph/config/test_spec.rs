//! What the configuration of a test says.

use super::Owner;
use super::typer::Typer;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{AuditScope, Severity, TestSpec};
use crate::project::Settings;

impl TestSpec {
    /// What the configuration of a test says.
    pub(in crate::graph) fn of(settings: &Settings, owner: &Owner, problems: &mut Diagnostics) -> Self {
        let mut typer = Typer {
            settings,
            owner,
            problems,
        };
        let severity = match typer.text("severity") {
            None => Severity::Error,
            Some(word) if word.eq_ignore_ascii_case("error") => Severity::Error,
            Some(word) if word.eq_ignore_ascii_case("warn") => Severity::Warn,
            Some(word) => {
                if let Some(setting) = typer.get("severity") {
                    typer.unknown(&setting, "severity", &word, ["error", "warn"]);
                }
                Severity::Error
            }
        };
        let store_failures_as = typer.text("store_failures_as");
        if let (Some(word), Some(setting)) = (&store_failures_as, typer.get("store_failures_as"))
            && !matches!(word.as_str(), "table" | "view" | "ephemeral")
        {
            typer.unknown(&setting, "store_failures_as", word, ["table", "view", "ephemeral"]);
        }
        let audit_scope = match typer.text("audit_scope").as_deref() {
            None => None,
            Some("rows") => Some(AuditScope::Rows),
            Some("keys") => Some(AuditScope::Keys),
            Some("all") => Some(AuditScope::All),
            Some(word) => {
                if let Some(setting) = typer.get("audit_scope") {
                    typer.unknown(&setting, "audit_scope", word, ["rows", "keys", "all"]);
                }
                None
            }
        };
        let audit_keys = typer.strings("audit_keys").unwrap_or_default();
        if let Some(setting) = typer
            .get("audit_keys")
            .filter(|_| audit_scope != Some(AuditScope::Keys))
        {
            let what = format!("{} has `audit_keys` without `audit_scope: keys`", owner.what);
            typer.problems.push(
                Diagnostic::error("wrong-value", what)
                    .at(setting.place)
                    .because("the columns tell apart the groups that a test with that scope judges")
                    .help("set `audit_scope: keys`, or take `audit_keys` out"),
            );
        }
        let condition = |text: Option<String>| text.unwrap_or_else(|| "!= 0".to_owned());
        Self {
            generic: None,
            severity,
            warn_if: condition(typer.text("warn_if")),
            error_if: condition(typer.text("error_if")),
            fail_calc: typer.text("fail_calc").unwrap_or_else(|| "count(*)".to_owned()),
            audit_scope,
            audit_keys,
            limit: typer.number("limit"),
            where_: typer.text("where"),
            stored_as_view: store_failures_as.as_deref() == Some("view"),
            store_failures: match store_failures_as.as_deref() {
                Some("ephemeral") => Some(false),
                Some(_) => Some(true),
                None => typer.flag("store_failures"),
            },
        }
    }
}
