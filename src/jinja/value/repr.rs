//! Values as Python's `repr` writes them, which is how they stand inside lists and dicts.

use std::fmt;

use minijinja::Value;
use minijinja::value::{DynObject, ObjectRepr, ValueKind};

use super::{is_ours, print_float};

/// Objects whose text is how they stand inside a container.
const OTHERS: [&str; 3] = ["::ColumnObject", "::Record", "::Absent"];

/// A value as it stands inside a container.
pub struct Repr<'a>(pub &'a Value);

impl fmt::Display for Repr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        match value.kind() {
            ValueKind::Undefined => f.write_str("Undefined"),
            ValueKind::None => f.write_str("None"),
            ValueKind::Bool => f.write_str(if value.is_true() { "True" } else { "False" }),
            ValueKind::Number if value.is_integer() => write!(f, "{value}"),
            ValueKind::Number => print_float(f, f64::try_from(value.clone()).unwrap_or(f64::NAN)),
            ValueKind::String => text(f, value.as_str().unwrap_or("")),
            ValueKind::Seq if value.is_tuple() => {
                f.write_str("(")?;
                let count = list(f, value)?;
                f.write_str(if count == 1 { ",)" } else { ")" })
            }
            ValueKind::Seq | ValueKind::Iterable if !value.as_object().is_some_and(is_ours) => {
                f.write_str("[")?;
                list(f, value)?;
                f.write_str("]")
            }
            ValueKind::Map if !value.as_object().is_some_and(is_ours) => dict(
                f,
                value
                    .as_object()
                    .filter(|o| o.repr() == ObjectRepr::Map)
                    .and_then(DynObject::try_iter_pairs)
                    .into_iter()
                    .flatten(),
            ),
            _ => match value.as_object().filter(|object| is_ours(object)) {
                Some(object) if !OTHERS.iter().any(|name| object.type_name().ends_with(name)) => {
                    write!(f, "{object:?}")
                }
                _ => write!(f, "{value:?}"),
            },
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, value: &Value) -> Result<usize, fmt::Error> {
    let mut count = 0;
    for item in value.try_iter().into_iter().flatten() {
        if count > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{}", Repr(&item))?;
        count += 1;
    }
    Ok(count)
}

/// `{key: value, ..}`
pub fn dict(f: &mut fmt::Formatter<'_>, pairs: impl IntoIterator<Item = (Value, Value)>) -> fmt::Result {
    f.write_str("{")?;
    for (i, (key, value)) in pairs.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{}: {}", Repr(&key), Repr(&value))?;
    }
    f.write_str("}")
}

/// Items with commas between them.
pub fn row<'a>(f: &mut fmt::Formatter<'_>, items: impl IntoIterator<Item = &'a Value>) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{}", Repr(item))?;
    }
    Ok(())
}

/// Whether Python prints a character as it is; format and control characters and odd blanks it escapes.
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && (c == ' ' || !c.is_whitespace())
        && !matches!(u32::from(c),
            0xAD | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E
            | 0x2060..=0x206F | 0xE000..=0xF8FF | 0xFEFF | 0xFFF0..=0xFFFB | 0xE0000..=0xE007F)
}

fn text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    write!(f, "{quote}")?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\\' => f.write_str("\\\\")?,
            c if c == quote => write!(f, "\\{c}")?,
            c if is_printable(c) => write!(f, "{c}")?,
            c => match u32::from(c) {
                n @ 0..=0xFF => write!(f, "\\x{n:02x}")?,
                n @ 0x100..=0xFFFF => write!(f, "\\u{n:04x}")?,
                n => write!(f, "\\U{n:08x}")?,
            },
        }
    }
    write!(f, "{quote}")
}
