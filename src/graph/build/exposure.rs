//! Uses of the project's tables outside it.

use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::Value as Json;

use super::{Builder, Draft, fqn};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::recorder::Recorded;
use crate::graph::{Node, Ref, ResourceType};
use crate::project::{ExposureProperties, Package};

static CALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\s*(?:\{\{)?\s*(ref|source)\(\s*['"]([^'"]+)['"]\s*(?:,\s*['"]([^'"]+)['"]\s*)?\)\s*(?:\}\})?\s*$"#)
        .expect("the pattern is fixed")
});

impl Builder<'_> {
    pub(super) fn exposures(&self, problems: &mut Diagnostics) -> Vec<Node> {
        let mut nodes = Vec::new();
        for package in &self.project.packages {
            for exposure in &package.properties.exposures {
                nodes.push(self.exposure(package, exposure, problems));
            }
        }
        nodes
    }

    fn exposure(&self, package: &Package, exposure: &ExposureProperties, problems: &mut Diagnostics) -> Node {
        let (path, original_path) = package.properties_file(&exposure.place);
        let fqn = fqn(&package.name, path, &exposure.name);
        let mut settings = Self::settings(package, ResourceType::Exposure, &fqn, &[&exposure.config]);
        self.override_settings(package, ResourceType::Exposure, &fqn, &mut settings);
        let draft = Draft {
            version: None,
            resource_type: ResourceType::Exposure,
            package,
            name: exposure.name.clone(),
            path: path.to_owned(),
            original_path: original_path.to_owned(),
            fqn,
            source: Arc::clone(&exposure.place.file),
            declared: exposure.place.clone(),
            what: format!("exposure `{}`", exposure.name),
            settings: settings.clone(),
        };
        let typed = self.typed(&draft, &settings, problems);
        let mut recorded = Recorded::default();
        for (text, place) in &exposure.depends_on {
            let Some(found) = CALL.captures(text) else {
                problems.push(
                    Diagnostic::error("bad-exposure", format!("`{text}` is no call of `ref` or `source`"))
                        .at(place.clone())
                        .help("write ref('model') or source('source', 'table')"),
                );
                continue;
            };
            let first = found[2].to_owned();
            let second = found.get(3).map(|second| second.as_str().to_owned());
            match (&found[1], second) {
                ("source", Some(table)) => recorded.sources.push((first, table)),
                ("source", None) => problems.push(
                    Diagnostic::error("bad-exposure", format!("`{text}` names no table"))
                        .at(place.clone())
                        .help("write source('source', 'table')"),
                ),
                (_, Some(name)) => recorded.refs.push(Ref {
                    package: Some(first),
                    name,
                    version: None,
                }),
                (_, None) => recorded.refs.push(Ref {
                    package: None,
                    name: first,
                    version: None,
                }),
            }
        }
        let mut node = self.finished(&draft, &settings, typed, recorded, &exposure.name, problems);
        node.description = self.description(&exposure.description, package, &exposure.place, problems);
        for tag in &exposure.tags {
            if !node.config.tags.contains(tag) {
                node.config.tags.push(tag.clone());
            }
        }
        node.meta.extend(exposure.meta.clone());
        let text = |text: &Option<String>| text.clone().map_or(Json::Null, Json::from);
        let owner = ["email", "name"].map(|key| (key.to_owned(), Json::Null));
        let owner = owner.into_iter().chain(exposure.owner.clone());
        node.config.raw.extend([
            ("type".to_owned(), exposure.kind.clone().into()),
            ("owner".to_owned(), Json::Object(owner.collect())),
            ("label".to_owned(), text(&exposure.label)),
            ("maturity".to_owned(), text(&exposure.maturity)),
            ("url".to_owned(), text(&exposure.url)),
        ]);
        node
    }
}
