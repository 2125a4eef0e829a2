//! The engine as a whole, against values computed with Python's Jinja2 and dbt.

mod calls;
mod context;
mod corpus;
mod errors;
mod oracle;
mod page;
mod python;
mod sql;
mod tables;
mod values;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::{DispatchRule, Engine, Global, Host, MacroFile, Refusal, Render};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::sql::{Column, Relation, RelationKind, Table};

/// Answers from tables, and notes what was asked.
#[derive(Default)]
pub(super) struct World {
    pub(super) vars: HashMap<String, Json>,
    pub(super) env: HashMap<String, String>,
    pub(super) config: HashMap<String, Json>,
    pub(super) results: HashMap<String, Table>,
    pub(super) heard: Mutex<Vec<String>>,
}

impl World {
    fn hear(&self, what: impl Into<String>) {
        self.heard.lock().unwrap().push(what.into());
    }

    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Host for World {
    fn reference(&self, package: Option<&str>, name: &str, version: Option<&Json>) -> Result<Relation, Refusal> {
        self.hear(format!("ref {package:?} {name} {version:?}"));
        if name == "missing" {
            return Err(Refusal::new("unknown-ref", "there is no model `missing`").help("did you mean `mission`?"));
        }
        Ok(Relation::new(Some("db"), "analytics", name).of_kind(RelationKind::Table))
    }

    fn source(&self, source: &str, table: &str) -> Result<Relation, Refusal> {
        self.hear(format!("source {source} {table}"));
        Ok(Relation::new(Some("db"), source, table))
    }

    fn function(&self, package: Option<&str>, name: &str) -> Result<Relation, Refusal> {
        self.hear(format!("function {package:?} {name}"));
        Ok(Relation::new(Some("db"), "s", name))
    }

    fn metric(&self, package: Option<&str>, name: &str) -> Result<String, Refusal> {
        self.hear(format!("metric {package:?} {name}"));
        Ok(name.to_owned())
    }

    fn configure(&self, values: IndexMap<String, Json>) -> Result<(), Refusal> {
        self.hear(format!("config {}", serde_json::to_string(&values).unwrap()));
        Ok(())
    }

    fn config(&self, key: &str) -> Option<Json> {
        self.config.get(key).cloned()
    }

    fn var(&self, _: &str, name: &str) -> Result<Option<Json>, Refusal> {
        Ok(self.vars.get(name).cloned())
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn called(&self, macro_id: &str) {
        self.hear(format!("called {macro_id}"));
    }

    fn query(&self, sql: &str) -> Result<Table, Refusal> {
        self.hear(format!("query {}", sql.trim()));
        match self.results.get(sql.trim()) {
            Some(table) => Ok(table.clone()),
            None => Err(Refusal::new("database", format!("no result for {}", sql.trim()))),
        }
    }

    fn relation(&self, schema: &str, identifier: &str) -> Result<Option<Relation>, Refusal> {
        self.hear(format!("relation {schema}.{identifier}"));
        Ok((identifier == "there").then(|| Relation::new(Some("db"), schema, identifier).of_kind(RelationKind::View)))
    }

    fn columns(&self, relation: &Relation) -> Result<Vec<Column>, Refusal> {
        self.hear(format!("columns {relation}"));
        let column = |name: &str, data_type: &str| Column {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
        };
        Ok(vec![column("id", "integer"), column("Name", "character varying(20)")])
    }

    fn log(&self, message: &str, show: bool) {
        self.hear(format!("log {message} {show}"));
    }

    fn warn(&self, message: &str) -> Result<(), Refusal> {
        self.hear(format!("warn {message}"));
        Ok(())
    }
}

/// A project to render in: the root package is `shop`, `lib` is installed.
pub(super) struct Project {
    files: Vec<MacroFile>,
    dispatch: Vec<DispatchRule>,
    pub(super) world: World,
    pub(super) execute: bool,
    pub(super) package: &'static str,
    pub(super) globals: IndexMap<String, Global>,
}

impl Project {
    pub(super) fn new() -> Self {
        let target = json!({"name": "dev", "schema": "dbt_ana", "database": "db", "type": "postgres"});
        Self {
            files: Vec::new(),
            dispatch: Vec::new(),
            world: World::default(),
            execute: true,
            package: "shop",
            globals: IndexMap::from([("target".to_owned(), Global::from(target))]),
        }
    }

    /// A macro file; `lib/..` belongs to the package `lib`.
    pub(super) fn file(mut self, path: &str, text: &str) -> Self {
        let package = if path.starts_with("lib/") { "lib" } else { "shop" };
        self.files.push(MacroFile {
            package: package.to_owned(),
            file: SourceFile::new(path, text),
        });
        self
    }

    pub(super) fn dispatching(mut self, namespace: &str, order: &[&str]) -> Self {
        self.dispatch.push(DispatchRule {
            namespace: namespace.to_owned(),
            search_order: order.iter().map(|s| (*s).to_owned()).collect(),
        });
        self
    }

    pub(super) fn parsing(mut self) -> Self {
        self.execute = false;
        self
    }

    pub(super) fn engine(&self) -> Result<Engine, Diagnostics> {
        Engine::new("shop", &["lib".to_owned()], &self.files, &self.dispatch)
    }

    pub(super) fn with<T>(self, template: &str, work: impl FnOnce(&Engine, &Render<'_>) -> T) -> (T, Arc<World>) {
        let engine = self.engine().unwrap_or_else(|wrong| panic!("{wrong}"));
        let world = Arc::new(self.world);
        let source = SourceFile::new("models/m.sql", template);
        let request = Render {
            package: self.package,
            within: "model m",
            source: &source,
            part: None,
            host: Arc::clone(&world) as Arc<dyn Host>,
            execute: self.execute,
            globals: self.globals,
        };
        (work(&engine, &request), world)
    }

    /// Renders with an engine that is there already.
    pub(super) fn rendered_by(self, engine: &Engine, template: &str) -> Result<String, Diagnostic> {
        let source = SourceFile::new("models/m.sql", template);
        engine.render(&Render {
            package: self.package,
            within: "model m",
            source: &source,
            part: None,
            host: Arc::new(self.world),
            execute: self.execute,
            globals: self.globals,
        })
    }

    pub(super) fn try_render(self, template: &str) -> Result<String, Diagnostic> {
        self.with(template, Engine::render).0
    }

    pub(super) fn render(self, template: &str) -> String {
        self.try_render(template).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    /// The error as a terminal shows it.
    pub(super) fn error(self, template: &str) -> String {
        match self.try_render(template) {
            Ok(text) => panic!("rendered {text:?}"),
            Err(wrong) => wrong.to_string(),
        }
    }
}
