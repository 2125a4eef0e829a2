//! Whether one node fits one criterion, its graph operators aside.

use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::graph::{Access, Node, ResourceType, Severity};

use super::criterion::{Criterion, Method};
use super::pattern::{is_pattern, matches};

/// A criterion ready to look at nodes.
pub struct Matcher<'a> {
    criterion: &'a Criterion,
    root_package: &'a str,
    path: Option<GlobMatcher>,
}

impl<'a> Matcher<'a> {
    /// Fails where a path has wildcards that make no pattern.
    pub fn new(criterion: &'a Criterion, root_package: &'a str) -> Result<Self, Diagnostic> {
        let path = match criterion.method {
            Method::Path => Some(path_pattern(&criterion.value)?),
            _ => None,
        };
        Ok(Self {
            criterion,
            root_package,
            path,
        })
    }

    pub fn fits(&self, node: &Node) -> bool {
        let value = self.criterion.value.as_str();
        let kind = node.resource_type;
        match self.criterion.method {
            Method::Fqn => kind != ResourceType::Source && fits_fqn(value, &node.fqn, node.version.is_some()),
            Method::Tag => node.config.tags.iter().any(|tag| matches(value, tag)),
            Method::Source => kind == ResourceType::Source && fits_source(value, node),
            Method::Path => self.path.as_ref().is_some_and(|pattern| fits_path(pattern, node)),
            Method::File => {
                let name = node.original_path.rsplit('/').next().unwrap_or_default();
                let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
                matches(value, name) || matches(value, stem)
            }
            Method::Package => {
                let wanted = if value == "this" { self.root_package } else { value };
                matches(wanted, &node.package)
            }
            Method::Config => is_configurable(kind) && fits_config(&self.criterion.arguments, value, node),
            Method::TestName => generic_name(node).is_some_and(|name| matches(value, name)),
            Method::UnitTest => kind == ResourceType::UnitTest && fits_named(value, node),
            Method::TestType if kind == ResourceType::UnitTest => value == "unit",
            Method::TestType => match (value, node.test.as_ref()) {
                ("generic" | "schema", Some(test)) => test.generic.is_some(),
                ("singular", Some(test)) => test.generic.is_none(),
                ("data", Some(_)) => true,
                _ => false,
            },
            Method::ResourceType => kind.name() == value,
            Method::Access => kind == ResourceType::Model && access(node.access) == value,
            Method::Group => {
                (is_configurable(kind) || kind == ResourceType::Metric)
                    && node.group.as_deref().is_some_and(|group| matches(value, group))
            }
            Method::Version => kind == ResourceType::Model && fits_version(value, node),
            // Looked up as a whole: see `resolve`.
            Method::Selector | Method::State | Method::Result | Method::SourceStatus => false,
            Method::Exposure => kind == ResourceType::Exposure && fits_named(value, node),
            Method::Metric => kind == ResourceType::Metric && fits_named(value, node),
            Method::SemanticModel => kind == ResourceType::SemanticModel && fits_named(value, node),
            Method::SavedQuery => kind == ResourceType::SavedQuery && fits_named(value, node),
        }
    }
}

/// What uses the tables outside, or only tells what they mean, has no configuration to select by; nor, to dbt, have functions.
fn is_configurable(kind: ResourceType) -> bool {
    !matches!(
        kind,
        ResourceType::Exposure
            | ResourceType::Metric
            | ResourceType::SemanticModel
            | ResourceType::SavedQuery
            | ResourceType::Function
    )
}

/// `name` or `package.name`.
fn fits_named(wanted: &str, node: &Node) -> bool {
    match wanted.split_once('.') {
        Some((package, name)) => matches(package, &node.package) && matches(name, &node.name),
        None => matches(wanted, &node.name),
    }
}

fn generic_name(node: &Node) -> Option<&str> {
    Some(node.test.as_ref()?.generic.as_ref()?.name.as_str())
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Private => "private",
        Access::Protected => "protected",
        Access::Public => "public",
    }
}

/// A node's name alone, or its dotted path from the package or from the folder below it, whole or in its first parts.
fn fits_fqn(wanted: &str, fqn: &[String], has_version: bool) -> bool {
    fits_dotted(wanted, fqn, has_version) || fits_dotted(wanted, fqn.get(1..).unwrap_or_default(), has_version)
}

/// A model without versions is its own latest one to dbt only where `none` asks for it.
fn fits_version(wanted: &str, node: &Node) -> bool {
    let Some(version) = &node.version else {
        return wanted == "none";
    };
    match wanted {
        "latest" => version.is_latest(),
        "old" => version.name.order(&version.latest).is_lt(),
        "prerelease" => version.name.order(&version.latest).is_gt(),
        _ => false,
    }
}

fn fits_dotted(wanted: &str, fqn: &[String], has_version: bool) -> bool {
    // The last part of a version is its number: `orders`, `orders.v2` and `orders_v2` all name it.
    let name = match fqn {
        [.., name, number] if has_version => {
            let written = wanted.rsplit_once('.').map_or_else(
                || wanted.to_owned(),
                |(before, last)| format!("{}_{last}", before.rsplit('.').next().unwrap_or(before)),
            );
            if written == format!("{name}_{number}") {
                return true;
            }
            name
        }
        [.., name] => name,
        [] => return false,
    };
    if name == wanted {
        return true;
    }
    let parts: Vec<&str> = fqn.iter().flat_map(|part| part.split('.')).collect();
    let wanted_parts: Vec<&str> = wanted.split('.').collect();
    if parts.len() < wanted_parts.len() {
        return false;
    }
    for (i, part) in wanted_parts.iter().enumerate() {
        if is_pattern(part) {
            // From the first wildcard on, the rest is one pattern over the rest of the path.
            let rest = matches(&wanted_parts[i..].join("."), &parts[i..].join("."));
            return rest || (wanted_parts.len() == 1 && matches(wanted, name));
        }
        if parts[i] != *part {
            return false;
        }
    }
    true
}

/// `source`, `source.table` or `package.source.table`.
fn fits_source(wanted: &str, node: &Node) -> bool {
    let source = node.source_spec.as_ref().map_or("", |spec| spec.source_name.as_str());
    match wanted.split('.').collect::<Vec<_>>()[..] {
        [name] => matches(name, source),
        [name, table] => matches(name, source) && matches(table, &node.name),
        [package, name, table] => {
            matches(package, &node.package) && matches(name, source) && matches(table, &node.name)
        }
        _ => false,
    }
}

fn path_pattern(value: &str) -> Result<GlobMatcher, Diagnostic> {
    let plain = value.trim_start_matches("./").trim_end_matches('/');
    GlobBuilder::new(plain)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| {
            Diagnostic::error(
                "invalid-selector",
                format!("`{value}` is not a path that can be looked for"),
            )
            .because(error.kind().to_string())
        })
}

/// The file itself, the properties file that describes it, or a folder around it.
fn fits_path(pattern: &GlobMatcher, node: &Node) -> bool {
    let folders = node
        .original_path
        .match_indices('/')
        .map(|(end, _)| &node.original_path[..end]);
    let patch = node
        .patch_path
        .as_deref()
        .and_then(|path| path.split_once("://"))
        .map(|(_, path)| path);
    folders
        .chain([node.original_path.as_str()])
        .chain(patch)
        .any(|path| pattern.is_match(path))
}

fn fits_config(keys: &[String], wanted: &str, node: &Node) -> bool {
    let Some((first, rest)) = keys.split_first() else {
        return false;
    };
    // What is in force, defaults included, before what was written: the two differ where tags and metas add up.
    let mut value = in_force(node, first).or_else(|| node.config.raw.get(first).cloned());
    for key in rest {
        value = match value {
            Some(Json::Object(mut map)) => map.remove(key),
            _ => None,
        };
    }
    let same = |value: &Json| match value {
        Json::String(text) if keys == ["severity"] => text.eq_ignore_ascii_case(wanted),
        Json::String(text) => text == wanted,
        Json::Bool(yes) => wanted.eq_ignore_ascii_case(if *yes { "true" } else { "false" }),
        Json::Number(number) => number.to_string() == wanted,
        _ => false,
    };
    match &value {
        Some(Json::Array(items)) => items.iter().any(same),
        Some(value) => same(value),
        None => false,
    }
}

/// The keys that mean something even where nobody wrote them.
fn in_force(node: &Node, key: &str) -> Option<Json> {
    let config = &node.config;
    let built = !matches!(
        node.resource_type,
        ResourceType::Source | ResourceType::Exposure | ResourceType::UnitTest
    );
    let relation = built && node.resource_type != ResourceType::Test;
    let test = node.test.as_ref();
    match key {
        "enabled" => Some(config.enabled.into()),
        "tags" => Some(config.tags.clone().into()),
        "meta" => serde_json::to_value(&node.meta).ok(),
        "materialized" if built => Some(config.materialized_name.clone().into()),
        "group" if built => node.group.clone().map(Json::from),
        "access" if node.resource_type == ResourceType::Model => Some(access(node.access).into()),
        "on_schema_change" if relation => serde_json::to_value(config.on_schema_change).ok(),
        "contract" if relation => Some(serde_json::json!({
            "enforced": config.contract_enforced,
            "alias_types": true,
        })),
        "delimiter" if node.resource_type == ResourceType::Seed => Some(config.delimiter.as_str().into()),
        "severity" => test.map(|test| match test.severity {
            Severity::Warn => "WARN".into(),
            Severity::Error => "ERROR".into(),
        }),
        "warn_if" => test.map(|test| test.warn_if.clone().into()),
        "error_if" => test.map(|test| test.error_if.clone().into()),
        "fail_calc" => test.map(|test| test.fail_calc.clone().into()),
        "schema" if test.is_some() && !config.raw.contains_key("schema") => Some("dbt_test__audit".into()),
        _ => None,
    }
}
