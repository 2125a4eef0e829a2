//! The one minijinja environment of a project.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior};

use super::failure::failure;
use super::filter;
use super::function;
use super::session::{RenderState, Session};
use super::table::MacroTable;
use super::value::{
    Repr, add, chained, compare, divide, equal, floor_divide, invalid, is_container, iterated, literal, method,
    multiply, negate, own, power, print_float, remainder, slice, subtract,
};

/// Calls what the session's errand says.
pub(super) const ERRAND: &str = "#errand";

const BRIDGE: &str = "{% macro __load(__t) %}{% include __t %}{% endmacro %}{% do _bridge(__load, _session) %}";

/// Each macro call costs 4 of it; about 2,500 calls deep is no accident any more.
const RECURSION_LIMIT: usize = 10_000;

pub(super) fn build(table: &Arc<MacroTable>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_debug(false);
    environment.set_auto_reload(false);
    environment.set_recursion_limit(RECURSION_LIMIT);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(print);
    environment.set_unknown_method_callback(method);
    let table = Arc::clone(table);
    environment.set_loader(move |name| {
        Ok(match name {
            "#bridge" => Some(BRIDGE.to_owned()),
            ERRAND => Some("{% include '#bridge' %}{% do _errand() %}".to_owned()),
            _ => table.by_id(name).map(|def| def.origin.rewritten.text.clone()),
        })
    });
    add_machinery(&mut environment);
    filter::add_to(&mut environment);
    function::add_to(&mut environment);
    environment
}

/// The same, lenient about attributes of what is undefined. Shares what is compiled so far.
pub(super) fn lenient(environment: &Environment<'static>) -> Environment<'static> {
    let mut environment = environment.clone();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment
}

/// What the rewriting and the templates of our own call. Filters cannot be shadowed by a template's variables.
fn add_machinery(environment: &mut Environment<'static>) {
    environment.add_filter("_list", own);
    environment.add_filter("_dict", own);
    environment.add_filter("_pairs", literal);
    environment.add_filter("_own", own);
    environment.add_filter("_items", iterated);
    environment.add_filter("_add", |a: &Value, b: &Value| add(a, b));
    environment.add_filter("_sub", |a: &Value, b: &Value| subtract(a, b));
    environment.add_filter("_mod", |a: &Value, b: &Value| remainder(a, b));
    environment.add_filter("_mul", |a: &Value, b: &Value| multiply(a, b));
    environment.add_filter("_div", |a: &Value, b: &Value| divide(a, b));
    environment.add_filter("_floor", |a: &Value, b: &Value| floor_divide(a, b));
    environment.add_filter("_pow", |a: &Value, b: &Value| power(a, b));
    environment.add_filter("_neg", negate);
    environment.add_filter("_eq", |a: &Value, b: &Value| equal(a, b));
    environment.add_filter("_ne", |a: &Value, b: &Value| !equal(a, b));
    environment.add_filter("_lt", |a: &Value, b: &Value| {
        Ok::<_, Error>(compare("<", a, b)?.is_some_and(Ordering::is_lt))
    });
    environment.add_filter("_gt", |a: &Value, b: &Value| {
        Ok::<_, Error>(compare(">", a, b)?.is_some_and(Ordering::is_gt))
    });
    environment.add_filter("_le", |a: &Value, b: &Value| {
        Ok::<_, Error>(compare("<=", a, b)?.is_some_and(Ordering::is_le))
    });
    environment.add_filter("_ge", |a: &Value, b: &Value| {
        Ok::<_, Error>(compare(">=", a, b)?.is_some_and(Ordering::is_ge))
    });
    environment.add_filter("_chain", chained);
    environment.add_filter("_slice", slice);
    environment.add_function("_nothing", || -> Result<Value, Error> {
        Err(invalid("`loop.cycle` wants at least one item"))
    });
    environment.add_function("_do", |_: &Value| ());
    environment.add_function("_put", |state: &mut State, native: Value| {
        if let Some(render) = state.get_extension_mut::<RenderState>() {
            render.put = Some(native);
        }
    });
    environment.add_function("_bridge", bridge);
    environment.add_function("_answer", |state: &mut State, value: Value| {
        if let Some(session) = Session::of(state) {
            *session.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        }
    });
    environment.add_function("_errand", errand);
}

fn bridge(state: &mut State, bridge: Value, session: &Value) -> Result<(), Error> {
    let session = session
        .downcast_object::<Session>()
        .ok_or_else(|| failure("jinja-type", "a template was rendered without its context"))?;
    state.get_or_insert_extension_with(|| RenderState {
        session,
        bridge,
        put: None,
        loaded: HashMap::new(),
        depth: 0,
    });
    Ok(())
}

fn errand(state: &mut State) -> Result<(), Error> {
    let Some(session) = Session::of(state) else {
        return Ok(());
    };
    let errand = session.errand.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((called, args)) = errand {
        let answer = called.call(state, &args)?;
        *session.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
    Ok(())
}

fn print(out: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    if let Some(text) = value.as_str() {
        return out.write_str(text).map_err(Error::from);
    }
    let is_real = value.kind() == ValueKind::Number && !value.is_integer();
    if let (true, Ok(number)) = (is_real, f64::try_from(value.clone())) {
        return print_float(out, number).map_err(Error::from);
    }
    if is_container(value) {
        return write!(out, "{}", Repr(value)).map_err(Error::from);
    }
    write!(out, "{value}").map_err(Error::from)
}
