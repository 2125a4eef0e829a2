//! Filters that order, group and pick the items of a list.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Rest, Tuple, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};

use crate::jinja::value::{
    PyList, Repr, argument, attribute_of, compare, equal, invalid, items, pairs, split_kwargs, text_argument,
};

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("sort", sort);
    environment.add_filter("unique", unique);
    environment.add_filter("groupby", group_by);
    environment.add_filter("dictsort", dict_sort);
    environment.add_filter("map", map);
    environment.add_filter("random", random);
}

/// What items are compared by: an attribute, and texts without their case.
pub(super) fn key(item: &Value, by: Option<&Value>, case_sensitive: bool) -> Result<Value, Error> {
    let value = match by {
        Some(by) => attribute_of(item, by)?,
        None => item.clone(),
    };
    Ok(match value.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value,
    })
}

/// Sorted by keys, stable also in reverse, as Python's `sorted` is.
fn sorted(mut keyed: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<(Value, Value)>, Error> {
    let mut wrong = None;
    keyed.sort_by(|(a, _), (b, _)| match compare("<", a, b) {
        Ok(order) => {
            let order = order.unwrap_or(std::cmp::Ordering::Equal);
            if reverse { order.reverse() } else { order }
        }
        Err(error) => {
            wrong.get_or_insert(error);
            std::cmp::Ordering::Equal
        }
    });
    wrong.map_or(Ok(keyed), Err)
}

fn sort(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let flag = |at, name| argument(placed, &kwargs, at, name).is_some_and(|v| v.is_true());
    let (reverse, case_sensitive) = (flag(0, "reverse"), flag(1, "case_sensitive"));
    let by = argument(placed, &kwargs, 2, "attribute").filter(|v| !v.is_none());
    let parts: Vec<Option<Value>> = match by.as_ref().and_then(|v| v.as_str()) {
        Some(names) => names.split(',').map(|name| Some(Value::from(name))).collect(),
        None => vec![by],
    };
    let mut keyed = Vec::new();
    for item in items(value)? {
        let keys = parts.iter().map(|by| key(&item, by.as_ref(), case_sensitive));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        keyed.push((Value::from(Tuple::from(keys)), item));
    }
    // Tuples of one kind compare part by part, which must find what cannot be compared.
    for part in 0..parts.len() {
        for pair in keyed.windows(2) {
            let part = Value::from(part);
            let (a, b) = (pair[0].0.get_item(&part)?, pair[1].0.get_item(&part)?);
            if !equal(&a, &b) {
                compare("<", &a, &b)?;
            }
        }
    }
    let keyed = if parts.len() == 1 {
        let first = |(key, item): (Value, Value)| Ok((key.get_item(&Value::from(0))?, item));
        keyed.into_iter().map(first).collect::<Result<Vec<_>, Error>>()?
    } else {
        keyed
    };
    let sorted = sorted(keyed, reverse)?;
    Ok(sorted.into_iter().map(|(_, item)| item).collect::<PyList>().into())
}

fn unique(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let case_sensitive = argument(placed, &kwargs, 0, "case_sensitive").is_some_and(|v| v.is_true());
    let by = argument(placed, &kwargs, 1, "attribute").filter(|v| !v.is_none());
    let mut known: indexmap::IndexSet<Value> = indexmap::IndexSet::new();
    let mut odd: Vec<Value> = Vec::new();
    let mut kept = Vec::new();
    for item in items(value)? {
        let key = key(&item, by.as_ref(), case_sensitive)?;
        if key.as_str().is_some() {
            if known.insert(key) {
                kept.push(item);
            }
        } else if !odd.iter().any(|other| equal(other, &key)) {
            odd.push(key);
            kept.push(item);
        }
    }
    Ok(kept.into_iter().collect::<PyList>().into())
}

/// A group: a pair of what its items share and the items.
struct Group {
    grouper: Value,
    list: Value,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", Repr(&self.grouper), Repr(&self.list))
    }
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_str(), key.as_i64()) {
            (Some("grouper"), _) | (None, Some(0 | -2)) => Some(self.grouper.clone()),
            (Some("list"), _) | (None, Some(1 | -1)) => Some(self.list.clone()),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(vec![self.grouper.clone(), self.list.clone()])
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(2)
    }
}

fn group_by(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let by = argument(placed, &kwargs, 0, "attribute").ok_or_else(|| invalid("`groupby` wants an attribute"))?;
    let default = argument(placed, &kwargs, 1, "default").filter(|v| !v.is_none());
    let case_sensitive = argument(placed, &kwargs, 2, "case_sensitive").is_some_and(|v| v.is_true());
    let mut keyed = Vec::new();
    for item in items(value)? {
        let found = attribute_of(&item, &by)?;
        let found = match &default {
            Some(default) if found.is_undefined() => default.clone(),
            _ => found,
        };
        let rank = key(&found, None, case_sensitive)?;
        keyed.push((rank, Value::from(Tuple::from([found, item]))));
    }
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for (rank, pair) in sorted(keyed, false)? {
        let (found, item) = (pair.get_item(&Value::from(0))?, pair.get_item(&Value::from(1))?);
        match groups.last_mut() {
            Some((last, _, list)) if equal(last, &rank) => list.push(item),
            _ => groups.push((rank, found, vec![item])),
        }
    }
    let groups = groups.into_iter().map(|(_, grouper, list)| {
        Value::from_object(Group {
            grouper,
            list: list.into_iter().collect::<PyList>().into(),
        })
    });
    Ok(groups.collect::<PyList>().into())
}

fn dict_sort(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let case_sensitive = argument(placed, &kwargs, 0, "case_sensitive").is_some_and(|v| v.is_true());
    let at = match text_argument(placed, &kwargs, 1, "by").as_deref() {
        None | Some("key") => 0,
        Some("value") => 1,
        Some(_) => return Err(invalid("`dictsort` sorts by `key` or by `value`")),
    };
    let reverse = argument(placed, &kwargs, 2, "reverse").is_some_and(|v| v.is_true());
    let mut keyed = Vec::new();
    for (name, value) in pairs(std::slice::from_ref(value))? {
        let rank = key(if at == 0 { &name } else { &value }, None, case_sensitive)?;
        keyed.push((rank, Value::from(Tuple::from([name, value]))));
    }
    let pairs = sorted(keyed, reverse)?.into_iter().map(|(_, pair)| pair);
    Ok(pairs.collect::<PyList>().into())
}

/// `map(attribute=..)` or `map('filter', ..)`
fn map(state: &mut State, value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = args.into_values();
    // Whatever is false has no items, none as well.
    if !value.is_true() {
        return Ok(PyList::default().into());
    }
    let (placed, kwargs) = split_kwargs(&args)?;
    let mut out = Vec::new();
    if placed.is_empty() && kwargs.has("attribute") {
        let by: Value = kwargs.get("attribute")?;
        let default = argument(&[], &kwargs, 1, "default");
        for item in items(value)? {
            let found = attribute_of(&item, &by)?;
            out.push(match &default {
                Some(default) if found.is_undefined() => default.clone(),
                _ => found,
            });
        }
        return Ok(out.into_iter().collect::<PyList>().into());
    }
    let name = placed.first().and_then(Value::as_str).map(str::to_owned);
    let name = name.ok_or_else(|| invalid("`map` wants the name of a filter or an `attribute`"))?;
    for item in items(value)? {
        let mut all = vec![item];
        all.extend_from_slice(&args[1..]);
        out.push(state.apply_filter(&name, &all)?);
    }
    Ok(out.into_iter().collect::<PyList>().into())
}

/// Any of the items.
fn random(value: &Value) -> Result<Value, Error> {
    let all = items(value)?;
    let dice = uuid::Uuid::new_v4().as_u128();
    let count = u128::try_from(all.len()).unwrap_or(1);
    let at = dice.checked_rem(count).and_then(|at| usize::try_from(at).ok());
    Ok(at.and_then(|at| all.get(at).cloned()).unwrap_or(Value::UNDEFINED))
}
