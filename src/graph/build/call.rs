//! Calls of `ref`, `source` and `metric` that stand in properties.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::graph::Ref;
use crate::graph::recorder::Recorded;

static CALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"^\s*(?:\{\{-?)?\s*(ref|source|metric)\(\s*['"]([^'"]+)['"]\s*(?:,\s*['"]([^'"]+)['"]\s*)?(?:,\s*(?:v|version)\s*=\s*(['"]?[^'"\s]+?['"]?)\s*)?\)\s*(?:-?\}\})?\s*$"#,
    )
    .expect("the pattern is fixed")
});

/// Adds what the call asks for. A text that is none is told by `bad`.
pub(super) fn record(
    text: &str,
    bad: &dyn Fn(String) -> Diagnostic,
    place: &Place,
    recorded: &mut Recorded,
    problems: &mut Diagnostics,
) {
    let Some(found) = CALL.captures(text) else {
        problems.push(bad(format!("`{text}` is no call that is known here")).at(place.clone()));
        return;
    };
    let first = found[2].to_owned();
    let second = found.get(3).map(|second| second.as_str().to_owned());
    let version = found.get(4).map(|version| Ref::written_version(version.as_str()));
    match (&found[1], second) {
        ("source", Some(table)) => recorded.sources.push((first, table)),
        ("source", None) => problems.push(
            bad(format!("`{text}` names no table"))
                .at(place.clone())
                .help("write source('source', 'table')"),
        ),
        ("metric", name) => recorded.metrics.push(std::iter::once(first).chain(name).collect()),
        (_, Some(name)) => recorded.refs.push(Ref {
            package: Some(first),
            name,
            version,
        }),
        (_, None) => recorded.refs.push(Ref {
            package: None,
            name: first,
            version,
        }),
    }
}
