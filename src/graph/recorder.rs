//! The host of a template that is only being parsed: it answers nothing, writes down what was asked and passes on what is said.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{Ref, Said, Voice};
use crate::jinja::{Host, Refusal};
use crate::project::{Project, Settings, config_key};
use crate::sql::{Column, Relation, Table};

/// The variable that a run fills in where nobody does: the newest arrival in the sources.
pub const AS_OF: &str = "as_of";

/// The variables of each package, `--vars` over all of them.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    by_package: HashMap<String, IndexMap<String, Json>>,
    given: IndexMap<String, Json>,
}

impl Variables {
    pub fn new(project: &Project, given: &IndexMap<String, Json>) -> Self {
        Self {
            by_package: project
                .packages
                .iter()
                .map(|package| (package.name.clone(), project.vars(&package.name)))
                .collect(),
            given: given.clone(),
        }
    }

    /// What one package sees alone.
    pub fn of_package(package: &str, vars: &IndexMap<String, Json>, given: &IndexMap<String, Json>) -> Self {
        Self {
            by_package: HashMap::from([(package.to_owned(), vars.clone())]),
            given: given.clone(),
        }
    }

    /// The value of a variable as a package sees it.
    pub fn get(&self, package: &str, name: &str) -> Option<&Json> {
        self.given.get(name).or_else(|| self.by_package.get(package)?.get(name))
    }
}

/// What a template asked for while it was parsed.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// In the order of the calls, with repeats, as in dbt's manifest.
    pub refs: Vec<Ref>,
    pub sources: Vec<(String, String)>,
    /// In the order of the calls.
    pub configs: Vec<IndexMap<String, Json>>,
    pub macros: Vec<String>,
    pub warnings: Vec<String>,
    /// As `Functions::called` has them.
    pub functions: Vec<Vec<String>>,
    /// As `Semantics::metrics` has them.
    pub metrics: Vec<Vec<String>>,
}

impl Recorded {
    /// Adds what a hook asked for; what it configures counts for nothing.
    pub fn add(&mut self, hook: Self) {
        self.refs.extend(hook.refs);
        self.sources.extend(hook.sources);
        self.functions.extend(hook.functions);
        self.metrics.extend(hook.metrics);
        for called in hook.macros {
            if !self.macros.contains(&called) {
                self.macros.push(called);
            }
        }
    }
}

/// Answers `ref` and `source` with a stand-in, and records them.
pub struct Recorder {
    stand_in: Relation,
    variables: Arc<Variables>,
    /// What is configured outside the template.
    settings: Settings,
    recorded: Mutex<Recorded>,
    forgives: bool,
    voice: Voice,
}

impl Recorder {
    pub fn new(stand_in: Relation, variables: &Arc<Variables>, settings: Settings, voice: Voice) -> Arc<Self> {
        Arc::new(Self {
            stand_in,
            variables: Arc::clone(variables),
            settings,
            recorded: Mutex::default(),
            forgives: false,
            voice,
        })
    }

    /// One that takes names that mean nothing for nothing, for a second try: what is said was heard the first time.
    pub fn forgiving(stand_in: Relation, variables: &Arc<Variables>, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            stand_in,
            variables: Arc::clone(variables),
            settings,
            recorded: Mutex::default(),
            forgives: true,
            voice: Voice::silent(),
        })
    }

    /// What has been asked for so far; nothing is left behind.
    pub fn take(&self) -> Recorded {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name with its package where that is given.
fn called(package: Option<&str>, name: &str) -> Vec<String> {
    package.into_iter().chain([name]).map(str::to_owned).collect()
}

impl Host for Recorder {
    fn reference(&self, package: Option<&str>, name: &str, version: Option<&Json>) -> Result<Relation, Refusal> {
        let reference = Ref {
            package: package.map(str::to_owned),
            name: name.to_owned(),
            version: version.cloned(),
        };
        self.lock().refs.push(reference);
        Ok(self.stand_in.clone())
    }

    fn source(&self, source: &str, table: &str) -> Result<Relation, Refusal> {
        let pair = (source.to_owned(), table.to_owned());
        self.lock().sources.push(pair);
        Ok(self.stand_in.clone())
    }

    fn function(&self, package: Option<&str>, name: &str) -> Result<Relation, Refusal> {
        self.lock().functions.push(called(package, name));
        Ok(self.stand_in.clone())
    }

    fn metric(&self, package: Option<&str>, name: &str) -> Result<String, Refusal> {
        self.lock().metrics.push(called(package, name));
        Ok(name.to_owned())
    }

    fn configure(&self, values: IndexMap<String, Json>) -> Result<(), Refusal> {
        self.lock().configs.push(values);
        Ok(())
    }

    fn config(&self, key: &str) -> Option<Json> {
        let key = config_key(key);
        let recorded = self.lock();
        let called = recorded.configs.iter().rev().find_map(|values| {
            values
                .iter()
                .find(|(name, _)| config_key(name) == key)
                .map(|(_, value)| value.clone())
        });
        called
            .or_else(|| self.settings.get(&key).map(|setting| setting.value.clone()))
            .filter(|value| !value.is_null())
    }

    fn var(&self, package: &str, name: &str) -> Result<Option<Json>, Refusal> {
        // The moment that a run is as of is known only when it runs.
        let unknown = (name == AS_OF).then(|| Json::from("1970-01-01T00:00:00Z"));
        Ok(self.variables.get(package, name).cloned().or(unknown))
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn forgives(&self) -> bool {
        self.forgives
    }

    fn called(&self, macro_id: &str) {
        let mut recorded = self.lock();
        if !recorded.macros.iter().any(|there| there == macro_id) {
            recorded.macros.push(macro_id.to_owned());
        }
    }

    fn query(&self, _sql: &str) -> Result<Table, Refusal> {
        Ok(Table::default())
    }

    fn relation(&self, _schema: &str, _identifier: &str) -> Result<Option<Relation>, Refusal> {
        Ok(None)
    }

    fn columns(&self, _relation: &Relation) -> Result<Vec<Column>, Refusal> {
        Ok(Vec::new())
    }

    fn log(&self, message: &str, show: bool) {
        self.voice.say(Said::Logged {
            text: message.to_owned(),
            shown: show,
        });
    }

    fn print(&self, text: &str) {
        self.voice.say(Said::Printed(text.to_owned()));
    }

    fn warn(&self, message: &str) -> Result<(), Refusal> {
        self.lock().warnings.push(message.to_owned());
        Ok(())
    }
}
