//! Types between the server, the driver that dbt uses, and the tables that templates see; and values bound into SQL.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::table::ResultTable;
use crate::jinja::value::{describe, integer, invalid, items};
use crate::sql::literal;

/// dbt's driver's name of a type that the server prints, such as `STRING` for `text`.
pub fn driver_name(data_type: &str) -> String {
    let lower = data_type.to_lowercase();
    let (element, array) = match lower.strip_suffix("[]") {
        Some(element) => (element, "ARRAY"),
        None => (lower.as_str(), ""),
    };
    let base = match element.split_once('(') {
        Some((before, rest)) => {
            let after = rest.split_once(')').map_or("", |(_, after)| after);
            format!("{}{after}", before.trim())
        }
        None => element.to_owned(),
    };
    let name = match base.as_str() {
        "bigint" => "LONGINTEGER",
        "integer" | "smallint" => "INTEGER",
        "real" | "double precision" => "FLOAT",
        "numeric" => "DECIMAL",
        "text" | "character varying" | "character" | "name" | "\"char\"" => "STRING",
        "boolean" => "BOOLEAN",
        "timestamp without time zone" => "DATETIME",
        "timestamp with time zone" => "DATETIMETZ",
        "time without time zone" | "time with time zone" => "TIME",
        "date" => "DATE",
        "interval" => "INTERVAL",
        "bytea" => "BINARY",
        "oid" => "ROWID",
        "unknown" => "UNKNOWN",
        "json" => "JSON",
        "jsonb" => "JSONB",
        // The driver knows these by number alone; the server's name says more.
        _ => return data_type.to_owned(),
    };
    format!("{name}{array}")
}

/// `adapter.convert_type(table, index)`: the column type that a seed's values want.
pub fn of_column(table: &Value, index: &Value) -> Result<Value, Error> {
    let table = table
        .downcast_object_ref::<ResultTable>()
        .ok_or_else(|| invalid(format!("`convert_type` wants a table, not {}", describe(table))))?;
    let at = usize::try_from(integer(index)?).map_err(|_| invalid("there is no such column"))?;
    let data_type = table.data_type(at).ok_or_else(|| invalid("there is no such column"))?;
    let base = data_type.split('(').next().unwrap_or(data_type).trim();
    Ok(Value::from(match base {
        "bigint" => "bigint",
        "smallint" | "integer" => "integer",
        "numeric" | "decimal" | "real" | "double precision" if table.is_whole(at) => "integer",
        "numeric" | "decimal" | "real" | "double precision" => "float8",
        "boolean" => "boolean",
        "date" => "date",
        "time" | "time without time zone" => "time",
        "timestamp" | "timestamp without time zone" | "timestamp with time zone" => "timestamp without time zone",
        _ => "text",
    }))
}

/// A statement with its bindings written in: each `%s` is the next value, `%%` is a percent sign.
pub fn bound(sql: &str, bindings: Option<&Value>) -> Result<String, Error> {
    let Some(bindings) = bindings.filter(|v| !v.is_none() && !v.is_undefined()) else {
        return Ok(sql.to_owned());
    };
    let mut values = items(bindings)?.into_iter();
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('s') {
            let value = values
                .next()
                .ok_or_else(|| invalid("the statement has more places than bindings"))?;
            out.push_str(&sql_value(&value));
            rest = after;
        } else {
            out.push('%');
            rest = after.strip_prefix('%').unwrap_or(after);
        }
    }
    out.push_str(rest);
    if values.next().is_some() {
        return Err(invalid("the statement has fewer places than bindings"));
    }
    Ok(out)
}

fn sql_value(value: &Value) -> String {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => "null".to_owned(),
        ValueKind::Bool => value.is_true().to_string(),
        ValueKind::Number => value.to_string(),
        _ => literal(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_the_driver() {
        let named = [
            "timestamp(3) without time zone",
            "numeric(10,2)",
            "character varying[]",
            "uuid",
        ];
        assert_eq!(named.map(driver_name), ["DATETIME", "DECIMAL", "STRINGARRAY", "uuid"]);
    }

    #[test]
    fn bindings_are_written_in_order() {
        let values = Value::from(vec![Value::from(1), Value::from("it's"), Value::from(())]);
        let sql = bound("values (%s, %s, %s), '100%%'", Some(&values)).unwrap();
        assert_eq!(sql, "values (1, 'it''s', null), '100%'");
        assert!(bound("values (%s)", Some(&values)).is_err());
        assert_eq!(bound("like '%s'", None).unwrap(), "like '%s'");
    }
}
