//! `+`, `-` and `%` with Python's meaning.

use indexmap::IndexSet;
use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::{PyList, PySet, describe, invalid, items};
use crate::jinja::module::{moment_minus, moment_plus};

enum Pair {
    Whole(i128, i128),
    Real(f64, f64),
}

fn whole(value: &Value) -> Option<i128> {
    match value.kind() {
        ValueKind::Bool => Some(i128::from(value.is_true())),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok(),
        _ => None,
    }
}

fn real(value: &Value) -> Option<f64> {
    match value.kind() {
        ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        _ => None,
    }
}

fn numbers(left: &Value, right: &Value) -> Option<Pair> {
    match (whole(left), whole(right)) {
        (Some(a), Some(b)) => Some(Pair::Whole(a, b)),
        _ => Some(Pair::Real(real(left)?, real(right)?)),
    }
}

fn from_whole(number: Option<i128>) -> Result<Value, Error> {
    let number = number.ok_or_else(|| invalid("the number is too large"))?;
    Ok(i64::try_from(number).map_or_else(|_| Value::from(number), Value::from))
}

fn unsupported(sign: &str, left: &Value, right: &Value) -> Error {
    if left.is_undefined() || right.is_undefined() {
        return Error::new(ErrorKind::UndefinedError, format!("one side of `{sign}` is undefined"));
    }
    let hint = if sign == "+" && (left.as_str().is_some() || right.as_str().is_some()) {
        "; `~` joins values of any kind as text"
    } else {
        ""
    };
    invalid(format!(
        "`{sign}` does not work on {} and {}{hint}",
        describe(left),
        describe(right)
    ))
}

fn is_list(value: &Value) -> bool {
    value.kind() == ValueKind::Seq && !value.is_tuple()
}

/// `left + right`
pub fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
        return Ok(Value::from([a, b].concat()));
    }
    match numbers(left, right) {
        Some(Pair::Whole(a, b)) => return from_whole(a.checked_add(b)),
        Some(Pair::Real(a, b)) => return Ok(Value::from(a + b)),
        None => {}
    }
    if left.is_tuple() && right.is_tuple() {
        let all: Vec<_> = items(left)?.into_iter().chain(items(right)?).collect();
        return Ok(Value::from(Tuple::from(all)));
    }
    let list = |v: &Value| is_list(v) || v.kind() == ValueKind::Iterable;
    if list(left) && list(right) {
        return Ok(items(left)?.into_iter().chain(items(right)?).collect::<PyList>().into());
    }
    moment_plus(left, right).ok_or_else(|| unsupported("+", left, right))
}

/// `left - right`
pub fn subtract(left: &Value, right: &Value) -> Result<Value, Error> {
    match numbers(left, right) {
        Some(Pair::Whole(a, b)) => return from_whole(a.checked_sub(b)),
        Some(Pair::Real(a, b)) => return Ok(Value::from(a - b)),
        None => {}
    }
    if let (Some(a), Some(b)) = (
        left.downcast_object_ref::<PySet>(),
        right.downcast_object_ref::<PySet>(),
    ) {
        let taken: IndexSet<Value> = b.read().clone();
        return Ok(a
            .read()
            .iter()
            .filter(|v| !taken.contains(*v))
            .cloned()
            .collect::<PySet>()
            .into());
    }
    moment_minus(left, right).ok_or_else(|| unsupported("-", left, right))
}

/// `left % right`: the remainder with the sign of the divisor, or old-style formatting of a string.
pub fn remainder(left: &Value, right: &Value) -> Result<Value, Error> {
    if let Some(pattern) = left.as_str() {
        let args = if right.is_tuple() {
            items(right)?
        } else {
            vec![right.clone()]
        };
        return format(FormatStyle::Printf, pattern, &args).map(Value::from);
    }
    if real(left).is_some() && real(right) == Some(0.0) {
        return Err(invalid("division by zero"));
    }
    match numbers(left, right) {
        Some(Pair::Whole(a, b)) => {
            let rest = a
                .checked_rem(b)
                .map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r });
            from_whole(rest)
        }
        Some(Pair::Real(a, b)) => {
            let rest = a % b;
            Ok(Value::from(if rest != 0.0 && (rest < 0.0) != (b < 0.0) {
                rest + b
            } else {
                rest
            }))
        }
        None => Err(unsupported("%", left, right)),
    }
}
