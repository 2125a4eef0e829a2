//! `adapter`: dispatch, and questions about the database.

use std::sync::Arc;

use minijinja::value::{Kwargs, Object};
use minijinja::{Error, State, Value};

use super::relation::RelationObject;
use super::response::response;
use super::table::ResultTable;
use super::{ColumnObject, api};
use crate::jinja::call::dispatch;
use crate::jinja::failure::failure;
use crate::jinja::function::session;
use crate::jinja::host::Refusal;
use crate::jinja::session::Session;
use crate::jinja::value::{Absent, PyDict, PyList, argument, describe, invalid, items, split_kwargs, text_argument};
use crate::sql::{Relation, RelationKind, Table, ident, literal};

#[derive(Debug)]
struct Adapter;

pub fn adapter() -> Value {
    Value::from_object(Adapter)
}

fn relation(value: Option<Value>) -> Result<Relation, Error> {
    let value = value.unwrap_or_default();
    match value.downcast_object_ref::<RelationObject>() {
        Some(object) => Ok(object.relation.clone()),
        None => Err(invalid(format!("expected a relation, got {}", describe(&value)))),
    }
}

fn found(session: &Session, schema: &str, identifier: &str) -> Result<Value, Error> {
    if !session.execute {
        return Ok(Value::from(()));
    }
    let relation = session.host.relation(schema, identifier)?;
    Ok(relation.map_or_else(|| Value::from(()), RelationObject::value))
}

fn columns(session: &Session, of: &Relation) -> Result<Vec<crate::sql::Column>, Error> {
    if session.execute {
        Ok(session.host.columns(of)?)
    } else {
        Ok(Vec::new())
    }
}

/// Runs SQL where something may run at all.
fn run(session: &Session, sql: &str) -> Result<Table, Error> {
    if session.execute {
        Ok(session.host.query(sql)?)
    } else {
        Ok(Table::default())
    }
}

/// The columns of `from` that `to` does not have.
fn missing_columns(session: &Session, from: &Relation, to: &Relation) -> Result<Value, Error> {
    let there = columns(session, to)?;
    let missing = columns(session, from)?
        .into_iter()
        .filter(|c| !there.iter().any(|t| t.name == c.name))
        .map(ColumnObject::value);
    Ok(missing.collect::<PyList>().into())
}

fn exists(session: &Session, schema: &str) -> Result<Value, Error> {
    let sql = format!(
        "select 1 from pg_catalog.pg_namespace where nspname = {}",
        literal(schema)
    );
    Ok(Value::from(!run(session, &sql)?.rows.is_empty()))
}

fn kind_word(relation: &Relation) -> &'static str {
    match relation.kind {
        Some(RelationKind::View) => "view",
        Some(RelationKind::MaterializedView) => "materialized view",
        _ => "table",
    }
}

/// Changes of the database that macros ask for; they do nothing while parsing.
fn change(session: &Session, method: &str, args: &[Value], kwargs: &Kwargs) -> Option<Result<Value, Error>> {
    let first =
        || relation(argument(args, kwargs, 0, "relation").or_else(|| argument(args, kwargs, 0, "from_relation")));
    let sql = match method {
        "create_schema" => first().map(|r| format!("create schema if not exists {}", ident(&r.schema))),
        "drop_schema" => first().map(|r| format!("drop schema if exists {} cascade", ident(&r.schema))),
        "drop_relation" => first().map(|r| format!("drop {} if exists {r} cascade", kind_word(&r))),
        "truncate_relation" => first().map(|r| format!("truncate table {r}")),
        "rename_relation" => first().and_then(|from| {
            let to = relation(argument(args, kwargs, 1, "to_relation"))?;
            let word = kind_word(&from);
            Ok(format!("alter {word} {from} rename to {}", ident(&to.identifier)))
        }),
        _ => return None,
    };
    Some(sql.and_then(|sql| run(session, &sql)).map(|_| Value::from("")))
}

impl Object for Adapter {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "Relation" | "Column" => api().get_item(key).ok(),
            "behavior" => Some(Value::from_object(PyDict::from_pairs([]))),
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let session = session(state)?;
        let (args, kwargs) = split_kwargs(args)?;
        let text = |at, name| text_argument(args, &kwargs, at, name);
        let arg = |at, name| argument(args, &kwargs, at, name);
        let done = change(&session, name, args, &kwargs).or_else(|| list(&session, name, args, &kwargs));
        if let Some(done) = done {
            return done;
        }
        match name {
            "dispatch" => {
                let wanted = text(0, "macro_name").ok_or_else(|| invalid("`dispatch` wants the name of a macro"))?;
                if kwargs.has("packages") {
                    return Err(Refusal::new("dispatch", "`dispatch` has no argument `packages`")
                        .help("name the package in `macro_namespace`, and the order in `dispatch:` of the project file")
                        .into());
                }
                dispatch(&session, &wanted, text(1, "macro_namespace").as_deref())
            }
            "type" => Ok(Value::from("postgres")),
            "quote" => Ok(Value::from(ident(&text(0, "identifier").unwrap_or_default()))),
            "quote_as_configured" | "quote_seed_column" => Ok(Value::from(ident(
                &text(0, "identifier").or_else(|| text(0, "column")).unwrap_or_default(),
            ))),
            "get_relation" => {
                let schema = text(1, "schema").unwrap_or_default();
                found(&session, &schema, &text(2, "identifier").unwrap_or_default())
            }
            "load_relation" => {
                let wanted = relation(arg(0, "relation"))?;
                found(&session, &wanted.schema, &wanted.identifier)
            }
            "already_exists" => {
                let schema = text(0, "schema").unwrap_or_default();
                let relation = found(&session, &schema, &text(1, "name").unwrap_or_default())?;
                Ok(Value::from(!relation.is_none()))
            }
            "get_columns_in_relation" => {
                if !session.execute {
                    return Ok(PyList::default().into());
                }
                let columns = columns(&session, &relation(arg(0, "relation"))?)?;
                Ok(columns.into_iter().map(ColumnObject::value).collect::<PyList>().into())
            }
            "get_missing_columns" => {
                if !session.execute {
                    return Ok(PyList::default().into());
                }
                let from = relation(arg(0, "from_relation"))?;
                missing_columns(&session, &from, &relation(arg(1, "to_relation"))?)
            }
            "check_schema_exists" => exists(&session, &text(1, "schema").unwrap_or_default()),
            "execute" => {
                if !session.execute {
                    return Ok(Value::from(vec![Absent::value(), Absent::value()]));
                }
                let is = |at, name| arg(at, name).is_some_and(|v| v.is_true());
                let sql = text(0, "sql").unwrap_or_default();
                let table = session.host.execute(&sql, is(1, "auto_begin"), is(2, "fetch"))?;
                Ok(Value::from(vec![response(&table), ResultTable::value(&table)]))
            }
            "add_query" => {
                if session.execute {
                    let auto_begin = arg(1, "auto_begin").is_none_or(|v| v.is_true());
                    session
                        .host
                        .execute(&text(0, "sql").unwrap_or_default(), auto_begin, false)?;
                }
                Ok(Value::from(""))
            }
            "commit" | "commit_if_has_connection" => {
                if session.execute {
                    session.host.commit()?;
                }
                Ok(Value::from(""))
            }
            "clear_transaction" => {
                if session.execute {
                    session.host.clear_transaction()?;
                }
                Ok(Value::from(""))
            }
            // What caches and other databases need does nothing here.
            "cache_added"
            | "cache_dropped"
            | "cache_renamed"
            | "expand_target_column_types"
            | "valid_snapshot_target"
            | "verify_database" => Ok(Value::from("")),
            "render_raw_columns_constraints" => {
                let raw = arg(0, "raw_columns").unwrap_or_default();
                columns_sql(&raw)
            }
            _ => Err(failure(
                "unknown-adapter-method",
                format!("`adapter.{name}` is not available on PostgreSQL"),
            )),
        }
    }
}

/// What the database holds; nothing while parsing.
fn list(session: &Session, method: &str, args: &[Value], kwargs: &Kwargs) -> Option<Result<Value, Error>> {
    match method {
        "list_relations_without_caching" | "list_relations" | "list_schemas" if !session.execute => {
            Some(Ok(PyList::default().into()))
        }
        "list_relations_without_caching" | "list_relations" => {
            let schema = match argument(args, kwargs, 0, "schema_relation") {
                Some(value) if value.downcast_object_ref::<RelationObject>().is_some() => {
                    relation(Some(value)).map(|r| r.schema)
                }
                _ => Ok(text_argument(args, kwargs, 1, "schema").unwrap_or_default()),
            };
            Some(schema.and_then(|schema| list_relations(session, &schema)))
        }
        "list_schemas" => {
            let table = run(session, "select nspname from pg_catalog.pg_namespace order by nspname");
            Some(table.map(|table| {
                let names = table
                    .rows
                    .into_iter()
                    .filter_map(|row| row.into_iter().next().flatten());
                names.map(Value::from).collect::<PyList>().into()
            }))
        }
        _ => None,
    }
}

/// The tables and views of a schema.
fn list_relations(session: &Session, schema: &str) -> Result<Value, Error> {
    let sql = format!(
        "select c.relname, c.relkind::text from pg_catalog.pg_class c \
         join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = {} and c.relkind in ('r', 'p', 'v', 'm') order by c.relname",
        literal(schema)
    );
    let rows = run(session, &sql)?.rows.into_iter().filter_map(|row| {
        let mut cells = row.into_iter();
        Some((cells.next()??, cells.next().flatten()))
    });
    let relations = rows.map(|(name, kind)| {
        let kind = match kind.as_deref() {
            Some("v") => RelationKind::View,
            Some("m") => RelationKind::MaterializedView,
            _ => RelationKind::Table,
        };
        RelationObject::value(Relation::new(None, schema, name).of_kind(kind))
    });
    Ok(relations.collect::<PyList>().into())
}

/// `name type constraint ..` for each column of a contract.
fn columns_sql(raw: &Value) -> Result<Value, Error> {
    let mut lines = Vec::new();
    for key in items(raw)? {
        let column = raw.get_item(&key)?;
        let text = |name: &str| column.get_attr(name).ok().filter(|v| !v.is_none() && !v.is_undefined());
        let name = text("name").unwrap_or(key).to_string();
        let quoted = text("quote").is_some_and(|q| q.is_true());
        let mut line = if quoted { ident(&name) } else { name };
        if let Some(data_type) = text("data_type") {
            line = format!("{line} {data_type}");
        }
        for constraint in text("constraints").map_or_else(|| Ok(Vec::new()), |c| items(&c))? {
            let kind = constraint.get_attr("type")?.to_string();
            let expression = constraint.get_attr("expression").ok().filter(Value::is_true);
            let expression = expression.map(|e| e.to_string()).unwrap_or_default();
            let sql = match kind.as_str() {
                "not_null" => "not null".to_owned(),
                "unique" => "unique".to_owned(),
                "primary_key" => "primary key".to_owned(),
                "check" => format!("check ({expression})"),
                "foreign_key" => format!("references {expression}"),
                _ => expression,
            };
            if !sql.is_empty() {
                line = format!("{line} {sql}");
            }
        }
        lines.push(Value::from(line));
    }
    Ok(lines.into_iter().collect::<PyList>().into())
}
