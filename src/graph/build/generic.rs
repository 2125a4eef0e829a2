//! Generic tests: what properties files ask of models, seeds, sources and their columns.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::resolve::Nodes;
use super::{Builder, Draft, fqn, parallel};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, nearest};
use crate::graph::config::merge;
use crate::graph::generic_test::config_call;
use crate::graph::generic_test::{Subject, TestNames, test_call};
use crate::graph::recorder::Recorded;
use crate::graph::{GenericTest, Node, NodeId, Ref, ResourceType, TestSpec};
use crate::jinja::written_config;
use crate::project::{
    ColumnProperties, Flavour, Package, PropertyKind, Setting, Settings, TestProperties, Written, config_key,
};

struct Item<'a> {
    package: &'a Package,
    test: &'a TestProperties,
    subject: Subject,
    /// As the message names it.
    below: String,
    column: Option<&'a ColumnProperties>,
    attached: Option<NodeId>,
    tags: Vec<String>,
}

impl Builder<'_> {
    /// `nodes` are those that can be tested.
    pub(super) fn generic_tests(&self, nodes: &Nodes, problems: &mut Diagnostics) -> Vec<Node> {
        let mut items = Vec::new();
        for package in &self.project.packages {
            for entry in &package.properties.nodes {
                // dbt warns of a seed described below `models`, and makes its tests all the same.
                let (kind, other) = match entry.kind {
                    PropertyKind::Model => (ResourceType::Model, ResourceType::Seed),
                    PropertyKind::Seed => (ResourceType::Seed, ResourceType::Model),
                    PropertyKind::Snapshot => (ResourceType::Snapshot, ResourceType::Snapshot),
                    PropertyKind::Analysis | PropertyKind::Test | PropertyKind::Function => continue,
                };
                let find = |kind| nodes.find(&package.name, kind, &entry.search_name());
                let node = find(kind).or_else(|| find(other));
                // dbt makes the tests of what the package does not have too: `ref` may find it in another.
                if node.is_none() && package.settings.flavour != Flavour::Dbt {
                    continue;
                }
                let node = node.or_else(|| nodes.anywhere(&entry.search_name()));
                let attached = node.map(|node| Arc::clone(&node.id));
                let item = |test, column| Item {
                    package,
                    test,
                    subject: match &entry.version {
                        Some(version) => Subject::Version(entry.name.clone(), version.name.clone()),
                        None => Subject::Node(entry.name.clone()),
                    },
                    below: format!("{} `{}`", entry.kind.word(), entry.search_name()),
                    column,
                    attached: attached.clone(),
                    tags: Vec::new(),
                };
                each_test(&entry.tests, &entry.columns, |test, column| {
                    items.push(item(test, column));
                });
            }
            for table in &package.properties.sources {
                let item = |test, column| Item {
                    package,
                    test,
                    subject: Subject::Source(table.source_name.clone(), table.name.clone()),
                    below: format!("source table `{}.{}`", table.source_name, table.name),
                    column,
                    attached: None,
                    tags: table.tags.clone(),
                };
                each_test(&table.tests, &table.columns, |test, column| {
                    items.push(item(test, column));
                });
            }
        }
        let macros = self.test_macros();
        let built = parallel(&items, |item| {
            let mut problems = Diagnostics::default();
            let node = self.generic_test(item, &macros, &mut problems);
            (node, problems)
        });
        let mut made = Vec::with_capacity(built.len());
        for (node, more) in built {
            made.extend(node);
            problems.0.extend(more.0);
        }
        made
    }

    /// Names of the macros that are tests, with their packages.
    fn test_macros(&self) -> HashSet<(String, String)> {
        self.templates
            .macros()
            .into_iter()
            .filter_map(|(package, name)| Some((package, name.strip_prefix("test_")?.to_owned())))
            .collect()
    }

    /// The package whose macro a test means: the one written before the name, else that of the properties file, the root
    /// project, and the built-in ones.
    fn test_package(
        &self,
        item: &Item,
        macros: &HashSet<(String, String)>,
        problems: &mut Diagnostics,
    ) -> Option<String> {
        let test = item.test;
        let own = &self.project.own().name;
        let candidates = match &test.namespace {
            Some(namespace) => vec![namespace.as_str()],
            None => vec![item.package.name.as_str(), own.as_str(), "dbt"],
        };
        for package in candidates {
            if macros.contains(&(package.to_owned(), test.name.clone())) {
                return Some(package.to_owned());
            }
        }
        let shown = test
            .namespace
            .as_ref()
            .map_or_else(|| test.name.clone(), |namespace| format!("{namespace}.{}", test.name));
        let mut known: Vec<String> = macros
            .iter()
            .map(|(package, name)| {
                if package == own || package == "dbt" || *package == item.package.name {
                    name.clone()
                } else {
                    format!("{package}.{name}")
                }
            })
            .collect();
        known.sort();
        let elsewhere = known
            .iter()
            .find(|known| known.rsplit('.').next() == Some(test.name.as_str()));
        let near = elsewhere
            .map(String::as_str)
            .or_else(|| nearest(&shown, known.iter().map(String::as_str)));
        let diagnostic = Diagnostic::error(
            "missing-test",
            format!("there is no test `{shown}`, wanted by {}", item.below),
        )
        .at(test.place.clone());
        problems.push(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!(
                "define it: {{% test {}(model) %}} .. {{% endtest %}} in tests/generic or macros",
                test.name
            )),
        });
        None
    }

    fn generic_test(
        &self,
        item: &Item,
        macros: &HashSet<(String, String)>,
        problems: &mut Diagnostics,
    ) -> Option<Node> {
        let test = item.test;
        let macro_package = self.test_package(item, macros, problems)?;
        let mut kwargs: IndexMap<String, Json> = test.args.clone();
        let mut column = None;
        if let Some(properties) = item.column {
            let name = if properties.quoted_in_tests {
                format!("\"{}\"", properties.name)
            } else {
                properties.name.clone()
            };
            if !test.names_column {
                kwargs.insert("column_name".to_owned(), name.clone().into());
            }
            column = Some(name);
        }
        kwargs.insert("model".to_owned(), item.subject.model_kwarg().into());
        let names = TestNames::new(
            &test.name,
            test.namespace.as_deref(),
            &item.subject,
            &kwargs,
            test.custom_name.as_deref(),
        );
        let macro_name = match &test.namespace {
            Some(namespace) => format!("{namespace}.test_{}", test.name),
            None => format!("test_{}", test.name),
        };
        let (below_folder, original_path) = item.package.properties_file(&test.place);
        let fqn = fqn(&item.package.name, below_folder, &names.name);
        let source = SourceFile::new(
            format!("{}/{}.sql", test.place.file.path, names.short),
            test_call(&macro_name, &kwargs),
        );
        let draft = Draft {
            version: None,
            resource_type: ResourceType::Test,
            package: item.package,
            path: format!("{}.sql", names.short),
            original_path: original_path.to_owned(),
            settings: Self::settings(item.package, ResourceType::Test, &fqn, &[]),
            what: format!("test `{}`", names.name),
            declared: test.place.clone(),
            fqn,
            source,
            name: names.name.clone(),
        };
        let mut own_settings = own_settings(test, &names);
        if !is_plain(test, &macro_package) {
            keep_text(&mut own_settings);
        }
        let wanted = format!("macro.{macro_package}.test_{}", test.name);
        let instead = test.namespace.as_ref().and_then(|_| {
            self.templates
                .instead_of(&wanted, &item.package.name, &format!("test_{}", test.name))
        });
        let parsed = Parsed {
            macro_package: &macro_package,
            // dbt's parser looks for the test by its bare name, and calls nothing where that is another package's.
            source: match &instead {
                Some(_) => SourceFile::new(&draft.source.path, test_call("dict", &kwargs)),
                None => Arc::clone(&draft.source),
            },
            called: instead.unwrap_or(wanted),
        };
        let (recorded, mut settings) = self.parsed_test(item, &draft, &own_settings, &parsed, problems);
        merge(&mut settings, &own_settings);
        self.override_settings(item.package, ResourceType::Test, &draft.fqn, &mut settings);
        let typed = self.typed(&draft, &settings, problems);
        let mut spec = TestSpec::of(&settings, &self.owner(&draft, &|_| false), problems);
        spec.generic = Some(GenericTest {
            name: test.name.clone(),
            namespace: test.namespace.clone(),
            kwargs,
            column,
            attached: item.attached.clone(),
            config_call: config_call(&own_settings),
            config_tags: if is_plain(test, &macro_package) {
                Vec::new()
            } else {
                tags_in(&own_settings)
            },
        });
        let mut node = self.finished(&draft, &settings, typed, recorded, &names.short, problems);
        node.id = Arc::from(format!("test.{}.{}.{}", item.package.name, names.name, names.hash));
        node.doc_blocks = self.doc_blocks(&test.description, item.package);
        node.description = self.description(&test.description, item.package, &test.place, problems);
        node.test = Some(spec);
        let more = item.column.map_or(&[][..], |column| &column.tags[..]);
        for tag in item.tags.iter().chain(more) {
            if !node.config.tags.contains(tag) {
                node.config.tags.push(tag.clone());
            }
        }
        Some(node)
    }

    /// What the test reads. The two commonest tests need no rendering: they read what they are written below.
    fn parsed_test(
        &self,
        item: &Item,
        draft: &Draft,
        own_settings: &Settings,
        parsed: &Parsed,
        problems: &mut Diagnostics,
    ) -> (Recorded, Settings) {
        if is_plain(item.test, parsed.macro_package) && item.test.args.keys().all(|key| key == "column_name") {
            let mut recorded = Recorded {
                macros: vec![format!("macro.dbt.test_{}", item.test.name)],
                ..Recorded::default()
            };
            match &item.subject {
                Subject::Node(name) => recorded.refs.push(Ref {
                    package: None,
                    name: name.clone(),
                    version: None,
                }),
                Subject::Version(name, version) => recorded.refs.push(Ref {
                    package: None,
                    name: name.clone(),
                    version: Some(serde_json::json!(version)),
                }),
                Subject::Source(source, table) => recorded.sources.push((source.clone(), table.clone())),
            }
            return (recorded, draft.settings.clone());
        }
        // `where` must be known while `get_where_subquery` is called.
        let mut settings = draft.settings.clone();
        merge(&mut settings, own_settings);
        let with_own = Draft {
            version: None,
            settings,
            source: Arc::clone(&parsed.source),
            ..clone_draft(draft)
        };
        let before = problems.0.len();
        let (mut recorded, _) = self.parsed(&with_own, problems);
        for problem in &mut problems.0[before..] {
            problem.frames.push(crate::diagnostic::Frame {
                within: format!("{}, written below {}", draft.what, item.below),
                place: item.test.place.clone(),
            });
        }
        // The engine tells of a macro when it runs, after its arguments; dbt names the test first.
        let called = &parsed.called;
        if !Arc::ptr_eq(&parsed.source, &draft.source) {
            recorded.macros.push(called.clone());
        }
        if let Some(at) = recorded.macros.iter().position(|id| id == called) {
            recorded.macros[..=at].rotate_right(1);
            // What the arguments call is not counted.
            recorded
                .macros
                .retain(|id| id == called || id.ends_with(".get_where_subquery"));
        }
        let mut settings = draft.settings.clone();
        Self::add_calls(
            &mut settings,
            &draft.source,
            &recorded,
            &written_config(&config_call(own_settings)),
        );
        (recorded, settings)
    }
}

/// How a test is looked at while it is parsed.
struct Parsed<'a> {
    macro_package: &'a str,
    source: Arc<SourceFile>,
    /// The id of the macro that the test depends on.
    called: String,
}

/// One of the two commonest tests.
fn is_plain(test: &TestProperties, macro_package: &str) -> bool {
    matches!(test.name.as_str(), "unique" | "not_null") && macro_package == "dbt"
}

/// Where dbt renders the call that it makes of a test's configuration, it keeps what stands in it.
fn keep_text(settings: &mut Settings) {
    for (key, value) in written_config(&config_call(settings)) {
        if let Some(setting) = settings.get_mut(&config_key(&key)) {
            let value = Some(value.into());
            setting.written = Some(Box::new(Written { key, value }));
        }
    }
}

fn tags_in(settings: &Settings) -> Vec<String> {
    match settings.get("tags").map(|setting| &setting.value) {
        Some(Json::String(tag)) => vec![tag.clone()],
        Some(Json::Array(tags)) => tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn clone_draft<'a>(draft: &Draft<'a>) -> Draft<'a> {
    Draft {
        version: draft.version.clone(),
        resource_type: draft.resource_type,
        package: draft.package,
        name: draft.name.clone(),
        path: draft.path.clone(),
        original_path: draft.original_path.clone(),
        fqn: draft.fqn.clone(),
        source: Arc::clone(&draft.source),
        declared: draft.declared.clone(),
        what: draft.what.clone(),
        settings: Settings::new(),
    }
}

/// The test's own configuration; a name that is too long for a relation brings an alias with it.
fn own_settings(test: &TestProperties, names: &TestNames) -> Settings {
    let mut settings = test.config.clone();
    if names.short != names.name && !settings.contains_key("alias") {
        settings.insert(
            "alias".to_owned(),
            Setting {
                value: names.short.clone().into(),
                place: test.place.clone(),
                written: None,
            },
        );
    }
    settings
}

fn each_test<'a>(
    tests: &'a [TestProperties],
    columns: &'a [ColumnProperties],
    mut each: impl FnMut(&'a TestProperties, Option<&'a ColumnProperties>),
) {
    for column in columns {
        for test in &column.tests {
            each(test, Some(column));
        }
    }
    for test in tests {
        each(test, None);
    }
}
