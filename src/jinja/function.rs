//! The functions of dbt's context.

use std::sync::Arc;

use indexmap::IndexMap;
use md5::{Digest, Md5};
use minijinja::value::{Rest, Tuple, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};
use serde_json::Value as Json;

use super::call::return_value;
use super::failure::failure;
use super::host::Refusal;
use super::module;
use super::object::{self, RelationObject};
use super::session::Session;
use super::value::{
    Absent, JsonStyle, PyDict, PyList, PySet, argument, from_json, invalid, items, json_text, pairs, split_kwargs,
    text_argument, to_json,
};

/// The version of dbt whose behaviour templates may count on.
const DBT_VERSION: &str = "1.12.6";

pub(super) fn session(state: &State<'_, '_>) -> Result<Arc<Session>, Error> {
    Session::of(state).ok_or_else(|| failure("jinja-type", "this function works while a template renders"))
}

type Args = Rest<ValueOrKwargs>;

pub(super) fn add_to(environment: &mut Environment<'static>) {
    add_context(environment);
    add_data(environment);
    environment.add_global("dbt_version", DBT_VERSION);
    environment.add_global("invocation_id", uuid::Uuid::new_v4().to_string());
    environment.add_global("run_started_at", module::started_at());
    environment.add_global("thread_id", "main");
    environment.add_global("modules", module::modules());
    environment.add_global("adapter", object::adapter());
    environment.add_global("api", object::api());
    environment.add_global("exceptions", object::exceptions());
    environment.add_global("config", object::config());
    environment.add_global("var", object::var());
    environment.add_global("column", object::column_class());
    environment.add_global("flags", object::default_flags());
    let empty = |names: &[&str]| {
        let pairs: Vec<_> = names
            .iter()
            .map(|name| (Value::from(*name), Value::from_object(PyDict::from_pairs([]))))
            .collect();
        Value::from_object(IndexMap::<Value, Value>::from_iter(pairs))
    };
    let graph = [
        "nodes",
        "sources",
        "exposures",
        "metrics",
        "groups",
        "semantic_models",
        "saved_queries",
    ];
    environment.add_global("graph", empty(&graph));
    environment.add_global("invocation_args_dict", empty(&[]));
    environment.add_global("dbt_metadata_envs", empty(&[]));
    environment.add_global("selected_resources", Value::from(Vec::<Value>::new()));
    environment.add_global("pre_hooks", Value::from(Vec::<Value>::new()));
    environment.add_global("post_hooks", Value::from(Vec::<Value>::new()));
    let builtins: Vec<_> = environment
        .globals()
        .filter(|(name, _)| matches!(*name, "ref" | "source" | "config"))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    environment.add_global("builtins", Value::from_pairs(builtins));
}

/// What asks the host.
fn add_context(environment: &mut Environment<'static>) {
    environment.add_function("ref", reference);
    environment.add_function("source", source);
    environment.add_function("env_var", env_var);
    environment.add_function("return", |value: Option<Value>| -> Result<Value, Error> {
        Err(return_value(super::value::own(
            value.unwrap_or_else(|| Value::from(())),
        )))
    });
    environment.add_function("log", log);
    environment.add_function("print", |state: &mut State, args: Args| -> Result<&str, Error> {
        let text: Vec<_> = args.into_values().iter().map(ToString::to_string).collect();
        let session = session(state)?;
        if session.execute {
            session.host.log(&text.join(" "), true);
        }
        Ok("")
    });
    environment.add_function("load_result", load_result);
    environment.add_function("store_result", store_result);
    environment.add_function("store_raw_result", store_raw_result);
    environment.add_function("_query", query);
    environment.add_function("_is_incremental", |state: &mut State| -> Result<bool, Error> {
        let session = session(state)?;
        Ok(match session.globals.get("is_incremental") {
            Some(super::Global::Data(json)) => **json == Json::Bool(true),
            _ => false,
        })
    });
    environment.add_function("render", render);
    environment.add_function("write", |_: &Value| "");
    environment.add_function("try_or_compiler_error", try_or_compiler_error);
    environment.add_function("doc", |args: Args| -> Result<Value, Error> {
        let args = args.into_values();
        let names: Vec<_> = args.iter().map(ToString::to_string).collect();
        Err(failure(
            "doc",
            format!("`doc({})` works in descriptions only", names.join(", ")),
        ))
    });
}

/// What works on values alone.
fn add_data(environment: &mut Environment<'static>) {
    environment.add_function("fromjson", |text: &Value, default: Option<Value>| {
        parsed(serde_json::from_str::<Json>(&text.to_string()).ok(), default)
    });
    environment.add_function("fromyaml", |text: &Value, default: Option<Value>| {
        parsed(serde_yaml::from_str::<Json>(&text.to_string()).ok(), default)
    });
    environment.add_function("tojson", |args: Args| -> Result<Value, Error> {
        let args = args.into_values();
        let (args, kwargs) = split_kwargs(&args)?;
        let value = argument(args, &kwargs, 0, "value").ok_or_else(|| invalid("`tojson` wants a value"))?;
        let sort_keys = argument(args, &kwargs, 2, "sort_keys").is_some_and(|v| v.is_true());
        let style = JsonStyle {
            sort_keys,
            indent: None,
        };
        Ok(Value::from(json_text(&to_json(&value), style)))
    });
    environment.add_function("toyaml", |args: Args| -> Result<Value, Error> {
        let args = args.into_values();
        let (args, kwargs) = split_kwargs(&args)?;
        let value = argument(args, &kwargs, 0, "value").ok_or_else(|| invalid("`toyaml` wants a value"))?;
        let text = serde_yaml::to_string(&to_json(&value)).map_err(|e| invalid(e.to_string()))?;
        Ok(Value::from(text))
    });
    environment.add_function("dict", |args: Args| -> Result<Value, Error> {
        Ok(PyDict::from_pairs(pairs(&args.into_values())?).into())
    });
    environment.add_function("set", |value: Option<Value>, default: Option<Value>| {
        set(value.as_ref()).or_else(|e| default.ok_or(e).or_else(|_| Ok::<_, Error>(Value::from(()))))
    });
    environment.add_function("set_strict", |value: &Value| set(Some(value)));
    environment.add_function("zip", |args: Args| {
        let args = args.into_values();
        let (args, kwargs) = split_kwargs(&args)?;
        match zip(args) {
            Err(_) if kwargs.has("default") => kwargs.get("default"),
            Err(_) => Ok(Value::from(())),
            found => found,
        }
    });
    environment.add_function("zip_strict", |args: Args| zip(&args.into_values()));
    environment.add_function("local_md5", |value: &Value| {
        let digest = Md5::digest(value.to_string().as_bytes());
        digest.iter().fold(String::new(), |mut out, byte| {
            use std::fmt::Write;
            let _ = write!(out, "{byte:02x}");
            out
        })
    });
    environment.add_function("diff_of_two_dicts", diff_of_two_dicts);
    environment.add_function("range", range);
}

fn text(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| {
        failure(
            "ref-arguments",
            format!("expected a string, got {}", super::value::describe(value)),
        )
    })
}

fn reference(state: &mut State, args: Args) -> Result<Value, Error> {
    let args = args.into_values();
    let (args, kwargs) = split_kwargs(&args)?;
    let version = kwargs
        .get::<Option<Value>>("v")?
        .or(kwargs.get::<Option<Value>>("version")?);
    kwargs.assert_all_used().map_err(|_| {
        failure(
            "ref-arguments",
            "`ref` takes a name, a package and a name, and `v` or `version`",
        )
    })?;
    let (package, name) = match args {
        [name] => (None, text(name)?),
        [package, name] => (Some(text(package)?), text(name)?),
        _ => {
            return Err(failure(
                "ref-arguments",
                format!("`ref` takes one or two names, {} were given", args.len()),
            ));
        }
    };
    let version = version.filter(|v| !v.is_none()).map(|v| v.to_string());
    let relation = session(state)?.host.reference(package, name, version.as_deref())?;
    Ok(RelationObject::value(relation))
}

fn source(state: &mut State, args: Args) -> Result<Value, Error> {
    let args = args.into_values();
    let [source, table] = &args[..] else {
        return Err(failure(
            "ref-arguments",
            format!(
                "`source` takes the source's name and the table's, {} were given",
                args.len()
            ),
        ));
    };
    let relation = session(state)?.host.source(text(source)?, text(table)?)?;
    Ok(RelationObject::value(relation))
}

fn env_var(state: &mut State, name: &str, default: Option<Value>) -> Result<Value, Error> {
    if name.starts_with("DBT_ENV_SECRET") {
        return Err(Refusal::new(
            "secret-env-var",
            format!("`env_var('{name}')` is a secret, which only profiles and packages may read"),
        )
        .help("rename the variable if it is no secret")
        .into());
    }
    match session(state)?.host.env(name) {
        Some(value) => Ok(Value::from(value)),
        None => default.ok_or_else(|| {
            Refusal::new(
                "missing-env-var",
                format!("the environment variable `{name}` is not set"),
            )
            .help(format!("set it, or give a default: `env_var('{name}', '..')`"))
            .into()
        }),
    }
}

fn log(state: &mut State, args: Args) -> Result<&'static str, Error> {
    let args = args.into_values();
    let (args, kwargs) = split_kwargs(&args)?;
    let message = argument(args, &kwargs, 0, "msg").unwrap_or_default();
    let show = argument(args, &kwargs, 1, "info").is_some_and(|v| v.is_true());
    session(state)?.host.log(&message.to_string(), show);
    Ok("")
}

fn load_result(state: &mut State, name: &str) -> Result<Value, Error> {
    let session = session(state)?;
    let found = session.results().get(name).cloned();
    Ok(match found {
        Some(found) => found,
        None if session.execute => Value::from(()),
        None => Absent::value(),
    })
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
    let message = argument(args, &kwargs, 1, "message").unwrap_or_default();
    let table = argument(args, &kwargs, 4, "agate_table").unwrap_or_else(|| Value::from(()));
    put_result(&*session(state)?, &name, message, table);
    Ok("")
}

/// Runs SQL and stores its result under a name, as `statement` does.
fn query(state: &mut State, sql: &str, name: Option<&str>) -> Result<Value, Error> {
    let session = session(state)?;
    if !session.execute {
        return Ok(Absent::value());
    }
    let table = session.host.query(sql)?;
    let response = object::response(&table);
    let table = object::ResultTable::value(&table);
    if let Some(name) = name {
        put_result(&session, name, response, table.clone());
    }
    Ok(table)
}

fn render(state: &mut State, template: &str) -> Result<String, Error> {
    let session = session(state)?;
    let whole = 0..template.len();
    let wrong = |fault: super::syntax::Fault| failure("jinja-syntax", fault.message);
    let found = super::syntax::segments(template, whole.clone()).map_err(wrong)?;
    let rewritten = super::syntax::rewrite_template(template, whole, &found);
    let environment = session.shared.environment(session.execute);
    environment.render_named_str("#text", &rewritten.text, Value::from_dyn_object(Arc::clone(&session)))
}

fn try_or_compiler_error(state: &mut State, args: Args) -> Result<Value, Error> {
    let args = args.into_values();
    let [message, called, rest @ ..] = &args[..] else {
        return Err(invalid("`try_or_compiler_error` wants a message and a function"));
    };
    called
        .call(state, rest)
        .map_err(|_| failure("raised-by-project", message.to_string()))
}

fn parsed(json: Option<Json>, default: Option<Value>) -> Value {
    match json {
        Some(json) => from_json(&json),
        None => default.unwrap_or_else(|| Value::from(())),
    }
}

fn set(value: Option<&Value>) -> Result<Value, Error> {
    let all = value.map_or_else(|| Ok(Vec::new()), items)?;
    Ok(all.into_iter().collect::<PySet>().into())
}

fn zip(args: &[Value]) -> Result<Value, Error> {
    let columns = args.iter().map(items).collect::<Result<Vec<_>, _>>()?;
    let length = columns.iter().map(Vec::len).min().unwrap_or(0);
    let rows = (0..length).map(|i| {
        let row: Vec<_> = columns.iter().map(|c| c[i].clone()).collect();
        Value::from(Tuple::from(row))
    });
    Ok(rows.collect::<PyList>().into())
}

/// Keys and values of the first dict that the second does not have; lists are compared item by item.
fn diff_of_two_dicts(left: &Value, right: &Value) -> Result<Value, Error> {
    let lower = |value: &Value| value.to_string().to_lowercase();
    let mut found = Vec::new();
    for key in items(left)? {
        let here = items(&left.get_item(&key)?)?;
        let there = items(right)?.into_iter().find(|other| lower(other) == lower(&key));
        let there = match there {
            Some(other) => items(&right.get_item(&other)?)?.iter().map(lower).collect(),
            None => Vec::new(),
        };
        let missing: Vec<_> = here.into_iter().filter(|v| !there.contains(&lower(v))).collect();
        if !missing.is_empty() {
            found.push((key, missing.into_iter().collect::<PyList>().into()));
        }
    }
    Ok(PyDict::from_pairs(found).into())
}

/// More than that is a mistake.
const LONGEST_RANGE: i64 = 10_000_000;

fn range(first: &Value, second: Option<&Value>, step: Option<&Value>) -> Result<Value, Error> {
    let number = super::value::integer;
    let (start, end) = match second {
        Some(end) => (number(first)?, number(end)?),
        None => (0, number(first)?),
    };
    let step = step.map_or(Ok(1), number)?;
    if step == 0 {
        return Err(invalid("`range` wants a step that is not 0"));
    }
    let count = end.saturating_sub(start).checked_div(step).unwrap_or(0);
    if count > LONGEST_RANGE {
        return Err(invalid(format!("a range of {count} numbers is too long")));
    }
    let mut numbers = Vec::new();
    let mut at = start;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        numbers.push(Value::from(at));
        at = at.saturating_add(step);
    }
    Ok(Value::from(numbers))
}
