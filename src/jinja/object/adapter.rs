//! `adapter`: dispatch, and work on the database. What dbt does through its macros goes through them here too, so that a
//! project's own versions of them are obeyed.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, Tuple};
use minijinja::{Error, State, Value};

use super::behavior::Behavior;
use super::relation::{PARTS, RelationObject, relation_class};
use super::response::response;
use super::table::ResultTable;
use super::{ColumnObject, column_class, constraint, index, seed_type, snapshot, strategy};
use crate::jinja::call::dispatch;
use crate::jinja::failure::failure;
use crate::jinja::host::Refusal;
use crate::jinja::session::Session;
use crate::jinja::value::{Absent, PyDict, PyList, argument, describe, invalid, items, split_kwargs, text_argument};
use crate::sql::ident;

/// The adapter as one render has it.
pub struct Adapter(Arc<Session>);

pub fn adapter(session: &Arc<Session>) -> Value {
    Value::from_object(Adapter(Arc::clone(session)))
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<adapter postgres>")
    }
}

/// The arguments of one call.
struct Call<'a> {
    args: &'a [Value],
    kwargs: &'a Kwargs,
}

impl Call<'_> {
    fn arg(&self, at: usize, name: &str) -> Option<Value> {
        argument(self.args, self.kwargs, at, name)
    }

    fn value(&self, at: usize, name: &str) -> Value {
        self.arg(at, name).unwrap_or_else(|| Value::from(()))
    }

    fn text(&self, at: usize, name: &str) -> Option<String> {
        text_argument(self.args, self.kwargs, at, name)
    }

    /// An argument that must be there; `none` is as good as an empty one.
    fn wanted(&self, method: &str, at: usize, name: &str) -> Result<String, Error> {
        match self.arg(at, name) {
            Some(_) => Ok(self.text(at, name).unwrap_or_default()),
            None => Err(failure(
                "jinja-arguments",
                format!("`adapter.{method}` has no `{name}`, its argument {}", at + 1),
            )),
        }
    }

    fn relation(&self, at: usize, name: &str) -> Result<Value, Error> {
        let value = self.value(at, name);
        match value.downcast_object_ref::<RelationObject>() {
            Some(_) => Ok(value),
            None => Err(invalid(format!("`{name}` is a relation, not {}", describe(&value)))),
        }
    }
}

fn none() -> Value {
    Value::from(())
}

fn empty() -> Value {
    PyList::default().into()
}

/// The relation that a value is known to be.
fn of(value: &Value) -> Result<&RelationObject, Error> {
    value
        .downcast_object_ref::<RelationObject>()
        .ok_or_else(|| invalid(format!("expected a relation, got {}", describe(value))))
}

impl Adapter {
    /// Calls a macro of dbt's by name, as the root project has it, else a package; what a package's macro names is
    /// looked for from its package.
    fn run(&self, state: &mut State<'_, '_>, name: &str, args: &[(&str, Value)]) -> Result<Value, Error> {
        let table = &self.0.shared.table;
        let found = table
            .find_for_adapter(name)
            .ok_or_else(|| Refusal::new("undefined-macro", format!("there is no macro `{name}`")))?;
        let kwargs: Kwargs = args.iter().cloned().collect();
        let owner = table.owner(&found);
        let before = self.0.act_for(owner.map(str::to_owned));
        let answer = found.call(state, &[kwargs.into()]);
        self.0.act_for(before);
        answer
    }

    fn columns(&self, state: &mut State<'_, '_>, relation: &Value) -> Result<Vec<Value>, Error> {
        let found = self.run(state, "get_columns_in_relation", &[("relation", relation.clone())])?;
        items(&found)
    }

    fn found(&self, schema: &str, identifier: &str) -> Result<Value, Error> {
        let relation = self.0.host.relation(schema, identifier)?;
        Ok(relation.map_or_else(none, RelationObject::value))
    }

    /// What changes the database or asks it; while parsing nothing happens and the answer is dbt's for that phase.
    fn ask(&self, state: &mut State<'_, '_>, method: &str, call: &Call<'_>) -> Option<Result<Value, Error>> {
        let while_parsing = match method {
            "get_columns_in_relation"
            | "get_columns_in_table"
            | "get_missing_columns"
            | "get_column_schema_from_query"
            | "list_relations"
            | "list_relations_without_caching"
            | "list_schemas" => empty(),
            "check_schema_exists" | "already_exists" => Value::from(false),
            "execute" => Value::from(Tuple::from([Absent::value(), Absent::value()])),
            "add_query" => Value::from(Tuple::from([none(), none()])),
            "commit" | "commit_if_has_connection" | "clear_transaction" | "verify_database" => Value::from(""),
            "validate_sql"
            | "run_sql_for_tests"
            | "get_relation"
            | "load_relation"
            | "create_schema"
            | "drop_schema"
            | "drop_relation"
            | "truncate_relation"
            | "rename_relation"
            | "alter_column_type"
            | "expand_target_column_types"
            | "valid_snapshot_target"
            | "assert_valid_snapshot_target_given_strategy"
            | "get_incremental_strategy_macro" => none(),
            _ => return None,
        };
        if !self.0.execute {
            return Some(Ok(while_parsing));
        }
        Some(
            self.change(state, method, call)
                .unwrap_or_else(|| self.question(state, method, call)),
        )
    }

    fn change(&self, state: &mut State<'_, '_>, method: &str, call: &Call<'_>) -> Option<Result<Value, Error>> {
        let done = match method {
            "create_schema" | "drop_schema" => call.relation(0, "relation").and_then(|relation| {
                let schema = Value::from_object(of(&relation)?.without_identifier());
                self.run(state, method, &[("relation", schema)])
            }),
            "drop_relation" => call.relation(0, "relation").and_then(|relation| {
                if of(&relation)?.kind().is_none() {
                    return Err(invalid(format!("{relation} cannot be dropped: its type is not known")));
                }
                self.run(state, method, &[("relation", relation)])
            }),
            "truncate_relation" => call
                .relation(0, "relation")
                .and_then(|relation| self.run(state, method, &[("relation", relation)])),
            "rename_relation" => call.relation(0, "from_relation").and_then(|from| {
                let to = call.relation(1, "to_relation")?;
                self.run(state, method, &[("from_relation", from), ("to_relation", to)])
            }),
            "alter_column_type" => {
                let args = ["relation", "column_name", "new_column_type"];
                let args: Vec<_> = args.iter().enumerate().map(|(i, n)| (*n, call.value(i, n))).collect();
                self.run(state, method, &args)
            }
            "expand_target_column_types" => self.expand(state, call),
            "commit" | "commit_if_has_connection" => {
                return Some(self.0.host.commit().map(|()| Value::from("")).map_err(Error::from));
            }
            "clear_transaction" => {
                return Some(
                    self.0
                        .host
                        .clear_transaction()
                        .map(|()| Value::from(""))
                        .map_err(Error::from),
                );
            }
            _ => return None,
        };
        Some(done.map(|_| none()))
    }

    /// Widens the texts of `to_relation` to what `from_relation` holds.
    fn expand(&self, state: &mut State<'_, '_>, call: &Call<'_>) -> Result<Value, Error> {
        let to = call.relation(1, "to_relation")?;
        let wanted = self.columns(state, &call.relation(0, "from_relation")?)?;
        let there = self.columns(state, &to)?;
        for new in wanted.iter().filter_map(|c| c.downcast_object_ref::<ColumnObject>()) {
            let old = there.iter().filter_map(|c| c.downcast_object_ref::<ColumnObject>());
            for old in old.filter(|old| old.name() == new.name()) {
                if old.can_expand_to(new)? {
                    let wider = super::column::string_type(&new.string_size()?.to_string());
                    let args = [
                        ("relation", to.clone()),
                        ("column_name", Value::from(old.name())),
                        ("new_column_type", Value::from(wider)),
                    ];
                    self.run(state, "alter_column_type", &args)?;
                }
            }
        }
        Ok(none())
    }

    fn question(&self, state: &mut State<'_, '_>, method: &str, call: &Call<'_>) -> Result<Value, Error> {
        match method {
            "get_relation" => self.found(
                &call.wanted(method, 1, "schema")?,
                &call.wanted(method, 2, "identifier")?,
            ),
            "load_relation" => {
                let relation = call.relation(0, "relation")?;
                let wanted = &of(&relation)?.relation;
                self.found(&wanted.stored_schema(), &wanted.stored_identifier())
            }
            "already_exists" => {
                let relation = self.found(&call.wanted(method, 0, "schema")?, &call.wanted(method, 1, "name")?)?;
                Ok(Value::from(!relation.is_none()))
            }
            "get_columns_in_relation" => {
                // As it is: a macro of the project may give anything to those that know it.
                let relation = call.relation(0, "relation")?;
                self.run(state, "get_columns_in_relation", &[("relation", relation)])
            }
            "get_columns_in_table" => {
                let part = |at, name| call.text(at, name).unwrap_or_default();
                let relation = crate::sql::Relation::new(None, part(0, "schema"), part(1, "identifier"));
                let columns = self.columns(state, &RelationObject::value(relation))?;
                Ok(columns.into_iter().collect::<PyList>().into())
            }
            "get_missing_columns" => {
                let from = call.relation(0, "from_relation")?;
                let there = self.columns(state, &call.relation(1, "to_relation")?)?;
                let name = |column: &Value| column.get_attr("name");
                let there = there.iter().map(name).collect::<Result<Vec<_>, _>>()?;
                let mut missing = Vec::new();
                for column in self.columns(state, &from)? {
                    if !there.contains(&name(&column)?) {
                        missing.push(column);
                    }
                }
                Ok(missing.into_iter().collect::<PyList>().into())
            }
            "get_column_schema_from_query" => {
                let sql = call.text(0, "sql").unwrap_or_default();
                // As the driver names types, which is how contracts print them.
                let columns = self.0.host.query(&sql)?.columns.into_iter().map(|column| {
                    let label = seed_type::driver_name(&column.data_type);
                    Value::from_object(ColumnObject::create(&column.name, &label))
                });
                Ok(columns.collect::<PyList>().into())
            }
            "check_schema_exists" => {
                let database = call.text(0, "database");
                let schema = call.text(1, "schema").unwrap_or_default();
                let within = crate::sql::Relation::new(database.as_deref(), schema.as_str(), "");
                let information = Value::from_object(RelationObject::new(within).information_schema(None));
                let args = [("information_schema", information), ("schema", Value::from(schema))];
                let rows = self.run(state, "check_schema_exists", &args)?;
                let count = items(&rows)?.first().map(|row| row.get_item(&Value::from(0)));
                Ok(Value::from(
                    count.transpose()?.is_some_and(|count| count.as_i64() > Some(0)),
                ))
            }
            "list_relations" => {
                let database = call.text(0, "database");
                let schema = call.text(1, "schema").unwrap_or_default();
                let relation = crate::sql::Relation::new(database.as_deref(), schema, "");
                self.list(
                    state,
                    Value::from_object(RelationObject::new(relation).without_identifier()),
                )
            }
            "list_relations_without_caching" => self.list(state, call.relation(0, "schema_relation")?),
            "list_schemas" => {
                let rows = self.run(state, "list_schemas", &[("database", call.value(0, "database"))])?;
                let names = items(&rows)?.into_iter().map(|row| row.get_item(&Value::from(0)));
                Ok(names.collect::<Result<PyList, _>>()?.into())
            }
            "execute" => {
                let is = |at, name| call.arg(at, name).is_some_and(|v| v.is_true());
                let sql = call.text(0, "sql").unwrap_or_default();
                let table = self.0.host.execute(&sql, is(1, "auto_begin"), is(2, "fetch"))?;
                Ok(Value::from(Tuple::from([response(&table), ResultTable::value(&table)])))
            }
            "add_query" | "run_sql_for_tests" => {
                let auto_begin = call.arg(1, "auto_begin").is_none_or(|v| v.is_true());
                let sql = call.text(0, "sql").unwrap_or_default();
                let bound = seed_type::bound(&sql, call.arg(2, "bindings").as_ref())?;
                self.0.host.execute(&bound, auto_begin, false)?;
                Ok(Value::from(Tuple::from([none(), none()])))
            }
            "validate_sql" => {
                let result = self.run(state, "validate_sql", &[("sql", call.value(0, "sql"))])?;
                result.get_attr("response")
            }
            "valid_snapshot_target" | "assert_valid_snapshot_target_given_strategy" => {
                let columns = self.columns(state, &call.relation(0, "relation")?)?;
                snapshot::check(&columns, &call.value(1, "column_names"), &call.value(2, "strategy"))?;
                Ok(none())
            }
            "get_incremental_strategy_macro" => {
                strategy::find(&call.value(0, "model_context"), call.text(1, "strategy").as_deref())
            }
            // A template prints nothing where it asks.
            _ => self.verify_database(call).map(|()| Value::from("")),
        }
    }

    fn list(&self, state: &mut State<'_, '_>, schema: Value) -> Result<Value, Error> {
        let rows = self.run(state, "list_relations_without_caching", &[("schema_relation", schema)])?;
        let mut relations = Vec::new();
        for row in items(&rows)? {
            let cells = items(&row)?;
            let [database, name, schema, kind] = &cells[..] else {
                return Err(invalid(
                    "list_relations_without_caching gives database, name, schema and type",
                ));
            };
            let database = database.to_string();
            let relation = crate::sql::Relation::new(Some(&database), schema.to_string(), name.to_string());
            relations.push(Value::from_object(RelationObject::new(relation).typed(kind)));
        }
        Ok(relations.into_iter().collect::<PyList>().into())
    }

    /// PostgreSQL reads one database at a time.
    fn verify_database(&self, call: &Call<'_>) -> Result<(), Error> {
        let named = call.text(0, "database").unwrap_or_default();
        let target = self
            .0
            .member("target")
            .and_then(|target| target.get_attr("database").ok());
        let Some(ours) = target.and_then(|database| database.as_str().map(str::to_owned)) else {
            return Ok(());
        };
        if named.is_empty() || named.trim_matches('"').eq_ignore_ascii_case(&ours) {
            return Ok(());
        }
        Err(Refusal::new(
            "other-database",
            format!("the database `{named}` is named, and the connection is to `{ours}`"),
        )
        .help("PostgreSQL reads one database at a time: leave `database` out, or connect to that database")
        .into())
    }
}

impl Object for Adapter {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "Relation" => Some(relation_class()),
            "Column" => Some(column_class()),
            "behavior" => Some(Value::from_object(Behavior(Arc::clone(&self.0)))),
            "dispatch" => Some(Value::from_object(Dispatch(Arc::clone(&self.0)))),
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        let call = Call { args, kwargs: &kwargs };
        if let Some(answer) = self.ask(state, name, &call) {
            return answer;
        }
        match name {
            "dispatch" => dispatched(&self.0, &call),
            "type" => Ok(Value::from("postgres")),
            "date_function" => Ok(Value::from("now()")),
            "nice_connection_name" => Ok(Value::from(self.0.within.as_str())),
            "quote" => Ok(Value::from(ident(&call.text(0, "identifier").unwrap_or_default()))),
            "quote_as_configured" => {
                let name = call.text(0, "identifier").unwrap_or_default();
                let part = call.text(1, "quote_key").unwrap_or_default();
                let quoted = PARTS.iter().position(|known| *known == part);
                Ok(Value::from(match quoted {
                    Some(at) if self.0.host.quoted()[at] => ident(&name),
                    _ => name,
                }))
            }
            "quote_seed_column" => {
                let name = call.text(0, "column").unwrap_or_default();
                let quotes = call.value(1, "quote_config");
                Ok(Value::from(if quotes.is_none() || quotes.is_true() {
                    ident(&name)
                } else {
                    name
                }))
            }
            "convert_type" => seed_type::of_column(&call.value(0, "agate_table"), &call.value(1, "col_idx")),
            "parse_index" => index::parse_index(&call.value(0, "raw_index")),
            "render_raw_columns_constraints" => constraint::columns(&call.value(0, "raw_columns")),
            "render_raw_model_constraints" => constraint::model(&call.value(0, "raw_constraints")),
            "standardize_grants_dict" => grants(&call.value(0, "grants_table")),
            "valid_incremental_strategies" => Ok(strategy::list(&strategy::VALID)),
            "builtin_incremental_strategies" => Ok(strategy::list(&strategy::BUILTIN)),
            "get_hard_deletes_behavior" => snapshot::hard_deletes(state, &call.value(0, "config")),
            "timestamp_add_sql" => {
                let number = call.text(1, "number").unwrap_or_else(|| "1".to_owned());
                let interval = call.text(2, "interval").unwrap_or_else(|| "hour".to_owned());
                let to = call.value(0, "add_to");
                Ok(Value::from(format!("{to} + interval '{number} {interval}'")))
            }
            // There are no catalogs to write tables into.
            "build_catalog_relation" => Ok(none()),
            // There is no cache to tell.
            "cache_added" | "cache_dropped" | "cache_renamed" => Ok(Value::from("")),
            // As in dbt, while parsing: the node that calls it fails when it runs.
            _ if self.0.host.forgives() => Ok(Absent::value()),
            _ => Err(failure(
                "unknown-adapter-method",
                format!("`adapter.{name}` is not available on PostgreSQL"),
            )),
        }
    }
}

/// The grantees of each privilege.
fn grants(table: &Value) -> Result<Value, Error> {
    let mut found: indexmap::IndexMap<String, Vec<Value>> = indexmap::IndexMap::new();
    for row in items(table)? {
        let privilege = row.get_item(&Value::from("privilege_type"))?.to_string();
        let grantee = row.get_item(&Value::from("grantee"))?;
        found.entry(privilege).or_default().push(grantee);
    }
    let pairs = found
        .into_iter()
        .map(|(privilege, grantees)| (Value::from(privilege), grantees.into_iter().collect::<PyList>().into()));
    Ok(PyDict::from_pairs(pairs).into())
}

/// `adapter.dispatch`, also where it is given another name.
struct Dispatch(Arc<Session>);

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<function adapter.dispatch>")
    }
}

impl Object for Dispatch {
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        dispatched(&self.0, &Call { args, kwargs: &kwargs })
    }
}

fn dispatched(session: &Session, call: &Call<'_>) -> Result<Value, Error> {
    let wanted = call
        .text(0, "macro_name")
        .ok_or_else(|| invalid("`dispatch` wants the name of a macro"))?;
    if call.kwargs.has("packages") {
        return Err(Refusal::new("dispatch", "`dispatch` has no argument `packages`")
            .help("name the package in `macro_namespace`, and the order in `dispatch:` of the project file")
            .into());
    }
    dispatch(session, &wanted, call.text(1, "macro_namespace").as_deref())
}
