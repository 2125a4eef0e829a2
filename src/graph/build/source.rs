//! Tables that something else loads.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Builder, Draft, fqn};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::config::merge;
use crate::graph::{Node, ResourceType, SourceSpec, bare_node};
use crate::project::{Freshness, Package, Setting, SourceTable};
use crate::sql::Relation;

impl Builder<'_> {
    pub(super) fn sources(&self, problems: &mut Diagnostics) -> Vec<Node> {
        let mut nodes = Vec::new();
        for package in &self.project.packages {
            for table in &package.properties.sources {
                nodes.push(self.source(package, table, problems));
            }
        }
        nodes
    }

    fn source(&self, package: &Package, table: &SourceTable, problems: &mut Diagnostics) -> Node {
        let (path, original_path) = package.properties_file(&table.place);
        let mut fqn = fqn(&package.name, path, &table.source_name);
        fqn.push(table.name.clone());
        let [of_source, of_table] = &table.config;
        let mut settings = Self::settings(package, ResourceType::Source, &fqn, &[of_source, of_table]);
        self.override_settings(package, ResourceType::Source, &fqn, &mut settings);
        for (key, value) in [
            ("tags", Json::from(table.tags.clone())),
            ("meta", Json::Object(table.meta.clone().into_iter().collect())),
        ] {
            let setting = Setting {
                value,
                place: table.place.clone(),
                written: None,
            };
            // Both levels' `config` is in what the table says already, so only the project file adds to it.
            let mut base = Self::settings(package, ResourceType::Source, &fqn, &[]);
            base.retain(|name, _| name == key);
            merge(&mut base, &[(key.to_owned(), setting)].into_iter().collect());
            settings.extend(base);
        }
        let what = format!("source table `{}.{}`", table.source_name, table.name);
        let freshness = self.freshness(package, table, &fqn, &what, problems);
        let undated = table.loaded_at_field.is_none() && table.loaded_at_query.is_none();
        if undated && freshness.as_ref().is_some_and(Freshness::is_asked_for) {
            problems.push(
                Diagnostic::warning("freshness-without-field", format!("nothing tells how old {what} is"))
                    .at(table.place.clone())
                    .because("it has `freshness`, and PostgreSQL does not keep when a table was last changed")
                    .help("name the column with the time of loading as `loaded_at_field`, or give a `loaded_at_query`"),
            );
        }
        settings.retain(|key, _| !matches!(key.as_str(), "freshness" | "loaded_at_field" | "loaded_at_query"));
        let draft = Draft {
            version: None,
            resource_type: ResourceType::Source,
            package,
            name: table.name.clone(),
            path: original_path.to_owned(),
            original_path: original_path.to_owned(),
            fqn: fqn.clone(),
            source: Arc::clone(&table.place.file),
            declared: table.place.clone(),
            what,
            settings: settings.clone(),
        };
        let mut typed = self.typed(&draft, &settings, problems);
        let text = |text: &Option<String>| text.clone().map_or(Json::Null, Json::from);
        typed.config.raw.extend([
            ("freshness".to_owned(), json!(freshness)),
            ("loaded_at_field".to_owned(), text(&table.loaded_at_field)),
            ("loaded_at_query".to_owned(), text(&table.loaded_at_query)),
        ]);
        let file = Arc::clone(&table.place.file);
        Node {
            id: Arc::from(format!("source.{}.{}.{}", package.name, table.source_name, table.name)),
            resource_type: ResourceType::Source,
            alias: table.identifier.clone().unwrap_or_else(|| table.name.clone()),
            path: draft.path.clone(),
            original_path: draft.original_path.clone(),
            fqn,
            declared: table.place.clone(),
            config: typed.config,
            description: self.description(&table.description, package, &table.place, problems),
            columns: self.columns(&table.columns, package, true, problems),
            meta: typed.meta,
            doc_blocks: self.doc_blocks(&table.description, package),
            source_spec: Some(SourceSpec {
                source_name: table.source_name.clone(),
                loaded_at_field: table.loaded_at_field.clone(),
                loaded_at_query: table.loaded_at_query.clone(),
                freshness,
                loader: table.loader.clone(),
                quoting: table.quoting.clone(),
                written: table.written.clone(),
                source_description: self.description(&table.source_description, package, &table.place, problems),
            }),
            ..bare_node(&package.name, &table.name, self.source_relation(table), file)
        }
    }

    /// What the properties say; where they say nothing of a limit, what the project file says.
    fn freshness(
        &self,
        package: &Package,
        table: &SourceTable,
        fqn: &[String],
        what: &str,
        problems: &mut Diagnostics,
    ) -> Option<Freshness> {
        let own = table.freshness.as_ref()?;
        if own.is_asked_for() {
            return Some(own.clone());
        }
        let mut settings = Self::settings(package, ResourceType::Source, fqn, &[]);
        self.override_settings(package, ResourceType::Source, fqn, &mut settings);
        match settings.get("freshness") {
            Some(setting) => Freshness::read(&setting.value, what, &setting.place, problems),
            None => Some(Freshness::default()),
        }
    }

    fn source_relation(&self, table: &SourceTable) -> Relation {
        Relation::new(
            Some(table.database.as_deref().unwrap_or(&self.target.database)),
            table.schema.as_deref().unwrap_or(&table.source_name),
            table.identifier.as_deref().unwrap_or(&table.name),
        )
        .quoting(self.project.own().settings.quoted(|part| table.quoting.get(part)))
    }
}
