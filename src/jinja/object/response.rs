//! What dbt calls the response of a statement.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::value::PyDict;
use crate::sql::{Response, Table};

/// Prints as its message.
#[derive(Debug)]
pub struct ResponseObject {
    message: String,
    code: String,
    rows: i64,
}

impl ResponseObject {
    pub fn raw(message: String, code: String, rows: Option<i64>) -> Self {
        let rows = rows.unwrap_or(-1);
        Self { message, code, rows }
    }

    pub fn response(&self) -> Response {
        Response {
            message: self.message.clone(),
            code: self.code.clone(),
            rows: u64::try_from(self.rows).ok(),
        }
    }
}

/// The response that came with a result. The driver of dbt counts -1 rows for a statement that has none.
pub fn response(table: &Table) -> Value {
    let said = &table.response;
    let rows = said.rows.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
    Value::from_object(ResponseObject::raw(said.message.clone(), said.code.clone(), rows))
}

impl Object for ResponseObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "_message" => Some(Value::from(self.message.as_str())),
            "code" => Some(Value::from(self.code.as_str())),
            "rows_affected" => Some(Value::from(self.rows)),
            "query_id" => Some(Value::from(())),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["_message", "code", "rows_affected"])
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match (name, args) {
            ("to_dict", _) => {
                let keys = ["_message", "code", "rows_affected"];
                let pairs = keys.map(|key| (Value::from(key), self.get_value(&Value::from(key)).unwrap_or_default()));
                Ok(PyDict::from_pairs(pairs).into())
            }
            ("get", [key, rest @ ..]) => Ok(self
                .get_value(key)
                .or_else(|| rest.first().cloned())
                .unwrap_or_else(|| Value::from(()))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
