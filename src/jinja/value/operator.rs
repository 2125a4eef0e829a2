//! Operators with Python's meaning.

use std::cmp::Ordering;

use indexmap::IndexSet;
use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::{Decimal, Key, PyList, PySet, describe, invalid, items};
use crate::jinja::module::{
    lapse_divided, lapse_negated, lapse_over, lapse_rest, lapse_times, moment_minus, moment_plus,
};

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
    if let Some((a, b)) = decimals(left, right) {
        return Ok(a.plus(b).value());
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
    if let Some((a, b)) = decimals(left, right) {
        return Ok(a.plus(b.negated()).value());
    }
    if let (Some(a), Some(b)) = (
        left.downcast_object_ref::<PySet>(),
        right.downcast_object_ref::<PySet>(),
    ) {
        let taken: IndexSet<Key> = b.read().clone();
        return Ok(a
            .read()
            .iter()
            .filter(|v| !taken.contains(*v))
            .map(|key| key.0.clone())
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
        return super::format::printf(pattern, &args).map(Value::from);
    }
    if let Some((a, b)) = decimals(left, right) {
        return Ok(a.parted(b)?.1.value());
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
        None => lapse_rest(left, right).ok_or_else(|| unsupported("%", left, right)),
    }
}

/// Both sides as decimals, where one is and the other can be.
fn decimals(left: &Value, right: &Value) -> Option<(Decimal, Decimal)> {
    if Decimal::is(left) || Decimal::is(right) {
        return Some((Decimal::of(left)?, Decimal::of(right)?));
    }
    None
}

fn by_zero(right: &Value) -> Result<(), Error> {
    if real(right) == Some(0.0) {
        return Err(invalid("division by zero"));
    }
    Ok(())
}

/// More text or items than that is a mistake.
const LONGEST: usize = 100_000_000;

fn repeated(what: &Value, times: i128) -> Result<Option<Value>, Error> {
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    let fits = |length: usize| {
        length
            .checked_mul(times)
            .filter(|n| *n <= LONGEST)
            .ok_or_else(|| invalid("what is repeated is too long"))
    };
    if let Some(text) = what.as_str() {
        fits(text.len())?;
        return Ok(Some(Value::from(text.repeat(times))));
    }
    if what.kind() != ValueKind::Seq {
        return Ok(None);
    }
    let all = items(what)?;
    fits(all.len())?;
    let many = (0..times).flat_map(|_| all.iter().cloned());
    Ok(Some(if what.is_tuple() {
        Value::from(Tuple::from(many.collect::<Vec<_>>()))
    } else {
        many.collect::<PyList>().into()
    }))
}

/// `left * right`
pub fn multiply(left: &Value, right: &Value) -> Result<Value, Error> {
    match numbers(left, right) {
        Some(Pair::Whole(a, b)) => return from_whole(a.checked_mul(b)),
        Some(Pair::Real(a, b)) => return Ok(Value::from(a * b)),
        None => {}
    }
    if let Some((a, b)) = decimals(left, right) {
        return Ok(a.times(b).value());
    }
    for (what, times) in [(left, right), (right, left)] {
        if let Some(times) = whole(times)
            && let Some(many) = repeated(what, times)?
        {
            return Ok(many);
        }
    }
    let lapse = real(right)
        .and_then(|by| lapse_times(left, by))
        .or_else(|| lapse_times(right, real(left)?));
    lapse.ok_or_else(|| unsupported("*", left, right))
}

/// `left / right`
pub fn divide(left: &Value, right: &Value) -> Result<Value, Error> {
    by_zero(right)?;
    if let (Some(a), Some(b)) = (real(left), real(right)) {
        return Ok(Value::from(a / b));
    }
    if let Some((a, b)) = decimals(left, right) {
        return a.divided(b).map(Decimal::value);
    }
    let lapse = real(right).and_then(|by| lapse_divided(left, by));
    let ratio = || lapse_over(left, right).map(Value::from);
    lapse.or_else(ratio).ok_or_else(|| unsupported("/", left, right))
}

/// `left // right`
pub fn floor_divide(left: &Value, right: &Value) -> Result<Value, Error> {
    by_zero(right)?;
    match numbers(left, right) {
        Some(Pair::Whole(a, b)) => {
            let quotient = a.checked_div(b);
            return from_whole(quotient.map(|q| if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q }));
        }
        Some(Pair::Real(a, b)) => return Ok(Value::from((a / b).floor())),
        None => {}
    }
    if let Some((a, b)) = decimals(left, right) {
        return Ok(a.parted(b)?.0.value());
    }
    #[allow(clippy::cast_possible_truncation)] // floored
    let ratio = || lapse_over(left, right).map(|n| Value::from(n.floor() as i64));
    let lapse = real(right).and_then(|by| lapse_divided(left, by));
    lapse.or_else(ratio).ok_or_else(|| unsupported("//", left, right))
}

/// `left ** right`
pub fn power(left: &Value, right: &Value) -> Result<Value, Error> {
    match numbers(left, right) {
        Some(Pair::Whole(a, b)) if b >= 0 => {
            let power = u32::try_from(b).ok().and_then(|b| a.checked_pow(b));
            return from_whole(power);
        }
        Some(Pair::Whole(0, _)) => return Err(invalid("0 cannot be raised to a negative power")),
        #[allow(clippy::cast_precision_loss)] // a float is what Python gives
        Some(Pair::Whole(a, b)) => return Ok(Value::from((a as f64).powf(b as f64))),
        Some(Pair::Real(a, b)) => return Ok(Value::from(a.powf(b))),
        None => {}
    }
    let (a, b) = decimals(left, right).ok_or_else(|| unsupported("**", left, right))?;
    a.power(b).map(Decimal::value)
}

/// `-value`
pub fn negate(value: &Value) -> Result<Value, Error> {
    if let Some(whole) = whole(value) {
        return from_whole(whole.checked_neg());
    }
    if let Some(real) = real(value) {
        return Ok(Value::from(-real));
    }
    if Decimal::is(value)
        && let Some(number) = Decimal::of(value)
    {
        return Ok(number.negated().value());
    }
    lapse_negated(value).ok_or_else(|| {
        if value.is_undefined() {
            return Error::new(ErrorKind::UndefinedError, "what `-` stands before is undefined");
        }
        invalid(format!("`-` does not work on {}", describe(value)))
    })
}

/// A decimal beside a number of any kind.
fn decimal_order(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    if !Decimal::is(left) && !Decimal::is(right) {
        return None;
    }
    if let Some((a, b)) = decimals(left, right) {
        return Some(a.compared(b));
    }
    let rough = |v: &Value| Decimal::of(v).map(Decimal::to_f64).or_else(|| real(v));
    Some(rough(left)?.partial_cmp(&rough(right)?))
}

/// `left == right`
pub fn equal(left: &Value, right: &Value) -> bool {
    if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
        return a == b;
    }
    match decimal_order(left, right) {
        Some(order) => order == Some(Ordering::Equal),
        None => match numbers(left, right) {
            Some(Pair::Whole(a, b)) => a == b,
            _ => left == right,
        },
    }
}

/// `value in container`
fn contains(container: &Value, value: &Value) -> Result<bool, Error> {
    if container.is_undefined() {
        return Ok(false);
    }
    match (container.as_str(), value.as_str()) {
        (Some(text), Some(part)) => Ok(text.contains(part)),
        (Some(_), None) => Err(invalid(format!(
            "`in` a string wants a string, not {}",
            describe(value)
        ))),
        (None, _) => Ok(items(container)?.iter().any(|item| equal(item, value))),
    }
}

/// `a < b <= c`: `all` are the values, `signs` what stands between them.
pub fn chained(all: &Value, signs: &str) -> Result<bool, Error> {
    let all = items(all)?;
    for (pair, sign) in all.windows(2).zip(signs.split(',')) {
        let [left, right] = pair else { continue };
        let order = || compare(sign, left, right);
        let holds = match sign {
            "==" => equal(left, right),
            "!=" => !equal(left, right),
            "in" => contains(right, left)?,
            "not in" => !contains(right, left)?,
            "<" => order()?.is_some_and(Ordering::is_lt),
            ">" => order()?.is_some_and(Ordering::is_gt),
            "<=" => order()?.is_some_and(Ordering::is_le),
            _ => order()?.is_some_and(Ordering::is_ge),
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How two values stand to each other, where Python says so; `sign` is for the message.
pub fn compare(sign: &str, left: &Value, right: &Value) -> Result<Option<Ordering>, Error> {
    if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
        return Ok(Some(a.cmp(b)));
    }
    match numbers(left, right) {
        Some(Pair::Whole(a, b)) => return Ok(Some(a.cmp(&b))),
        Some(Pair::Real(a, b)) => return Ok(a.partial_cmp(&b)),
        None => {}
    }
    if let Some(order) = decimal_order(left, right) {
        return Ok(order);
    }
    if left.is_undefined() || right.is_undefined() {
        return Err(unsupported(sign, left, right));
    }
    let (a, b) = (left.kind(), right.kind());
    let fits = match (a, b) {
        (ValueKind::Seq, ValueKind::Seq) => left.is_tuple() == right.is_tuple(),
        (ValueKind::Plain, ValueKind::Plain)
        | (ValueKind::Seq | ValueKind::Iterable, ValueKind::Seq | ValueKind::Iterable) => true,
        _ => false,
    };
    if !fits {
        return Err(unsupported(sign, left, right));
    }
    Ok(Some(left.cmp(right)))
}
