//! `exceptions`: how a project reports errors and warnings of its own.

use std::sync::Arc;

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::failure::failure;
use crate::jinja::function::session;
use crate::jinja::value::{PyList, argument, split_kwargs};

/// The functions, with the names of their arguments.
const FUNCTIONS: [(&str, &[&str]); 21] = [
    ("warn", &["msg", "node"]),
    ("missing_config", &["model", "name"]),
    ("missing_materialization", &["model", "adapter_type"]),
    ("missing_relation", &["relation", "model"]),
    ("raise_ambiguous_alias", &["node_1", "node_2", "duped_name"]),
    ("raise_ambiguous_catalog_match", &["unique_id", "match_1", "match_2"]),
    ("raise_cache_inconsistent", &["message"]),
    ("raise_dataclass_not_dict", &["obj"]),
    ("raise_compiler_error", &["msg", "node"]),
    ("raise_database_error", &["msg", "node"]),
    ("raise_dep_not_found", &["node", "node_description", "required_pkg"]),
    ("raise_dependency_error", &["msg"]),
    ("raise_duplicate_patch_name", &["patch_1", "existing_patch_path"]),
    ("raise_duplicate_resource_name", &["node_1", "node_2"]),
    ("raise_invalid_property_yml_version", &["path", "issue"]),
    ("raise_not_implemented", &["msg"]),
    ("relation_wrong_type", &["relation", "expected_type", "model"]),
    ("raise_contract_error", &["yaml_columns", "sql_columns"]),
    ("column_type_missing", &["column_names"]),
    ("raise_fail_fast_error", &["msg", "node"]),
    (
        "warn_snapshot_timestamp_data_types",
        &["snapshot_time_data_type", "updated_at_data_type"],
    ),
];

#[derive(Debug)]
struct Exceptions;

/// One of the functions, to call later.
#[derive(Debug)]
struct Raise(&'static str);

pub fn exceptions() -> Value {
    Value::from_object(Exceptions)
}

/// The functions that `exceptions` has.
pub fn exception_names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _)| *name)
}

/// What was handed over, by the names of the arguments. A node or relation is called by its name.
struct Told<'a> {
    names: &'a [&'a str],
    placed: &'a [Value],
    named: Kwargs,
}

impl Told<'_> {
    fn get(&self, name: &str) -> String {
        let at = self.names.iter().position(|known| *known == name).unwrap_or(usize::MAX);
        let Some(value) = argument(self.placed, &self.named, at, name) else {
            return "none".to_owned();
        };
        ["unique_id", "name"]
            .iter()
            .filter(|_| value.as_object().is_some_and(|object| object.repr() == ObjectRepr::Map))
            .find_map(|key| value.get_attr(key).ok().filter(|found| found.as_str().is_some()))
            .unwrap_or(value)
            .to_string()
    }
}

/// The sentence for an error.
fn sentence(name: &str, told: &Told<'_>) -> String {
    let get = |name: &str| told.get(name);
    match name {
        "missing_config" => format!("{} lacks the configuration `{}`", get("model"), get("name")),
        "missing_materialization" => format!(
            "{} has a materialization that does not exist for {}",
            get("model"),
            get("adapter_type")
        ),
        "missing_relation" => format!("the relation {} was not found", get("relation")),
        "raise_ambiguous_alias" => format!(
            "{} and {} would both be built as {}",
            get("node_1"),
            get("node_2"),
            get("duped_name")
        ),
        "raise_ambiguous_catalog_match" => format!(
            "{} is in the catalog twice: {} and {}",
            get("unique_id"),
            get("match_1"),
            get("match_2")
        ),
        "raise_cache_inconsistent" => format!("the cache of relations is wrong: {}", get("message")),
        "raise_dataclass_not_dict" => format!("{} is not a dict", get("obj")),
        "raise_dep_not_found" => format!(
            "{} ({}) needs the package {}, which is not installed",
            get("node"),
            get("node_description"),
            get("required_pkg")
        ),
        "raise_duplicate_patch_name" => format!(
            "{} is described twice, also in {}",
            get("patch_1"),
            get("existing_patch_path")
        ),
        "raise_duplicate_resource_name" => {
            format!("{} and {} have the same name", get("node_1"), get("node_2"))
        }
        "raise_invalid_property_yml_version" => format!("{} is not a properties file: {}", get("path"), get("issue")),
        "relation_wrong_type" => format!(
            "{} is of another type than {}; drop or rename it",
            get("relation"),
            get("expected_type")
        ),
        "raise_contract_error" => format!(
            "the contract is not met: declared are {}, the query gives {}",
            get("yaml_columns"),
            get("sql_columns")
        ),
        "column_type_missing" => format!(
            "the contract needs the data type of each column; it is missing for {}",
            get("column_names")
        ),
        // The message comes first and says it all.
        _ => get("msg"),
    }
}

fn raise(state: &State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
    let Some((_, names)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
        return Err(Error::from(ErrorKind::UnknownMethod));
    };
    let (placed, named) = split_kwargs(args)?;
    let told = Told { names, placed, named };
    match name {
        "warn" => warned(state, &told.get("msg"))?,
        "warn_snapshot_timestamp_data_types" => warned(
            state,
            &format!(
                "`updated_at` has the type {}, and the snapshot's own times have {}: rows may be missed",
                told.get("updated_at_data_type"),
                told.get("snapshot_time_data_type")
            ),
        )?,
        _ => return Err(failure("raised-by-project", sentence(name, &told))),
    }
    Ok(Value::from(""))
}

fn warned(state: &State<'_, '_>, message: &str) -> Result<(), Error> {
    session(state)?.host.warn(message).map_err(Error::from)
}

impl Object for Exceptions {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let (name, _) = FUNCTIONS.iter().find(|(known, _)| *known == name)?;
        Some(Value::from_object(Raise(name)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(exception_names().map(Value::from).collect())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match name {
            "keys" => Ok(exception_names().map(Value::from).collect::<PyList>().into()),
            _ => raise(state, name, args),
        }
    }
}

impl Object for Raise {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        raise(state, self.0, args)
    }
}
