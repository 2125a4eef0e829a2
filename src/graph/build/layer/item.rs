//! What a condition or a saved query names: `Dimension('order__channel').grain('month')`.
//!
//! Such text is a template of its own, in which only four functions exist.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Kwargs, Object, from_args};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use crate::project::GRANULARITIES;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    Dimension,
    TimeDimension,
    Entity,
    Metric,
}

/// One call, with what its methods added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) kind: ItemKind,
    pub(super) name: String,
    path: Vec<String>,
    pub(super) grain: Option<String>,
    date_part: Option<String>,
    group_by: Vec<String>,
    descending: Option<bool>,
}

const KINDS: [(&str, ItemKind); 4] = [
    ("Dimension", ItemKind::Dimension),
    ("TimeDimension", ItemKind::TimeDimension),
    ("Entity", ItemKind::Entity),
    ("Metric", ItemKind::Metric),
];

const DATE_PARTS: [&str; 6] = ["year", "quarter", "month", "day", "dow", "doy"];

/// Where the text stands, which decides what it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    OrderBy,
    Elsewhere,
}

/// What a template names, in order and each once; the error says why it cannot be read.
pub(super) fn named(template: &str, within: Within) -> Result<Vec<Item>, String> {
    let found: Found = Arc::default();
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    for (name, kind) in KINDS {
        let found = Arc::clone(&found);
        let function = Function { kind, within, found };
        engine.add_global(name, Value::from_object(function));
    }
    let rendered = engine.render_str(template, ()).map_err(|error| message(&error));
    rendered.map(|_| found.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

fn message(error: &Error) -> String {
    let text = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.kind() {
        ErrorKind::UndefinedError if error.detail().is_none() => {
            "it uses something else than Dimension, TimeDimension, Entity and Metric".to_owned()
        }
        _ => text,
    }
}

type Found = Arc<Mutex<Vec<Item>>>;

#[derive(Debug)]
struct Function {
    kind: ItemKind,
    within: Within,
    found: Found,
}

impl Object for Function {
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs): (&[Value], Kwargs) = from_args(args)?;
        let names: &[&str] = match self.kind {
            ItemKind::Dimension => &["name", "entity_path"],
            ItemKind::TimeDimension => &[
                "time_dimension_name",
                "time_granularity_name",
                "entity_path",
                "descending",
                "date_part_name",
            ],
            ItemKind::Entity => &["entity_name", "entity_path"],
            ItemKind::Metric => &["metric_name", "group_by"],
        };
        if args.len() > names.len() {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        let argument = |name: &str| -> Option<Value> {
            let at = names.iter().position(|known| *known == name)?;
            let given = args.get(at).cloned().or_else(|| kwargs.get::<Value>(name).ok());
            given.filter(|value| !value.is_none() && !value.is_undefined())
        };
        let text = |name: &str| argument(name).map(|value| value.to_string());
        let texts = |name: &str| -> Vec<String> {
            let value = argument(name);
            let items = value.as_ref().and_then(|value| value.try_iter().ok());
            items.into_iter().flatten().map(|value| value.to_string()).collect()
        };
        let name = text(names[0]).ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
        let item = Item {
            kind: self.kind,
            name,
            path: texts("entity_path"),
            grain: text("time_granularity_name"),
            date_part: text("date_part_name"),
            group_by: texts("group_by"),
            descending: argument("descending").map(|value| value.is_true()),
        };
        kwargs.assert_all_used()?;
        Ok(Value::from_object(Called {
            item,
            within: self.within,
            found: Arc::clone(&self.found),
        }))
    }
}

#[derive(Debug)]
struct Called {
    item: Item,
    within: Within,
    found: Found,
}

impl Object for Called {
    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let mut item = self.item.clone();
        let of_dimension = item.kind == ItemKind::Dimension;
        let (value,): (Value,) = from_args(args)?;
        match name {
            "grain" if of_dimension => item.grain = Some(value.to_string()),
            "date_part" if of_dimension => item.date_part = Some(value.to_string()),
            "descending" if of_dimension || self.within == Within::OrderBy => item.descending = Some(value.is_true()),
            _ => {
                let kind = KINDS.iter().find(|(_, kind)| *kind == item.kind);
                let kind = kind.map_or("", |(name, _)| name);
                return Err(Error::new(
                    ErrorKind::UnknownMethod,
                    format!("`{kind}` has no `.{name}()` here"),
                ));
            }
        }
        Ok(Value::from_object(Self {
            item,
            within: self.within,
            found: Arc::clone(&self.found),
        }))
    }

    /// Only what is printed counts.
    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if !found.contains(&self.item) {
            found.push(self.item.clone());
        }
        Ok(())
    }
}

impl Item {
    /// The item as it stands in a list of what is asked for.
    pub(super) fn unordered(mut self) -> Self {
        self.descending = None;
        self
    }

    /// The name without its entities and its period, where it is well formed.
    pub(super) fn element(&self, custom: &[&str], within: Within) -> Result<&str, String> {
        let of_time = self.kind == ItemKind::TimeDimension
            || (self.kind == ItemKind::Dimension && (self.grain.is_some() || self.date_part.is_some()));
        if self.kind == ItemKind::Metric {
            if self.group_by.is_empty() && within == Within::Elsewhere {
                return Err(format!(
                    "`Metric('{}')` does not say by what: write `group_by=['customer']`, say",
                    self.name
                ));
            }
            return Ok(&self.name);
        }
        let mut parts: Vec<&str> = self.name.split("__").collect();
        let known = |name: &str| GRANULARITIES.contains(&name) || (of_time && custom.contains(&name));
        let period = if parts.len() > 1 && parts.last().is_some_and(|name| known(name)) {
            parts.pop()
        } else {
            None
        };
        let element = parts.pop().unwrap_or_default();
        if self.kind == ItemKind::Entity {
            return match period {
                Some(period) => Err(format!("`{}` is an entity, which has no `{period}`", self.name)),
                None => Ok(element),
            };
        }
        if parts.len() != 1 && element != "metric_time" {
            return Err(format!(
                "`{}` does not name its entity: write `<entity>__{element}`",
                self.name
            ));
        }
        if let (Some(period), Some(grain)) = (period, &self.grain)
            && of_time
            && period != grain
        {
            return Err(format!("`{}` is asked for by `{grain}` too", self.name));
        }
        match &self.date_part {
            Some(part) if !DATE_PARTS.contains(&part.to_lowercase().as_str()) => Err(format!(
                "`{part}` is no part of a date; known are {}",
                DATE_PARTS.join(", ")
            )),
            _ => Ok(element),
        }
    }

    /// The period that it is asked for by, where that does not exist.
    pub(super) fn unknown_grain(&self, custom: &[&str]) -> Option<&str> {
        let grain = self.grain.as_deref()?;
        let lower = grain.to_lowercase();
        (!GRANULARITIES.contains(&lower.as_str()) && !custom.contains(&lower.as_str())).then_some(grain)
    }
}
