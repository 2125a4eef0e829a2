//! One render: who asks, what the template sees, what it leaves behind. It is the root context of its templates.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object};
use minijinja::{State, Value};

use super::call::fixed;
use super::datum::Global;
use super::engine::Shared;
use super::failure::Origin;
use super::function::{self, DEFAULTS, default_value};
use super::host::Host;
use super::object::{self, ContextObject, ResolverFunction, config_of};
use super::value::Absent;

pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) package: String,
    /// The node, as in `model stg_orders`.
    pub(super) within: String,
    pub(super) host: Arc<dyn Host>,
    pub(super) execute: bool,
    pub(super) globals: IndexMap<String, Global>,
    pub(super) origin: Option<Origin>,
    /// Made from `globals` when first asked for, so that all who look see the same object.
    values: Mutex<HashMap<String, Value>>,
    /// What `context.update(..)` put in place of what was there.
    updated: OnceLock<Mutex<HashMap<String, Value>>>,
    /// Results of statements, by name.
    results: Mutex<HashMap<String, Value>>,
    /// A call to make from the errand template, and what came of it.
    pub(super) errand: Mutex<Option<(Value, Vec<Value>)>>,
    pub(super) answer: Mutex<Option<Value>>,
    /// The package whose macro a method of the adapter runs: names are its own then.
    acting: Mutex<Option<String>>,
}

/// What a running render keeps in the engine's state.
pub(super) struct RenderState {
    pub(super) session: Arc<Session>,
    /// The macro that includes a template into this state.
    pub(super) bridge: Value,
    /// The macro that the included template handed over.
    pub(super) put: Option<Value>,
    /// Macros by their index in the table.
    pub(super) loaded: HashMap<usize, Value>,
    /// Macros that are running, one inside the other.
    pub(super) depth: usize,
}

/// The name of the template that a session renders.
pub(super) const NODE: &str = "#node";

impl Session {
    pub(super) fn new(
        shared: &Arc<Shared>,
        package: &str,
        within: &str,
        host: &Arc<dyn Host>,
        execute: bool,
        globals: IndexMap<String, Global>,
        origin: Option<Origin>,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            package: package.to_owned(),
            within: within.to_owned(),
            host: Arc::clone(host),
            execute,
            globals,
            origin,
            values: Mutex::default(),
            updated: OnceLock::new(),
            results: Mutex::default(),
            errand: Mutex::default(),
            answer: Mutex::default(),
            acting: Mutex::default(),
        }
    }

    /// The session that a state renders for.
    pub(super) fn of(state: &State<'_, '_>) -> Option<Arc<Self>> {
        state.get_extension::<RenderState>().map(|r| Arc::clone(&r.session))
    }

    pub(super) fn results(&self) -> MutexGuard<'_, HashMap<String, Value>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From whose point of view a bare name and a dispatch without a namespace find a macro.
    pub(super) fn viewpoint(&self) -> String {
        let acting = self.acting.lock().unwrap_or_else(PoisonError::into_inner);
        acting.clone().unwrap_or_else(|| self.package.clone())
    }

    /// Lets a package's macro see what its package sees; gives back who acted before.
    pub(super) fn act_for(&self, package: Option<String>) -> Option<String> {
        let mut acting = self.acting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *acting, package)
    }

    /// `context.update({name: value})`
    pub(super) fn update(&self, name: String, value: Value) {
        let updated = self.updated.get_or_init(Mutex::default);
        let mut updated = updated.lock().unwrap_or_else(PoisonError::into_inner);
        updated.insert(name, value);
    }

    fn updated(&self, name: &str) -> Option<Value> {
        let updated = self.updated.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        updated.get(name).cloned()
    }

    fn global(&self, name: &str) -> Option<Value> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = values.get(name) {
            return Some(value.clone());
        }
        let value = match self.globals.get(name) {
            Some(global) => global.to_value(),
            None => default_value(name)?,
        };
        values.insert(name.to_owned(), value.clone());
        Some(value)
    }

    /// Where the text of a template comes from, and what it is.
    pub(super) fn origin(&self, template: &str) -> Option<(&Origin, String)> {
        if template == NODE {
            return self.origin.as_ref().map(|origin| (origin, self.within.clone()));
        }
        let def = self.shared.table.by_id(template)?;
        Some((&def.origin, format!("macro {}", def.info.name)))
    }

    /// The names of dbt's own values and functions, macros left out.
    pub(super) fn member_names(&self) -> Vec<String> {
        let globals = self.globals.keys().map(String::as_str);
        let engine = self.shared.run.globals().map(|(name, _)| name);
        let mut names: Vec<String> = MEMBERS
            .into_iter()
            .chain(DEFAULTS)
            .chain(globals)
            .chain(engine)
            .filter(|name| !name.starts_with('_'))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Everything that a bare name may mean, for suggestions.
    pub(super) fn known_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.shared.table.names(&self.package).cloned().collect();
        // Of two names that are as near, the same one is suggested every time.
        names.sort_unstable();
        names.extend(self.member_names());
        names
    }

    /// One of dbt's own values and functions, also where a macro has taken its name.
    pub(super) fn member(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.own_value(name).or_else(|| {
            let mut engine = self.shared.run.globals();
            engine.find(|(known, _)| *known == name).map(|(_, value)| value)
        })
    }

    fn own_value(self: &Arc<Self>, name: &str) -> Option<Value> {
        if let Some(found) = self.global(name) {
            return Some(found);
        }
        match name {
            "execute" => Some(Value::from(self.execute)),
            "project_name" => Some(Value::from(self.shared.table.root.as_str())),
            "thread_id" => Some(Value::from(self.host.thread())),
            "env" => self.global("target"),
            "adapter" => Some(object::adapter(self)),
            "config" => self.global("model").map(config_of),
            "context" => Some(ContextObject::everything(self)),
            "ref" => Some(ResolverFunction::value("ref", self, function::reference)),
            "source" => Some(ResolverFunction::value("source", self, function::source)),
            "builtins" => Some(ContextObject::builtins(self)),
            _ => None,
        }
    }

    pub(super) fn is_known(&self, name: &str) -> bool {
        self.shared.table.resolve(&self.viewpoint(), name).is_some()
            || self.globals.contains_key(name)
            || self.shared.run.globals().any(|(known, _)| known == name)
            || MEMBERS.contains(&name)
            || DEFAULTS.contains(&name)
    }
}

/// Members that each render makes itself.
const MEMBERS: [&str; 7] = [
    "execute",
    "adapter",
    "context",
    "project_name",
    "thread_id",
    "env",
    "builtins",
];

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<context of {}>", self.within)
    }
}

impl Object for Session {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        if let Some(value) = self.updated(name) {
            return Some(value);
        }
        let found = self.shared.table.resolve(&self.viewpoint(), name);
        if let Some(value) = self.host.overridden(None, name) {
            return Some(fixed(found.as_ref(), &value));
        }
        if found.is_some() {
            return found;
        }
        if name == "_session" {
            return Some(Value::from_dyn_object(Arc::clone(self)));
        }
        let own = self.own_value(name);
        if own.is_none() && self.host.forgives() && !self.shared.parse.globals().any(|(known, _)| known == name) {
            return Some(Absent::value());
        }
        own
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }
}
