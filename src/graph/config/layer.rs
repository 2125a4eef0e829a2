//! One layer of configuration over another.

use serde_json::{Map, Value as Json};

use crate::project::{Setting, Settings, Written};

/// Puts a more specific layer over `below`: tags, packages and hooks add up, mappings such as `meta` are merged key by
/// key, grants too (`+select` adds grantees), and everything else is replaced.
pub fn merge(below: &mut Settings, above: &Settings) {
    for (key, setting) in above {
        let Some(there) = below.get_mut(key) else {
            let value = match key.as_str() {
                "tags" | "packages" | "pre_hook" | "post_hook" => Json::Array(items(&setting.value)),
                "grants" => grants(None, &setting.value),
                _ => setting.value.clone(),
            };
            let written = written(key, setting, &value, None);
            below.insert(
                key.clone(),
                Setting {
                    value,
                    place: setting.place.clone(),
                    written,
                },
            );
            continue;
        };
        let before = there.clone();
        there.place = setting.place.clone();
        there.value = match (key.as_str(), &there.value, &setting.value) {
            ("tags" | "packages" | "pre_hook" | "post_hook", old, new) => {
                let mut all = items(old);
                all.extend(items(new));
                Json::Array(all)
            }
            (
                "meta" | "docs" | "column_types" | "quoting" | "contract" | "latest_version_pointer",
                Json::Object(old),
                Json::Object(new),
            ) => {
                let mut merged = old.clone();
                merged.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
                Json::Object(merged)
            }
            ("grants", old, new) => grants(Some(old), new),
            (_, _, new) => new.clone(),
        };
        there.written = written(key, setting, &there.value, Some(&before));
    }
}

/// What was written last stands, however the values are merged.
fn written(key: &str, setting: &Setting, merged: &Json, below: Option<&Setting>) -> Option<Box<Written>> {
    let plain = |value: &Json| {
        Box::new(Written {
            key: key.to_owned(),
            value: Some(value.clone()),
        })
    };
    match (&setting.written, below) {
        (Some(own), Some(below)) if own.value.is_none() => {
            Some(below.written.clone().unwrap_or_else(|| plain(&below.value)))
        }
        (Some(own), _) => Some(own.clone()),
        (None, _) => (*merged != setting.value).then(|| plain(&setting.value)),
    }
}

fn items(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items.clone(),
        Json::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

fn grants(old: Option<&Json>, new: &Json) -> Json {
    let Json::Object(new) = new else { return new.clone() };
    let mut merged = match old {
        Some(Json::Object(old)) => old.clone(),
        _ => Map::new(),
    };
    for (privilege, grantees) in new {
        let mut all = Vec::new();
        let privilege = match privilege.strip_prefix('+') {
            Some(privilege) => {
                all = merged.get(privilege).map(items).unwrap_or_default();
                privilege
            }
            None => privilege,
        };
        for grantee in items(grantees) {
            if !all.contains(&grantee) {
                all.push(grantee);
            }
        }
        merged.insert(privilege.to_owned(), Json::Array(all));
    }
    Json::Object(merged)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::diagnostic::{Place, SourceFile};
    use serde_json::json;

    /// Settings as written in a file.
    pub fn settings(value: &Json) -> Settings {
        let file = SourceFile::new("a.yml", "");
        value
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| {
                let setting = Setting {
                    value: value.clone(),
                    place: Place::new(&file, 0..0),
                    written: None,
                };
                (key.clone(), setting)
            })
            .collect()
    }

    #[test]
    fn each_key_merges_in_its_own_way() {
        let mut below = settings(
            &json!({"tags": "a", "meta": {"x": 1, "y": 1}, "pre_hook": "one", "schema": "s",
            "grants": {"select": "r1", "insert": ["w"]}}),
        );
        merge(
            &mut below,
            &settings(
                &json!({"tags": ["b", "a"], "meta": {"y": 2}, "pre_hook": ["two"], "schema": "t",
                "grants": {"+select": ["r2"], "insert": []}}),
            ),
        );
        let merged: Map<String, Json> = below.into_iter().map(|(key, setting)| (key, setting.value)).collect();
        assert_eq!(
            Json::Object(merged),
            json!({"tags": ["a", "b", "a"], "meta": {"x": 1, "y": 2}, "pre_hook": ["one", "two"], "schema": "t",
                "grants": {"select": ["r1", "r2"], "insert": []}})
        );
    }
}
