//! Semantic models, metrics and saved queries as nodes.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::{Builder, Draft, call, fqn, tree};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::graph::recorder::Recorded;
use crate::graph::{Node, ResourceType};
use crate::project::{MetricProperties, Package, SavedQueryProperties, SemanticModelProperties, Setting, Settings};

impl Builder<'_> {
    pub(super) fn semantic_layer(&self, problems: &mut Diagnostics) -> Vec<Node> {
        let mut nodes = Vec::new();
        for package in &self.project.packages {
            let properties = &package.properties;
            for semantic_model in &properties.semantic_models {
                let node = self.semantic_model(package, semantic_model, problems);
                let made = semantic_model.metrics(&metric_settings(&node, &semantic_model.place));
                nodes.push(node);
                nodes.extend(made.iter().map(|metric| self.metric(package, metric, problems)));
            }
            for metric in &properties.metrics {
                nodes.push(self.metric(package, metric, problems));
            }
            for query in &properties.saved_queries {
                nodes.push(self.saved_query(package, query, problems));
            }
        }
        nodes
    }

    /// The node without its own keys.
    fn bare(
        &self,
        package: &Package,
        (resource_type, name): (ResourceType, &str),
        config: &Settings,
        place: &Place,
        recorded: Recorded,
        problems: &mut Diagnostics,
    ) -> Node {
        let (path, original_path) = package.properties_file(place);
        let fqn = fqn(&package.name, path, name);
        let mut settings = Self::settings(package, resource_type, &fqn, &[config]);
        self.override_settings(package, resource_type, &fqn, &mut settings);
        let draft = Draft {
            version: None,
            resource_type,
            package,
            name: name.to_owned(),
            path: path.to_owned(),
            original_path: original_path.to_owned(),
            fqn,
            source: Arc::clone(&place.file),
            declared: place.clone(),
            what: format!("{} `{name}`", resource_type.name().replace('_', " ")),
            settings: settings.clone(),
        };
        let typed = self.typed(&draft, &settings, problems);
        let mut node = self.finished(&draft, &settings, typed, recorded, name, problems);
        node.config.tags.clear();
        let written = self.written(package, resource_type, &node.fqn, config);
        node.semantics.fields.insert("unrendered_config".to_owned(), written);
        node
    }

    /// What was written of the configuration, which dbt does not merge key by key.
    pub(super) fn written(
        &self,
        package: &Package,
        resource_type: ResourceType,
        fqn: &[String],
        config: &Settings,
    ) -> Json {
        let mut written = Map::new();
        let mut add = |settings: &Settings| {
            written.extend(
                settings
                    .iter()
                    .map(|(key, setting)| (key.clone(), setting.value.clone())),
            );
        };
        // dbt looks for those of the project file under names that it does not have.
        let found = !matches!(resource_type, ResourceType::SemanticModel | ResourceType::SavedQuery);
        let layers = |package: &Package| -> Vec<Settings> {
            let layers = tree(&package.settings, resource_type).along(fqn);
            layers.into_iter().cloned().collect()
        };
        if found {
            layers(package).iter().for_each(&mut add);
        }
        add(config);
        if found && !self.is_own(package) {
            layers(self.project.own()).iter().for_each(&mut add);
        }
        Json::Object(written)
    }

    fn semantic_model(
        &self,
        package: &Package,
        properties: &SemanticModelProperties,
        problems: &mut Diagnostics,
    ) -> Node {
        let place = &properties.place;
        let mut recorded = Recorded::default();
        let bad = |message| Diagnostic::error("bad-semantic-model", message).help("write ref('model')");
        call::record(&properties.model, &bad, place, &mut recorded, problems);
        let named = (ResourceType::SemanticModel, properties.name.as_str());
        let mut node = self.bare(package, named, &properties.config, place, recorded, problems);
        let description = |text: &str, problems: &mut Diagnostics| self.description(text, package, place, problems);
        let mut elements = |elements: &[Map<String, Json>]| -> Json {
            let one = |element: &Map<String, Json>| {
                let mut element = element.clone();
                if let Some(Json::String(text)) = element.get_mut("description") {
                    *text = description(text, problems);
                }
                let mut meta: Map<String, Json> = node
                    .meta
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                if let Some(Json::Object(own)) = element.get("config").and_then(|config| config.get("meta")) {
                    meta.extend(own.clone());
                }
                element.insert("config".to_owned(), json!({ "meta": meta }));
                Json::Object(element)
            };
            elements.iter().map(one).collect::<Vec<_>>().into()
        };
        let own = [
            ("model", properties.model.as_str().into()),
            ("node_relation", Json::Null),
            ("label", json!(properties.label)),
            ("defaults", properties.defaults.clone()),
            ("entities", elements(&properties.entities)),
            ("measures", elements(&properties.measures)),
            ("dimensions", elements(&properties.dimensions)),
            ("metadata", Json::Null),
            ("primary_entity", json!(properties.primary_entity)),
        ];
        node.semantics.places.clone_from(&properties.places);
        node.semantics
            .fields
            .extend(own.map(|(key, value)| (key.to_owned(), value)));
        let told = properties.description.as_deref();
        let told = told.map(|text| self.description(text, package, place, problems));
        node.semantics.fields.insert("description".to_owned(), json!(told));
        node.description = told.unwrap_or_default();
        node
    }

    fn metric(&self, package: &Package, properties: &MetricProperties, problems: &mut Diagnostics) -> Node {
        let place = &properties.place;
        let named = (ResourceType::Metric, properties.name.as_str());
        let mut node = self.bare(package, named, &properties.config, place, Recorded::default(), problems);
        node.config.tags.clone_from(&properties.tags);
        node.description = self.description(&properties.description, package, place, problems);
        let meta = if node.meta.is_empty() {
            properties.meta.clone()
        } else {
            node.meta
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        node.semantics.fields.extend(properties.fields.clone());
        node.semantics.places.clone_from(&properties.places);
        let meta = if properties.is_flat { Map::new() } else { meta };
        node.semantics.fields.insert("meta".to_owned(), meta.into());
        node
    }

    fn saved_query(&self, package: &Package, properties: &SavedQueryProperties, problems: &mut Diagnostics) -> Node {
        let place = &properties.place;
        let named = (ResourceType::SavedQuery, properties.name.as_str());
        let mut node = self.bare(package, named, &properties.config, place, Recorded::default(), problems);
        let mut tags = properties.tags.clone();
        match node.config.raw.get("tags") {
            Some(Json::Array(more)) => tags.extend(more.iter().filter_map(|tag| tag.as_str().map(str::to_owned))),
            Some(Json::String(tag)) => tags.push(tag.clone()),
            _ => {}
        }
        tags.sort();
        tags.dedup();
        node.config.tags = tags;
        node.semantics.places.clone_from(&properties.places);
        node.semantics.metrics = properties.metrics.iter().map(|name| vec![name.clone()]).collect();
        let exports: Vec<Json> = properties
            .exports
            .iter()
            .enumerate()
            .map(|(index, (name, config))| {
                let place = properties.places.get(&format!("exports.{index}")).unwrap_or(place);
                export(&node, name, config, place, problems)
            })
            .collect();
        let told = properties.description.as_deref();
        let told = told.map(|text| self.description(text, package, place, problems));
        let own = [
            ("query_params", Json::Object(properties.query_params.clone())),
            ("exports", exports.into()),
            ("description", json!(told)),
            ("label", json!(properties.label)),
            ("metadata", Json::Null),
        ];
        node.semantics
            .fields
            .extend(own.map(|(key, value)| (key.to_owned(), value)));
        node.description = told.unwrap_or_default();
        node
    }
}

/// What a metric takes over from the semantic model that wants it.
fn metric_settings(semantic_model: &Node, place: &Place) -> Settings {
    let setting = |value: Json| Setting {
        value,
        place: place.clone(),
        written: None,
    };
    Settings::from_iter([
        ("enabled".to_owned(), setting(semantic_model.config.enabled.into())),
        ("meta".to_owned(), setting(json!(semantic_model.meta))),
    ])
}

/// Where the answer goes: what the export does not say itself is the query's, or the target's.
fn export(query: &Node, name: &str, own: &IndexMap<String, Json>, place: &Place, problems: &mut Diagnostics) -> Json {
    let set = |value: Option<&Json>| value.filter(|value| !value.is_null()).cloned();
    let own_or_query = |key: &str| set(own.get(key)).or_else(|| set(query.config.raw.get(key)));
    let export_as = own_or_query("export_as");
    match export_as.as_ref().and_then(Json::as_str) {
        Some("table" | "view") => {}
        Some(other) => problems.push(
            Diagnostic::error(
                "wrong-value",
                format!("export `{name}` has `export_as: {other}`, which does not exist"),
            )
            .at(place.clone())
            .because("known are table, view"),
        ),
        None => problems.push(
            Diagnostic::error("missing-key", format!("export `{name}` has no `export_as`"))
                .at(place.clone())
                .help("write `export_as: table` or `export_as: view`"),
        ),
    }
    let schema = set(own.get("schema_name")).or_else(|| own_or_query("schema"));
    json!({
        "name": name,
        "config": {
            "export_as": export_as,
            "schema_name": schema.unwrap_or_else(|| json!(query.relation.schema)),
            "alias": set(own.get("alias")).unwrap_or_else(|| name.into()),
            "database": set(own.get("database")).unwrap_or_else(|| json!(query.relation.database)),
        },
        "unrendered_config": own,
    })
}
