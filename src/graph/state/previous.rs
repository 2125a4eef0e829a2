//! What another run left, and what the selectors ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Level, nearest};
use crate::graph::{NodeId, SourceStates};
use crate::project::Artifacts;

use super::comparison::{
    is_parsed, kind, same_body, same_config, same_contents, same_persisted_description, same_relation,
};
use super::contract;
use super::macros::ChangedMacros;

/// What `state:` takes.
const STATES: [&str; 10] = [
    "new",
    "old",
    "modified",
    "unmodified",
    "modified.body",
    "modified.configs",
    "modified.persisted_descriptions",
    "modified.relation",
    "modified.macros",
    "modified.contract",
];

/// The sections of a manifest that hold nodes.
pub const SECTIONS: [&str; 8] = [
    "nodes",
    "sources",
    "exposures",
    "metrics",
    "semantic_models",
    "unit_tests",
    "saved_queries",
    "functions",
];

/// Another run, beside the project as it is now.
#[derive(Debug)]
pub struct PreviousState {
    before: Artifacts,
    /// The manifest of the project as it is.
    current: Json,
    /// How fresh the sources were then, and are now.
    sources: [Option<SourceStates>; 2],
    now: Timestamp,
    /// Warnings by what they say: several selectors meet the same change.
    told: Mutex<BTreeMap<String, Diagnostic>>,
}

impl PreviousState {
    #[must_use]
    pub fn new(before: Artifacts, current: Json, sources: [Option<SourceStates>; 2], now: Timestamp) -> Self {
        Self {
            before,
            current,
            sources,
            now,
            told: Mutex::default(),
        }
    }

    /// Compares the places of sources by their values, not by how they are written.
    #[must_use]
    pub fn by_value(mut self) -> Self {
        for manifest in self.before.manifest.iter_mut().chain([&mut self.current]) {
            let sources = manifest.get_mut("sources").and_then(Json::as_object_mut);
            for source in sources.into_iter().flat_map(|sources| sources.values_mut()) {
                for part in ["database", "schema"] {
                    source[format!("unrendered_{part}")] = source[part].clone();
                }
            }
        }
        self
    }

    /// What was found to be worth a warning while nodes were looked for.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *told).into_values().collect()
    }

    fn warn(&self, problem: Diagnostic) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(problem.to_string(), problem);
    }

    /// Ids of what `state:value` means. Fails with `breaking-contract` where a version breaks what it promises.
    pub fn state(&self, value: &str) -> Result<BTreeSet<NodeId>, Diagnostic> {
        if !STATES.contains(&value) {
            let message = format!("`state:{value}` is not a selector: there is no state `{value}`");
            let help = nearest(value, STATES).map_or_else(
                || format!("one of: {}", STATES.join(", ")),
                |near| format!("did you mean `state:{near}`?"),
            );
            return Err(Diagnostic::error("invalid-selector", message).help(help));
        }
        let Some(previous) = &self.before.manifest else {
            return Err(self.missing(
                &format!("state:{value}"),
                "manifest.json",
                "any command but `clean` and `deps`",
            ));
        };
        let macros = ChangedMacros::between(&self.current, previous);
        if matches!(value, "modified" | "unmodified" | "modified.contract") {
            self.check_contracts(previous)?;
        }
        let mut found = BTreeSet::new();
        for (id, new) in entries(&self.current) {
            let old = entry(previous, id);
            let is_modified = || match old {
                _ if macros.reach(new) => true,
                None => true,
                Some(old) => {
                    self.check_seed(new, old);
                    !same_contents(new, old)
                }
            };
            // Each looks at what a kind of node has: of an exposure, say, there is no body to change.
            let differs = |has: bool, same: fn(&Json, &Json) -> bool| has && old.is_none_or(|old| !same(new, old));
            let parsed = is_parsed(kind(new));
            let fits = match value {
                "new" => old.is_none(),
                "old" => old.is_some(),
                "modified" => is_modified(),
                "unmodified" => !is_modified(),
                "modified.body" => {
                    if let Some(old) = old {
                        self.check_seed(new, old);
                    }
                    differs(parsed, same_body)
                }
                "modified.configs" => differs(kind(new) != "unit_test", same_config),
                "modified.persisted_descriptions" => differs(parsed, same_persisted_description),
                "modified.relation" => differs(parsed || kind(new) == "source", same_relation),
                "modified.macros" => macros.reach(new),
                _ if kind(new) == "model" => differs(true, contract::is_same),
                _ => parsed && old.is_none(),
            };
            if fits {
                found.insert(NodeId::from(id));
            }
        }
        Ok(found)
    }

    /// Ids of what ended with a status.
    pub fn result(&self, status: &str) -> Result<BTreeSet<NodeId>, Diagnostic> {
        let Some(results) = &self.before.run_results else {
            let by = "`build`, `run`, `test` and the other commands that work on nodes";
            return Err(self.missing(&format!("result:{status}"), "run_results.json", by));
        };
        let results = results["results"].as_array().into_iter().flatten();
        Ok(results
            .filter(|result| result["status"] == status)
            .filter_map(|result| result["unique_id"].as_str().map(NodeId::from))
            .collect())
    }

    /// Ids of the sources that have newer rows than the other run saw.
    pub fn source_status(&self, value: &str) -> Result<BTreeSet<NodeId>, Diagnostic> {
        if value != "fresher" {
            let message = format!("`source_status:{value}` is not a selector");
            return Err(Diagnostic::error("invalid-selector", message).help("there is `source_status:fresher` only"));
        }
        let [before, now] = &self.sources;
        let Some(before) = before else {
            return Err(self.missing("source_status:fresher", "sources.json", "`source freshness`"));
        };
        let Some(now) = now else {
            let message = "`source_status:fresher` needs to know how fresh the sources are now";
            return Err(Diagnostic::error("no-state", message)
                .because("there is no sources.json in the target folder of this project")
                .help("run `source freshness` first"));
        };
        Ok(now.fresher_than(before).into_iter().collect())
    }

    fn missing(&self, selector: &str, file: &str, by: &str) -> Diagnostic {
        let message = format!("`{selector}` needs another run to compare with");
        Diagnostic::error("no-state", message)
            .because(format!("there is no {file} in {}", self.before.folder))
            .help(format!(
                "give --state the folder with the {file} of that run; it is written to the target folder by {by}"
            ))
    }

    fn check_contracts(&self, previous: &Json) -> Result<(), Diagnostic> {
        let mut found = Vec::new();
        for (id, new) in entries(&self.current) {
            found.extend(entry(previous, id).and_then(|old| contract::change(new, old)));
        }
        for (id, old) in previous["nodes"].as_object().into_iter().flatten() {
            let disabled = &self.current["disabled"][id][0];
            let gone = match disabled {
                Json::Null if self.current["nodes"].get(id).is_some() => continue,
                Json::Null => old,
                disabled => disabled,
            };
            found.extend(contract::removal(gone, self.now));
        }
        for problem in found {
            if problem.level == Level::Error {
                return Err(problem);
            }
            self.warn(problem);
        }
        Ok(())
    }

    /// dbt knows large seeds by their path only.
    fn check_seed(&self, new: &Json, old: &Json) {
        if kind(new) != "seed" || new["checksum"]["name"] != "path" {
            return;
        }
        let name = new["name"].as_str().unwrap_or_default();
        let why = if old["checksum"]["name"] != "path" {
            "it has grown past 1 MiB, and counts as changed this once"
        } else if old["checksum"] == new["checksum"] {
            "it is larger than 1 MiB, so only its path is compared, which is the same"
        } else {
            "it is larger than 1 MiB, so only its path is compared, which is another"
        };
        let problem = Diagnostic::warning("large-seed", format!("whether seed {name} has changed is not known"))
            .because(why)
            .help(format!("select it by its name where it has: {name}"));
        self.warn(problem);
    }
}

fn entries(manifest: &Json) -> impl Iterator<Item = (&str, &Json)> {
    let sections = SECTIONS
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_object());
    sections.flatten().map(|(id, entry)| (id.as_str(), entry))
}

fn entry<'a>(manifest: &'a Json, id: &str) -> Option<&'a Json> {
    SECTIONS.iter().find_map(|section| manifest.get(*section)?.get(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2025-06-01T00:00:00Z".parse().expect("a time")
    }

    fn manifest(models: &[(&str, &str)]) -> Json {
        let entry = |(name, code): &(&str, &str)| {
            let entry = json!({ "resource_type": "model", "name": name, "raw_code": code });
            (format!("model.shop.{name}"), entry)
        };
        json!({ "nodes": models.iter().map(entry).collect::<serde_json::Map<_, _>>() })
    }

    fn state(before: Artifacts, current: Json) -> PreviousState {
        PreviousState::new(before, current, [None, None], now())
    }

    #[test]
    fn new_old_and_modified() {
        let before = Artifacts {
            manifest: Some(manifest(&[("a", "1"), ("b", "1"), ("gone", "1")])),
            ..Artifacts::default()
        };
        let state = state(before, manifest(&[("a", "1"), ("b", "2"), ("c", "1")]));
        let found = |value: &str| -> Vec<String> {
            let found = state.state(value).unwrap_or_else(|e| panic!("{e}"));
            found.into_iter().map(|id| id.replace("model.shop.", "")).collect()
        };
        assert_eq!(found("new"), ["c"]);
        assert_eq!(found("old"), ["a", "b"]);
        assert_eq!(found("modified"), ["b", "c"]);
        assert_eq!(found("unmodified"), ["a"]);
        assert_eq!(found("modified.body"), ["b", "c"]);
        assert_eq!(found("modified.macros"), [""; 0]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let state = state(
            Artifacts {
                folder: "prod".to_owned(),
                ..Artifacts::default()
            },
            json!({}),
        );
        let told = [
            state.state("modified"),
            state.state("modified.bdoy"),
            state.result("error"),
            state.source_status("fresher"),
        ];
        let told: Vec<String> = told
            .into_iter()
            .map(|told| told.expect_err("refused").to_string())
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        error[no-state]: `state:modified` needs another run to compare with
          why: there is no manifest.json in prod
          help: give --state the folder with the manifest.json of that run; it is written to the target folder by any command but `clean` and `deps`
        error[invalid-selector]: `state:modified.bdoy` is not a selector: there is no state `modified.bdoy`
          help: did you mean `state:modified.body`?
        error[no-state]: `result:error` needs another run to compare with
          why: there is no run_results.json in prod
          help: give --state the folder with the run_results.json of that run; it is written to the target folder by `build`, `run`, `test` and the other commands that work on nodes
        error[no-state]: `source_status:fresher` needs another run to compare with
          why: there is no sources.json in prod
          help: give --state the folder with the sources.json of that run; it is written to the target folder by `source freshness`
        ");
    }

    #[test]
    fn results_by_their_status() {
        let results = json!({ "results": [
            { "unique_id": "model.shop.a", "status": "error" },
            { "unique_id": "model.shop.b", "status": "success" },
        ] });
        let before = Artifacts {
            run_results: Some(results),
            ..Artifacts::default()
        };
        let found = state(before, json!({})).result("error").expect("results");
        assert_eq!(found, BTreeSet::from([NodeId::from("model.shop.a")]));
    }
}
