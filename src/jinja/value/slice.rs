//! `value[start:stop:step]`, as Python cuts.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, Value};

use super::{PyList, describe, integer, invalid, items};

/// A slice with a step; those without one minijinja cuts alone.
pub fn slice(value: &Value, start: &Value, stop: &Value, step: &Value) -> Result<Value, Error> {
    let sequence = matches!(
        value.kind(),
        ValueKind::String | ValueKind::Seq | ValueKind::Iterable | ValueKind::Undefined
    );
    if !sequence {
        return Err(invalid(format!("{} has no slices", describe(value))));
    }
    let all = items(value)?;
    let step = if step.is_none() { 1 } else { integer(step)? };
    if step == 0 {
        return Err(invalid("the step of a slice is not 0"));
    }
    let length = i64::try_from(all.len()).unwrap_or(i64::MAX);
    // The places that a slice may begin and end at: going back, it ends before the first one.
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let bound = |place: &Value, usual: i64| -> Result<i64, Error> {
        if place.is_none() || place.is_undefined() {
            return Ok(usual);
        }
        let at = integer(place)?;
        let from_start = if at < 0 { at.saturating_add(length) } else { at };
        Ok(from_start.clamp(lowest, highest))
    };
    let mut at = bound(start, if step > 0 { lowest } else { highest })?;
    let stop = bound(stop, if step > 0 { highest } else { lowest })?;
    let mut cut = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        cut.extend(usize::try_from(at).ok().and_then(|at| all.get(at)).cloned());
        at = at.saturating_add(step);
    }
    Ok(match value.kind() {
        ValueKind::String => Value::from(cut.iter().map(Value::to_string).collect::<String>()),
        _ if value.is_tuple() => Value::from(Tuple::from(cut)),
        _ => cut.into_iter().collect::<PyList>().into(),
    })
}
