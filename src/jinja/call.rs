//! Calling macros: handles, package namespaces, `return`, and how a macro comes into a running render.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Tuple};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Value as Json;

use super::failure::failure;
use super::host::Refusal;
use super::session::{RenderState, Session};
use super::table::{MacroDef, MacroTable};
use super::value::{Absent, PyDict, from_json, split_kwargs};
use crate::diagnostic::nearest;

/// A value on its way from `return(..)` to the macro's caller.
#[derive(Debug)]
pub(super) struct ReturnSignal(Value);

impl fmt::Display for ReturnSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("return outside of a macro")
    }
}

impl std::error::Error for ReturnSignal {}

/// `return(value)`: unwinds to the nearest macro.
pub(super) fn return_value(value: Value) -> Error {
    Error::from(ErrorKind::InvalidOperation).with_source(ReturnSignal(value))
}

fn returned(error: &Error) -> Option<&Value> {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<ReturnSignal>())
        .map(|signal| &signal.0)
}

/// A macro by reference. The engine's own macro is loaded into the render on the first call.
pub(super) struct MacroRef(Arc<MacroDef>);

impl MacroRef {
    pub(super) fn value(def: &Arc<MacroDef>) -> Value {
        Value::from_object(Self(Arc::clone(def)))
    }

    pub(super) fn id(&self) -> &str {
        &self.0.info.id
    }

    fn loaded(&self, state: &mut State<'_, '_>) -> Result<Value, Error> {
        let Some(render) = state.get_extension::<RenderState>() else {
            return Err(failure("jinja-type", "a macro was called outside of a render"));
        };
        if let Some(native) = render.loaded.get(&self.0.index) {
            return Ok(native.clone());
        }
        let bridge = render.bridge.clone();
        bridge.call(state, &[Value::from(self.0.info.id.as_str())])?;
        let render = state.get_extension_mut::<RenderState>();
        let native = render.and_then(|render| {
            let native = render.put.take()?;
            render.loaded.insert(self.0.index, native.clone());
            Some(native)
        });
        native.ok_or_else(|| {
            failure(
                "jinja-type",
                format!("the macro `{}` could not be loaded", self.0.info.name),
            )
        })
    }

    /// Tells the host of a macro that the template itself calls; as in dbt, those that macros call are not told.
    fn enter(&self, state: &mut State<'_, '_>) -> Result<(), Error> {
        let Some(render) = state.get_extension_mut::<RenderState>() else {
            return Err(failure("jinja-type", "a macro was called outside of a render"));
        };
        if render.depth == 0 {
            render.session.host.called(&self.0.info.id);
        }
        render.depth += 1;
        Ok(())
    }

    /// Checks the arguments against the macro's, and gathers what goes into `varargs` and `kwargs`.
    fn bind(&self, args: &[Value]) -> Result<Option<Vec<Value>>, Error> {
        let wanted = &self.0.info.arguments;
        let (placed, named) = split_kwargs(args)?;
        if placed.len() > wanted.len() && !self.0.takes_varargs {
            return Err(failure(
                "jinja-arguments",
                format!(
                    "the macro `{}` takes {} arguments, {} were given",
                    self.0.info.name,
                    wanted.len(),
                    placed.len()
                ),
            ));
        }
        let hidden = self.0.takes_varargs || self.0.takes_kwargs;
        if !hidden && named.args().next().is_none() {
            return Ok(None);
        }
        let mut pass: Vec<(String, Value)> = Vec::new();
        let mut extra = Vec::new();
        for name in named.args() {
            let value: Value = named.get(name)?;
            let position = wanted.iter().position(|a| a.name == name);
            if position.is_some_and(|at| at < placed.len()) {
                return Err(failure(
                    "jinja-arguments",
                    format!("the macro `{}` got its argument `{name}` twice", self.0.info.name),
                ));
            }
            if position.is_some() || name == "caller" {
                pass.push((name.to_owned(), value));
            } else if self.0.takes_kwargs {
                extra.push((Value::from(name), value));
            } else {
                return Err(self.unknown_argument(name));
            }
        }
        if self.0.takes_varargs {
            let rest = placed.get(wanted.len()..).unwrap_or_default();
            pass.push(("varargs".to_owned(), Value::from(Tuple::from(rest))));
        }
        if self.0.takes_kwargs {
            pass.push(("kwargs".to_owned(), PyDict::from_pairs(extra).into()));
        }
        let mut bound = placed[..placed.len().min(wanted.len())].to_vec();
        bound.push(Kwargs::from_iter(pass).into());
        Ok(Some(bound))
    }

    fn unknown_argument(&self, name: &str) -> Error {
        let message = format!("the macro `{}` has no argument `{name}`", self.0.info.name);
        let mut refusal = Refusal::new("jinja-arguments", message);
        let known = self.0.info.arguments.iter().map(|a| a.name.as_str());
        if let Some(near) = nearest(name, known) {
            refusal = refusal.help(format!("did you mean `{near}`?"));
        }
        refusal.into()
    }
}

fn leave(state: &mut State<'_, '_>) {
    if let Some(render) = state.get_extension_mut::<RenderState>() {
        render.depth -= 1;
    }
}

impl fmt::Debug for MacroRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<macro {}>", self.0.info.id)
    }
}

impl Object for MacroRef {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "name").then(|| Value::from(self.0.info.name.as_str()))
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let bound = self.bind(args)?;
        // Whatever leaves a macro is wrapped: the engine stamps the wrapper with the place of the call, and an
        // `UnknownMethod` from inside would make the engine call the macro a second time.
        let wrap = |error: Error| Error::from(ErrorKind::InvalidOperation).with_source(error);
        let native = self.loaded(state).map_err(wrap)?;
        let outcome = match self.enter(state) {
            Ok(()) => {
                let outcome = native.call(state, bound.as_deref().unwrap_or(args));
                leave(state);
                outcome
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(text) => Ok(text),
            Err(error) => match returned(&error) {
                Some(value) => Ok(value.clone()),
                None => Err(wrap(error)),
            },
        }
    }
}

/// Stands in for a macro, and always gives the same.
#[derive(Debug)]
struct Fixed(Value);

impl Object for Fixed {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, _args: &[Value]) -> Result<Value, Error> {
        Ok(self.0.clone())
    }
}

/// What a unit test puts in place of what a name means: a macro is still called, anything else is the value itself.
pub(super) fn fixed(found: Option<&Value>, value: &Json) -> Value {
    let value = from_json(value);
    if found.is_some_and(|found| found.downcast_object_ref::<MacroRef>().is_some()) {
        Value::from_object(Fixed(value))
    } else {
        value
    }
}

/// The macros of one package: `dbt_utils.star(..)`.
pub(super) struct Package {
    name: String,
    macros: HashMap<String, Value>,
}

impl Package {
    pub(super) fn value(name: &str, macros: HashMap<String, Value>) -> Value {
        Value::from_object(Self {
            name: name.to_owned(),
            macros,
        })
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<package {}>", self.name)
    }
}

impl Object for Package {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.macros.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.macros.keys().map(|k| Value::from(k.as_str())).collect())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let overridden = Session::of(state).and_then(|session| session.host.overridden(Some(&self.name), name));
        match self.macros.get(name) {
            Some(found) => match overridden {
                Some(value) => fixed(Some(found), &value).call(state, args),
                None => found.call(state, args),
            },
            None if name == "get" => Err(Error::from(ErrorKind::UnknownMethod)),
            None if Session::of(state).is_some_and(|session| session.host.forgives()) => Ok(Absent::value()),
            None => {
                let mut refusal = Refusal::new(
                    "undefined-macro",
                    format!("the package `{}` has no macro `{name}`", self.name),
                );
                if let Some(near) = nearest(name, self.macros.keys().map(String::as_str)) {
                    refusal = refusal.help(format!("did you mean `{}.{near}`?", self.name));
                }
                Err(refusal.into())
            }
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The adapter's names, the nearest first.
pub(super) const PREFIXES: [&str; 2] = ["postgres", "default"];

/// The first implementation in the search order.
pub(super) fn dispatched(table: &MacroTable, from: &str, name: &str, namespace: Option<&str>) -> Option<Value> {
    table.search_order(namespace).into_iter().find_map(|package| {
        PREFIXES
            .iter()
            .find_map(|prefix| table.find(package, from, &format!("{prefix}__{name}")))
    })
}

/// `adapter.dispatch(name, namespace)`: the implementation to call.
pub(super) fn dispatch(session: &Session, name: &str, namespace: Option<&str>) -> Result<Value, Error> {
    if let Some((package, bare)) = name.split_once('.') {
        return Err(Refusal::new(
            "dispatch",
            format!("`{name}` names a package, which dispatch takes as its second argument"),
        )
        .help(format!("write `adapter.dispatch('{bare}', '{package}')`"))
        .into());
    }
    let table = &session.shared.table;
    if let Some(found) = dispatched(table, &session.viewpoint(), name, namespace) {
        return Ok(found);
    }
    let tried: Vec<String> = table
        .search_order(namespace)
        .into_iter()
        .flat_map(|package| PREFIXES.map(|prefix| (package, format!("{prefix}__{name}"))))
        .map(|(package, full)| package.map_or(full.clone(), |p| format!("{p}.{full}")))
        .collect();
    let mut refusal = Refusal::new(
        "undefined-macro",
        format!("dispatch finds no implementation of `{name}`"),
    );
    refusal.cause = Some(format!("searched for {}", tried.join(", ")));
    Err(refusal.into())
}
