//! Columns as templates use them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::value::{invalid, split_kwargs, text_argument};
use crate::sql::{Column, ident};

/// A column and its type, as `format_type` prints it.
#[derive(Clone, Debug)]
pub struct ColumnObject(Column);

impl ColumnObject {
    pub fn value(column: Column) -> Value {
        Value::from_object(Self(column))
    }

    /// The type without its modifiers: `character varying` of `character varying(20)`.
    fn base(&self) -> String {
        let text = self.0.data_type.to_lowercase();
        let base = text.split('(').next().unwrap_or(&text).trim().to_owned();
        match text.rsplit_once(')') {
            Some((_, after)) if !after.trim().is_empty() => format!("{base} {}", after.trim()),
            _ => base,
        }
    }

    fn modifiers(&self) -> Vec<i64> {
        let text = &self.0.data_type;
        let inner = text.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        inner
            .map(|(inner, _)| inner.split(',').filter_map(|n| n.trim().parse().ok()).collect())
            .unwrap_or_default()
    }

    fn is_string(&self) -> bool {
        matches!(
            self.base().as_str(),
            "text" | "character varying" | "character" | "varchar" | "bpchar" | "char"
        )
    }

    fn is_numeric(&self) -> bool {
        matches!(self.base().as_str(), "numeric" | "decimal")
    }

    fn is_integer(&self) -> bool {
        matches!(
            self.base().as_str(),
            "smallint"
                | "integer"
                | "bigint"
                | "int"
                | "int2"
                | "int4"
                | "int8"
                | "serial"
                | "bigserial"
                | "smallserial"
        )
    }

    fn is_float(&self) -> bool {
        matches!(
            self.base().as_str(),
            "real" | "double precision" | "float4" | "float8" | "float"
        )
    }

    fn size(&self) -> Result<i64, Error> {
        if !self.is_string() {
            return Err(invalid(format!(
                "the column `{}` is not text and has no string size",
                self.0.name
            )));
        }
        Ok(self.modifiers().first().copied().unwrap_or(256))
    }
}

impl Object for ColumnObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let number = |n: Option<&i64>| n.map_or(Value::from(()), |n| Value::from(*n));
        let modifiers = self.modifiers();
        Some(match key.as_str()? {
            "name" | "column" => Value::from(self.0.name.as_str()),
            "quoted" => Value::from(ident(&self.0.name)),
            "data_type" => Value::from(self.0.data_type.as_str()),
            "dtype" => Value::from(self.base()),
            "char_size" if self.is_string() => number(modifiers.first()),
            "numeric_precision" if self.is_numeric() => number(modifiers.first()),
            "numeric_scale" if self.is_numeric() => number(modifiers.get(1)),
            "char_size" | "numeric_precision" | "numeric_scale" => Value::from(()),
            _ => return None,
        })
    }

    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        let key = |c: &Self| (c.0.name.clone(), c.0.data_type.clone());
        Some(key(self).cmp(&key(other)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Column {} ({})>", self.0.name, self.0.data_type)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        Ok(match name {
            "is_string" => Value::from(self.is_string()),
            "is_numeric" => Value::from(self.is_numeric()),
            "is_integer" => Value::from(self.is_integer()),
            "is_float" => Value::from(self.is_float()),
            "is_number" => Value::from(self.is_numeric() || self.is_integer() || self.is_float()),
            "string_size" => Value::from(self.size()?),
            "can_expand_to" => {
                let other = args.first().and_then(Value::downcast_object_ref::<Self>);
                let other = other.ok_or_else(|| invalid("`can_expand_to` wants a column"))?;
                let grows = self.is_string() && other.is_string() && other.size()? > self.size()?;
                Value::from(grows)
            }
            "literal" => Value::from(format!(
                "{}::{}",
                args.first().cloned().unwrap_or_default(),
                self.0.data_type
            )),
            _ => return class_method(name, args),
        })
    }
}

fn class_method(name: &str, args: &[Value]) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let first = |name: &str| text_argument(args, &kwargs, 0, name).unwrap_or_default();
    match name {
        "create" | "from_description" => {
            let data_type = text_argument(args, &kwargs, 1, "label_or_dtype").unwrap_or_default();
            Ok(ColumnObject::value(Column {
                name: first("name"),
                data_type: translate(&data_type),
            }))
        }
        "translate_type" => Ok(Value::from(translate(&first("dtype")))),
        "string_type" => Ok(Value::from(format!("character varying({})", first("size")))),
        "numeric_type" => {
            let kind = first("dtype");
            let precision = text_argument(args, &kwargs, 1, "precision");
            let scale = text_argument(args, &kwargs, 2, "scale");
            Ok(Value::from(match (precision, scale) {
                (Some(precision), Some(scale)) => format!("{kind}({precision},{scale})"),
                _ => kind,
            }))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// dbt's portable labels as the server's types.
fn translate(label: &str) -> String {
    match label.to_uppercase().as_str() {
        "STRING" => "TEXT".to_owned(),
        "INTEGER" => "INT".to_owned(),
        "FLOAT" => "FLOAT".to_owned(),
        "TIMESTAMP" => "TIMESTAMP".to_owned(),
        _ => label.to_owned(),
    }
}

#[derive(Debug)]
struct ColumnClass;

/// `api.Column`
pub fn column_class() -> Value {
    Value::from_object(ColumnClass)
}

impl Object for ColumnClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        Ok(ColumnObject::value(Column {
            name: text_argument(args, &kwargs, 0, "column").unwrap_or_default(),
            data_type: text_argument(args, &kwargs, 1, "dtype").unwrap_or_default(),
        }))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        class_method(name, args)
    }
}
