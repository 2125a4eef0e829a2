//! Macros that have changed, and what calls them.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value as Json};

/// Packages of dbt itself: their macros are not part of a manifest of ours.
const BUILT_IN: [&str; 2] = ["macro.dbt.", "macro.dbt_postgres."];

/// The macros that are new, gone, or written otherwise.
#[derive(Debug)]
pub(super) struct ChangedMacros<'a> {
    changed: BTreeSet<&'a str>,
    current: Option<&'a Map<String, Json>>,
}

impl<'a> ChangedMacros<'a> {
    pub fn between(current: &'a Json, previous: &'a Json) -> Self {
        let (new, old) = (current["macros"].as_object(), previous["macros"].as_object());
        let own = |id: &&String| !BUILT_IN.iter().any(|built_in| id.starts_with(built_in));
        let text = |macros: Option<&'a Map<String, Json>>, id: &str| {
            let found = macros.and_then(|macros| macros.get(id));
            found.map(|found| found["macro_sql"].clone())
        };
        let ids = new.into_iter().chain(old).flat_map(Map::keys).filter(own);
        Self {
            changed: ids
                .filter(|id| text(new, id) != text(old, id))
                .map(String::as_str)
                .collect(),
            current: new,
        }
    }

    /// Whether an entry calls one of them, directly or through other macros.
    pub fn reach(&self, entry: &Json) -> bool {
        let mut seen = HashSet::new();
        let mut open: Vec<&str> = called(entry).collect();
        while let Some(id) = open.pop() {
            if self.changed.contains(id) {
                return true;
            }
            if seen.insert(id.to_owned())
                && let Some(found) = self.current.and_then(|macros| macros.get(id))
            {
                open.extend(called(found));
            }
        }
        false
    }
}

fn called(entry: &Json) -> impl Iterator<Item = &str> {
    let macros = entry["depends_on"]["macros"].as_array().into_iter().flatten();
    macros.filter_map(Json::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn macros(of: &[(&str, &str, &[&str])]) -> Json {
        let entry = |(id, text, calls): &(&str, &str, &[&str])| {
            let entry = json!({ "macro_sql": text, "depends_on": { "macros": calls } });
            ((*id).to_owned(), entry)
        };
        json!({ "macros": of.iter().map(entry).collect::<Map<_, _>>() })
    }

    #[test]
    fn a_change_reaches_what_calls_it_through_others() {
        let old = macros(&[
            ("macro.shop.a", "1", &["macro.shop.b"]),
            ("macro.shop.b", "1", &["macro.shop.a"]),
            ("macro.shop.gone", "1", &[]),
            ("macro.dbt.test_unique", "theirs", &[]),
        ]);
        let new = macros(&[
            ("macro.shop.a", "1", &["macro.shop.b"]),
            ("macro.shop.b", "2", &["macro.shop.a"]),
            ("macro.shop.c", "1", &[]),
        ]);
        let changed = ChangedMacros::between(&new, &old);
        let reached = |id: &str| changed.reach(&json!({ "depends_on": { "macros": [id] } }));
        let ids = [
            "macro.shop.a",
            "macro.shop.b",
            "macro.shop.c",
            "macro.shop.gone",
            "macro.dbt.test_unique",
            "macro.shop.none",
        ];
        assert_eq!(ids.map(reached), [true, true, true, true, false, false]);
        assert!(!ChangedMacros::between(&new, &new).reach(&json!({ "depends_on": { "macros": ["macro.shop.a"] } })));
    }
}
