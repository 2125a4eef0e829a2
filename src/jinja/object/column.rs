//! Columns as templates use them: dbt's `Column` for PostgreSQL.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr, Rest, ValueOrKwargs};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::value::{argument, integer, invalid, split_kwargs, text_argument};
use crate::sql::ident;

/// A column as the information schema tells it: a type without modifiers, and the modifiers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnObject {
    name: String,
    dtype: String,
    char_size: Option<i64>,
    numeric_precision: Option<i64>,
    numeric_scale: Option<i64>,
}

/// The length that text has for dbt where it has none.
const UNLIMITED: i64 = 256;

impl ColumnObject {
    fn named(name: &str, dtype: &str) -> Self {
        Self {
            name: name.to_owned(),
            dtype: dtype.to_owned(),
            char_size: None,
            numeric_precision: None,
            numeric_scale: None,
        }
    }

    /// `Column.create(name, label)`
    pub fn create(name: &str, label: &str) -> Self {
        Self::named(name, &translate(label))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn is(&self, types: &[&str]) -> bool {
        types.contains(&self.dtype.to_lowercase().as_str())
    }

    fn is_string(&self) -> bool {
        self.is(&["text", "character varying", "character", "varchar"])
    }

    fn is_numeric(&self) -> bool {
        self.is(&["numeric", "decimal"])
    }

    fn is_integer(&self) -> bool {
        self.is(&["smallint", "integer", "bigint", "smallserial", "serial", "bigserial"])
            || self.is(&["int2", "int4", "int8", "serial2", "serial4", "serial8"])
    }

    fn is_float(&self) -> bool {
        self.is(&["real", "float4", "float", "double precision", "float8", "double"])
    }

    /// The longest text that fits.
    pub fn string_size(&self) -> Result<i64, Error> {
        if !self.is_string() {
            return Err(invalid(format!(
                "the column `{}` is not text and has no string size",
                self.name
            )));
        }
        Ok(self.char_size.filter(|_| self.dtype != "text").unwrap_or(UNLIMITED))
    }

    /// Whether the column can be widened to hold what another column holds.
    pub fn can_expand_to(&self, other: &Self) -> Result<bool, Error> {
        Ok(self.is_string() && other.is_string() && other.string_size()? > self.string_size()?)
    }

    /// The type with its modifiers.
    pub fn data_type(&self) -> String {
        let lower = self.dtype.to_lowercase();
        if lower == "text" || (lower == "character varying" && self.char_size.is_none()) {
            return self.dtype.clone();
        }
        if self.is_string() {
            return string_type(&self.string_size().unwrap_or(UNLIMITED).to_string());
        }
        match (self.numeric_precision, self.numeric_scale) {
            (Some(precision), Some(scale)) if self.is_numeric() => format!("{}({precision},{scale})", self.dtype),
            _ => self.dtype.clone(),
        }
    }
}

/// `character varying(size)`
pub fn string_type(size: &str) -> String {
    format!("character varying({size})")
}

fn optional(number: Option<i64>) -> Value {
    number.map_or(Value::from(()), Value::from)
}

impl Object for ColumnObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "name" | "column" => Value::from(self.name.as_str()),
            "quoted" => Value::from(ident(&self.name)),
            "data_type" | "expanded_data_type" => Value::from(self.data_type()),
            "dtype" => Value::from(self.dtype.as_str()),
            "char_size" => optional(self.char_size),
            "numeric_precision" => optional(self.numeric_precision),
            "numeric_scale" => optional(self.numeric_scale),
            _ => return None,
        })
    }

    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Self>().map(|other| (**self).cmp(other))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |n: Option<i64>| n.map_or_else(|| "None".to_owned(), |n| n.to_string());
        write!(
            f,
            "PostgresColumn(column='{}', dtype='{}', char_size={}, numeric_precision={}, numeric_scale={})",
            self.name,
            self.dtype,
            number(self.char_size),
            number(self.numeric_precision),
            number(self.numeric_scale)
        )
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        Ok(match name {
            "is_string" => Value::from(self.is_string()),
            "is_numeric" => Value::from(self.is_numeric()),
            "is_integer" => Value::from(self.is_integer()),
            "is_float" => Value::from(self.is_float()),
            "is_number" => Value::from(self.is_numeric() || self.is_integer() || self.is_float()),
            "string_size" => Value::from(self.string_size()?),
            "can_expand_to" => {
                let (args, kwargs) = split_kwargs(args)?;
                let other = argument(args, &kwargs, 0, "other_column").unwrap_or_default();
                let other = other
                    .downcast_object_ref::<Self>()
                    .ok_or_else(|| invalid("`can_expand_to` wants a column"))?;
                Value::from(self.can_expand_to(other)?)
            }
            "literal" => {
                let (args, kwargs) = split_kwargs(args)?;
                let value = argument(args, &kwargs, 0, "value").unwrap_or_default();
                Value::from(format!("{value}::{}", self.data_type()))
            }
            _ => return class_method(name, args),
        })
    }
}

/// `varchar(20)`, `numeric(10,2)`: the modifiers are told apart by their number.
fn from_description(name: &str, raw: &str) -> Result<ColumnObject, Error> {
    let wrong = || invalid(format!("`{raw}` is no data type"));
    let (base, inner) = match raw.split_once('(') {
        Some((base, rest)) => (base, Some(rest.split_once(')').ok_or_else(wrong)?.0)),
        None => (raw, None),
    };
    let mut new = ColumnObject::named(name, base);
    let number = |text: &str| text.trim().parse::<i64>().map_err(|_| wrong());
    match inner.map(|inner| inner.split(',').collect::<Vec<_>>()).as_deref() {
        Some([size]) => new.char_size = Some(number(size)?),
        Some([precision, scale]) => {
            new.numeric_precision = Some(number(precision)?);
            new.numeric_scale = Some(number(scale)?);
        }
        _ => {}
    }
    Ok(new)
}

fn class_method(name: &str, args: &[Value]) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let first = |name: &str| text_argument(args, &kwargs, 0, name).unwrap_or_default();
    match name {
        "create" => {
            let label = text_argument(args, &kwargs, 1, "label_or_dtype").unwrap_or_default();
            Ok(Value::from_object(ColumnObject::create(&first("name"), &label)))
        }
        "from_description" => {
            let raw = text_argument(args, &kwargs, 1, "raw_data_type").unwrap_or_default();
            Ok(Value::from_object(from_description(&first("name"), &raw)?))
        }
        "translate_type" => Ok(Value::from(translate(&first("dtype")))),
        "string_type" => Ok(Value::from(string_type(&first("size")))),
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
    if label.eq_ignore_ascii_case("string") {
        "TEXT".to_owned()
    } else {
        label.to_owned()
    }
}

#[derive(Debug)]
struct ColumnClass;

/// The methods of the class itself, which templates also ask for without calling them.
const CLASS_METHODS: [&str; 5] = [
    "translate_type",
    "numeric_type",
    "string_type",
    "create",
    "from_description",
];

/// `api.Column`
pub fn column_class() -> Value {
    Value::from_object(ColumnClass)
}

impl Object for ColumnClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let wanted = key.as_str()?;
        let name = CLASS_METHODS.iter().find(|name| **name == wanted)?;
        Some(Value::from_function(move |args: Rest<ValueOrKwargs>| {
            class_method(name, &args.into_values())
        }))
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        let text = |at, name| text_argument(args, &kwargs, at, name).unwrap_or_default();
        let number = |at, name| {
            let given = argument(args, &kwargs, at, name).filter(|v| !v.is_none() && !v.is_undefined());
            given.as_ref().map(integer).transpose()
        };
        Ok(Value::from_object(ColumnObject {
            name: text(0, "column"),
            dtype: text(1, "dtype"),
            char_size: number(2, "char_size")?,
            numeric_precision: number(3, "numeric_precision")?,
            numeric_scale: number(4, "numeric_scale")?,
        }))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        class_method(name, args)
    }
}
