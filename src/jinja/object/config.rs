//! `config`: what a template says about itself, and reads of what is in force.

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Value as Json;

use crate::jinja::failure::failure;
use crate::jinja::function::session;
use crate::jinja::host::Refusal;
use crate::jinja::session::Session;
use crate::jinja::value::{argument, from_json, invalid, items, split_kwargs, text_argument, to_json};

#[derive(Debug, Default)]
struct Config {
    model: Option<Value>,
}

pub fn config() -> Value {
    Value::from_object(Config::default())
}

/// The configuration of a node that is told as `model`.
pub fn config_of(model: Value) -> Value {
    Value::from_object(Config { model: Some(model) })
}

/// dbt takes hooks under names with an underscore, too.
fn key(name: &str) -> String {
    match name {
        "pre_hook" => "pre-hook".to_owned(),
        "post_hook" => "post-hook".to_owned(),
        _ => name.to_owned(),
    }
}

fn configure(state: &State<'_, '_>, values: Vec<(String, Value)>) -> Result<Value, Error> {
    let mut set: IndexMap<String, Json> = IndexMap::new();
    for (name, value) in values {
        if set.insert(key(&name), to_json(&value)).is_some() {
            return Err(failure(
                "config",
                format!("`{name}` is configured twice, with `_` and with `-`"),
            ));
        }
    }
    session(state)?.host.configure(set)?;
    Ok(Value::from(""))
}

/// The value of a key; within `meta` where `in_meta`.
fn lookup(session: &Session, name: &str, in_meta: bool) -> Option<Value> {
    let found = if in_meta {
        session.host.config("meta")?.get(name).cloned()
    } else {
        session.host.config(name).or_else(|| session.host.config(&key(name)))
    };
    // As in dbt, a key that it knows and nobody set is none, whatever the default.
    found.map(|json| from_json(&json))
}

fn persists(session: &Session, part: &str) -> bool {
    let docs = session.host.config("persist_docs");
    docs.and_then(|docs| docs.get(part).and_then(Json::as_bool))
        .unwrap_or(false)
}

impl Object for Config {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.model.clone().filter(|_| key.as_str() == Some("model"))
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        let mut values = Vec::new();
        match args {
            [] => {}
            [map] if kwargs.args().next().is_none() => {
                for name in items(map)? {
                    values.push((name.to_string(), map.get_item(&name)?));
                }
            }
            _ => return Err(invalid("`config` takes keyword arguments, or one dict")),
        }
        for name in kwargs.args() {
            values.push((name.to_owned(), kwargs.get(name)?));
        }
        configure(state, values)
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let session = session(state)?;
        let (args, kwargs) = split_kwargs(args)?;
        let name = || {
            text_argument(args, &kwargs, 0, "name").ok_or_else(|| invalid(format!("`config.{method}` wants a name")))
        };
        match method {
            // As in dbt, nothing is known while parsing: the configuration is still being made.
            "get" | "meta_get" | "require" | "meta_require" if !session.execute => Ok(Value::from("")),
            "get" | "meta_get" => {
                let default = argument(args, &kwargs, 1, "default");
                let found = lookup(&session, &name()?, method == "meta_get");
                Ok(found.or(default).unwrap_or_else(|| Value::from(())))
            }
            "require" | "meta_require" => {
                let name = name()?;
                lookup(&session, &name, method == "meta_require").ok_or_else(|| {
                    Refusal::new(
                        "missing-config",
                        format!("the configuration `{name}` is required and not set"),
                    )
                    .help(format!("write `config({name}=..)`, or set it in a properties file"))
                    .into()
                })
            }
            "set" => {
                let value = argument(args, &kwargs, 1, "value").unwrap_or_else(|| Value::from(()));
                configure(state, vec![(name()?, value)])
            }
            "persist_relation_docs" => Ok(Value::from(session.execute && persists(&session, "relation"))),
            "persist_column_docs" => Ok(Value::from(session.execute && persists(&session, "columns"))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
