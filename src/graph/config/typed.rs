//! Configuration with types: what the engine acts on.

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::Owner;
use super::defaults::defaults;
use super::typer::{Typer, truth};
use crate::diagnostic::{Diagnostic, Diagnostics, Level, nearest};
use crate::graph::{
    Access, Hook, IncrementalStrategy, Index, Materialization, NodeConfig, OnSchemaChange, ResourceType,
};
use crate::project::{CONFIG_KEYS, FUNCTION_KEYS, Flavour, Setting, Settings};

/// A node's configuration, and what it says about the node beside.
#[derive(Clone, Debug)]
pub struct TypedConfig {
    pub config: NodeConfig,
    pub alias: Option<String>,
    pub schema: Option<String>,
    pub database: Option<String>,
    pub access: Access,
    pub group: Option<String>,
    pub meta: IndexMap<String, Json>,
}

const MATERIALIZATIONS: &[(&str, Materialization)] = &[
    ("view", Materialization::View),
    ("table", Materialization::Table),
    ("incremental", Materialization::Incremental),
    ("ephemeral", Materialization::Ephemeral),
];

/// Checks every key that the engine acts on. What is wrong goes to `problems`, and its default is taken.
pub fn type_config(settings: &Settings, owner: &Owner, problems: &mut Diagnostics) -> TypedConfig {
    let mut typer = Typer {
        settings,
        owner,
        problems,
    };
    typer.check_keys();
    typer.check_rules();
    typer.check_function();
    let (materialized, materialized_name) = typer.materialized();
    let mut unique_key = typer.strings("unique_key").unwrap_or_default();
    // `unique_key: ''` is none, as in dbt.
    unique_key.retain(|key| !key.is_empty());
    let mut predicates = typer.strings("incremental_predicates");
    if predicates.is_none() {
        predicates = typer.strings("predicates");
    }
    let mut tags = typer.strings("tags").unwrap_or_default();
    let mut seen = std::collections::HashSet::new();
    tags.retain(|tag| seen.insert(tag.clone()));
    let persist_docs = typer.mapping("persist_docs");
    let persists = |what: &str| persist_docs.get(what).is_some_and(|value| truth(value) == Some(true));
    let config = NodeConfig {
        enabled: typer.flag("enabled").unwrap_or(true),
        materialized,
        materialized_name,
        tags,
        incremental_strategy: typer.strategy(materialized, !unique_key.is_empty()),
        unique_key,
        on_schema_change: typer.on_schema_change(),
        incremental_predicates: predicates.unwrap_or_default(),
        merge_update_columns: typer.strings("merge_update_columns"),
        merge_exclude_columns: typer.strings("merge_exclude_columns"),
        full_refresh: typer.flag("full_refresh"),
        microbatch: typer.microbatch(materialized),
        indexes: typer.indexes(),
        partition_by: typer.partition_by(materialized),
        require_fresh: typer.flag("require_fresh"),
        certify_within: typer.validity(),
        unlogged: typer.flag("unlogged").unwrap_or(false),
        publish_set: typer.text("publish_set").and_then(|_| typer.get("publish_set")),
        pointer: None,
        pre_hooks: typer.hooks("pre_hook"),
        post_hooks: typer.hooks("post_hook"),
        grants: typer.grants(),
        persist_docs_relation: persists("relation"),
        persist_docs_columns: persists("columns"),
        contract_enforced: typer
            .mapping("contract")
            .get("enforced")
            .and_then(truth)
            .unwrap_or(false),
        column_types: typer.column_types(),
        delimiter: typer.delimiter(),
        quote_columns: typer.flag("quote_columns").unwrap_or(true),
        raw: IndexMap::new(),
        unrendered: unrendered(settings),
    };
    let made = TypedConfig {
        alias: typer.text("alias"),
        schema: typer.text("schema"),
        database: typer.text("database"),
        access: typer.access(),
        group: typer.text("group"),
        meta: typer.mapping("meta"),
        config,
    };
    let raw = raw(settings, owner.resource_type, &made.config);
    TypedConfig {
        config: NodeConfig { raw, ..made.config },
        ..made
    }
}

/// What was set, as it was written.
fn unrendered(settings: &Settings) -> IndexMap<String, Json> {
    let as_written = |(key, setting): (&String, &Setting)| match &setting.written {
        Some(written) => Some((written.key.clone(), written.value.clone()?)),
        None => Some((key.clone(), setting.value.clone())),
    };
    settings.iter().filter_map(as_written).collect()
}

/// dbt's defaults with what was set over them, under dbt's own names.
fn raw(settings: &Settings, resource_type: ResourceType, config: &NodeConfig) -> IndexMap<String, Json> {
    let mut raw = defaults(resource_type);
    for (key, setting) in settings {
        match key.as_str() {
            "pre_hook" => raw.insert("pre-hook".to_owned(), hook_list(&config.pre_hooks)),
            "post_hook" => raw.insert("post-hook".to_owned(), hook_list(&config.post_hooks)),
            "latest_version_pointer" if setting.value.is_boolean() => {
                raw.insert(key.clone(), json!({"enabled": setting.value, "alias": null}))
            }
            "docs" | "contract" | "snapshot_meta_column_names" | "latest_version_pointer" => {
                let merged = match (raw.get(key), &setting.value) {
                    (Some(Json::Object(there)), Json::Object(new)) => {
                        let mut there = there.clone();
                        there.extend(new.clone());
                        Json::Object(there)
                    }
                    _ => setting.value.clone(),
                };
                raw.insert(key.clone(), merged)
            }
            _ => raw.insert(key.clone(), setting.value.clone()),
        };
    }
    if resource_type == ResourceType::Test {
        agree_on_storing(&mut raw);
    }
    raw
}

/// `store_failures` and `store_failures_as` say one thing in two ways; the one that is set fills in the other.
fn agree_on_storing(raw: &mut IndexMap<String, Json>) {
    let told = |key: &str| raw.get(key).filter(|value| !value.is_null()).cloned();
    match (told("store_failures"), told("store_failures_as")) {
        (_, Some(kind)) => {
            raw.insert("store_failures".to_owned(), (kind != "ephemeral").into());
        }
        (Some(stored), None) => {
            let kind = if truth(&stored) == Some(true) {
                "table"
            } else {
                "ephemeral"
            };
            raw.insert("store_failures_as".to_owned(), kind.into());
        }
        (None, None) => {}
    }
}

fn hook_list(hooks: &[Hook]) -> Json {
    hooks
        .iter()
        .map(|hook| json!({"sql": hook.sql, "transaction": hook.transaction, "index": null}))
        .collect()
}

impl Typer<'_> {
    /// Unknown keys.
    fn check_keys(&mut self) {
        for (key, setting) in self.settings {
            let of_function =
                self.owner.resource_type == ResourceType::Function && FUNCTION_KEYS.contains(&key.as_str());
            if of_function || CONFIG_KEYS.contains(&key.as_str()) {
                continue;
            }
            // Settings of a materialization that the project defines are its own business.
            let name = self
                .get("materialized")
                .and_then(|setting| setting.value.as_str().map(str::to_owned));
            if name.is_some_and(|name| (self.owner.custom)(&name)) {
                continue;
            }
            let near = nearest(key, CONFIG_KEYS.iter().copied());
            if near.is_none() && self.owner.flavour == Flavour::Dbt {
                // dbt lets people keep keys of their own; only what looks like a slip is told.
                continue;
            }
            let mut diagnostic = Diagnostic::error(
                "unknown-key",
                format!("the config of {} has no key `{key}`", self.owner.what),
            )
            .at(setting.place.clone());
            diagnostic.level = self.owner.flavour.lenient();
            self.problems.push(match near {
                Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
                None => diagnostic.help("put what is only meant for people below `meta`"),
            });
        }
    }

    fn materialized(&mut self) -> (Materialization, String) {
        let fixed = match self.owner.resource_type {
            ResourceType::Seed => Some((Materialization::Seed, "seed")),
            ResourceType::Test => Some((Materialization::Test, "test")),
            ResourceType::Snapshot => Some((Materialization::Snapshot, "snapshot")),
            ResourceType::Function => Some((Materialization::Other, "function")),
            _ => None,
        };
        // What the project file says of all models reaches these too, and means nothing for them.
        if matches!(
            self.owner.resource_type,
            ResourceType::Analysis | ResourceType::Operation
        ) {
            let name = self
                .get("materialized")
                .and_then(|setting| setting.value.as_str().map(str::to_owned));
            return (Materialization::View, name.unwrap_or_else(|| "view".to_owned()));
        }
        if let Some((materialized, name)) = fixed {
            return (materialized, name.to_owned());
        }
        let view = (Materialization::View, "view".to_owned());
        let Some(setting) = self.get("materialized") else {
            return view;
        };
        let Some(name) = setting.value.as_str() else {
            self.bad(&setting, "materialized", "a name");
            return view;
        };
        if let Some((_, materialized)) = MATERIALIZATIONS.iter().find(|(known, _)| *known == name) {
            return (*materialized, name.to_owned());
        }
        if name == "materialized_view" || (self.owner.custom)(name) {
            return (Materialization::Other, name.to_owned());
        }
        if matches!(name, "snapshot" | "clone" | "unit") {
            self.unsupported(&setting, &format!("`materialized: {name}`"));
            return view;
        }
        if self.owner.flavour == Flavour::Dbt {
            // As in dbt, the failure of the node that wants it.
            return (Materialization::Other, name.to_owned());
        }
        let custom: Vec<&str> = self.owner.custom_names.iter().map(String::as_str).collect();
        self.unknown(
            &setting,
            "materialized",
            name,
            MATERIALIZATIONS.iter().map(|(name, _)| *name).chain(custom),
        );
        view
    }

    /// What only a function is asked.
    fn check_function(&mut self) {
        if self.owner.resource_type != ResourceType::Function {
            return;
        }
        for (key, known) in [
            ("type", &["scalar", "aggregate", "table"][..]),
            ("volatility", &["deterministic", "stable", "non-deterministic"]),
        ] {
            if let Some(setting) = self.get(key)
                && !setting.value.as_str().is_some_and(|value| known.contains(&value))
            {
                let shown = setting
                    .value
                    .as_str()
                    .map_or_else(|| setting.value.to_string(), str::to_owned);
                self.unknown(&setting, key, &shown, known.iter().copied());
            }
        }
    }

    /// A contract on an incremental model needs to know what to do with columns that it does not promise.
    fn check_contract(&mut self) {
        let contract = self.mapping("contract");
        let enforced = contract.get("enforced").and_then(truth) == Some(true);
        let incremental = self
            .get("materialized")
            .is_some_and(|setting| setting.value == "incremental");
        let fits = |setting: &Setting| matches!(setting.value.as_str(), Some("append_new_columns" | "fail"));
        let change = self.get("on_schema_change");
        if self.owner.resource_type != ResourceType::Model
            || !(enforced && incremental)
            || change.as_ref().is_some_and(fits)
        {
            return;
        }
        let setting = change.or_else(|| self.get("contract"));
        let mut problem = Diagnostic::error(
            "wrong-value",
            format!(
                "{} is incremental and has an enforced contract, so `on_schema_change` must be `append_new_columns` or `fail`",
                self.owner.what
            ),
        );
        problem.place = setting.map(|setting| setting.place);
        self.problems
            .push(problem.help("set `on_schema_change: fail`, or `append_new_columns`"));
    }

    /// Values and combinations that dbt refuses.
    fn check_rules(&mut self) {
        if let Some(setting) = self.get("on_error")
            && setting.value != "continue"
            && setting.value != "skip_children"
        {
            let shown = setting
                .value
                .as_str()
                .map_or_else(|| setting.value.to_string(), str::to_owned);
            self.unknown(&setting, "on_error", &shown, ["skip_children", "continue"]);
        }
        self.check_contract();
    }

    fn strategy(&mut self, materialized: Materialization, has_key: bool) -> Option<IncrementalStrategy> {
        if materialized != Materialization::Incremental {
            return None;
        }
        let default = if has_key {
            IncrementalStrategy::DeleteInsert
        } else {
            IncrementalStrategy::Append
        };
        let Some(setting) = self.get("incremental_strategy") else {
            return Some(default);
        };
        let Some(name) = setting.value.as_str() else {
            self.bad(&setting, "incremental_strategy", "a name");
            return Some(default);
        };
        let strategy = match name {
            "default" => default,
            "append" => IncrementalStrategy::Append,
            "delete+insert" => IncrementalStrategy::DeleteInsert,
            "merge" => IncrementalStrategy::Merge,
            "microbatch" => IncrementalStrategy::Microbatch,
            "insert_overwrite" => {
                self.unsupported(&setting, &format!("`incremental_strategy: {name}`"));
                default
            }
            // A macro `get_incremental_<name>_sql` of the project's own; whether there is one shows when it is wanted.
            _ => return None,
        };
        if strategy == IncrementalStrategy::Merge && !has_key {
            let mut problem = Diagnostic::error(
                "missing-key",
                format!("{} merges, and has no `unique_key` to merge on", self.owner.what),
            )
            .at(setting.place.clone())
            .help("set `unique_key`, or use `incremental_strategy: append`");
            // dbt adds every row and says nothing.
            problem.level = self.owner.flavour.lenient();
            self.problems.push(problem);
        }
        Some(strategy)
    }

    fn on_schema_change(&mut self) -> OnSchemaChange {
        let Some(setting) = self.get("on_schema_change") else {
            return OnSchemaChange::Ignore;
        };
        match setting.value.as_str() {
            Some("ignore") => OnSchemaChange::Ignore,
            Some("fail") => OnSchemaChange::Fail,
            Some("append_new_columns") => OnSchemaChange::AppendNewColumns,
            Some("sync_all_columns") => OnSchemaChange::SyncAllColumns,
            Some(name) => {
                let known = ["ignore", "fail", "append_new_columns", "sync_all_columns"];
                self.unknown(&setting, "on_schema_change", name, known);
                // dbt warns and goes on.
                if self.owner.flavour == Flavour::Dbt
                    && let Some(problem) = self.problems.0.last_mut()
                {
                    problem.level = Level::Warning;
                    problem.help = Some(format!("it counts as `ignore`; write one of {}", known.join(", ")));
                }
                OnSchemaChange::Ignore
            }
            None => {
                self.bad(&setting, "on_schema_change", "a name");
                OnSchemaChange::Ignore
            }
        }
    }

    fn access(&mut self) -> Access {
        let Some(setting) = self.get("access") else {
            return Access::Protected;
        };
        match setting.value.as_str() {
            Some("private") => Access::Private,
            Some("protected") => Access::Protected,
            Some("public") => Access::Public,
            other => {
                let shown = other.map_or_else(|| setting.value.to_string(), str::to_owned);
                self.unknown(&setting, "access", &shown, ["private", "protected", "public"]);
                Access::Protected
            }
        }
    }

    fn indexes(&mut self) -> Vec<Index> {
        let Some(setting) = self.get("indexes") else {
            return Vec::new();
        };
        let Json::Array(items) = &setting.value else {
            self.bad(
                &setting,
                "indexes",
                "a list of mappings with `columns`, `unique` and `type`",
            );
            return Vec::new();
        };
        let mut indexes = Vec::new();
        for item in items {
            let known = |key: &String| matches!(key.as_str(), "columns" | "unique" | "type");
            let mut item = item.clone();
            if let Some(Json::String(column)) = item.get("columns").cloned() {
                item["columns"] = json!([column]);
            }
            let keys_are_known = item.as_object().is_some_and(|map| map.keys().all(known));
            match serde_json::from_value::<Index>(item.clone()) {
                Ok(index) if keys_are_known && !index.columns.is_empty() => {
                    if !indexes.contains(&index) {
                        indexes.push(index);
                    }
                }
                _ => self.bad(
                    &Setting {
                        value: item,
                        place: setting.place.clone(),
                        written: None,
                    },
                    "indexes",
                    "mappings such as {columns: [id], unique: true, type: btree}",
                ),
            }
        }
        indexes
    }

    fn hooks(&mut self, key: &str) -> Vec<Hook> {
        let Some(setting) = self.get(key) else {
            return Vec::new();
        };
        let items = match &setting.value {
            Json::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        let mut hooks = Vec::new();
        for item in items {
            let hook = match &item {
                // `before_begin(..)` and `after_commit(..)` leave a mapping as text.
                Json::String(sql) => Some(serde_json::from_str(sql).unwrap_or_else(|_| Hook {
                    sql: sql.clone(),
                    transaction: true,
                })),
                Json::Object(_) => serde_json::from_value(item.clone()).ok(),
                _ => None,
            };
            match hook {
                Some(hook) if hook.sql.trim().is_empty() => {}
                Some(hook) => hooks.push(hook),
                None => self.bad(
                    &setting,
                    &key.replace('_', "-"),
                    "SQL text, or {sql: .., transaction: ..}",
                ),
            }
        }
        hooks
    }

    fn grants(&mut self) -> IndexMap<String, Vec<String>> {
        let mut grants = IndexMap::new();
        let setting = self.get("grants");
        for (privilege, grantees) in self.mapping("grants") {
            let list = match &grantees {
                Json::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
                Json::String(one) => Some(vec![one.clone()]),
                Json::Null => Some(Vec::new()),
                _ => None,
            };
            match (list, &setting) {
                (Some(list), _) => {
                    grants.insert(privilege, list);
                }
                (None, Some(setting)) => self.bad(setting, "grants", "lists of role names"),
                (None, None) => {}
            }
        }
        grants
    }

    fn column_types(&mut self) -> IndexMap<String, String> {
        let mut types = IndexMap::new();
        let setting = self.get("column_types");
        for (column, data_type) in self.mapping("column_types") {
            match (data_type, &setting) {
                (Json::Null, _) | (_, None) => {} // as if it were not there
                (Json::String(data_type), _) => drop(types.insert(column, data_type)),
                (_, Some(setting)) => self.bad(setting, "column_types", "names of types"),
            }
        }
        types
    }

    fn delimiter(&mut self) -> String {
        let Some(setting) = self.get("delimiter") else {
            return ",".to_owned();
        };
        match setting.value.as_str() {
            // In dbt a text that cannot separate anything is the failure of the seed.
            Some(text) if self.owner.flavour == Flavour::Dbt || text.chars().count() == 1 => text.to_owned(),
            _ => {
                self.bad(&setting, "delimiter", "one character");
                ",".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests;
