//! Nodes that are a file of their own: models, snapshots, seeds, analyses, singular tests and functions.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;

use super::constraint::constrain;
use super::patch::Described;
use super::python::is_python;
use super::{Builder, Draft, fqn, function, is_off, parallel, settings_json, template_warnings};
use crate::diagnostic::{Diagnostic, Diagnostics, Level, Place, SourceFile};
use crate::graph::config::TypedConfig;
use crate::graph::recorder::{Recorded, Recorder};
use crate::graph::templates::Job;
use crate::graph::{Functions, Node, Part, ResourceType, Semantics, TestSpec, bare_node};
use crate::jinja::{is_static, written_config};
use crate::project::{CodeFile, Flavour, NodeProperties, Package, PropertyKind, Settings};

pub(super) struct Item<'a> {
    pub(super) draft: Draft<'a>,
    pub(super) properties: Option<&'a NodeProperties>,
    /// Of a snapshot.
    pub(super) part: Option<Part>,
}

/// A seed is a root of the graph: its hooks must not read what is built.
fn no_parents(draft: &Draft, recorded: &Recorded, problems: &mut Diagnostics) {
    if recorded.refs.is_empty() && recorded.sources.is_empty() && recorded.metrics.is_empty() {
        return;
    }
    problems.push(
        Diagnostic::error("seed-reads", format!("a hook of {} refers to another node", draft.what))
            .at(draft.declared.clone())
            .because("seeds come first, and depend on nothing")
            .help("put the hook on a model that reads the seed, or write the relation's name"),
    );
}

/// What `generate_alias_name` makes where nobody overrides it and no alias is given.
fn default_alias(draft: &Draft) -> String {
    match &draft.version {
        Some(version) => format!("{}_v{}", draft.name, version.name.as_str().replace('.', "_")),
        None => draft.name.clone(),
    }
}

impl Builder<'_> {
    /// Every node that has a file, and the hooks of the run.
    pub(super) fn templated(&self, problems: &mut Diagnostics) -> Vec<Node> {
        let mut items = Vec::new();
        for (package, described) in self.project.packages.iter().zip(self.described()) {
            let files = &package.files;
            let code = |code: &CodeFile, resource_type, kind, path: String| {
                Self::item(
                    package,
                    &described,
                    resource_type,
                    kind,
                    code.stem(),
                    path,
                    &code.original_path,
                    &code.file,
                )
            };
            items.extend(
                files
                    .models
                    .iter()
                    .map(|file| code(file, ResourceType::Model, PropertyKind::Model, file.path.clone())),
            );
            items.extend(Self::snapshots(package, &described, problems));
            items.extend(files.analyses.iter().map(|file| {
                let path = format!("analysis/{}", file.path);
                code(file, ResourceType::Analysis, PropertyKind::Analysis, path)
            }));
            items.extend(
                files
                    .tests
                    .iter()
                    .map(|file| code(file, ResourceType::Test, PropertyKind::Test, file.path.clone())),
            );
            items.extend(files.functions.iter().map(|file| {
                let kind = PropertyKind::Function;
                code(file, ResourceType::Function, kind, file.path.clone())
            }));
            items.extend(files.seeds.iter().map(|seed| {
                let source = SourceFile::new(&seed.shown, "");
                let kind = PropertyKind::Seed;
                Self::item(
                    package,
                    &described,
                    ResourceType::Seed,
                    kind,
                    seed.stem(),
                    seed.path.clone(),
                    &seed.original_path,
                    &source,
                )
            }));
        }
        let built = parallel(&items, |item| {
            let mut problems = Diagnostics::default();
            let node = self.node(item, &mut problems);
            (node, problems)
        });
        let mut nodes = Vec::with_capacity(built.len());
        for (node, more) in built {
            nodes.push(node);
            problems.0.extend(more.0);
        }
        for package in &self.project.packages {
            function::absorb(package, &mut nodes, problems);
        }
        nodes.extend(self.operations(problems));
        nodes
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a draft that differ from one kind of file to another"
    )]
    fn item<'p>(
        package: &'p Package,
        described: &Described<'p>,
        resource_type: ResourceType,
        kind: PropertyKind,
        name: &str,
        path: String,
        original_path: &str,
        source: &Arc<SourceFile>,
    ) -> Item<'p> {
        let properties = described.get(&(kind, Cow::Borrowed(name))).copied();
        let version = properties.and_then(|entry| entry.version.as_ref());
        let mut what = format!("{} `{name}`", resource_type.name());
        let (mut name, mut fqn) = (name.to_owned(), fqn(&package.name, &path, name));
        if let (Some(entry), Some(version)) = (properties, version) {
            what = format!("model `{}`", entry.search_name());
            name.clone_from(&entry.name);
            fqn.pop();
            fqn.extend([name.clone(), format!("v{}", version.name)]);
        }
        let configured: Vec<&Settings> = properties.iter().map(|entry| &entry.config).collect();
        Item {
            draft: Draft {
                version: version.cloned(),
                settings: Self::settings(package, resource_type, &fqn, &configured),
                what,
                declared: Place::new(source, 0..0),
                resource_type,
                package,
                name,
                path,
                original_path: original_path.to_owned(),
                fqn,
                source: Arc::clone(source),
            },
            properties,
            part: None,
        }
    }

    fn node(&self, item: &Item, problems: &mut Diagnostics) -> Node {
        let draft = &item.draft;
        let (mut recorded, mut settings) = if draft.resource_type == ResourceType::Seed {
            (Recorded::default(), draft.settings.clone())
        } else if draft.resource_type == ResourceType::Model && is_python(&draft.path) {
            Self::parsed_python(draft)
        } else {
            self.parsed(draft, problems)
        };
        self.override_settings(draft.package, draft.resource_type, &draft.fqn, &mut settings);
        let typed = self.typed(draft, &settings, problems);
        if !is_off(&settings) {
            self.record_hooks(draft, &settings, &typed.config, &mut recorded, problems);
            if draft.resource_type == ResourceType::Seed {
                no_parents(draft, &recorded, problems);
            }
        }
        let test = (draft.resource_type == ResourceType::Test)
            .then(|| TestSpec::of(&settings, &self.owner(draft, &|_| false), problems));
        let mut node = self.finished(draft, &settings, typed, recorded, &default_alias(draft), problems);
        node.test = test;
        node.version.clone_from(&draft.version);
        node.config.pointer = self.pointer(draft, &settings, &node, problems);
        self.finish_snapshot(item, &settings, &mut node, problems);
        if draft.resource_type == ResourceType::Function {
            if node.config.enabled {
                function::check_language(draft, problems);
            }
            let spec = function::signature(draft, item.properties, problems);
            node.functions.spec = Some(Arc::new(spec));
        }
        if let Some(properties) = item.properties {
            node.semantics.time_spine.clone_from(&properties.time_spine);
            node.deprecation_date.clone_from(&properties.deprecation_date);
            // It may stand in another package.
            let written_in = |package: &Package| match package.properties_file(&properties.place) {
                (_, "") => None,
                (_, file) => Some(format!("{}://{file}", package.name)),
            };
            node.patch_path = written_in(draft.package).or_else(|| self.project.packages.iter().find_map(written_in));
            node.columns = self.columns(&properties.columns, draft.package, node.config.enabled, problems);
            if node.config.enabled {
                node.description =
                    self.description(&properties.description, draft.package, &properties.place, problems);
                node.doc_blocks = self.doc_blocks(&properties.description, draft.package);
            } else {
                // dbt fetches no text for what is switched off.
                node.description.clone_from(&properties.description);
            }
            constrain(&mut node, properties, problems);
        }
        node
    }

    /// Renders the template once. What it asks for, and its configuration with its own `config()` calls.
    pub(super) fn parsed(&self, draft: &Draft, problems: &mut Diagnostics) -> (Recorded, Settings) {
        let this = self.stand_in(&draft.name);
        let host = Recorder::new(
            this.clone(),
            &self.variables,
            draft.settings.clone(),
            self.templates.voice(),
        );
        let node = draft.json(&settings_json(&draft.settings), self.target);
        let job = Job {
            package: &draft.package.name,
            within: &draft.what,
            source: &draft.source,
            host: Arc::clone(&host) as Arc<dyn crate::jinja::Host>,
            this: &this,
            node: &node,
        };
        let mut rendered = self.templates.render(&job);
        let mut recorded = host.take();
        if let Err(problem) = &rendered
            && draft.package.settings.flavour == Flavour::Dbt
            && matches!(
                problem.code,
                "undefined-macro" | "undefined-name" | "unknown-adapter-method"
            )
        {
            let forgiving = Recorder::forgiving(this.clone(), &self.variables, draft.settings.clone());
            let host = Arc::clone(&forgiving) as Arc<dyn crate::jinja::Host>;
            if self.templates.render(&Job { host, ..job.clone() }).is_ok() {
                recorded = forgiving.take();
                rendered = Err(Diagnostic {
                    level: Level::Warning,
                    cause: Some(format!("{} fails when it runs", draft.what)),
                    ..problem.clone()
                });
            }
        }
        let mut settings = draft.settings.clone();
        // dbt renders only what it cannot read as it is, and then keeps the text.
        let kept = match draft.resource_type {
            _ if !self.project.compares_what_is_written() => IndexMap::new(),
            ResourceType::Model if is_static(&draft.source.text) => IndexMap::new(),
            _ => written_config(&draft.source.text),
        };
        Self::add_calls(&mut settings, &draft.source, &recorded, &kept);
        if let Err(problem) = rendered
            && !is_off(&settings)
        {
            problems.push(problem);
        }
        template_warnings(&draft.what, &draft.declared, &recorded, problems);
        (recorded, settings)
    }

    /// The node, but for what its properties say about its description and columns.
    pub(super) fn finished(
        &self,
        draft: &Draft,
        settings: &Settings,
        typed: TypedConfig,
        recorded: Recorded,
        alias: &str,
        problems: &mut Diagnostics,
    ) -> Node {
        let (alias, relation) = self.placed(draft, settings, &typed, alias, problems);
        Node {
            id: draft.id(),
            resource_type: draft.resource_type,
            alias,
            path: draft.path.clone(),
            original_path: draft.original_path.clone(),
            fqn: draft.fqn.clone(),
            declared: draft.declared.clone(),
            config: typed.config,
            meta: typed.meta,
            access: typed.access,
            group: typed.group,
            refs: recorded.refs,
            sources: recorded.sources,
            macros: recorded.macros,
            functions: Functions {
                called: recorded.functions,
                spec: None,
            },
            semantics: Semantics {
                metrics: recorded.metrics,
                ..Semantics::default()
            },
            ..bare_node(&draft.package.name, &draft.name, relation, Arc::clone(&draft.source))
        }
    }
}
