//! What a template may ask of the world while it renders.

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place};
use crate::sql::{Column, Relation, Table};

/// Why the host could not answer. The engine adds the place and the macro stack.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The stable code of the diagnostic that this becomes.
    pub code: &'static str,
    pub message: String,
    pub cause: Option<String>,
    pub help: Option<String>,
    /// Where it went wrong, where that is not in the template: in the SQL that a macro sent.
    pub place: Option<Place>,
}

impl Refusal {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cause: None,
            help: None,
            place: None,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<Refusal> for Diagnostic {
    fn from(refusal: Refusal) -> Self {
        let mut diagnostic = Self::error(refusal.code, refusal.message);
        diagnostic.cause = refusal.cause;
        diagnostic.help = refusal.help;
        diagnostic.place = refusal.place;
        diagnostic
    }
}

impl From<Diagnostic> for Refusal {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            code: diagnostic.code,
            message: diagnostic.message,
            cause: diagnostic.cause,
            help: diagnostic.help,
            place: diagnostic.place,
        }
    }
}

/// Answers for one render of one template. While parsing, `reference` and `source` record the edge and answer with a
/// stand-in; while running they answer with the relation to read. Called from the rendering thread, so a host that
/// needs the server blocks until it has the answer.
pub trait Host: Send + Sync {
    /// `ref('name')`, `ref('package', 'name')`, `ref('name', v=2)`.
    fn reference(&self, package: Option<&str>, name: &str, version: Option<&Json>) -> Result<Relation, Refusal>;

    /// `source('source', 'table')`.
    fn source(&self, source: &str, table: &str) -> Result<Relation, Refusal>;

    /// `function('name')`, `function('package', 'name')`.
    fn function(&self, package: Option<&str>, name: &str) -> Result<Relation, Refusal>;

    /// `metric('name')`, `metric('package', 'name')`: the metric's name.
    fn metric(&self, package: Option<&str>, name: &str) -> Result<String, Refusal>;

    /// `config(key=value, ..)` met in the template.
    fn configure(&self, values: IndexMap<String, Json>) -> Result<(), Refusal>;

    /// `config.get(key)`; `None` where nothing set it.
    fn config(&self, key: &str) -> Option<Json>;

    /// `var(name)` as seen from a package; `None` where it is not set.
    fn var(&self, package: &str, name: &str) -> Result<Option<Json>, Refusal>;

    /// `env_var(name)`; `None` where it is not set.
    fn env(&self, name: &str) -> Option<String>;

    /// Whether names that mean nothing are nothing, and calls of them too: dbt parses templates so.
    fn forgives(&self) -> bool {
        false
    }

    /// What a unit test says that a macro gives, whatever its arguments, by bare name or within a package.
    fn overridden(&self, _package: Option<&str>, _name: &str) -> Option<Json> {
        None
    }

    /// A macro was called, as `macro.package.name`; for `depends_on.macros`.
    fn called(&self, macro_id: &str);

    /// One or more statements on the node's connection; the last one's rows. Never called while parsing.
    fn query(&self, sql: &str) -> Result<Table, Refusal>;

    /// `statement(..)`, `adapter.execute(..)`: runs SQL, in a transaction that begins now where `auto_begin` says so and none
    /// is open; its rows where `fetch`. Never called while parsing.
    fn execute(&self, sql: &str, auto_begin: bool, fetch: bool) -> Result<Table, Refusal> {
        let _ = (auto_begin, fetch);
        self.query(sql)
    }

    /// `adapter.commit()`: ends the transaction that an `auto_begin` opened. Nothing to do where every statement is
    /// committed by itself.
    fn commit(&self) -> Result<(), Refusal> {
        Ok(())
    }

    /// `adapter.clear_transaction()`: what follows is committed statement by statement.
    fn clear_transaction(&self) -> Result<(), Refusal> {
        Ok(())
    }

    /// `write(..)`: notes SQL below `target/run`.
    fn write(&self, sql: &str) -> Result<(), Refusal> {
        let _ = sql;
        Ok(())
    }

    /// `load_agate_table()`: the rows of the seed that is loaded. Never called while parsing.
    fn seed(&self) -> Result<Table, Refusal> {
        Err(Refusal::new(
            "no-seed",
            "`load_agate_table` works in the materialization of a seed",
        ))
    }

    /// Which of database, schema and identifier the project quotes.
    fn quoted(&self) -> [bool; 3] {
        [true; 3]
    }

    /// `adapter.get_relation` and friends: the relation as the database has it.
    fn relation(&self, schema: &str, identifier: &str) -> Result<Option<Relation>, Refusal>;

    /// `adapter.get_columns_in_relation`.
    fn columns(&self, relation: &Relation) -> Result<Vec<Column>, Refusal>;

    /// `log(..)`, `print(..)`: to the log file, and to the terminal where `show`.
    fn log(&self, message: &str, show: bool);

    /// `print(..)`: on standard output, as it is.
    fn print(&self, text: &str) {
        self.log(text, true);
    }

    /// `thread_id`: who renders.
    fn thread(&self) -> String {
        "MainThread".to_owned()
    }

    /// `exceptions.warn(..)`; refused where warnings are errors.
    fn warn(&self, message: &str) -> Result<(), Refusal>;
}
