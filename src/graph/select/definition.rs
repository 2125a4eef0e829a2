//! What a selector of `selectors.yml` means, read but not yet looked up.

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Diagnostic, nearest};
use crate::project::NamedSelector;

use super::criterion::{Criterion, Reach};
use super::selection::IndirectSelection;

/// Keys of a mapping with a `method`.
const KEYS: [&str; 9] = [
    "method",
    "value",
    "childrens_parents",
    "parents",
    "parents_depth",
    "children",
    "children_depth",
    "indirect_selection",
    "exclude",
];

#[derive(Clone, Debug)]
pub enum Definition {
    /// With the way in which tests come along where that is not the command's.
    Criterion(Box<Criterion>, Option<IndirectSelection>),
    Union(Vec<Definition>),
    Intersection(Vec<Definition>),
    Difference(Box<Definition>, Box<Definition>),
}

/// The selectors of a project by name.
#[derive(Clone, Debug, Default)]
pub struct Selectors {
    by_name: IndexMap<String, Definition>,
    default: Option<String>,
    written: Map<String, Json>,
}

impl Selectors {
    /// Fails where a definition cannot be understood.
    pub fn read(selectors: &[NamedSelector]) -> Result<Self, Diagnostic> {
        let mut read = Self::default();
        for selector in selectors {
            let definition = root(&selector.definition).map_err(|why| {
                let mut problem = why;
                problem.message = format!("selector `{}`: {}", selector.name, problem.message);
                problem.at(selector.place.clone())
            })?;
            read.by_name.insert(selector.name.clone(), definition);
            if selector.default {
                read.default = Some(selector.name.clone());
            }
            let mut entry = selector.written.clone();
            entry["definition"] = normal(&selector.definition);
            read.written.insert(selector.name.clone(), entry);
        }
        Ok(read)
    }

    /// The selector that counts where nothing is selected.
    pub fn default_name(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// `selectors` of the manifest.
    pub fn entries(&self) -> &Map<String, Json> {
        &self.written
    }

    pub fn get(&self, name: &str) -> Result<&Definition, Diagnostic> {
        self.by_name.get(name).ok_or_else(|| {
            let problem = Diagnostic::error(
                "unknown-selector",
                format!("there is no selector `{name}` in selectors.yml"),
            );
            let names = || self.by_name.keys().map(String::as_str);
            problem.help(match nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if self.by_name.is_empty() => "the project has no selectors".to_owned(),
                None => format!("one of: {}", names().collect::<Vec<_>>().join(", ")),
            })
        })
    }

    /// By name, in the order of names.
    pub(super) fn sorted(&self) -> Vec<(&str, &Definition)> {
        let mut all: Vec<_> = self
            .by_name
            .iter()
            .map(|(name, found)| (name.as_str(), found))
            .collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }
}

fn invalid(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("invalid-selector", message)
}

fn root(written: &Json) -> Result<Definition, Diagnostic> {
    if let Json::Object(map) = written
        && (map.contains_key("union") || map.contains_key("intersection"))
        && map.len() > 1
    {
        let keys: Vec<&str> = map.keys().map(String::as_str).collect();
        return Err(invalid(format!(
            "`union` or `intersection` stands alone at the top, not with others: {}",
            keys.join(", ")
        ))
        .help("put an `exclude` into the list of the `union`"));
    }
    definition(written)
}

fn definition(written: &Json) -> Result<Definition, Diagnostic> {
    match written {
        Json::String(text) => criterion(Criterion::parse(text), None),
        Json::Object(map) if map.contains_key("union") => group(&map["union"], "union", Definition::Union),
        Json::Object(map) if map.contains_key("intersection") => {
            group(&map["intersection"], "intersection", Definition::Intersection)
        }
        Json::Object(map) => method(map),
        _ => Err(invalid(format!("`{written}` is neither a selector nor a mapping"))),
    }
}

fn criterion(
    read: Result<Criterion, Diagnostic>,
    indirect: Option<IndirectSelection>,
) -> Result<Definition, Diagnostic> {
    Ok(Definition::Criterion(Box::new(read?), indirect))
}

fn group(
    parts: &Json,
    key: &str,
    combine: impl FnOnce(Vec<Definition>) -> Definition,
) -> Result<Definition, Diagnostic> {
    let parts = list(parts, key)?;
    let (mut included, mut excluded) = (Vec::new(), None);
    for part in parts {
        match part.get("exclude") {
            Some(_) if excluded.is_some() => {
                return Err(invalid(format!("`{key}` has more than one `exclude`"))
                    .help("write all that is excluded into one list"));
            }
            Some(list) => excluded = Some(exclusion(list)?),
            None => included.push(definition(part)?),
        }
    }
    Ok(without(combine(included), excluded.flatten()))
}

fn without(included: Definition, excluded: Option<Definition>) -> Definition {
    match excluded {
        Some(excluded) => Definition::Difference(Box::new(included), Box::new(excluded)),
        None => included,
    }
}

fn exclusion(parts: &Json) -> Result<Option<Definition>, Diagnostic> {
    let mut parts = list(parts, "exclude")?
        .iter()
        .map(definition)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(match parts.len() {
        0 => None,
        1 => parts.pop(),
        _ => Some(Definition::Union(parts)),
    })
}

fn list<'a>(parts: &'a Json, key: &str) -> Result<&'a [Json], Diagnostic> {
    match parts {
        Json::Array(parts) => Ok(parts),
        _ => Err(invalid(format!("`{key}` is a list of selectors"))),
    }
}

/// `{method: .., value: ..}` with operators, or `{tag: nightly}`.
fn method(map: &Map<String, Json>) -> Result<Definition, Diagnostic> {
    let (name, value) = match (map.len(), map.iter().next(), map.get("method"), map.get("value")) {
        (1, Some((key, value)), _, _) => (key.as_str(), value),
        (_, _, Some(Json::String(name)), Some(value)) => (name.as_str(), value),
        _ => {
            let keys: Vec<&str> = map.keys().map(String::as_str).collect();
            return Err(invalid(format!(
                "a mapping has one key, or `method` and `value`, and not: {}",
                keys.join(", ")
            ))
            .help("write `{method: tag, value: nightly}` or `{tag: nightly}`"));
        }
    };
    if map.len() > 1
        && let Some(slip) = map.keys().find(|key| !KEYS.contains(&key.as_str()))
    {
        let near = nearest(slip, KEYS).map_or_else(
            || format!("one of: {}", KEYS.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(invalid(format!("`{slip}` is no part of a selector")).help(near));
    }
    let value = match value {
        Json::String(text) => text.clone(),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            return Err(invalid(format!("the value of `{name}` is not one word: {value}")));
        }
        other => other.to_string(),
    };
    let yes = |key: &str| {
        map.get(key)
            .is_some_and(|value| !matches!(value, Json::Null | Json::Bool(false)))
    };
    let reach = |key: &str| -> Option<Reach> {
        let depth = map.get(&format!("{key}_depth"));
        let depth = depth.and_then(|depth| depth.as_u64().or_else(|| depth.as_str()?.parse().ok()));
        yes(key).then(|| match depth.and_then(|depth| usize::try_from(depth).ok()) {
            None | Some(0) => Reach::All,
            Some(steps) => Reach::Steps(steps),
        })
    };
    let indirect = match map.get("indirect_selection") {
        Some(Json::String(mode)) => Some(IndirectSelection::parse(mode)?),
        None => None,
        Some(other) => return Err(invalid(format!("`{other}` is not a way to select tests indirectly"))),
    };
    let operators = (yes("childrens_parents"), reach("parents"), reach("children"));
    let included = criterion(Criterion::of(name, &value, operators), indirect)?;
    match map.get("exclude") {
        Some(parts) if map.len() > 1 => Ok(without(included, exclusion(parts)?)),
        _ => Ok(included),
    }
}

/// A definition as dbt's manifest has it: selectors of the command line and short mappings in full.
fn normal(written: &Json) -> Json {
    let all = |parts: &Json| match parts {
        Json::Array(parts) => parts.iter().map(normal).collect(),
        other => other.clone(),
    };
    match written {
        Json::String(text) => Criterion::parse(text).map_or_else(|_| written.clone(), |read| read.mapping()),
        Json::Object(map) => {
            for key in ["union", "intersection"] {
                if let Some(parts) = map.get(key) {
                    return json!({ key: all(parts) });
                }
            }
            match map.iter().next() {
                Some((key, parts)) if key == "exclude" => json!({ "exclude": all(parts) }),
                Some((key, value)) if map.len() == 1 => json!({ "method": key, "value": value }),
                _ => written.clone(),
            }
        }
        other => other.clone(),
    }
}
