//! Uses of the project's tables outside it.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Builder, Draft, call, fqn};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::recorder::Recorded;
use crate::graph::{Node, ResourceType};
use crate::project::{ExposureProperties, Package};

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
        // dbt merges neither tags nor meta of an exposure: the most specific place counts.
        let mut written = self.written(package, ResourceType::Exposure, &fqn, &exposure.config);
        for key in ["tags", "meta"] {
            if let (Some(setting), Some(value)) = (settings.get_mut(key), written.get(key)) {
                setting.value = value.clone();
            }
        }
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
            let bad = |message| {
                Diagnostic::error("bad-exposure", message)
                    .help("write ref('model'), source('source', 'table') or metric('metric')")
            };
            call::record(text, &bad, place, &mut recorded, problems);
        }
        let mut node = self.finished(&draft, &settings, typed, recorded, &exposure.name, problems);
        node.description = self.description(&exposure.description, package, &exposure.place, problems);
        node.config.tags.extend(exposure.tags.iter().cloned());
        node.config.tags.sort();
        node.config.tags.dedup();
        for (key, value) in &exposure.meta {
            node.meta.entry(key.clone()).or_insert_with(|| value.clone());
        }
        node.semantics
            .fields
            .insert("unrendered_config".to_owned(), written.take());
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
