//! What to say about an event.

use crate::diagnostic::{self, Diagnostic};
use crate::graph::{Node, ResourceType};
use crate::run::{Event, Held, HeldBecause, Level, Published, Stamped};

use super::batch_line;
use super::diagnostic::{fields, text};
use super::line::Line;
use super::log_line;
use super::node_line;
use super::summary;
use super::text::{Style, Text, counted, counted_u64, harmless};

/// The lines of an event, none where it is only of use to a live display.
pub fn lines(stamped: &Stamped) -> Vec<Line> {
    match &stamped.event {
        // The listener puts it on standard output.
        Event::Printed(_) => Vec::new(),
        Event::Invoked => {
            let version = env!("CARGO_PKG_VERSION");
            let text = format!("Running with assay={version}");
            vec![
                Line::info("A001", "MainReportVersion", text)
                    .with("log_version", 3)
                    .with("version", format!("={version}")),
            ]
        }
        Event::Called(options) => vec![log_line::called(options)],
        Event::StatementSent { node, thread, sql } => vec![log_line::sent(node.as_ref(), thread, sql)],
        Event::StatementDone {
            node,
            thread,
            seconds,
            error,
        } => vec![log_line::done(node.as_ref(), thread, *seconds, error.as_deref())],
        Event::Found(counts) => {
            let counted: Vec<String> = counts.iter().map(|(count, noun)| self::counted(*count, noun)).collect();
            let stats = counted.join(", ");
            vec![Line::info("W006", "FoundStats", format!("Found {stats}")).with("stat_line", stats)]
        }
        Event::Started { nodes, threads, target } => {
            let text = format!("Concurrency: {} (target='{target}')", counted(*threads, "thread"));
            let line = Line::info("Q027", "ConcurrencyLine", text)
                .with("node_count", *nodes)
                .with("num_threads", *threads)
                .with("target_name", target.as_str());
            vec![Line::blank(), line, Line::blank()]
        }
        Event::NodeStarted {
            index,
            total,
            node,
            thread,
        } => {
            let line = node_line::started(*index, *total, node, thread, stamped.at);
            // Hooks stand apart from the nodes between them.
            if is_hook(node, "on-run-end") && *index == 1 {
                vec![Line::blank(), line]
            } else {
                [Some(line), node_line::begun(node, thread, stamped.at)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
        }
        Event::NodeFinished { index, total, result } => {
            let line = node_line::finished(*index, *total, result);
            if is_hook(&result.node, "on-run-start") && index == total {
                vec![line, Line::blank()]
            } else {
                [Some(line), node_line::ended(result)].into_iter().flatten().collect()
            }
        }
        Event::BatchStarted {
            index,
            total,
            node,
            thread,
        } => vec![batch_line::started(*index, *total, node, thread, stamped.at)],
        Event::BatchFinished { index, total, result } => vec![batch_line::finished(*index, *total, result)],
        Event::Certified { model, tests } => vec![certified(model, *tests)],
        Event::Published(published) => vec![self::published(published)],
        Event::HeldBack(held) => vec![held_back(held)],
        Event::Message { level, text } => {
            let style = match level {
                Level::Debug => Style::Dim,
                Level::Info => Style::Plain,
                Level::Warn => Style::Warn,
                Level::Error => Style::Bad,
            };
            let text = harmless(text);
            vec![Line::new(*level, "X001", "Message", Text::default().and(style, text.as_str())).with("msg", text)]
        }
        Event::Diagnostic(found) => vec![diagnosed(found)],
        Event::Finished(result) => summary::lines(result),
        Event::Completed {
            command,
            success,
            elapsed_seconds,
        } => vec![log_line::completed(command, *success, *elapsed_seconds, stamped.at)],
    }
}

fn diagnosed(found: &Diagnostic) -> Line {
    let level = match found.level {
        diagnostic::Level::Warning => Level::Warn,
        diagnostic::Level::Error => Level::Error,
    };
    let line = Line::new(level, "X002", "Diagnostic", text(found));
    fields(found)
        .into_iter()
        .fold(line, |line, (key, value)| line.with(&key, value))
}

fn certified(model: &Node, tests: usize) -> Line {
    let said = format!("{} passed", counted(tests, "test"));
    let text = gate_line(Style::Good, "certified", model, &said);
    Line::new(Level::Info, "G001", "Certified", text)
        .with("unique_id", &*model.id)
        .with("tests", tests)
}

/// One published model in the middle of a run; the summary tells all of them again.
fn published(published: &Published) -> Line {
    let mut said = counted(published.tests, "test");
    if let Some(rows) = published.rows {
        said = format!("{}, {said}", counted_u64(rows, "row"));
    }
    if !published.changed {
        said.push_str(", unchanged");
    }
    let text = gate_line(Style::Good, "published", &published.model, &said);
    Line::new(Level::Debug, "G002", "Published", text)
        .with("unique_id", &*published.model.id)
        .with("version", published.version.as_str())
        .with("rows", published.rows)
        .with("tests", published.tests)
        .with("changed", published.changed)
}

fn held_back(held: &Held) -> Line {
    let text = gate_line(Style::Bad, "held back", &held.model, &summary::why(held));
    let audits = match &held.because {
        HeldBecause::Audits(audits) => audits.iter().map(|audit| audit.test.id.to_string()).collect(),
        _ => Vec::new(),
    };
    Line::new(Level::Warn, "G003", "HeldBack", text)
        .with("unique_id", &*held.model.id)
        .with("failed_tests", audits)
}

fn gate_line(style: Style, verb: &str, model: &Node, said: &str) -> Text {
    Text::default()
        .and(style, verb)
        .and(Style::Plain, format!(" {}: {said}", model.relation.plain()))
}

fn is_hook(node: &Node, kind: &str) -> bool {
    node.resource_type == ResourceType::Operation && node.config.tags.first().is_some_and(|tag| tag == kind)
}
