//! `show`: rows of a model, of SQL typed here, or of a candidate that failed its audits.

use std::io::Write as _;
use std::sync::Arc;

use indexmap::IndexSet;

use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::gate::{candidate_relation, versions_schema};
use crate::graph::{Node, ResourceType};
use crate::postgres::Connection;
use crate::report;
use crate::run;
use crate::sql::{Relation, Table};

use super::arguments::{Global, ShowArguments, ShowOutput};
use super::connect::{Connected, connect, gate_of};
use super::ls::{closed_pipe, unwritable};
use super::select::select;
use super::state::defer;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

const KINDS: [ResourceType; 4] = [
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Test,
    ResourceType::Analysis,
];

pub(super) async fn show(global: &Global, talk: &Talk, arguments: &ShowArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "show")?;
    let connected = connect(&workspace, arguments.threads.or(Some(1))).await?;
    let found = rows(&workspace, &connected, arguments).await;
    connected.leave(found.is_ok()).await?;
    let format = match arguments.output {
        ShowOutput::Text => report::ShowFormat::Text,
        ShowOutput::Json => report::ShowFormat::Json,
    };
    let mut out = std::io::stdout().lock();
    for (name, table) in found? {
        let written = report::show(&mut out, &table, name.as_deref(), format).and_then(|()| out.flush());
        written.or_else(closed_pipe).map_err(|error| unwritable(&error))?;
    }
    Ok(Status::Success)
}

async fn rows(
    workspace: &Workspace,
    connected: &Connected,
    arguments: &ShowArguments,
) -> Result<Vec<(Option<String>, Table)>, Diagnostics> {
    if let Some(model) = &arguments.candidate {
        let connection = connected.pool.get().await?;
        let relation = candidate(workspace, &connection, model).await?;
        let sql = limited(&format!("select * from {relation}"), arguments.limit);
        return Ok(vec![(Some(model.clone()), query(&connection, &sql).await?)]);
    }
    if let Some(sql) = &arguments.inline_direct {
        let connection = connected.pool.get().await?;
        return Ok(vec![(None, query(&connection, &limited(sql, arguments.limit)).await?)]);
    }
    if arguments.inline.is_none() && arguments.selection.select.is_empty() && arguments.selection.selector.is_none() {
        return Err(Diagnostic::error("invalid-argument", "nothing to show was named")
            .help("name a model with --select, SQL with --inline, or a failed model with --candidate")
            .into());
    }
    let selected = match &arguments.inline {
        Some(_) => IndexSet::new(),
        None => select(workspace, "show", &arguments.selection, &KINDS, false)?.nodes,
    };
    let as_of = workspace.as_of(connected, &selected).await?;
    let mut flags = workspace.flags("show", connected.threads);
    flags.full_refresh = arguments.full_refresh;
    let context = workspace.context(connected, flags, as_of, &selected);
    defer(workspace, &context, &selected).await?;
    let connection = Arc::new(context.pool.get().await?);
    if let Some(sql) = &arguments.inline {
        let node = workspace.inline_node(sql);
        let sql = limited(
            &run::compile_inline(&context, &node, Some(&connection))?,
            arguments.limit,
        );
        return Ok(vec![(None, query(&connection, &sql).await?)]);
    }
    let mut shown = Vec::new();
    for node in selected.iter().filter_map(|id| workspace.graph.node(id)) {
        // Tests come along with the model they look at; who wants their rows names them.
        let named = arguments.selection.select.iter().any(|s| s.contains(&node.name));
        if node.resource_type == ResourceType::Test && !named && selected.len() > 1 {
            continue;
        }
        let sql = if node.resource_type == ResourceType::Seed {
            format!("select * from {}", node.relation)
        } else {
            super::compile::one(&context, node, &connection).await?.sql
        };
        if let Some(header) = node.config.raw.get("sql_header").and_then(|header| header.as_str()) {
            let ran = connection.batch(header).await;
            ran.map_err(|error| error.diagnostic().at(node.declared.clone()))?;
        }
        let table = query(&connection, &limited(&sql, arguments.limit)).await?;
        shown.push((Some(node.name.clone()), table));
    }
    Ok(shown)
}

/// What is left of the model's last refused build: the version that failed, or the view of a refused delta.
pub(super) async fn candidate(
    workspace: &Workspace,
    connection: &Connection,
    model: &str,
) -> Result<Relation, Diagnostic> {
    let gate = gate_of(workspace)?;
    let node = published_model(workspace, model)?;
    let delta = candidate_relation(&node.relation);
    let schema = versions_schema(&gate.ledger.schema);
    let rows = connection
        .query(
            "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             left join assay.versions v on v.published_schema = $1 and v.version_name = c.relname
             where n.nspname = $2 and (c.relname = $3 or (v.model = $4 and v.state in ('failed', 'candidate')))
             order by v.version_id desc nulls last limit 1",
            &[
                &gate.ledger.schema,
                &schema,
                &delta.identifier,
                &node.relation.identifier,
            ],
        )
        .await;
    let name: Option<String> = match rows {
        Ok(rows) => rows.first().map(|row| row.get(0)),
        // undefined_table: nothing was ever built through the gate.
        Err(error) if error.is("42P01") => None,
        Err(error) => return Err(error.diagnostic()),
    };
    name.map(|name| Relation::new(None, schema, name)).ok_or_else(|| {
        Diagnostic::error("no-candidate", format!("there is no candidate of `{model}`"))
            .because("a candidate is kept only where its audits failed, and only until the next run")
            .help(format!("what readers see: assay show --select {model}"))
    })
}

pub(super) fn published_model<'w>(workspace: &'w Workspace, model: &str) -> Result<&'w Arc<Node>, Diagnostic> {
    let published: Vec<_> = workspace.graph.nodes().filter(|node| node.is_published()).collect();
    let found = published.iter().find(|node| node.name == model).copied();
    found.ok_or_else(|| {
        let names = published.iter().map(|node| node.name.as_str());
        let help = nearest(model, names).map_or_else(
            || "only models with `access: public` have versions and candidates".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Diagnostic::error("no-such-model", format!("no published model is called `{model}`")).help(help)
    })
}

async fn query(connection: &Connection, sql: &str) -> Result<Table, Diagnostic> {
    connection.table(sql).await.map_err(|error| error.diagnostic())
}

fn limited(sql: &str, limit: i64) -> String {
    let sql = sql.trim().trim_end_matches(';');
    if limit < 0 {
        return sql.to_owned();
    }
    format!("select * from (\n{sql}\n) assay_show limit {limit}")
}
