//! The end of a run with a gate: what readers see, what they do not, why, and what to do next.

use jiff::Timestamp;

use crate::graph::{Node, ResourceType};
use crate::run::{FailedAudit, Held, HeldBecause, Level, NodeResult, Published, RunResult};

use super::line::Line;
use super::summary::why;
use super::text::{Style, Text, counted, counted_u64};

/// More than these are only counted.
const NAMED: usize = 20;

/// Whether the lines of the gate tell of this failed test, so that nothing else has to.
pub fn explains(run: &RunResult, result: &NodeResult) -> bool {
    result.diagnostic.is_none() && audits(run).any(|audit| audit.test.id == result.node.id)
}

fn audits(run: &RunResult) -> impl Iterator<Item = &FailedAudit> {
    run.held_back.iter().flat_map(|held| match &held.because {
        HeldBecause::Audits(audits) => audits.as_slice(),
        _ => &[],
    })
}

pub fn lines(run: &RunResult) -> Vec<Line> {
    let mut lines = Vec::new();
    if !run.published.is_empty() {
        lines.push(Line::blank());
        lines.extend(published(&run.published));
    }
    if !run.held_back.is_empty() {
        lines.push(Line::blank());
        lines.extend(held_back(&run.held_back));
    }
    lines
}

fn published(all: &[Published]) -> Vec<Line> {
    let (changed, unchanged): (Vec<&Published>, Vec<&Published>) = all.iter().partition(|one| one.changed);
    let mut head = format!("Certified and published {}", counted(changed.len(), "model"));
    if !unchanged.is_empty() {
        head = format!("{head}, {} as before", unchanged.len());
    }
    let mut lines = vec![
        say(Text::default().and(Style::Good, format!("{head}.")))
            .with("changed", changed.len())
            .with("unchanged", unchanged.len()),
    ];
    let name_width = changed
        .iter()
        .take(NAMED)
        .map(|one| one.model.relation.plain().len())
        .max()
        .unwrap_or(0);
    for one in changed.iter().take(NAMED) {
        let rows = one
            .rows
            .map(|rows| format!("{}, ", counted_u64(rows, "row")))
            .unwrap_or_default();
        let text = Text::plain("  ")
            .and(Style::Strong, format!("{:name_width$}", one.model.relation.plain()))
            .and(Style::Plain, format!("  {rows}{}", counted(one.tests, "test")))
            .and(Style::Dim, one.changes.map(|c| format!("  {c}")).unwrap_or_default());
        lines.push(
            say(text)
                .with("unique_id", &*one.model.id)
                .with("version", one.version.as_str())
                .with("rows", one.rows)
                .with("tests", one.tests),
        );
        lines.extend(remarks(one));
    }
    for one in unchanged.iter().take(NAMED).filter(|one| !remarks(one).is_empty()) {
        lines.push(say(Text::plain("  ")
            .and(Style::Strong, one.model.relation.plain())
            .and(Style::Plain, "  as before")));
        lines.extend(remarks(one));
    }
    if changed.len() > NAMED {
        lines.push(say(Text::plain(format!("  and {} more", changed.len() - NAMED))));
    }
    lines
}

/// What a certificate says that its reader should know: warnings, and sources that are not fresh.
fn remarks(one: &Published) -> Vec<Line> {
    let warnings = one.warnings.iter().map(|(test, failures)| {
        let text = Text::plain("    ").and(Style::Warn, "WARN").and(
            Style::Plain,
            format!(" {}: {}", test.name, counted_u64(*failures, "failure")),
        );
        Line::new(Level::Warn, "G012", "GateWarning", text)
            .with("unique_id", &*one.model.id)
            .with("test", &*test.id)
            .with("failures", *failures)
    });
    let stale = one
        .sources
        .iter()
        .filter(|source| source.status != "pass")
        .map(|source| {
            let text = Text::plain("    ")
                .and(Style::Warn, "WARN")
                .and(Style::Plain, format!(" source {}", source.text()));
            Line::new(Level::Warn, "G013", "GateFreshness", text)
                .with("unique_id", &*one.model.id)
                .with("source", source.source.as_str())
                .with("status", source.status.as_str())
        });
    warnings.chain(stale).collect()
}

fn held_back(all: &[Held]) -> Vec<Line> {
    let head = format!(
        "Held back {}; what was certified before still stands.",
        counted(all.len(), "model")
    );
    let mut lines = vec![complain(Text::default().and(Style::Bad, head)).with("held_back", all.len())];
    for held in all {
        lines.push(
            complain(
                Text::plain("  ")
                    .and(Style::Strong, held.model.relation.plain())
                    .and(Style::Plain, format!(": {}", why(held)))
                    .and(Style::Dim, format!(" ({})", standing(held.standing))),
            )
            .with("unique_id", &*held.model.id)
            .with("standing", held.standing.map(|at| at.to_string())),
        );
        if let HeldBecause::Audits(audits) = &held.because {
            lines.extend(audits.iter().map(audit));
        }
    }
    lines.push(complain(next_step(all)));
    lines
}

fn standing(at: Option<Timestamp>) -> String {
    match at {
        Some(at) => format!(
            "readers see what was certified {}",
            at.strftime("%Y-%m-%d %H:%M:%S UTC")
        ),
        None => "never certified, so readers see nothing yet".to_owned(),
    }
}

/// The name of a failed test, what it counted, where it is written, and the SQL that shows the rows.
fn audit(audit: &FailedAudit) -> Line {
    let found = match audit.failures {
        Some(failures) => counted_u64(failures, "failure"),
        None => "could not be asked".to_owned(),
    };
    let mut text = Text::plain("    ")
        .and(Style::Bad, "FAIL")
        .and(
            Style::Plain,
            format!(" {}: {found}\n      declared at ", audit.test.name),
        )
        .and(Style::Place, declared(&audit.test));
    if let Some(path) = &audit.compiled_path {
        text = text
            .and(Style::Plain, "\n      the rows: ")
            .and(Style::Place, path.as_str());
    }
    complain(text)
        .with("test", &*audit.test.id)
        .with("failures", audit.failures)
        .with("declared", declared(&audit.test))
        .with("path", audit.compiled_path.as_deref())
}

/// What to run once the cause is mended: the models whose own audits or building failed, and what follows from them.
fn next_step(all: &[Held]) -> Text {
    let roots: Vec<&str> = all
        .iter()
        .filter(|held| {
            matches!(
                held.because,
                HeldBecause::Audits(_) | HeldBecause::NotBuilt | HeldBecause::Stale(_)
            )
        })
        .map(|held| held.model.name.as_str())
        .collect();
    let select: Vec<String> = roots.iter().map(|name| format!("{name}+")).collect();
    let text = Text::default().and(Style::Good, "  next:");
    if select.is_empty() {
        return text.and(Style::Plain, " mend what failed above, then run the same command again");
    }
    let shows = if all.iter().any(|held| matches!(held.because, HeldBecause::Audits(_))) {
        " run the SQL of a failed test to see its rows; once they are mended:"
    } else {
        " once it is mended:"
    };
    text.and(
        Style::Plain,
        format!("{shows} assay build --select {}", select.join(" ")),
    )
}

/// Where a node is written: the file, and the line where the file holds more than the node.
pub fn declared(node: &Node) -> String {
    let generic = node.test.as_ref().is_some_and(|test| test.generic.is_some());
    if generic || node.resource_type == ResourceType::Exposure {
        format!("{}:{}", node.declared.file.path, node.declared.line())
    } else {
        node.original_path.clone()
    }
}

fn say(text: Text) -> Line {
    Line::new(Level::Info, "G010", "GateSummary", text)
}

fn complain(text: Text) -> Line {
    Line::new(Level::Error, "G011", "GateHeldBack", text)
}
