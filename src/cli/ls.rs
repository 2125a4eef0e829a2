//! `ls`: what a selection means.

use std::io::{BufWriter, Write as _};

use crate::diagnostic::Diagnostic;
use crate::graph::ResourceType;
use crate::report::{ListFormat, list};

use super::arguments::{Global, ListOutput, LsArguments};
use super::select::select;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

const KINDS: [ResourceType; 12] = [
    ResourceType::UnitTest,
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Source,
    ResourceType::Test,
    ResourceType::Analysis,
    ResourceType::Exposure,
    ResourceType::Metric,
    ResourceType::SavedQuery,
    ResourceType::SemanticModel,
    ResourceType::Function,
];

pub(super) fn ls(global: &Global, talk: &Talk, arguments: &LsArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "list")?;
    let resolved = select(&workspace, "ls", &arguments.selection, &KINDS, arguments.allow_empty)?;
    let nodes = resolved
        .nodes
        .iter()
        .filter_map(|id| workspace.graph.node(id))
        .map(|node| &**node);
    let format = match arguments.output {
        ListOutput::Name => ListFormat::Name,
        ListOutput::Path => ListFormat::Path,
        ListOutput::Selector => ListFormat::Selector,
        ListOutput::Json => ListFormat::Json,
    };
    let keys: Vec<String> = arguments
        .output_keys
        .iter()
        .flat_map(|keys| keys.split_whitespace())
        .map(str::to_owned)
        .collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = list(&mut out, nodes, format, &keys).and_then(|()| out.flush());
    written.or_else(closed_pipe).map_err(|error| unwritable(&error))?;
    Ok(Status::Success)
}

/// `assay ls | head` is no failure.
pub(super) fn closed_pipe(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        Ok(())
    } else {
        Err(error)
    }
}

pub(super) fn unwritable(error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("output", "standard output cannot be written").because(error.to_string())
}
