//! Jinja in YAML: variables, the environment and the target, and nothing that needs a graph.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::jinja::{Engine, Global, Host, Refusal, Render};
use crate::project::YamlScope;
use crate::sql::{Column, Relation, Table};

/// Answers for one string of YAML.
struct YamlHost {
    vars: IndexMap<String, Json>,
}

/// Renders a string as dbt does: what comes out of a lone expression keeps its type.
pub(super) fn render_yaml(
    engine: &Engine,
    given: &Map<String, Json>,
    target: &Json,
    scope: &YamlScope,
    text: &str,
) -> Result<Json, Diagnostic> {
    let mut vars = scope.vars.clone();
    vars.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
    let globals = IndexMap::from([("target".to_owned(), Global::from(target.clone()))]);
    engine.evaluate(&Render {
        package: scope.package,
        within: "YAML",
        source: &SourceFile::new("YAML", text),
        part: None,
        host: Arc::new(YamlHost { vars }),
        execute: false,
        globals,
    })
}

fn not_here(what: &str) -> Refusal {
    Refusal::new("not-in-yaml", format!("`{what}` cannot be used here"))
        .help("in YAML there are `var`, `env_var` and `target`; move the rest into a model or macro")
}

impl Host for YamlHost {
    fn reference(&self, _: Option<&str>, _: &str, _: Option<&Json>) -> Result<Relation, Refusal> {
        Err(not_here("ref"))
    }

    fn source(&self, _: &str, _: &str) -> Result<Relation, Refusal> {
        Err(not_here("source"))
    }

    fn function(&self, _: Option<&str>, _: &str) -> Result<Relation, Refusal> {
        Err(not_here("function"))
    }

    fn metric(&self, _: Option<&str>, _: &str) -> Result<String, Refusal> {
        Err(not_here("metric"))
    }

    fn configure(&self, _: IndexMap<String, Json>) -> Result<(), Refusal> {
        Err(not_here("config"))
    }

    fn config(&self, _: &str) -> Option<Json> {
        None
    }

    fn var(&self, _: &str, name: &str) -> Result<Option<Json>, Refusal> {
        Ok(self.vars.get(name).cloned())
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn called(&self, _: &str) {}

    fn query(&self, _: &str) -> Result<Table, Refusal> {
        Err(not_here("run_query"))
    }

    fn relation(&self, _: &str, _: &str) -> Result<Option<Relation>, Refusal> {
        Err(not_here("adapter.get_relation"))
    }

    fn columns(&self, _: &Relation) -> Result<Vec<Column>, Refusal> {
        Err(not_here("adapter.get_columns_in_relation"))
    }

    fn log(&self, _: &str, _: bool) {}

    fn warn(&self, _: &str) -> Result<(), Refusal> {
        Ok(())
    }
}
