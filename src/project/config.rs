//! Configuration as written: keys with values and places, and the trees of them in the project file.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::{Kind, Reader, Yaml};
use crate::diagnostic::{Diagnostic, Place};

/// One configured value.
#[derive(Clone, Debug)]
pub struct Setting {
    pub value: Json,
    pub place: Place,
    /// `None` where it is just the value.
    pub written: Option<Box<Written>>,
}

/// A setting as somebody wrote it last: neither rendered nor merged.
#[derive(Clone, Debug)]
pub struct Written {
    pub key: String,
    /// `None` where a macro set it, which nobody can read without rendering.
    pub value: Option<Json>,
}

impl Setting {
    pub fn new(value: Json, place: Place) -> Self {
        Self {
            value,
            place,
            written: None,
        }
    }
}

/// Configuration from one place, by key. `pre-hook` and `post-hook` are spelt `pre_hook` and `post_hook`.
pub type Settings = IndexMap<String, Setting>;

/// Every key that a `config` may have and the engine or dbt's own adapters know.
pub const CONFIG_KEYS: &[&str] = &[
    "access",
    "alias",
    "audit_keys",
    "audit_scope",
    "batch_size",
    "begin",
    "certify_within",
    "check_cols",
    "column_types",
    "concurrent_batches",
    "contract",
    "database",
    "dbt_valid_to_current",
    "delimiter",
    "docs",
    "enabled",
    "error_if",
    "event_time",
    "fail_calc",
    "freshness",
    "full_refresh",
    "grants",
    "group",
    "hard_deletes",
    "incremental_predicates",
    "incremental_strategy",
    "indexes",
    "invalidate_hard_deletes",
    "limit",
    "loaded_at_field",
    "loaded_at_query",
    "lookback",
    "materialized",
    "merge_exclude_columns",
    "merge_update_columns",
    "meta",
    "on_configuration_change",
    "on_error",
    "latest_version_pointer",
    "on_schema_change",
    "packages",
    "partition_by",
    "persist_docs",
    "post_hook",
    "pre_hook",
    "predicates",
    "project",
    "publish_set",
    "quote_columns",
    "quoting",
    "require_fresh",
    "schema",
    "severity",
    "snapshot_meta_column_names",
    "sql_header",
    "static_analysis",
    "store_failures",
    "store_failures_as",
    "strategy",
    "tags",
    "target_database",
    "target_schema",
    "unique_key",
    "unlogged",
    "updated_at",
    "warn_if",
    "where",
];

/// Configuration that only functions have.
pub const FUNCTION_KEYS: &[&str] = &["entry_point", "runtime_version", "snowflake", "type", "volatility"];

/// The key as the engine spells it.
pub fn config_key(key: &str) -> String {
    match key.trim() {
        "pre-hook" => "pre_hook".to_owned(),
        "post-hook" => "post_hook".to_owned(),
        "dataset" => "schema".to_owned(),
        key => key.to_owned(),
    }
}

/// A `config:` mapping. In a native project an unknown key is an error; dbt lets people keep their own there.
pub fn read_settings(yaml: Option<&Yaml>, what: &str, reader: &mut Reader) -> Settings {
    let Some(yaml) = yaml.filter(|yaml| !yaml.is_null()) else {
        return Settings::new();
    };
    let Some(entries) = yaml.as_map() else {
        reader.wrong_type("config", "a mapping", yaml);
        return Settings::new();
    };
    let mut settings = Settings::new();
    for entry in entries {
        let written = entry.key.trim_start_matches('+');
        check_key(&config_key(written), &entry.place, what, reader);
        put(&mut settings, written, &entry.value);
    }
    settings
}

fn check_key(key: &str, place: &Place, what: &str, reader: &mut Reader) {
    let known = CONFIG_KEYS.contains(&key) || (what.starts_with("function") && FUNCTION_KEYS.contains(&key));
    if reader.flavour == super::Flavour::Native && !known {
        reader.unknown_key(&format!("the config of {what}"), key, place, CONFIG_KEYS);
    }
}

fn put(settings: &mut Settings, written: &str, yaml: &Yaml) {
    let (key, value, before) = (config_key(written), yaml.to_json(), yaml.as_written());
    let differs = key != written || value != before;
    let written = Written {
        key: written.trim().to_owned(),
        value: Some(before),
    };
    let setting = Setting {
        value,
        place: yaml.place.clone(),
        written: differs.then(|| Box::new(written)),
    };
    settings.insert(key, setting);
}

/// What the project file says below `models:`, `seeds:` and so on: settings for everything, and for folders below.
#[derive(Clone, Debug, Default)]
pub struct ConfigTree {
    pub settings: Settings,
    pub below: IndexMap<String, ConfigTree>,
    pub place: Option<Place>,
}

impl ConfigTree {
    /// `+key` is a setting; without the sign a mapping is a folder and anything else a setting.
    pub fn read(yaml: Option<&Yaml>, what: &str, reader: &mut Reader) -> Self {
        let mut tree = Self::default();
        let Some(yaml) = yaml else {
            return tree;
        };
        tree.place = Some(yaml.place.clone());
        let Some(entries) = yaml.as_map() else {
            if !yaml.is_null() {
                reader.wrong_type(what, "a mapping", yaml);
            }
            return tree;
        };
        for entry in entries {
            if let Some(key) = entry.key.strip_prefix('+') {
                check_key(&config_key(key), &entry.place, &format!("`{what}`"), reader);
                put(&mut tree.settings, key, &entry.value);
                continue;
            }
            match &entry.value.kind {
                Kind::Map(_) => {
                    if CONFIG_KEYS.contains(&config_key(&entry.key).as_str()) && entry.key != "meta" {
                        reader.problems.push(
                            Diagnostic::warning(
                                "config-without-plus",
                                format!("`{}` is read as a folder here, not as a setting", entry.key),
                            )
                            .at(entry.place.clone())
                            .help(format!("write `+{}` to set it", entry.key)),
                        );
                    }
                    let below = Self::read(Some(&entry.value), what, reader);
                    tree.below.insert(
                        entry.key.clone(),
                        Self {
                            place: Some(entry.place.clone()),
                            ..below
                        },
                    );
                }
                Kind::Null => {}
                _ => {
                    check_key(&config_key(&entry.key), &entry.place, &format!("`{what}`"), reader);
                    put(&mut tree.settings, &entry.key, &entry.value);
                }
            }
        }
        tree
    }

    /// The settings that hold for a node, from the least to the most specific.
    pub fn along<'t>(&'t self, fqn: &[String]) -> Vec<&'t Settings> {
        let mut found = vec![&self.settings];
        let mut tree = self;
        for part in fqn {
            let Some(next) = tree.below.get(part) else { break };
            found.push(&next.settings);
            tree = next;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::project::Flavour;

    #[test]
    fn a_plus_tells_settings_from_folders() {
        let file = SourceFile::new(
            "project.yml",
            "+tags: a\nshop:\n  materialized: table\n  +meta: {owner: x}\n  staging:\n    +pre-hook: select 1\n    +tagz: b\n",
        );
        let yaml = Yaml::parse(&file).unwrap();
        let jinja = |text: &str| Ok(Json::String(text.to_owned()));
        let mut reader = Reader::new(Flavour::Native, &jinja);
        let tree = ConfigTree::read(Some(&yaml), "models", &mut reader);
        let fqn = ["shop", "staging", "stg"].map(str::to_owned);
        let keys: Vec<Vec<&str>> = tree
            .along(&fqn)
            .into_iter()
            .map(|settings| settings.keys().map(String::as_str).collect())
            .collect();
        assert_eq!(
            keys,
            [vec!["tags"], vec!["materialized", "meta"], vec!["pre_hook", "tagz"]]
        );
        let shown = reader.problems.to_string();
        assert!(
            shown.contains("project.yml:7:5") && shown.contains("did you mean `tags`?"),
            "{shown}"
        );
    }
}
