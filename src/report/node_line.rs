//! The lines of one node: that it starts, and how it ended.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use serde_json::json;

use crate::graph::{Node, ResourceType};
use crate::run::{Level, NodeResult, Status};

use super::line::{Line, node_info, result_info, timestamp};
use super::text::{Style, Text, harmless};

/// Columns up to the status. One for the whole process, which runs one command.
static PRINTER_WIDTH: AtomicUsize = AtomicUsize::new(80);

/// `--printer-width`
pub fn set_printer_width(columns: usize) {
    PRINTER_WIDTH.store(columns, Ordering::Relaxed);
}

/// `1 of 29 START sql view model shop.stg_orders ... [RUN]`.
pub fn started(index: usize, total: usize, node: &Node, thread: &str, at: Timestamp) -> Line {
    if node.resource_type == ResourceType::Operation {
        let text = padded(
            index,
            total,
            &format!("START {}", hook(index, node)),
            Style::Plain,
            "RUN",
            None,
        );
        return Line::new(Level::Info, "Q032", "LogHookStartLine", text)
            .with("statement", hook_name(index, node))
            .with("index", index)
            .about(node_info(node, "started", &timestamp(at), ""))
            .with("total", total)
            .by(thread)
            .shown_live();
    }
    let description = description(node);
    let text = padded(index, total, &format!("START {description}"), Style::Plain, "RUN", None);
    Line::new(Level::Info, "Q011", "LogStartLine", text)
        .with("description", description)
        .with("index", index)
        .about(node_info(node, "started", &timestamp(at), ""))
        .with("total", total)
        .by(thread)
        .shown_live()
}

/// That a thread took up a node. Hooks have no such line.
pub fn begun(node: &Node, thread: &str, at: Timestamp) -> Option<Line> {
    let text = Text::default().and(Style::Dim, format!("Begun: {}", node.id));
    let line = Line::new(Level::Debug, "Q024", "NodeStart", text)
        .about(node_info(node, "started", &timestamp(at), ""))
        .by(thread);
    Some(line).filter(|_| node.resource_type != ResourceType::Operation)
}

/// The same at its end, with the result as machines read it.
pub fn ended(result: &NodeResult) -> Option<Line> {
    let node = &result.node;
    let text = Text::default().and(Style::Dim, format!("Ended: {} ({})", node.id, result.status.name()));
    let message = result
        .message
        .clone()
        .or_else(|| Some(result.diagnostic.as_ref()?.to_string()));
    let line = Line::new(Level::Debug, "Q025", "NodeFinished", text)
        .about(result_info(result))
        .with(
            "run_result",
            json!({
                "adapter_response": result.adapter_response(),
                "execution_time": result.execution_time_seconds,
                "message": harmless(&message.unwrap_or_default()),
                "num_failures": result.failures.unwrap_or_default(),
                "status": result.status.name(),
                "thread": result.thread,
                "timing_info": result.timing(),
            }),
        )
        .by(&result.thread);
    Some(line).filter(|_| node.resource_type != ResourceType::Operation)
}

/// How a node ended.
pub fn finished(index: usize, total: usize, result: &NodeResult) -> Line {
    let line = match (result.status, result.node.resource_type) {
        (_, ResourceType::Operation) => hooked(index, total, result),
        (Status::Skipped, _) => skipped(index, total, result),
        (Status::NoOp, _) => no_op(index, total, result),
        (_, ResourceType::Source) => super::source_line::finished(index, total, result),
        (_, ResourceType::Test | ResourceType::UnitTest) => tested(index, total, result),
        _ => built(index, total, result),
    };
    line.with("index", index)
        .with("total", total)
        .about(result_info(result))
        .by(&result.thread)
}

fn hooked(index: usize, total: usize, result: &NodeResult) -> Line {
    let (level, style, said) = match result.status {
        Status::Success => (Level::Info, Style::Good, "OK"),
        Status::Skipped => (Level::Info, Style::Warn, "SKIP"),
        _ => (Level::Error, Style::Bad, "ERROR"),
    };
    let time = Some(result.execution_time_seconds);
    let shown = format!("{said} {}", hook(index, &result.node));
    let text = padded(index, total, &shown, style, said, time);
    Line::new(level, "Q033", "LogHookEndLine", text)
        .with("execution_time", result.execution_time_seconds)
        .with("statement", hook_name(index, &result.node))
        .with("status", result.status.name())
}

fn hook(index: usize, node: &Node) -> String {
    format!("hook: {}", hook_name(index, node))
}

/// `shop.on-run-start.0`, counted through all packages.
fn hook_name(index: usize, node: &Node) -> String {
    let kind = node.config.tags.first().map_or("", String::as_str);
    format!("{}.{kind}.{}", node.package, index.saturating_sub(1))
}

fn tested(index: usize, total: usize, result: &NodeResult) -> Line {
    let failures = result.failures.unwrap_or(0);
    let (level, style, said) = match result.status {
        Status::Pass => (Level::Info, Style::Good, "PASS".to_owned()),
        Status::Warn => (Level::Warn, Style::Warn, format!("WARN {failures}")),
        Status::Fail => (Level::Error, Style::Bad, format!("FAIL {failures}")),
        _ => (Level::Error, Style::Bad, "ERROR".to_owned()),
    };
    let name = full_name(&result.node);
    let text = padded(
        index,
        total,
        &format!("{said} {name}"),
        style,
        &said,
        Some(result.execution_time_seconds),
    );
    let attached = result
        .node
        .test
        .as_ref()
        .and_then(|test| test.generic.as_ref()?.attached.as_deref());
    Line::new(level, "Q007", "LogTestResult", text)
        .with("attached_node", attached.unwrap_or_default())
        .with("execution_time", result.execution_time_seconds)
        .with("name", name)
        .with("num_failures", failures)
        .with("num_models", total)
        .with("status", result.status.name())
}

fn built(index: usize, total: usize, result: &NodeResult) -> Line {
    let node = &*result.node;
    let is_seed = node.resource_type == ResourceType::Seed;
    let failed = result.status.is_failure();
    let verb = match (node.resource_type, failed) {
        (ResourceType::Seed, false) => "OK loaded",
        (ResourceType::Seed, true) => "ERROR loading",
        (ResourceType::Snapshot, false) => "OK snapshotted",
        (ResourceType::Snapshot, true) => "ERROR snapshotting",
        _ if result.status == Status::PartialSuccess => "PARTIALLY created",
        (_, false) => "OK created",
        (_, true) => "ERROR creating",
    };
    let partly = result.status == Status::PartialSuccess;
    let said = match (&result.message, failed && !partly) {
        (_, true) => "ERROR".to_owned(),
        _ if node.resource_type == ResourceType::Function => result.status.name().to_uppercase(),
        (Some(message), false) => harmless(message),
        (None, false) => "OK".to_owned(),
    };
    let (level, style) = if partly {
        (Level::Info, Style::Warn)
    } else if failed {
        (Level::Error, Style::Bad)
    } else {
        (Level::Info, Style::Good)
    };
    let description = description(node);
    let text = padded(
        index,
        total,
        &format!("{verb} {description}"),
        style,
        &said,
        Some(result.execution_time_seconds),
    );
    let (code, name) = match node.resource_type {
        ResourceType::Seed => ("Q016", "LogSeedResult"),
        ResourceType::Snapshot => ("Q015", "LogSnapshotResult"),
        ResourceType::Function => ("Q047", "LogFunctionResult"),
        _ => ("Q012", "LogModelResult"),
    };
    let line = Line::new(level, code, name, text).with("execution_time", result.execution_time_seconds);
    if is_seed {
        line.with("relation", node.relation.identifier.as_str())
            .with("result_message", said)
            .with("schema", node.relation.schema.as_str())
            .with("status", result.status.name())
    } else {
        line.with("description", description).with("status", said)
    }
}

fn skipped(index: usize, total: usize, result: &NodeResult) -> Line {
    let node = &*result.node;
    let kind = node.resource_type.name();
    let relation = matches!(
        node.resource_type,
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot
    );
    let said = if relation {
        format!("SKIP relation {}.{}", node.relation.schema, node.name)
    } else {
        format!("SKIP {kind} {}", node.name)
    };
    let text = padded(index, total, &said, Style::Warn, "SKIP", None);
    Line::new(Level::Info, "Q034", "SkippingDetails", text)
        .with("node_name", node.name.as_str())
        .with("resource_type", kind)
        .with("schema", node.relation.schema.as_str())
        .with("because", result.skipped_because.as_deref())
}

fn no_op(index: usize, total: usize, result: &NodeResult) -> Line {
    let description = format!("{} {}", result.node.resource_type.name(), result.node.name);
    let time = Some(result.execution_time_seconds);
    let text = padded(
        index,
        total,
        &format!("NO-OP {description}"),
        Style::Warn,
        "NO-OP",
        time,
    );
    Line::new(Level::Info, "Q019", "LogNodeNoOpResult", text)
        .with("description", description)
        .with("execution_time", result.execution_time_seconds)
        .with("status", result.status.name())
}

/// What dbt calls a node in these lines.
pub fn description(node: &Node) -> String {
    let relation = node.relation.plain();
    match node.resource_type {
        ResourceType::Model if node.config.microbatch.is_some() => format!("sql microbatch model {relation}"),
        ResourceType::Model => format!("sql {} model {relation}", node.config.materialized_name),
        ResourceType::Seed => format!("seed file {relation}"),
        ResourceType::Snapshot => format!("snapshot {relation}"),
        ResourceType::Function => format!("function {relation}"),
        ResourceType::Source => super::source_line::description(node),
        kind => format!("{} {}", kind.name(), full_name(node)),
    }
}

/// A unit test by its model too.
fn full_name(node: &Node) -> String {
    match &node.unit_test {
        Some(test) => format!("{}::{}", test.properties.model, test.full_name()),
        None => node.name.clone(),
    }
}

/// `{index} of {total} {said} ` with dots up to the printer's width, then the status and the time.
pub(super) fn padded(index: usize, total: usize, said: &str, style: Style, status: &str, seconds: Option<f64>) -> Text {
    let start = format!("{index} of {total} {said} ");
    let width = unicode_width::UnicodeWidthStr::width(start.as_str());
    let dots = ".".repeat(PRINTER_WIDTH.load(Ordering::Relaxed).saturating_sub(width));
    let text = Text::plain(start)
        .and(Style::Dim, dots)
        .and(Style::Plain, " [")
        .and(style, status);
    match seconds {
        Some(seconds) => text.and(Style::Plain, format!(" in {seconds:.2}s]")),
        None => text.and(Style::Plain, "]"),
    }
}
