//! What building a graph asks of the template engine.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Voice;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::jinja::Host;
use crate::sql::Relation;

/// One template to render while parsing: `execute` is false.
#[derive(Clone)]
pub struct Job<'a> {
    pub package: &'a str,
    /// For messages: ``model `orders` ``.
    pub within: &'a str,
    pub source: &'a Arc<SourceFile>,
    pub host: Arc<dyn Host>,
    /// `{{ this }}`.
    pub this: &'a Relation,
    /// `{{ model }}` and `{{ node }}`: name, path, fqn, config and so on, under dbt's names.
    pub node: &'a Json,
}

/// The template engine, as far as parsing needs it.
pub trait Templates: Sync {
    fn render(&self, job: &Job) -> Result<String, Diagnostic>;

    /// Calls a macro by name as the job's package sees it; what it prints or returns, as text. The job's source is not
    /// rendered.
    fn call(&self, job: &Job, name: &str, args: &[Json]) -> Result<String, Diagnostic>;

    /// Whether a package itself defines a macro. `dbt` is the package of the built-in ones.
    fn has_macro(&self, package: &str, name: &str) -> bool;

    /// The id of the macro that a package means by a name, where that is neither the one with the id `wanted` nor calls it.
    fn instead_of(&self, wanted: &str, package: &str, name: &str) -> Option<String>;

    /// Where what the templates say goes to.
    fn voice(&self) -> Voice {
        Voice::silent()
    }

    /// Every macro, as package and name.
    fn macros(&self) -> Vec<(String, String)>;
}
