//! A node's template into the SQL that runs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::gate::fingerprint;
use crate::graph::{Hook, Node, NodeId, entry};
use crate::jinja::{Global, MacroInfo, Render};
use crate::postgres::PooledConnection;
use crate::project::Fixture;
use crate::sql::{Relation, with_expressions, with_own_aliases};

use super::context::RunContext;
use super::host::{Instead, RunHost};
use super::transaction::Transaction;

/// The text of a node as the server gets it, with ephemeral parents written in.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub sql: String,
    /// Where it was written, below the project's root.
    pub path: String,
    /// The same text as a file to point errors at.
    pub file: Arc<SourceFile>,
}

/// How a node sees itself while it renders.
#[derive(Clone, Debug)]
pub struct View {
    pub this: Relation,
    pub incremental: bool,
}

/// Renders a node and writes the result below `target/compiled`.
pub fn compile_node(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    view: &View,
    connection: Option<&Arc<PooledConnection>>,
) -> Result<Compiled, Diagnostic> {
    let sql = render(context, node, view, connection, None)?;
    written(context, node, sql)
}

/// The text of a node that reads something else `instead`; it is neither written nor kept.
pub(super) fn compile_instead(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    instead: Instead,
    connection: Option<&Arc<PooledConnection>>,
) -> Result<String, Diagnostic> {
    let view = View {
        this: node.relation.clone(),
        incremental: false,
    };
    let host = Arc::new(RunHost::new(context, node, connection.cloned()).reading(instead));
    let sql = render_with(context, node, &view, &host, true)?;
    let mut expressions = Expressions::new();
    let needed = collect_ephemeral(context, &host, connection, &mut expressions)?;
    Ok(injected(as_rendered(&sql, &node.source.text), &needed, &expressions))
}

/// The same, with the template's own queries inside a transaction.
pub(super) fn compile_within(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    view: &View,
    transaction: &Arc<Transaction>,
) -> Result<Compiled, Diagnostic> {
    let sql = render(context, node, view, Some(transaction.connection()), Some(transaction))?;
    written(context, node, sql)
}

/// The same for a project's hook, whose template sees `more`.
pub(super) fn compile_with(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    view: &View,
    transaction: &Arc<Transaction>,
    more: &IndexMap<String, Global>,
) -> Result<Compiled, Diagnostic> {
    let host = RunHost::new(context, node, Some(Arc::clone(transaction.connection()))).within_transaction(transaction);
    let mut globals = context.globals(node, view);
    globals.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
    let sql = context.engine.render(&Render {
        package: &node.package,
        within: &context.describe(node),
        source: &node.source,
        part: None,
        host: Arc::new(host),
        execute: true,
        globals,
    })?;
    let path = context.layout.compiled(node);
    // As in dbt, a hook that has done its work while it was rendered leaves no file.
    if !sql.trim().is_empty() {
        context.layout.write(&path, &sql)?;
    }
    Ok(Compiled {
        file: SourceFile::new(path.clone(), sql.clone()),
        path,
        sql,
    })
}

fn written(context: &Arc<RunContext>, node: &Arc<Node>, sql: String) -> Result<Compiled, Diagnostic> {
    let path = context.layout.compiled(node);
    context.layout.write(&path, &sql)?;
    Ok(Compiled {
        file: SourceFile::new(path.clone(), sql.clone()),
        path,
        sql,
    })
}

/// SQL given on the command line, compiled as if it stood in a model of the root project.
pub fn compile_inline(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    connection: Option<&Arc<PooledConnection>>,
) -> Result<String, Diagnostic> {
    let view = View {
        this: node.relation.clone(),
        incremental: false,
    };
    render(context, node, &view, connection, None)
}

/// The same, with the template's own queries inside a transaction.
pub(super) fn compile_inline_within(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    transaction: &Arc<Transaction>,
) -> Result<String, Diagnostic> {
    let view = View {
        this: node.relation.clone(),
        incremental: false,
    };
    render(context, node, &view, Some(transaction.connection()), Some(transaction))
}

/// A fingerprint of what a published model is made from: both ways its template can render, its contract with the
/// database and how it is stored. The same in every run until somebody changes the project or its variables.
pub fn definition(context: &Arc<RunContext>, node: &Arc<Node>) -> Result<String, Diagnostic> {
    if node.is_python() {
        return Ok(fingerprint(&[&node.source.text]));
    }
    let mut parts = Vec::new();
    for incremental in [false, true] {
        let host = Arc::new(RunHost::stable(context, node));
        let view = View {
            this: node.relation.clone(),
            incremental,
        };
        let rendered = render_with(context, node, &view, &host, false)?;
        parts.push(rendered.trim().to_owned());
        for id in host.ephemerals() {
            if let Some(ephemeral) = context.graph.node(&id) {
                parts.push(definition(context, ephemeral)?);
            }
        }
    }
    parts.extend(unrendered(context, node));
    let config = &node.config;
    parts.push(config.materialized_name.clone());
    parts.push(config.unique_key.join(","));
    parts.push(format!("{:?}", config.indexes));
    parts.push(config.unlogged.to_string());
    if let Some(by) = &config.partition_by {
        parts.push(format!("{by:?}"));
    }
    if config.contract_enforced {
        parts.push(format!("{:?}", node.constraints));
        let columns = node.columns.values();
        parts.extend(columns.map(|column| format!("{} {:?} {:?}", column.name, column.data_type, column.constraints)));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Ok(fingerprint(&parts))
}

/// Texts of which a definition's render leaves a part out: what stands under `execute`, which asks the database.
fn unrendered(context: &RunContext, node: &Node) -> Vec<String> {
    let asks = |text: &str| text.contains("execute") || text.contains("run_query") || text.contains("statement(");
    let mut texts = Vec::new();
    if asks(&node.source.text) {
        texts.push(node.source.text.clone());
    }
    let infos: HashMap<&str, &MacroInfo> = context.engine.macros().map(|info| (info.id.as_str(), info)).collect();
    let mut seen: BTreeMap<String, &MacroInfo> = BTreeMap::new();
    let mut open: Vec<String> = node.macros.iter().map(ToString::to_string).collect();
    while let Some(id) = open.pop() {
        let Some(info) = infos.get(id.as_str()).filter(|info| !info.is_builtin()) else {
            continue;
        };
        if seen.insert(id, info).is_none() {
            open.extend(context.engine.called_by(info));
        }
    }
    texts.extend(
        seen.values()
            .filter(|info| asks(&info.text))
            .map(|info| info.text.clone()),
    );
    texts
}

fn render(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    view: &View,
    connection: Option<&Arc<PooledConnection>>,
    transaction: Option<&Arc<Transaction>>,
) -> Result<String, Diagnostic> {
    if node.is_python() {
        return Err(Diagnostic::error(
            "not-supported",
            format!("{}s in Python do not run on PostgreSQL", node.resource_type.name()),
        )
        .at(node.declared.clone())
        .help("write it in SQL, or disable it"));
    }
    let mut host = RunHost::new(context, node, connection.cloned());
    if let Some(transaction) = transaction {
        host = host.within_transaction(transaction);
    }
    let host = Arc::new(host);
    let sql = render_with(context, node, view, &host, true)?;
    let mut expressions = Expressions::new();
    let needed = collect_ephemeral(context, &host, connection, &mut expressions)?;
    let code = injected(as_rendered(&sql, &node.source.text), &needed, &expressions);
    note(context, &node.id, code.clone(), &needed, &expressions);
    for (id, ephemeral) in &expressions {
        let code = injected(&ephemeral.body, &ephemeral.needed, &expressions);
        note(context, id, code, &ephemeral.needed, &expressions);
    }
    Ok(code)
}

/// An ephemeral model that is written into another.
struct Ephemeral {
    name: String,
    body: String,
    /// The ephemeral models in it, innermost first.
    needed: Vec<NodeId>,
}

type Expressions = IndexMap<NodeId, Ephemeral>;

/// A query with the ephemeral models that it needs.
fn injected(sql: &str, needed: &[NodeId], expressions: &Expressions) -> String {
    let needed = needed.iter().filter_map(|id| expressions.get(id));
    with_expressions(sql, needed.map(|found| (found.name.as_str(), found.body.as_str())))
}

/// Keeps what was compiled for the manifest.
fn note(context: &RunContext, id: &NodeId, code: String, needed: &[NodeId], expressions: &Expressions) {
    let expression = |id: &NodeId| {
        let Ephemeral { name, body, .. } = expressions.get(id)?;
        Some((Arc::clone(id), format!(" {name} as (\n{body}\n)")))
    };
    let expressions = needed.iter().filter_map(expression).collect();
    context.made.note_compiled(id, entry::Compiled { code, expressions });
}

fn render_with(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    view: &View,
    host: &Arc<RunHost>,
    execute: bool,
) -> Result<String, Diagnostic> {
    let mut globals = context.globals(node, view);
    if host.is_stable() {
        steady(&mut globals);
    }
    let rendered = context.engine.render(&Render {
        package: &node.package,
        within: &context.describe(node),
        source: &node.source,
        part: None,
        host: Arc::clone(host) as Arc<dyn crate::jinja::Host>,
        execute,
        globals,
    });
    rendered.map(|sql| with_own_aliases(&sql))
}

/// The template of a model as a unit test sees it, where `this` is given or nothing at all.
pub(super) fn render_tested(
    context: &Arc<RunContext>,
    model: &Arc<Node>,
    this: Option<&Relation>,
    host: &Arc<RunHost>,
) -> Result<String, Diagnostic> {
    let view = View {
        this: model.relation.clone(),
        incremental: false,
    };
    let mut globals = context.globals(model, &view);
    globals.insert(
        "this".into(),
        this.cloned().map_or(Global::from(Json::Null), Global::from),
    );
    let sql = context.engine.render(&Render {
        package: &model.package,
        within: &context.describe(model),
        source: &model.source,
        part: None,
        host: Arc::clone(host) as Arc<dyn crate::jinja::Host>,
        execute: true,
        globals,
    })?;
    Ok(trim_statement(&sql).to_owned())
}

/// Rows of a unit test that are given as a query.
pub(super) fn render_given(
    context: &Arc<RunContext>,
    test: &Node,
    fixture: &Fixture,
    sql: &str,
    host: &Arc<RunHost>,
) -> Result<String, Diagnostic> {
    if !(sql.contains("{{") || sql.contains("{%") || sql.contains("{#")) {
        return Ok(trim_statement(sql).to_owned());
    }
    let view = View {
        this: test.relation.clone(),
        incremental: false,
    };
    let sql = context.engine.render(&Render {
        package: &test.package,
        within: &context.describe(test),
        source: &SourceFile::new(fixture.place.file.path.clone(), sql),
        part: None,
        host: Arc::clone(host) as Arc<dyn crate::jinja::Host>,
        execute: true,
        globals: context.globals(test, &view),
    })?;
    Ok(trim_statement(&sql).to_owned())
}

/// What differs from run to run over the same project, made the same.
fn steady(globals: &mut IndexMap<String, Global>) {
    globals.insert(
        "invocation_id".into(),
        Global::from("00000000-0000-0000-0000-000000000000"),
    );
    globals.insert("run_started_at".into(), Global::from(jiff::Timestamp::UNIX_EPOCH));
    for name in ["selected_resources", "invocation_args_dict", "dbt_metadata_envs"] {
        globals.shift_remove(name);
    }
    if let Some(Global::Data(flags)) = globals.get("flags") {
        let mut flags = (**flags).clone();
        for (name, value) in [
            ("FULL_REFRESH", Json::Bool(false)),
            ("FAIL_FAST", Json::Bool(false)),
            ("WHICH", Json::from("build")),
            ("INVOCATION_COMMAND", Json::from("assay build")),
        ] {
            if let Some(flag) = flags.get_mut(name) {
                *flag = value;
            }
        }
        globals.insert("flags".into(), Global::from(flags));
    }
}

/// The ephemeral models that a text reads, each after those it reads itself.
fn collect_ephemeral(
    context: &Arc<RunContext>,
    reader: &RunHost,
    connection: Option<&Arc<PooledConnection>>,
    into: &mut Expressions,
) -> Result<Vec<NodeId>, Diagnostic> {
    let mut needed: Vec<NodeId> = Vec::new();
    let mut need = |id: &NodeId, below: &[NodeId]| {
        for id in below.iter().chain([id]) {
            if !needed.contains(id) {
                needed.push(Arc::clone(id));
            }
        }
    };
    for id in reader.ephemerals() {
        let Some(node) = context.graph.node(&id) else { continue };
        if let Some(there) = into.get(&id) {
            need(&id, &there.needed);
            continue;
        }
        let host = RunHost::new(context, node, connection.cloned()).within(reader.is_version());
        let host = Arc::new(host);
        let view = View {
            this: node.relation.clone(),
            incremental: false,
        };
        let sql = render_with(context, node, &view, &host, true)?;
        let below = collect_ephemeral(context, &host, connection, into)?;
        need(&id, &below);
        let ephemeral = Ephemeral {
            name: format!("__dbt__cte__{}", node.relation.identifier),
            body: trim_statement(&sql).to_owned(),
            needed: below,
        };
        into.insert(id, ephemeral);
    }
    Ok(needed)
}

/// Without the semicolons and blanks at the end, so that the text can stand in brackets.
/// What a template rendered to, but for the blanks around the template itself and a semicolon at the end, as dbt keeps it.
fn as_rendered<'a>(sql: &'a str, template: &str) -> &'a str {
    let before = &template[..template.len() - template.trim_start().len()];
    // The template engine has taken one line break already.
    let after = &template[template.trim_end().len()..];
    let after = after.strip_suffix('\n').unwrap_or(after);
    let sql = sql.strip_prefix(before).unwrap_or(sql);
    let sql = sql.strip_suffix(after).unwrap_or_else(|| sql.trim_end());
    if sql.trim().is_empty() {
        return "";
    }
    match sql.trim_end() {
        ended if ended.ends_with(';') => ended.trim_end_matches([';', ' ', '\n', '\t', '\r']),
        _ => sql,
    }
}

fn trim_statement(sql: &str) -> &str {
    sql.trim().trim_end_matches([';', ' ', '\n', '\t', '\r'])
}

impl RunContext {
    /// What an error calls the node: `model stg_orders`.
    #[must_use]
    pub fn describe(&self, node: &Node) -> String {
        let kind = node.resource_type.name().replace('_', " ");
        format!("{kind} {}", node.name)
    }

    pub(super) fn globals(&self, node: &Node, view: &View) -> IndexMap<String, Global> {
        let mut globals = self.base_globals.clone();
        globals.insert("this".into(), Global::from(view.this.clone()));
        globals.insert("is_incremental".into(), Global::from(view.incremental));
        let flat = Arc::clone(&self.flat);
        let own = flat
            .graph
            .node(&node.id)
            .filter(|known| Arc::ptr_eq(&known.source, &node.source));
        let own = own.cloned().filter(|_| node.batch.is_none());
        let own = own.unwrap_or_else(|| Arc::new(node.clone()));
        let model = move || flat.model(&own);
        let model = match &node.batch {
            Some(batch) => Global::batch(model, batch.start, batch.end),
            None => Global::lazy(model),
        };
        globals.insert("model".into(), model);
        let other = self
            .deferral
            .get()
            .and_then(|deferral| deferral.relations.get(&node.id));
        if let Some(other) = other {
            globals.insert("defer_relation".into(), Global::from(other.clone()));
        }
        globals.insert("pre_hooks".into(), hooks(&node.config.pre_hooks));
        globals.insert("post_hooks".into(), hooks(&node.config.post_hooks));
        if let Some(database) = &node.relation.database {
            globals.insert("database".into(), Global::from(database.as_str()));
        }
        globals.insert("schema".into(), Global::from(node.relation.schema.as_str()));
        globals
    }
}

/// `pre_hooks`, `post_hooks`
fn hooks(hooks: &[Hook]) -> Global {
    let hooks = hooks
        .iter()
        .map(|hook| json!({ "sql": hook.sql, "transaction": hook.transaction }));
    Global::from(Json::Array(hooks.collect()))
}
