//! `diff`: how two versions of a published model differ, row by row.

use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::gate::{Kept, Ledger};
use crate::graph::{Node, NodeConfig};
use crate::postgres::Connection;
use crate::report::{self, ShowFormat, Told};
use crate::run::{DiffScope, key_of, version_diff};

use super::arguments::{DiffArguments, Global, ShowOutput};
use super::connect::{connect_to_look, gate_of, ledger_is_there};
use super::ls::{closed_pipe, unwritable};
use super::show::{candidate, published_model};
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

const CANDIDATE: &str = "candidate";

pub(super) async fn diff(global: &Global, talk: &Talk, arguments: &DiffArguments) -> Outcome {
    let workspace = Workspace::load(global, talk, "diff")?;
    gate_of(&workspace)?;
    let connected = connect_to_look(&workspace).await?;
    let told = async {
        let connection = connected.pool.get().await?;
        compare(&workspace, &connection, arguments).await
    };
    let told = told.await;
    connected.leave(told.is_ok()).await?;
    let format = match arguments.output {
        ShowOutput::Text => ShowFormat::Text,
        ShowOutput::Json => ShowFormat::Json,
    };
    let written = report::diff(&mut std::io::stdout().lock(), &told?, format);
    written.or_else(closed_pipe).map_err(|error| unwritable(&error))?;
    Ok(Status::Success)
}

async fn compare(
    workspace: &Workspace,
    connection: &Connection,
    arguments: &DiffArguments,
) -> Result<Told, Diagnostics> {
    let gate = gate_of(workspace)?;
    let node = published_model(workspace, &arguments.model)?;
    let kept = if ledger_is_there(&gate, connection).await? {
        kept(&gate.ledger, connection, node).await?
    } else {
        Vec::new()
    };
    let named = |name: &str| -> Result<&Kept, Diagnostic> {
        let found = kept.iter().find(|one| one.relation.identifier == name);
        found.ok_or_else(|| no_such_version(node, name, &kept))
    };
    let published = kept.iter().find(|one| one.state == "published");
    let wants_candidate = arguments.candidate || arguments.to.as_deref() == Some(CANDIDATE);
    let (to, state) = match &arguments.to {
        _ if wants_candidate => (candidate(workspace, connection, &arguments.model).await?, CANDIDATE),
        Some(name) => named(name).map(|one| (one.relation.clone(), one.state.as_str()))?,
        None => {
            let one = published.ok_or_else(|| nothing_to_compare(node))?;
            (one.relation.clone(), one.state.as_str())
        }
    };
    let from = match &arguments.from {
        Some(name) => named(name)?,
        None if wants_candidate => published.ok_or_else(|| nothing_to_compare(node))?,
        // Newest first: what readers once saw, before the one that is looked at.
        None => kept
            .iter()
            .skip_while(|one| one.relation != to)
            .skip(1)
            .find(|one| matches!(one.state.as_str(), "retired" | "published"))
            .ok_or_else(|| nothing_to_compare(node))?,
    };
    let key = NodeConfig {
        unique_key: key_of(&workspace.graph, node, &|_| true),
        ..node.config.clone()
    };
    let scope = DiffScope {
        sample: (!arguments.whole).then_some(arguments.sample),
        limit: arguments.limit,
    };
    let diff = version_diff(connection, &from.relation, &to, &key, scope)
        .await
        .map_err(|error| error.diagnostic())?;
    Ok(Told {
        model: node.relation.plain(),
        from: (from.relation.identifier.clone(), from.state.clone()),
        to: (to.identifier.clone(), state.to_owned()),
        diff,
    })
}

async fn kept(ledger: &Ledger, connection: &Connection, node: &Node) -> Result<Vec<Kept>, Diagnostic> {
    let kept = ledger.kept(connection, &node.relation.identifier).await;
    kept.map_err(|error| error.diagnostic())
}

fn no_such_version(node: &Node, name: &str, kept: &[Kept]) -> Diagnostic {
    let names: Vec<&str> = kept.iter().map(|one| one.relation.identifier.as_str()).collect();
    let diagnostic = Diagnostic::error("no-such-version", format!("{} has no version `{name}`", node.name));
    if names.is_empty() {
        return diagnostic.because("no version of it is kept");
    }
    let diagnostic = diagnostic.because(format!("these are kept, newest first: {}", names.join(", ")));
    match nearest(name, names) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

fn nothing_to_compare(node: &Node) -> Diagnostic {
    Diagnostic::error(
        "nothing-to-compare",
        format!("there are no two versions of {} to compare", node.name),
    )
    .because(
        "a version stays as long as `gate.keep` says; a delta changes the published version and leaves none behind",
    )
    .help(
        "`assay history` shows what was published; `--candidate` compares what failed its audits with what readers see",
    )
}
