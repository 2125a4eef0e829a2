//! How old a source is: the newest time of loading, against the clock of the server.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::graph::{Node, SourceSpec};
use crate::jinja::{Arg, Global, Render, Returned};
use crate::project::{Freshness, Judgement};
use crate::sql::{Column, Table};

use super::compile::View;
use super::execute::{NodeRun, ended};
use super::host::RunHost;
use super::result::{NodeResult, SourceAge, Status};
use super::transaction::Transaction;

const BY_FIELD: &str = "collect_freshness";
const BY_QUERY: &str = "collect_freshness_custom_sql";

impl NodeRun {
    /// Asks once, outside any transaction. What cannot be told is a runtime error, as in dbt.
    pub(super) async fn freshness(&self, started: Timestamp) -> NodeResult {
        let node = &self.step.node;
        let transaction = Arc::new(Transaction::new(&self.connection));
        let found = match transaction.clear().await {
            Ok(()) => self.collect(&transaction),
            Err(error) => Err(error.diagnostic()),
        };
        transaction.rollback().await;
        let overridden = |name: &&str| self.context.engine.overriding(&node.package, name).is_some();
        if [BY_FIELD, BY_QUERY].iter().any(overridden) {
            // What the project's own macro set is not meant for the next node.
            self.connection.retire();
        }
        let mut result = ended(node, Status::RuntimeError, started, &self.thread, None);
        result.relation_name = Some(node.relation.to_string());
        match found {
            Ok((table, age)) => {
                result.status = match limits(node).judge(age.seconds) {
                    Judgement::Pass => Status::Pass,
                    Judgement::Warn if self.context.flags.warn_error.is_error("LogFreshnessResult") => Status::Error,
                    Judgement::Warn => Status::Warn,
                    Judgement::Error => Status::Error,
                };
                result.code = Some(table.response.code).filter(|code| !code.is_empty());
                result.rows_affected = table.response.rows;
                result.age = Some(age);
            }
            Err(diagnostic) => {
                result.message = Some(diagnostic.message.clone());
                result.diagnostic = Some(diagnostic);
            }
        }
        result
    }

    fn collect(&self, transaction: &Arc<Transaction>) -> Result<(Table, SourceAge), Diagnostic> {
        let node = &self.step.node;
        let spec = node.source_spec.as_ref().ok_or_else(|| undated(node))?;
        let mut arguments = IndexMap::from([("source".to_owned(), Arg::from(node.relation.clone()))]);
        let name = match spec {
            SourceSpec {
                loaded_at_query: Some(query),
                ..
            } => {
                let query = self.query(query, transaction)?;
                arguments.insert("loaded_at_query".to_owned(), query.as_str().into());
                BY_QUERY
            }
            SourceSpec {
                loaded_at_field: Some(field),
                ..
            } => {
                arguments.insert("loaded_at_field".to_owned(), field.as_str().into());
                let filter = limits(node).filter.map_or(Json::Null, Json::from);
                arguments.insert("filter".to_owned(), filter.into());
                BY_FIELD
            }
            _ => return Err(undated(node)),
        };
        let package = self.context.engine.root_package().to_owned();
        let source = SourceFile::new(format!("(builtin)/{name}"), "");
        let request = self.request(&package, &source, transaction);
        let returned = self.context.engine.call(&request, name, &[], &arguments);
        let told = |diagnostic: Diagnostic| diagnostic.frame(self.context.describe(node), node.declared.clone());
        let answer = match returned.map_err(told)? {
            Returned::Table(table) => table,
            Returned::Rows(rows) => bare(&rows),
            Returned::Data(_) | Returned::Relation(_) => return Err(no_answer(name, node)),
        };
        let age = age(&answer, name, node)?;
        Ok((answer, age))
    }

    /// `loaded_at_query`, rendered.
    fn query(&self, written: &str, transaction: &Arc<Transaction>) -> Result<String, Diagnostic> {
        let node = &self.step.node;
        let what = format!("loaded_at_query of {}", self.context.describe(node));
        let source = SourceFile::new(what, written);
        self.context
            .engine
            .render(&self.request(&node.package, &source, transaction))
            .map_err(|diagnostic| diagnostic.frame(self.context.describe(node), node.declared.clone()))
    }

    fn request<'a>(
        &'a self,
        package: &'a str,
        source: &'a Arc<SourceFile>,
        transaction: &Arc<Transaction>,
    ) -> Render<'a> {
        let node = &self.step.node;
        let view = View {
            this: node.relation.clone(),
            incremental: false,
        };
        let mut globals = self.context.globals(node, &view);
        if let Some(model) = globals.get("model").cloned() {
            globals.insert("source_node".to_owned(), model);
        }
        globals.insert("execute".to_owned(), Global::from(true));
        let host =
            RunHost::new(&self.context, node, Some(Arc::clone(&self.connection))).within_transaction(transaction);
        Render {
            package,
            within: &node.name,
            source,
            part: None,
            host: Arc::new(host),
            execute: true,
            globals,
        }
    }
}

pub(super) fn limits(node: &Node) -> Freshness {
    let spec = node.source_spec.as_ref();
    spec.and_then(|spec| spec.freshness.clone()).unwrap_or_default()
}

fn undated(node: &Node) -> Diagnostic {
    Diagnostic::error(
        "freshness-without-field",
        format!("nothing tells how old {} is", node.relation.plain()),
    )
    .at(node.declared.clone())
    .because("it has no `loaded_at_field`, and PostgreSQL does not keep when a table was last changed")
    .help("name the column with the time of loading as `loaded_at_field`, or give a `loaded_at_query`")
}

fn no_answer(name: &str, node: &Node) -> Diagnostic {
    Diagnostic::error(
        "freshness-answer",
        format!(
            "`{name}` did not give one row with two times for {}",
            node.relation.plain()
        ),
    )
    .at(node.declared.clone())
    .help("end the macro with {{ return(load_result('..')) }} of a query for max_loaded_at and snapshotted_at")
}

/// A table without its statement, whose times are taken for what they look like.
fn bare(rows: &[Map<String, Json>]) -> Table {
    let names = rows.first().into_iter().flat_map(Map::keys);
    let columns = names.map(|name| Column {
        name: name.clone(),
        data_type: "timestamp".to_owned(),
    });
    let text = |value: &Json| match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    Table {
        columns: columns.collect(),
        rows: rows.iter().map(|row| row.values().map(text).collect()).collect(),
        ..Table::default()
    }
}

fn age(table: &Table, name: &str, node: &Node) -> Result<SourceAge, Diagnostic> {
    let [row] = &table.rows[..] else {
        return Err(no_answer(name, node));
    };
    let ([loaded, now], [loaded_as, now_as]) = (&row[..], &table.columns[..]) else {
        return Err(no_answer(name, node));
    };
    let max_loaded_at = match loaded {
        Some(text) => moment(text, &loaded_as.data_type, node)?,
        None => long_ago(),
    };
    let snapshotted_at = match now {
        Some(text) => moment(text, &now_as.data_type, node)?,
        None => return Err(no_answer(name, node)),
    };
    let age = snapshotted_at.duration_since(max_loaded_at);
    Ok(SourceAge {
        max_loaded_at,
        snapshotted_at,
        seconds: age.as_secs_f64(),
    })
}

/// A source without rows was loaded infinitely long ago.
fn long_ago() -> Timestamp {
    DateTime::constant(1, 1, 1, 0, 0, 0, 0)
        .to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

/// A time without a zone is in UTC.
fn moment(text: &str, data_type: &str, node: &Node) -> Result<Timestamp, Diagnostic> {
    let read = || {
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Some(moment);
        }
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let known = data_type.starts_with("timestamp");
    read().filter(|_| known).ok_or_else(|| {
        Diagnostic::error(
            "freshness-answer",
            format!("the time of loading of {} is no timestamp", node.relation.plain()),
        )
        .at(node.declared.clone())
        .because(format!("it is `{text}`, of type {data_type}"))
        .help("cast it in `loaded_at_field`, as in: loaded_on::timestamp")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::select::shop;

    fn answer(loaded: Option<&str>, data_type: &str) -> Table {
        let column = |name: &str, data_type: &str| Column {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
        };
        Table {
            columns: vec![
                column("max_loaded_at", data_type),
                column("snapshotted_at", "timestamp with time zone"),
            ],
            rows: vec![vec![
                loaded.map(str::to_owned),
                Some("2026-11-21 16:55:43.334876+02:00".to_owned()),
            ]],
            ..Table::default()
        }
    }

    fn aged(loaded: Option<&str>, data_type: &str) -> Result<SourceAge, Diagnostic> {
        age(
            &answer(loaded, data_type),
            BY_FIELD,
            &shop::named("source.shop.server.zones"),
        )
    }

    /// The numbers of dbt 1.12 for the same rows.
    #[test]
    fn ages_are_dbts() {
        let seconds = |loaded, kind| aged(loaded, kind).expect("an age").seconds;
        let exactly = |found: f64, dbts: f64| (found - dbts).abs() < 1e-4;
        assert!(exactly(seconds(None, "integer"), 63_930_869_743.334_88));
        assert!(exactly(
            seconds(Some("2020-01-01 00:00:00"), "timestamp without time zone"),
            217_436_143.334_876
        ));
        assert!(exactly(
            seconds(Some("2026-11-21 09:55:42.334876-05:00"), "timestamp with time zone"),
            1.0
        ));
    }

    #[test]
    fn a_date_is_no_time() {
        let refused = aged(Some("2020-01-01"), "date").expect_err("refused");
        assert_eq!(refused.code, "freshness-answer");
        assert_eq!(refused.cause.as_deref(), Some("it is `2020-01-01`, of type date"));
    }
}
