//! `run-operation`: one macro, called for what it does.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::graph::Node;
use crate::jinja::{Arg, Global, MacroInfo, Render};
use crate::postgres::PooledConnection;

use super::compile::compile_inline_within;
use super::context::RunContext;
use super::execute::ended;
use super::host::RunHost;
use super::result::{NodeResult, Status};
use super::transaction::Transaction;

/// What to run.
pub enum Operation<'a> {
    /// A macro with its arguments by name.
    Macro {
        info: &'a MacroInfo,
        /// The package whose macros it sees by bare name first.
        package: &'a str,
        arguments: &'a Map<String, Json>,
    },
    /// A statement, as a template.
    Sql,
}

/// Calls the macro, or runs the node's own text, on one connection. Every statement is committed by itself, as in dbt; a
/// transaction that the macro opened and did not commit is undone.
pub async fn run_operation(
    context: &Arc<RunContext>,
    connection: &Arc<PooledConnection>,
    node: &Arc<Node>,
    operation: &Operation<'_>,
) -> NodeResult {
    let started = Timestamp::now();
    let stop = {
        let (interrupt, pool) = (context.interrupt.clone(), context.pool.clone());
        tokio::spawn(async move {
            interrupt.raised().await;
            pool.cancel_all().await;
        })
    };
    let transaction = Arc::new(Transaction::new(connection));
    let done = match transaction.clear().await {
        Ok(()) => match operation {
            Operation::Macro {
                info,
                package,
                arguments,
            } => call(context, node, info, package, arguments, &transaction),
            Operation::Sql => run_sql(context, node, &transaction).await,
        },
        Err(error) => Err(error.diagnostic()),
    };
    transaction.rollback().await;
    // What the macro set in its session is not meant for anybody else.
    connection.retire();
    stop.abort();
    let status = if done.is_ok() { Status::Success } else { Status::Error };
    let mut result = ended(node, status, started, "MainThread", None);
    result.failures = Some(u64::from(done.is_err()));
    match done {
        Ok(message) => result.message = message,
        Err(diagnostic) => {
            result.message = Some(diagnostic.message.clone());
            result.diagnostic = Some(diagnostic);
        }
    }
    result
}

fn call(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    info: &MacroInfo,
    package: &str,
    arguments: &Map<String, Json>,
    transaction: &Arc<Transaction>,
) -> Result<Option<String>, Diagnostic> {
    let host = RunHost::new(context, node, Some(Arc::clone(transaction.connection()))).within_transaction(transaction);
    let mut globals = context.base_globals.clone();
    globals.insert("model".to_owned(), Global::from(macro_entry(info)));
    let request = Render {
        package,
        within: &format!("operation {}", info.name),
        source: &SourceFile::new(format!("run-operation {}", info.name), ""),
        part: None,
        host: Arc::new(host),
        execute: true,
        globals,
    };
    let arguments: IndexMap<String, Arg> = arguments
        .iter()
        .map(|(name, value)| (name.clone(), Arg::from(value.clone())))
        .collect();
    let name = format!("{}.{}", info.package, info.name);
    context.engine.call(&request, &name, &[], &arguments).map(|_| None)
}

async fn run_sql(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    transaction: &Arc<Transaction>,
) -> Result<Option<String>, Diagnostic> {
    let sql = compile_inline_within(context, node, transaction)?;
    let done = transaction.execute(&sql, false, false).await;
    let done = done.map_err(|error| {
        let place = crate::diagnostic::Place::new(&SourceFile::new("--sql", sql), 0..0);
        error.diagnostic().at(place)
    })?;
    Ok(Some(done.response.message))
}

/// A macro as `model` shows it where no node renders.
fn macro_entry(info: &MacroInfo) -> Json {
    let arguments: Vec<Json> = info
        .arguments
        .iter()
        .map(|argument| json!({ "name": argument.name, "description": "" }))
        .collect();
    json!({
        "name": info.name,
        "resource_type": "macro",
        "package_name": info.package,
        "path": info.path,
        "original_file_path": info.path,
        "unique_id": info.id,
        "macro_sql": info.text,
        "depends_on": { "macros": [] },
        "description": "",
        "meta": {},
        "docs": { "show": true },
        "config": { "meta": {}, "docs": { "show": true } },
        "arguments": arguments,
    })
}
