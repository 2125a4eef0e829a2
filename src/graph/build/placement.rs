//! Where a node goes in the database: the macros that users override decide, and dbt's rules where nobody did.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Builder, Draft, settings_json};
use crate::diagnostic::Diagnostics;
use crate::graph::config::TypedConfig;
use crate::graph::recorder::Recorder;
use crate::graph::templates::Job;
use crate::graph::{Materialization, ResourceType};
use crate::project::Settings;
use crate::sql::{Relation, RelationKind};

impl Builder<'_> {
    /// The relation that stands in for anything while a template is parsed.
    pub(super) fn stand_in(&self, name: &str) -> Relation {
        Relation::new(Some(&self.target.database), &self.target.schema, name)
    }

    /// The alias and the relation of a node. `alias` is the one to use where nothing is configured.
    pub(super) fn placed(
        &self,
        draft: &Draft,
        settings: &Settings,
        typed: &TypedConfig,
        alias: &str,
        problems: &mut Diagnostics,
    ) -> (String, Relation) {
        let custom_schema = match (&typed.schema, draft.resource_type) {
            (None, ResourceType::Test) => Some("dbt_test__audit".to_owned()),
            (schema, _) => schema.clone(),
        };
        let blank = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let (custom_schema, custom_database) = (blank(custom_schema), blank(typed.database.clone()));
        let custom_alias = blank(typed.alias.clone());
        let schema = self
            .generated(
                draft,
                settings,
                "generate_schema_name",
                custom_schema.as_deref(),
                problems,
            )
            .unwrap_or_else(|| match &custom_schema {
                Some(custom) => format!("{}_{}", self.target.schema, custom.trim()),
                None => self.target.schema.clone(),
            });
        let database = self
            .generated(
                draft,
                settings,
                "generate_database_name",
                custom_database.as_deref(),
                problems,
            )
            .unwrap_or_else(|| {
                custom_database.map_or_else(|| self.target.database.clone(), |name| name.trim().to_owned())
            });
        // What a snapshot says in the old way is taken as it is.
        let as_written = |key: &str, made: String| match settings.get(key).and_then(|setting| setting.value.as_str()) {
            Some(name) if draft.resource_type == ResourceType::Snapshot && !name.is_empty() => name.to_owned(),
            _ => made,
        };
        let schema = as_written("target_schema", schema);
        let database = as_written("target_database", database);
        let alias = self
            .generated(
                draft,
                settings,
                "generate_alias_name",
                custom_alias.as_deref(),
                problems,
            )
            .unwrap_or_else(|| custom_alias.map_or_else(|| alias.to_owned(), |name| name.trim().to_owned()));
        let quoting = settings.get("quoting").map(|setting| &setting.value);
        let mut relation = Relation::new(Some(&database), schema, alias.clone()).quoting(
            self.project
                .own()
                .settings
                .quoted(|part| quoting.and_then(|quoting| quoting.get(part))),
        );
        if typed.config.materialized == Materialization::Ephemeral {
            relation = relation.of_kind(RelationKind::Ephemeral);
        }
        (alias, relation)
    }

    /// What the macro says, where the project has one of its own.
    pub(super) fn generated(
        &self,
        draft: &Draft,
        settings: &Settings,
        name: &str,
        custom: Option<&str>,
        problems: &mut Diagnostics,
    ) -> Option<String> {
        if !self.is_overridden(name) {
            return None;
        }
        let config = settings_json(settings);
        let node = draft.json(&config, self.target);
        let this = self.stand_in(&draft.name);
        let host = Recorder::new(this.clone(), &self.variables, settings.clone(), self.templates.voice());
        let job = Job {
            package: &self.project.own().name,
            within: &draft.what,
            source: &draft.source,
            host: Arc::clone(&host) as Arc<dyn crate::jinja::Host>,
            this: &this,
            node: &node,
        };
        let custom = custom.map_or(Json::Null, Json::from);
        match self.templates.call(&job, name, &[custom, node.clone()]) {
            Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    }

    fn is_overridden(&self, name: &str) -> bool {
        let own = self.project.own();
        let dispatched = own.settings.dispatch.iter().any(|rule| rule.namespace == "dbt");
        dispatched
            || [name.to_owned(), format!("postgres__{name}"), format!("default__{name}")]
                .iter()
                .any(|name| self.templates.has_macro(&own.name, name))
    }
}
