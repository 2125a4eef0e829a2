//! Constraints of a contract as DDL.

use minijinja::{Error, Value};

use crate::jinja::value::{PyList, invalid, items};
use crate::sql::ident;

/// An attribute that is there and says something.
fn text(of: &Value, name: &str) -> Option<String> {
    let value = of.get_attr(name).ok().filter(Value::is_true)?;
    Some(value.to_string())
}

fn names(of: &Value, name: &str) -> Result<Vec<String>, Error> {
    match of.get_attr(name).ok().filter(Value::is_true) {
        Some(value) => Ok(items(&value)?.iter().map(ToString::to_string).collect()),
        None => Ok(Vec::new()),
    }
}

/// `to (columns)`, or the expression.
fn referenced(constraint: &Value) -> Result<Option<String>, Error> {
    let columns = names(constraint, "to_columns")?;
    Ok(match text(constraint, "to") {
        Some(to) if !columns.is_empty() => Some(format!("{to} ({})", columns.join(", "))),
        _ => text(constraint, "expression"),
    })
}

fn kind(constraint: &Value) -> Result<String, Error> {
    text(constraint, "type").ok_or_else(|| invalid(format!("the constraint {constraint} has no type")))
}

/// The constraint of one column; `None` where it says nothing.
fn of_column(constraint: &Value) -> Result<Option<String>, Error> {
    let expression = text(constraint, "expression");
    let with = |word: &str| match &expression {
        Some(expression) => format!("{word} {expression}"),
        None => word.to_owned(),
    };
    Ok(match kind(constraint)?.as_str() {
        "not_null" => Some(with("not null")),
        "unique" => Some(with("unique")),
        "primary_key" => Some(with("primary key")),
        "check" => expression.map(|expression| format!("check ({expression})")),
        "foreign_key" => referenced(constraint)?.map(|to| format!("references {to}")),
        "custom" => expression,
        other => return Err(invalid(format!("`{other}` is no type of constraints"))),
    })
}

/// The constraint of a model; `None` where it says nothing.
fn of_model(constraint: &Value) -> Result<Option<String>, Error> {
    let expression = text(constraint, "expression");
    let columns = names(constraint, "columns")?.join(", ");
    let key = |word: &str| match &expression {
        Some(expression) => format!("{word} {expression} ({columns})"),
        None => format!("{word} ({columns})"),
    };
    let rendered = match kind(constraint)?.as_str() {
        "unique" => Some(key("unique")),
        "primary_key" => Some(key("primary key")),
        "check" => expression.map(|expression| format!("check ({expression})")),
        "foreign_key" => referenced(constraint)?.map(|to| format!("foreign key ({columns}) references {to}")),
        "custom" => expression,
        "not_null" => None,
        other => return Err(invalid(format!("`{other}` is no type of constraints"))),
    };
    let name = text(constraint, "name").map(|name| format!("constraint {name} "));
    Ok(rendered.map(|rendered| format!("{}{rendered}", name.unwrap_or_default())))
}

/// `adapter.render_raw_columns_constraints(..)`: `name type constraint ..` for each column.
pub fn columns(raw: &Value) -> Result<Value, Error> {
    let mut lines = Vec::new();
    for key in items(raw)? {
        let column = raw.get_item(&key)?;
        let mut name = text(&column, "name").unwrap_or_else(|| key.to_string());
        if column.get_attr("quote").is_ok_and(|quote| quote.is_true()) {
            name = ident(&name);
        }
        let data_type =
            text(&column, "data_type").ok_or_else(|| invalid(format!("the column `{name}` has no data_type")))?;
        let mut parts = vec![name, data_type];
        if let Some(constraints) = column.get_attr("constraints").ok().filter(Value::is_true) {
            for constraint in items(&constraints)? {
                parts.extend(of_column(&constraint)?);
            }
        }
        lines.push(Value::from(parts.join(" ")));
    }
    Ok(lines.into_iter().collect::<PyList>().into())
}

/// `adapter.render_raw_model_constraints(..)`
pub fn model(raw: &Value) -> Result<Value, Error> {
    let mut lines = Vec::new();
    if raw.is_true() {
        for constraint in items(raw)? {
            lines.extend(of_model(&constraint)?.map(Value::from));
        }
    }
    Ok(lines.into_iter().collect::<PyList>().into())
}
