//! Constraints as properties files write them, checked as dbt checks them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

use super::check::what;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, nearest};
use crate::graph::{Constraint, ConstraintKind, Materialization, Node, Ref, ResourceType};
use crate::project::NodeProperties;

static CALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"^\s*(ref|source)\(\s*['"]([^'"]+)['"]\s*(?:,\s*['"]([^'"]+)['"]\s*)?(?:,\s*(?:v|version)\s*=\s*(['"]?[\w.]+['"]?)\s*)?\)\s*$"#,
    )
    .expect("the pattern is fixed")
});

/// What a foreign key reads.
pub(super) enum Target {
    Ref(Ref),
    Source(String, String),
}

/// The call in a foreign key's `to`.
pub(super) fn target(to: &str) -> Option<Target> {
    let call = CALL.captures(to)?;
    let part = |index: usize| call.get(index).map(|part| part.as_str().to_owned());
    let first = call[2].to_owned();
    if &call[1] == "source" {
        return Some(Target::Source(first, part(3)?));
    }
    let (package, name) = match part(3) {
        Some(name) => (Some(first), name),
        None => (None, first),
    };
    let version = part(4).map(|version| Ref::written_version(&version));
    Some(Target::Ref(Ref { package, name, version }))
}

/// The constraints of a list; what is wrong is reported and left out.
pub(super) fn read(items: &[Json], of_model: bool, place: &Place, problems: &mut Diagnostics) -> Vec<Constraint> {
    let mut constraints = Vec::new();
    for item in items {
        let text = |key: &str| item.get(key).and_then(Json::as_str).map(str::to_owned);
        let names = |key: &str| -> Vec<String> {
            let items = item.get(key).and_then(Json::as_array);
            items
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        };
        let flag = |key: &str| item.get(key).and_then(Json::as_bool).unwrap_or(true);
        let written = text("type").unwrap_or_default();
        let Some((_, kind)) = ConstraintKind::NAMES.iter().find(|(name, _)| *name == written) else {
            let known = ConstraintKind::NAMES.map(|(name, _)| name);
            let diagnostic = Diagnostic::error("bad-constraint", format!("there is no constraint of type `{written}`"))
                .at(place.clone())
                .because(format!("known are {}", known.join(", ")));
            problems.push(match nearest(&written, known) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            });
            continue;
        };
        let to = text("to");
        if let Some(to) = &to
            && *kind == ConstraintKind::ForeignKey
            && target(to).is_none()
        {
            problems.push(
                Diagnostic::error("bad-constraint", format!("`to: {to}` is no call of `ref` or `source`"))
                    .at(place.clone())
                    .help("write to: ref('model') or to: source('source', 'table')"),
            );
        }
        constraints.push(Constraint {
            kind: *kind,
            name: text("name"),
            expression: text("expression"),
            warn_unenforced: flag("warn_unenforced"),
            warn_unsupported: flag("warn_unsupported"),
            to,
            relation: None,
            to_columns: names("to_columns"),
            columns: of_model.then(|| names("columns")),
        });
    }
    constraints
}

/// Gives a model its constraints, and what its foreign keys read.
pub(super) fn constrain(node: &mut Node, properties: &NodeProperties, problems: &mut Diagnostics) {
    if node.resource_type != ResourceType::Model {
        return;
    }
    node.constraints = read(&properties.constraints, true, &properties.place, problems);
    let is_key = |constraint: &&Constraint| constraint.kind == ConstraintKind::PrimaryKey;
    let of_columns = node
        .columns
        .values()
        .flat_map(|column| &column.constraints)
        .filter(is_key);
    let (of_columns, of_model) = (of_columns.count(), node.constraints.iter().filter(is_key).count());
    if of_columns > 1 || (of_columns == 1 && of_model > 0) {
        problems.push(
            Diagnostic::error(
                "bad-constraint",
                format!("{} has more than one primary key", what(node)),
            )
            .at(properties.place.clone())
            .help("write one primary key below `constraints` of the model, with its `columns`"),
        );
    }
    if node.config.contract_enforced && node.columns.is_empty() {
        problems.push(
            Diagnostic::error(
                "empty-contract",
                format!("{} has an enforced contract and no columns", what(node)),
            )
            .at(properties.place.clone())
            .help("list its columns with their data_type"),
        );
    }
    let all = node
        .constraints
        .iter()
        .chain(node.columns.values().flat_map(|column| &column.constraints));
    let made = matches!(
        node.config.materialized,
        Materialization::Table | Materialization::Incremental
    );
    if node.config.contract_enforced && !made && all.clone().any(|constraint| constraint.warn_unsupported) {
        problems.push(
            Diagnostic::warning(
                "unmade-constraint",
                format!(
                    "the constraints of {} are not made: it is materialized as `{}`",
                    what(node),
                    node.config.materialized_name
                ),
            )
            .at(properties.place.clone())
            .help("materialize it as a table, or give the constraints `warn_unsupported: false`"),
        );
    }
    let (mut refs, mut sources) = (Vec::new(), Vec::new());
    for constraint in all.filter(|constraint| constraint.kind == ConstraintKind::ForeignKey) {
        match constraint.to.as_deref().and_then(target) {
            Some(Target::Ref(reference)) => refs.push(reference),
            Some(Target::Source(source, table)) => sources.push((source, table)),
            None => {}
        }
    }
    node.refs.extend(refs);
    node.sources.extend(sources);
}
