//! `--select` and its relatives, looked up in a project.

use crate::diagnostic::{Diagnostic, Diagnostics, Level, nearest};
use crate::graph::ResourceType;
use crate::graph::select::{IndirectSelection, Resolved, Selection};

use super::arguments::{self, SelectionArguments};
use super::state::previous_state;
use super::workspace::Workspace;

const TYPES: [(&str, ResourceType); 13] = [
    ("model", ResourceType::Model),
    ("seed", ResourceType::Seed),
    ("snapshot", ResourceType::Snapshot),
    ("source", ResourceType::Source),
    ("test", ResourceType::Test),
    ("analysis", ResourceType::Analysis),
    ("exposure", ResourceType::Exposure),
    ("unit_test", ResourceType::UnitTest),
    ("metric", ResourceType::Metric),
    ("semantic_model", ResourceType::SemanticModel),
    ("saved_query", ResourceType::SavedQuery),
    ("function", ResourceType::Function),
    ("operation", ResourceType::Operation),
];

/// The nodes that a command works on. A selector that finds nothing is an error, or a warning where the project follows
/// dbt's lenience or `allow_empty` was asked for.
pub(super) fn select(
    workspace: &Workspace,
    command: &str,
    arguments: &SelectionArguments,
    kinds: &[ResourceType],
    allow_empty: bool,
) -> Result<Resolved, Diagnostics> {
    if let Some(retried) = workspace.retried() {
        return retried.resolved(workspace, kinds);
    }
    let kinds = narrowed(arguments, kinds)?;
    let asked = !arguments.select.is_empty() || !arguments.exclude.is_empty();
    let default = || workspace.selectors.default_name().filter(|_| !asked);
    let selection = match arguments.selector.as_deref().or_else(default) {
        Some(name) => Selection::named(workspace.selectors.get(name)?),
        None => Selection::parse(&arguments.select, &arguments.exclude)?,
    };
    let indirect = match arguments.indirect_selection {
        arguments::IndirectSelection::Eager => IndirectSelection::Eager,
        arguments::IndirectSelection::Cautious => IndirectSelection::Cautious,
        arguments::IndirectSelection::Buildable => IndirectSelection::Buildable,
        arguments::IndirectSelection::Empty => IndirectSelection::Empty,
    };
    let previous = previous_state(workspace)?;
    let selection = selection.against(previous.clone());
    let resolved = selection.resolve(&workspace.graph, &workspace.selectors, &kinds, indirect)?;
    for warning in previous.into_iter().flat_map(|previous| previous.warnings()) {
        workspace.talk.warn(warning)?;
    }
    // That nothing has changed is an answer, and no slip of who asked.
    let lenient = allow_empty || resolved.compared || workspace.is_lenient();
    let level = if lenient { Level::Warning } else { Level::Error };
    let mut problems = Diagnostics::default();
    for unmatched in &resolved.unmatched {
        // Leaving out what is not there changes nothing.
        let level = if unmatched.excluded { Level::Warning } else { level };
        problems.push(unmatched.diagnostic(level));
    }
    problems.0.extend(resolved.nothing_for(command, level));
    workspace.talk.warn(problems)?;
    Ok(resolved)
}

fn narrowed(arguments: &SelectionArguments, kinds: &[ResourceType]) -> Result<Vec<ResourceType>, Diagnostic> {
    let wanted = named(&arguments.resource_type)?;
    let unwanted = named(&arguments.exclude_resource_type)?;
    Ok(kinds
        .iter()
        .copied()
        .filter(|kind| (wanted.is_empty() || wanted.contains(kind)) && !unwanted.contains(kind))
        .collect())
}

fn named(names: &[String]) -> Result<Vec<ResourceType>, Diagnostic> {
    let mut kinds = Vec::new();
    for name in names.iter().flat_map(|names| names.split_whitespace()) {
        if name == "all" || name == "default" {
            kinds.extend(TYPES.map(|(_, kind)| kind));
            continue;
        }
        let Some((_, kind)) = TYPES.iter().find(|(known, _)| *known == name) else {
            let known = TYPES.map(|(known, _)| known);
            let help = nearest(name, known).map_or_else(
                || format!("one of: {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Diagnostic::error("invalid-argument", format!("`{name}` is not a resource type")).help(help));
        };
        kinds.push(*kind);
    }
    Ok(kinds)
}
