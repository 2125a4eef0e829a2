//! The lines of `source freshness`: how old a source is, and what that means.

use crate::graph::Node;
use crate::run::{Level, NodeResult, SourceAge, Status};

use super::line::Line;
use super::node_line::padded;
use super::text::Style;

/// What dbt calls the work on a source.
pub fn description(node: &Node) -> String {
    format!("freshness of {}.{}", source_name(node), node.name)
}

fn source_name(node: &Node) -> &str {
    node.source_spec.as_ref().map_or("", |spec| &spec.source_name)
}

/// How looking at a source ended.
pub fn finished(index: usize, total: usize, result: &NodeResult) -> Line {
    let (level, style, said) = match result.status {
        Status::Pass => (Level::Info, Style::Good, "PASS"),
        Status::Warn => (Level::Warn, Style::Warn, "WARN"),
        Status::Error => (Level::Error, Style::Bad, "ERROR STALE"),
        _ => (Level::Error, Style::Bad, "ERROR"),
    };
    let node = &*result.node;
    let time = Some(result.execution_time_seconds);
    let shown = format!("{said} {}", description(node));
    Line::new(
        level,
        "Q018",
        "LogFreshnessResult",
        padded(index, total, &shown, style, said, time),
    )
    .with("execution_time", result.execution_time_seconds)
    .with("source_name", source_name(node))
    .with("status", result.status.name())
    .with("table_name", node.name.as_str())
}

/// The line that ends the command.
pub fn done() -> Line {
    Line::info("Q003", "FreshnessCheckComplete", "Done.")
}

/// What is known of a source that is too old.
pub fn too_old(result: &NodeResult, age: &SourceAge) -> String {
    let limit = result.node.source_spec.as_ref().and_then(|spec| {
        let freshness = spec.freshness.as_ref()?;
        let limit = if result.status == Status::Warn {
            freshness.warn_after
        } else {
            freshness.error_after
        };
        limit?.text()
    });
    let limit = limit.unwrap_or_default();
    // As old as the calendar is what has no rows.
    if age.max_loaded_at.as_second() <= FIRST_YEAR {
        return format!("no row tells when it was loaded; the limit is {limit}");
    }
    let loaded = age.max_loaded_at.strftime("%Y-%m-%d %H:%M:%S");
    format!(
        "last loaded at {loaded} UTC, {} ago; the limit is {limit}",
        span(age.seconds)
    )
}

/// The first moment of the year 1, in seconds since 1970.
const FIRST_YEAR: i64 = -62_135_596_800;

/// `3 hours`, `2 days`: the greatest unit of which there are two.
fn span(seconds: f64) -> String {
    let units = [(86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")];
    let found = units.into_iter().find(|(length, _)| seconds >= 2.0 * length);
    let (length, name) = found.unwrap_or((1.0, "seconds"));
    format!("{:.0} {name}", (seconds / length).floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_the_greatest_unit() {
        assert_eq!(span(59.0), "59 seconds");
        assert_eq!(span(7199.0), "119 minutes");
        assert_eq!(span(7200.0), "2 hours");
        assert_eq!(span(217_436_143.3), "2516 days");
    }
}
