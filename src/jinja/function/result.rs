//! Results of statements, kept by name while a node renders.

use minijinja::{Environment, Error, State, Value};

use super::{Args, session};
use crate::jinja::object;
use crate::jinja::session::Session;
use crate::jinja::value::{Absent, PyDict, PyList, argument, invalid, split_kwargs, text_argument};

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function("load_result", load_result);
    environment.add_function("store_result", store_result);
    environment.add_function("store_raw_result", store_raw_result);
}

fn load_result(state: &mut State, name: &str) -> Result<Value, Error> {
    let session = session(state)?;
    let mut results = session.results();
    let Some(found) = results.get(name).cloned() else {
        return Ok(if session.execute {
            Value::from(())
        } else {
            Absent::value()
        });
    };
    if found.is_none() {
        return Err(invalid(format!(
            "the result `{name}` has been loaded before: keep it with `set` to use it twice"
        )));
    }
    // The main result is there for the hooks and for what follows them.
    if name != "main" {
        results.insert(name.to_owned(), Value::from(()));
    }
    Ok(found)
}

fn put_result(session: &Session, name: &str, response: Value, table: Value) {
    let data = table
        .downcast_object_ref::<object::ResultTable>()
        .map_or_else(|| PyList::default().into(), object::ResultTable::data);
    let entry = [("response", response), ("data", data), ("table", table)];
    let entry = PyDict::from_pairs(entry.map(|(k, v)| (Value::from(k), v)));
    session.results().insert(name.to_owned(), entry.into());
}

fn store_result(state: &mut State, args: Args) -> Result<&'static str, Error> {
    let args = args.into_values();
    let (args, kwargs) = split_kwargs(&args)?;
    let name = text_argument(args, &kwargs, 0, "name").ok_or_else(|| invalid("`store_result` wants a name"))?;
    let response = argument(args, &kwargs, 1, "response").unwrap_or_default();
    let table = argument(args, &kwargs, 2, "agate_table").unwrap_or_else(|| Value::from(()));
    put_result(&*session(state)?, &name, response, table);
    Ok("")
}

fn store_raw_result(state: &mut State, args: Args) -> Result<&'static str, Error> {
    let args = args.into_values();
    let (args, kwargs) = split_kwargs(&args)?;
    let name = text_argument(args, &kwargs, 0, "name").ok_or_else(|| invalid("`store_raw_result` wants a name"))?;
    let said = object::ResponseObject::raw(
        text_argument(args, &kwargs, 1, "message").unwrap_or_else(|| "None".to_owned()),
        text_argument(args, &kwargs, 2, "code").unwrap_or_default(),
        argument(args, &kwargs, 3, "rows_affected").and_then(|rows| rows.as_i64()),
    );
    let table = argument(args, &kwargs, 4, "agate_table").unwrap_or_else(|| Value::from(()));
    put_result(&*session(state)?, &name, Value::from_object(said), table);
    Ok("")
}
