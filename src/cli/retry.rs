//! `retry`: what failed or was skipped in an earlier run, once more with the options of that run.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use clap::FromArgMatches as _;
use indexmap::IndexSet;
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::select::Resolved;
use crate::graph::{Batch, Graph, Materialization, Node, NodeId, ResourceType};
use crate::project::Artifacts;
use crate::run::BatchSpans;

use super::arguments::{Arguments, Global, RetryArguments};
use super::invocation::Invoked;
use super::told::Told;
use super::workspace::{Talk, Workspace, find_root};
use super::{Outcome, Status, moot};

/// Statuses that are worth another try.
const RETRYABLE: [&str; 5] = ["error", "fail", "skipped", "runtime error", "partial success"];

/// Commands that can be retried.
const COMMANDS: [&str; 9] = [
    "build",
    "clone",
    "run",
    "test",
    "seed",
    "snapshot",
    "compile",
    "generate",
    "run-operation",
];

/// What an earlier run left to do.
#[derive(Clone, Debug, Default)]
pub struct Retried {
    ids: IndexSet<NodeId>,
    /// Everything that the run had a result for, where it was one that publishes.
    planned: Vec<NodeId>,
    /// The batches of microbatch models of which some were built.
    pub(super) batches: HashMap<NodeId, BatchSpans>,
    /// When that run began, which says what its newest batch was.
    pub(super) started: Option<Timestamp>,
}

impl Retried {
    fn of(results: &Json, command: &str) -> Self {
        let mut retried = Self::default();
        for result in results["results"].as_array().into_iter().flatten() {
            let (Some(id), Some(status)) = (result["unique_id"].as_str(), result["status"].as_str()) else {
                continue;
            };
            let is_hook = id.starts_with("operation.") && command != "run-operation";
            if matches!(command, "build" | "run") {
                retried.planned.push(NodeId::from(id));
            }
            if !RETRYABLE.contains(&status) || is_hook {
                continue;
            }
            retried.ids.insert(NodeId::from(id));
            let batches = BatchSpans {
                successful: batches(&result["batch_results"]["successful"]),
                failed: batches(&result["batch_results"]["failed"]),
            };
            // Where none was built there may be no table yet: then all of it is built again.
            if !batches.successful.is_empty() && !batches.failed.is_empty() {
                retried.batches.insert(NodeId::from(id), batches);
            }
        }
        let metadata = &results["metadata"];
        let at = metadata["invocation_started_at"]
            .as_str()
            .or(metadata["generated_at"].as_str());
        retried.started = at.and_then(|at| at.parse().ok());
        retried
    }

    /// The nodes to work on. What the project does not have any more is told.
    pub(super) fn resolved(&self, workspace: &Workspace, kinds: &[ResourceType]) -> Result<Resolved, Diagnostics> {
        let mut nodes = IndexSet::new();
        for id in &self.ids {
            match workspace.graph.node(id) {
                Some(node) if kinds.contains(&node.resource_type) => {
                    nodes.insert(Arc::clone(&node.id));
                }
                Some(_) => {}
                None => {
                    let message = format!("{id} is not part of the project any more, and is not tried again");
                    workspace.talk.warn(Diagnostic::warning("retry-gone", message))?;
                }
            }
        }
        if let Some(gate) = workspace.gate() {
            if gate.together && !nodes.is_empty() {
                let published = |id: &&NodeId| workspace.graph.node(id).is_some_and(|node| node.is_published());
                nodes.extend(self.planned.iter().filter(published).cloned());
            }
            nodes.extend(held_with(&workspace.graph, &nodes, &self.planned));
        }
        nodes.sort();
        Ok(Resolved {
            nodes,
            ..Resolved::default()
        })
    }
}

/// Published models that a failure kept from readers although they themselves were built: all that hang together with
/// what is tried again, as publish sets do. Without them their audits would look at what readers see already.
fn held_with(graph: &Graph, retried: &IndexSet<NodeId>, planned: &[NodeId]) -> Vec<NodeId> {
    let passes = |node: &Arc<Node>| {
        node.resource_type != ResourceType::Seed
            && (planned.contains(&node.id) || node.config.materialized == Materialization::Ephemeral)
    };
    let mut found: IndexSet<NodeId> = retried.clone();
    let mut next = 0;
    while let Some(id) = found.get_index(next).cloned() {
        next += 1;
        let around = graph.parents(&id).into_iter().chain(graph.children(&id));
        let named = graph.publish_sets().values().filter(|set| set.contains(&id)).flatten();
        let named = named.filter_map(|id| graph.node(id));
        found.extend(
            around
                .chain(named)
                .filter(|node| passes(node))
                .map(|node| Arc::clone(&node.id)),
        );
    }
    let published = |id: &NodeId| graph.node(id).is_some_and(|node| node.is_published());
    found.into_iter().filter(published).collect()
}

fn batches(list: &Json) -> Vec<(Timestamp, Timestamp)> {
    let pairs = list.as_array().into_iter().flatten();
    pairs
        .filter_map(|pair| Some((Batch::moment(pair[0].as_str()?)?, Batch::moment(pair[1].as_str()?)?)))
        .collect()
}

pub(super) async fn retry(global: &Global, talk: &Talk, arguments: &RetryArguments) -> Outcome {
    for (typed, option) in [
        (global.target.is_some(), "--target"),
        (global.profile.is_some(), "--profile"),
    ] {
        if typed {
            let message = format!("`retry` has no option {option}");
            return Err(Diagnostic::error("bad-option", message)
                .because("it works where the earlier run worked")
                .help("leave it out; --vars and --threads may be given anew")
                .into());
        }
    }
    let root = find_root(global)?;
    let folder = global.state.state.clone().or_else(|| global.target_path.clone());
    let folder = folder.map_or_else(|| target_path(&root), |folder| folder.display().to_string());
    let Some(results) = Artifacts::run_results(&root.join(&folder), &folder)? else {
        return Err(Diagnostic::error("no-state", "there is no earlier run to try again")
            .because(format!("there is no run_results.json in {folder}"))
            .help("run a command first, or give --state the folder with the results of one")
            .into());
    };
    let options = &results["args"];
    let command = options["which"].as_str().unwrap_or_default();
    if !COMMANDS.contains(&command) {
        return Err(
            Diagnostic::error("bad-state", format!("`{command}` cannot be tried again"))
                .help(format!("these can: {}", COMMANDS.join(", ")))
                .into(),
        );
    }
    let retried = Retried::of(&results, command);
    if command == "run-operation" && retried.ids.is_empty() {
        talk.say(crate::run::Level::Warn, "Nothing to do.");
        return Ok(Status::Success);
    }
    let words = words(command, options, global, arguments);
    let typed = moot::taken(<Arguments as clap::CommandFactory>::command());
    let read = typed.clone().try_get_matches_from(words).and_then(|matches| {
        let read = Arguments::from_arg_matches(&matches)?;
        Ok((read, Invoked::of(&typed, &matches, &Told::new(&|_| None))))
    });
    let (mut before, invoked) = read.map_err(|error| {
        Diagnostic::error(
            "bad-state",
            format!("the options of the earlier run in {folder} cannot be taken over"),
        )
        .because(error.to_string())
        .help("run the command itself again")
    })?;
    let mut merged = global.clone();
    merged.target = before.global.target.take();
    merged.profile = before.global.profile.take();
    merged.vars = before.global.vars.take();
    merged.fail_fast |= before.global.fail_fast;
    let own = std::mem::replace(&mut merged.state, before.global.state.clone());
    merged.state.defer_state = own.defer_state;
    merged.retried = Some(Arc::new(retried));
    before.global = merged;
    let talk = Talk {
        invoked: Arc::new(invoked),
        ..talk.clone()
    };
    Box::pin(super::run(before, &talk)).await
}

/// The target folder, as far as it can be told without reading the whole project.
fn target_path(root: &Path) -> String {
    let file = crate::project::project_file(root).ok();
    let written = file.and_then(|(_, file)| serde_yaml::from_str::<Json>(&file.text).ok());
    let path = written.as_ref().and_then(|written| written["target-path"].as_str());
    path.filter(|path| !path.contains("{{")).unwrap_or("target").to_owned()
}

/// The command line of the earlier run. `--vars` and `--threads` may be given anew.
fn words(command: &str, options: &Json, global: &Global, arguments: &RetryArguments) -> Vec<OsString> {
    let mut words: Vec<String> = vec!["assay".to_owned()];
    match command {
        "generate" => words.extend(["docs", "generate"].map(str::to_owned)),
        command => words.push(command.to_owned()),
    }
    let mut add = |option: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(format!("{option}={value}"));
        }
    };
    let told = |key: &str| match &options[key] {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let mapping = |key: &str| match &options[key] {
        Json::Object(map) if !map.is_empty() => Some(options[key].to_string()),
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    add("--target", told("target"));
    add("--profile", told("profile"));
    add("--vars", global.vars.clone().or_else(|| mapping("vars")));
    add(
        "--threads",
        arguments.threads.map(|n| n.to_string()).or_else(|| told("threads")),
    );
    let flags = [
        ("full_refresh", "--full-refresh"),
        ("fail_fast", "--fail-fast"),
        ("empty", "--empty"),
        ("store_failures", "--store-failures"),
        ("defer", "--defer"),
        ("favor_state", "--favor-state"),
    ];
    if command == "run-operation" {
        add("--args", mapping("args"));
        add("--sql", told("sql"));
        words.extend(told("macro").or_else(|| told("name")));
        return words.into_iter().map(OsString::from).collect();
    }
    for (key, option) in [
        ("state", "--state"),
        ("selector", "--selector"),
        ("event_time_start", "--event-time-start"),
        ("event_time_end", "--event-time-end"),
        ("lock_wait", "--lock-wait"),
        ("inline", "--inline"),
    ] {
        add(option, told(key));
    }
    for key in ["select", "exclude"] {
        for one in options[key].as_array().into_iter().flatten().filter_map(Json::as_str) {
            add(&format!("--{key}"), Some(one.to_owned()));
        }
    }
    words.extend(
        flags
            .iter()
            .filter(|(key, _)| options[*key] == true)
            .map(|(_, option)| (*option).to_owned()),
    );
    words.into_iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_failed_or_was_skipped_is_tried_again() {
        let span = |day: u32| {
            json!([
                format!("2025-01-0{day}T00:00:00"),
                format!("2025-01-0{}T00:00:00", day + 1)
            ])
        };
        let results = json!({
            "metadata": { "generated_at": "2025-01-05T00:00:00Z" },
            "results": [
                { "unique_id": "model.shop.good", "status": "success" },
                { "unique_id": "model.shop.bad", "status": "error" },
                { "unique_id": "test.shop.t", "status": "fail" },
                { "unique_id": "test.shop.w", "status": "warn" },
                { "unique_id": "operation.shop.hook", "status": "error" },
                { "unique_id": "model.shop.batches", "status": "partial success",
                  "batch_results": { "successful": [span(1)], "failed": [span(2), span(3)] } },
                { "unique_id": "model.shop.none", "status": "error",
                  "batch_results": { "successful": [], "failed": [span(1)] } },
            ],
        });
        let retried = Retried::of(&results, "build");
        let ids: Vec<&str> = retried.ids.iter().map(|id| &**id).collect();
        assert_eq!(
            ids,
            ["model.shop.bad", "test.shop.t", "model.shop.batches", "model.shop.none"]
        );
        assert_eq!(retried.batches.len(), 1);
        assert_eq!(retried.batches["model.shop.batches"].failed.len(), 2);
        assert!(retried.started.is_some());
    }
}
