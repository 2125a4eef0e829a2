//! The end of a run: what was built, what failed, what readers see and what they do not.

use std::collections::BTreeMap;

use crate::graph::ResourceType;
use crate::run::{Held, HeldBecause, Level, NodeResult, RunResult, Status};

use super::diagnostic;
use super::gate;
use super::line::{Line, result_info};
use super::source_line;
use super::text::{Style, Text, counted, harmless};

pub fn lines(run: &RunResult) -> Vec<Line> {
    if run
        .results
        .iter()
        .any(|result| result.node.resource_type == ResourceType::Source)
    {
        return freshness_lines(run);
    }
    let mut lines = vec![Line::blank(), finished_running(run), Line::blank(), headline(run)];
    for result in &run.results {
        if !gate::explains(run, result) {
            lines.extend(problem(result));
        }
    }
    lines.extend(gate::lines(run));
    lines.push(Line::blank());
    lines.push(stats(run));
    lines
}

/// The end of `source freshness`, which has no totals in dbt either.
fn freshness_lines(run: &RunResult) -> Vec<Line> {
    let mut lines = vec![Line::blank(), finished_running(run)];
    lines.extend(run.results.iter().flat_map(problem));
    lines.push(source_line::done());
    lines
}

/// Why a model was held back, in a few words.
pub fn why(held: &Held) -> String {
    match &held.because {
        HeldBecause::Audits(audits) => format!("{} failed", counted(audits.len(), "test")),
        HeldBecause::Stale(sources) => format!("it stands on what is not fresh: {}", sources.replace('\n', "; ")),
        HeldBecause::NotBuilt => "it could not be built".to_owned(),
        HeldBecause::Parent(parent) => format!("it reads {}, which did not pass", parent.name),
        HeldBecause::Set(other) => format!("it is published together with {}, which was held back", other.name),
    }
}

fn finished_running(run: &RunResult) -> Line {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for result in &run.results {
        let node = &result.node;
        let kind = match node.resource_type {
            ResourceType::Model => format!("{} model", node.config.materialized_name.replace('_', " ")),
            ResourceType::Operation => "project hook".to_owned(),
            ResourceType::UnitTest => "unit test".to_owned(),
            kind => kind.name().to_owned(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let counts: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| counted(*count, if kind == "test" { "data test" } else { kind }))
        .collect();
    let counts = counts.join(", ");
    let seconds = run.elapsed_seconds;
    let time = format!(" in {}", duration(seconds));
    Line::info(
        "E047",
        "FinishedRunningStats",
        format!("Finished running {counts}{time} ({seconds:.2}s)."),
    )
    .with("execution", time)
    .with("execution_time", seconds)
    .with("stat_line", counts)
}

/// `0 hours 1 minutes and 2.50 seconds`, as dbt has it.
fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).floor();
    let hours = (minutes / 60.0).floor();
    format!(
        "{hours:.0} hours {:.0} minutes and {:.2} seconds",
        minutes % 60.0,
        seconds % 60.0
    )
}

fn headline(run: &RunResult) -> Line {
    let errors = run.count(&[Status::Error, Status::Fail, Status::RuntimeError]);
    let partial = run.count(&[Status::PartialSuccess]);
    let warnings = run.count(&[Status::Warn]);
    let text = if run.interrupted {
        Text::default().and(Style::Warn, "Stopped before the end.")
    } else if errors + partial > 0 {
        let partial_noun = if partial == 1 {
            "partial success"
        } else {
            "partial successes"
        };
        let said = format!(
            "Completed with {}, {partial} {partial_noun}, and {}:",
            counted(errors, "error"),
            counted(warnings, "warning")
        );
        Text::default().and(Style::Bad, said)
    } else if warnings > 0 {
        Text::default().and(Style::Warn, format!("Completed with {}:", counted(warnings, "warning")))
    } else {
        Text::default().and(Style::Good, "Completed successfully")
    };
    Line::new(Level::Info, "Z030", "EndOfRunSummary", text)
        .with("keyboard_interrupt", run.interrupted)
        .with("num_errors", errors)
        .with("num_partial_success", partial)
        .with("num_warnings", warnings)
}

/// What went wrong with a node, and the SQL that shows it.
fn problem(result: &NodeResult) -> Vec<Line> {
    let warned = result.status == Status::Warn;
    if !warned && !result.status.is_failure() {
        return Vec::new();
    }
    let node = &result.node;
    let kind = node.resource_type.name();
    let (level, style, word, code, name) = if warned {
        (Level::Warn, Style::Warn, "WARNING", "Z021", "RunResultWarning")
    } else {
        (Level::Error, Style::Bad, "ERROR", "Z022", "RunResultFailure")
    };
    let place = gate::declared(node);
    let head = Text::plain("[")
        .and(style, word)
        .and(Style::Plain, format!("]: in {kind} {} (", node.name))
        .and(Style::Place, place)
        .and(Style::Plain, ")");
    let head = Line::new(level, code, name, head)
        .about(result_info(result))
        .with("node_name", node.name.as_str())
        .with("path", node.original_path.as_str())
        .with("resource_type", kind);
    let mut lines = vec![Line::blank(), head, what(result, level)];
    if let Some(path) = &result.compiled_path {
        let text = Text::plain("  compiled code at ").and(Style::Place, path.as_str());
        let line = Line::new(Level::Info, "Z026", "SQLCompiledPath", text);
        lines.push(Line::blank());
        lines.push(line.about(result_info(result)).with("path", path.as_str()));
    }
    lines
}

fn what(result: &NodeResult, level: Level) -> Line {
    let (code, name) = match level {
        Level::Warn => ("Z046", "RunResultWarningMessage"),
        _ => ("Z024", "RunResultError"),
    };
    match (&result.diagnostic, &result.message) {
        (Some(found), _) => {
            let text = diagnostic::text(found).indented(2);
            let line = Line::new(level, code, name, text).with("msg", harmless(&found.to_string()));
            diagnostic::fields(found)
                .into_iter()
                .fold(line, |line, (key, value)| line.with(&key, value))
        }
        (None, _) if result.age.is_some() => {
            let message = result.age.as_ref().map(|age| source_line::too_old(result, age));
            let message = harmless(&message.unwrap_or_default());
            let text = Text::plain(message.as_str()).indented(2);
            Line::new(level, code, name, text).with("msg", message)
        }
        (None, message) => {
            let message = harmless(message.as_deref().unwrap_or("no reason was given"));
            let text = Text::plain(message.as_str()).indented(2);
            Line::new(level, code, name, text).with("msg", message)
        }
    }
    .about(result_info(result))
}

fn stats(run: &RunResult) -> Line {
    let pass = run.count(&[Status::Success, Status::Pass]);
    let warn = run.count(&[Status::Warn]);
    let error = run.count(&[
        Status::Error,
        Status::Fail,
        Status::RuntimeError,
        Status::PartialSuccess,
    ]);
    let skip = run.count(&[Status::Skipped]);
    let no_op = run.count(&[Status::NoOp]);
    let total = run.results.len();
    let text = format!("Done. PASS={pass} WARN={warn} ERROR={error} SKIP={skip} NO-OP={no_op} REUSED=0 TOTAL={total}");
    Line::info("Z023", "StatsLine", text).with(
        "stats",
        serde_json::json!({
            "error": error, "noop": no_op, "pass": pass, "reused": 0, "skip": skip, "total": total, "warn": warn,
        }),
    )
}
