//! The template engine: all macros of a project, and rendering.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use indexmap::IndexMap;
use minijinja::value::Kwargs;
use minijinja::{Environment, ErrorKind, Value};
use serde_json::Value as Json;

use super::builtin;
use super::called::{called, instead_of};
use super::datum::{Arg, Global, Returned};
use super::environment;
use super::failure::{Origin, diagnose, syntax};
use super::host::Host;
use super::panic::caught;
use super::session::{NODE, Session};
use super::syntax::{SegmentKind, rewrite_template, rewrite_value, segments};
use super::table::{MacroInfo, MacroTable};
use super::value::to_json;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};

/// Macros that the adapter's methods call.
const ADAPTER_METHODS: [&str; 5] = [
    "alter_column_type",
    "drop_relation",
    "get_columns_in_relation",
    "rename_relation",
    "truncate_relation",
];

/// A file of `macros/` or `tests/generic/`.
#[derive(Clone, Debug)]
pub struct MacroFile {
    pub package: String,
    pub file: Arc<SourceFile>,
}

/// An entry of `dispatch:` in the project file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchRule {
    pub namespace: String,
    /// Packages, the first to look in first.
    pub search_order: Vec<String>,
}

/// A template to render, and what it sees.
pub struct Render<'a> {
    /// The package of the node.
    pub package: &'a str,
    /// What is rendered, such as `model stg_orders`.
    pub within: &'a str,
    pub source: &'a Arc<SourceFile>,
    /// The part of the file that is the template; all of it where `None`.
    pub part: Option<Range<usize>>,
    pub host: Arc<dyn Host>,
    /// False while parsing: then nothing asks the database.
    pub execute: bool,
    /// `this`, `model`, `target`, `schema`, `database`; `is_incremental` as a boolean is what the macro answers.
    pub globals: IndexMap<String, Global>,
}

pub(super) struct Shared {
    pub(super) table: Arc<MacroTable>,
    /// Lenient about attributes of what is undefined, as dbt is while parsing.
    pub(super) parse: Environment<'static>,
    pub(super) run: Environment<'static>,
}

impl Shared {
    pub(super) fn environment(&self, execute: bool) -> &Environment<'static> {
        if execute { &self.run } else { &self.parse }
    }
}

/// Renders templates with all macros of a project. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({} macros)", self.0.table.macros.len())
    }
}

impl Engine {
    /// Reads all macro files; the builtin package is there already. Fails on syntax errors in the blocks of any
    /// file, in the macros of the root package, and on names defined twice.
    pub fn new(
        root_package: &str,
        packages: &[String],
        files: &[MacroFile],
        dispatch: &[DispatchRule],
    ) -> Result<Self, Diagnostics> {
        let mut all = builtin::files();
        all.extend_from_slice(files);
        let table = Arc::new(MacroTable::new(root_package, packages, &all, dispatch)?);
        let run = environment::build(&table);
        let engine = Self(Arc::new(Shared {
            table,
            parse: environment::lenient(&run),
            run,
        }));
        engine.check(root_package)?;
        Ok(engine)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// The engine that a session renders with.
    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        Self(Arc::clone(shared))
    }

    /// Compiles the root package's macros, so that their errors show before one of them is called.
    fn check(&self, root_package: &str) -> Result<(), Diagnostics> {
        let mut wrong = Diagnostics::default();
        let session = Session::new(
            &self.0,
            root_package,
            "the project",
            &(Arc::new(builtin::Nowhere) as Arc<dyn Host>),
            false,
            IndexMap::new(),
            None,
        );
        for def in self.0.table.macros.iter().filter(|m| m.info.package == root_package) {
            if let Err(error) = self.0.parse.get_template(&def.info.id) {
                wrong.push(diagnose(&session, &error));
            }
        }
        if wrong.has_errors() { Err(wrong) } else { Ok(()) }
    }

    /// The package of the project itself.
    pub fn root_package(&self) -> &str {
        &self.0.table.root
    }

    /// All macros, tests and materializations, those of the builtin package included.
    pub fn macros(&self) -> impl Iterator<Item = &MacroInfo> {
        self.0.table.macros.iter().map(|def| &def.info)
    }

    /// The ids of the macros that a macro calls, as far as its text tells.
    pub fn called_by(&self, info: &MacroInfo) -> Vec<String> {
        called(&self.0.table, info)
    }

    /// The id of the macro that a package means by a name, where that is neither `wanted` nor calls it.
    pub fn instead_of(&self, wanted: &str, package: &str, name: &str) -> Option<String> {
        instead_of(&self.0.table, wanted, package, name)
    }

    /// Whether a macro exists, in one package, or as the root project sees it.
    pub fn has_macro(&self, package: Option<&str>, name: &str) -> bool {
        self.find_macro(package, name).is_some()
    }

    /// The id of a macro, in one package, or as the root project sees it.
    pub fn find_macro(&self, package: Option<&str>, name: &str) -> Option<&MacroInfo> {
        let table = &self.0.table;
        let found = table.find(package, &table.root, name)?;
        let found = found.downcast_object_ref::<super::call::MacroRef>()?;
        table.by_id(found.id()).map(|def| &def.info)
    }

    /// Whether a template of `package` can call a macro by its name, or reach it by `adapter.dispatch`.
    pub fn has_macro_for(&self, package: &str, name: &str) -> bool {
        let table = &self.0.table;
        table.find(None, package, name).is_some()
            || super::call::dispatched(table, package, name, Some(super::table::BUILTIN[0])).is_some()
    }

    /// The id of the macro, outside the builtin packages, that a call of a builtin macro reaches in a template of `package`:
    /// by its name, or by `adapter.dispatch`.
    pub fn overriding(&self, package: &str, name: &str) -> Option<String> {
        let table = &self.0.table;
        let theirs = |found: minijinja::Value| {
            let found = found.downcast_object_ref::<super::call::MacroRef>()?;
            let def = table.by_id(found.id())?;
            (!super::table::BUILTIN.contains(&def.info.package.as_str())).then(|| def.info.id.clone())
        };
        let direct = table.find(None, package, name).and_then(theirs);
        let of_adapter = || {
            ADAPTER_METHODS
                .contains(&name)
                .then(|| table.find_for_adapter(name))
                .flatten()
        };
        direct
            .or_else(|| of_adapter().and_then(theirs))
            .or_else(|| super::call::dispatched(table, package, name, Some(super::table::BUILTIN[0])).and_then(theirs))
    }

    /// Renders a template to text.
    pub fn render(&self, request: &Render<'_>) -> Result<String, Diagnostic> {
        let (session, origin) = self.session(request)?;
        let environment = self.0.environment(session.execute);
        caught(|| {
            environment.render_named_str(
                NODE,
                &origin.rewritten.text,
                Value::from_dyn_object(Arc::clone(&session)),
            )
        })
        .map_err(|error| diagnose(&session, &error))
    }

    /// Renders a template to a value: a template that is one `{{ .. }}` gives what it evaluates to, as dbt reads
    /// values in YAML; any other gives its text.
    pub fn evaluate(&self, request: &Render<'_>) -> Result<Json, Diagnostic> {
        let part = request.part.clone().unwrap_or(0..request.source.text.len());
        let text = &request.source.text;
        let found = segments(text, part).map_err(|fault| syntax(request.source, fault))?;
        let significant: Vec<_> = found
            .iter()
            .filter(|s| s.kind != SegmentKind::Data || !text[s.span.clone()].trim().is_empty())
            .collect();
        let [only] = significant[..] else {
            return self.render(request).map(Json::String);
        };
        if only.kind != SegmentKind::Expression {
            return self.render(request).map(Json::String);
        }
        let origin = Origin {
            file: Arc::clone(request.source),
            rewritten: Arc::new(rewrite_value(text, only)),
            part: only.span.clone(),
        };
        let session = Arc::new(self.session_of(request, Some(origin.clone())));
        caught(|| {
            self.0.environment(session.execute).render_named_str(
                NODE,
                &origin.rewritten.text,
                Value::from_dyn_object(Arc::clone(&session)),
            )
        })
        .map_err(|error| diagnose(&session, &error))?;
        let answer = session.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(answer.map_or(Json::Null, |value| to_json(&value)))
    }

    /// Calls a macro as the request's package sees it, or of a package where the name is `package.macro`. Gives what
    /// it returned, or the text it rendered. The request's source is what an error about the call points at.
    pub fn call(
        &self,
        request: &Render<'_>,
        name: &str,
        args: &[Arg],
        kwargs: &IndexMap<String, Arg>,
    ) -> Result<Returned, Diagnostic> {
        let session = Arc::new(self.session_of(request, None));
        let (package, bare) = match name.split_once('.') {
            Some((package, bare)) => (Some(package), bare),
            None => (None, name),
        };
        let Some(found) = self.0.table.find(package, request.package, bare) else {
            let error = minijinja::Error::new(ErrorKind::UnknownFunction, format!("{name} is unknown"));
            return Err(diagnose(&session, &error));
        };
        let mut values: Vec<Value> = args.iter().map(Global::to_value).collect();
        if !kwargs.is_empty() {
            let named = kwargs.iter().map(|(k, v)| (k.as_str(), v.to_value()));
            values.push(named.collect::<Kwargs>().into());
        }
        *session.errand.lock().unwrap_or_else(PoisonError::into_inner) = Some((found, values));
        caught(|| {
            self.0
                .environment(session.execute)
                .get_template(environment::ERRAND)
                .and_then(|template| template.render(Value::from_dyn_object(Arc::clone(&session))))
        })
        .map_err(|error| diagnose(&session, &error))?;
        let answer = session.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Returned::of(&answer.unwrap_or_default()))
    }

    fn session(&self, request: &Render<'_>) -> Result<(Arc<Session>, Origin), Diagnostic> {
        let text = &request.source.text;
        let part = request.part.clone().unwrap_or(0..text.len());
        let found = segments(text, part.clone()).map_err(|fault| syntax(request.source, fault))?;
        let origin = Origin {
            file: Arc::clone(request.source),
            rewritten: Arc::new(rewrite_template(text, part.clone(), &found)),
            part,
        };
        let session = self.session_of(request, Some(origin.clone()));
        Ok((Arc::new(session), origin))
    }

    pub(super) fn session_of(&self, request: &Render<'_>, origin: Option<Origin>) -> Session {
        Session::new(
            &self.0,
            request.package,
            request.within,
            &request.host,
            request.execute,
            request.globals.clone(),
            origin,
        )
    }
}
