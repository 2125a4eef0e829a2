//! Names become edges: what each `ref` and `source` means.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use regex::Regex;

use super::check::what;
use super::constraint::{Target, target};
use super::lenient;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, nearest};
use crate::graph::graph::is_refable;
use crate::graph::{Access, Constraint, Node, NodeId, Ref, ResourceType, version_text};
use crate::project::{Flavour, Package, Project, PropertyKind};

/// Every node that has been made, enabled or not.
pub(super) struct Nodes<'a> {
    project: &'a Project,
    all: Vec<Node>,
    /// Positions in `all`: enabled before disabled.
    refable: HashMap<String, Vec<usize>>,
    sources: HashMap<(String, String), Vec<usize>>,
    ids: HashMap<NodeId, usize>,
}

pub(super) enum Meant {
    Node(usize),
    Disabled(usize),
    Missing,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(project: &'a Project, nodes: Vec<Node>, problems: &mut Diagnostics) -> Self {
        let mut all = Self {
            project,
            all: Vec::with_capacity(nodes.len()),
            refable: HashMap::new(),
            sources: HashMap::new(),
            ids: HashMap::new(),
        };
        all.add(nodes, problems);
        all
    }

    /// Adds nodes; two enabled ones of one name are reported.
    pub(super) fn add(&mut self, nodes: Vec<Node>, problems: &mut Diagnostics) {
        for node in nodes {
            let index = self.all.len();
            if node.config.enabled {
                if let Some(other) = self.same_name(&node) {
                    problems.push(duplicate(&node, other));
                    continue;
                }
                self.ids.insert(Arc::clone(&node.id), index);
            }
            if is_refable(node.resource_type) {
                for name in node.ref_names() {
                    let list = self.refable.entry(name).or_default();
                    list_node(list, &self.all, &node, index);
                }
            } else if let Some(spec) = &node.source_spec {
                let key = (spec.source_name.clone(), node.name.clone());
                list_node(self.sources.entry(key).or_default(), &self.all, &node, index);
            }
            self.all.push(node);
        }
    }

    /// Every node, enabled or not.
    pub(super) fn all(&self) -> &[Node] {
        &self.all
    }

    fn same_name(&self, node: &Node) -> Option<&Node> {
        if let Some(index) = self.ids.get(&node.id) {
            return Some(&self.all[*index]);
        }
        if !is_refable(node.resource_type) {
            return None;
        }
        let names = node.ref_names();
        let same = names.iter().filter_map(|name| self.refable.get(name)).flatten();
        same.map(|index| &self.all[*index])
            .find(|other| other.config.enabled && other.package == node.package)
    }

    /// A node of a package by kind and name, an enabled one if there is one.
    pub(super) fn find(&self, package: &str, resource_type: ResourceType, name: &str) -> Option<&Node> {
        self.refable
            .get(name)?
            .iter()
            .map(|index| &self.all[*index])
            .find(|node| node.package == package && node.resource_type == resource_type)
    }

    /// What `ref` may find under a name, in whichever package, an enabled node if there is one.
    pub(super) fn anywhere(&self, name: &str) -> Option<&Node> {
        self.refable.get(name)?.first().map(|index| &self.all[*index])
    }

    /// The versions of a model of a package.
    pub(super) fn versions(&self, package: &str, name: &str) -> Vec<&Node> {
        let named = |node: &&Node| node.package == package && node.name == name && node.version.is_some();
        self.all.iter().filter(named).collect()
    }

    /// Properties of what does not exist.
    pub(super) fn report_unmatched(&self, problems: &mut Diagnostics) {
        let search_names: Vec<String> = self.all.iter().map(|node| node.ref_names().swap_remove(0)).collect();
        let names: HashSet<(&str, ResourceType, &str)> = self
            .all
            .iter()
            .zip(&search_names)
            .map(|(node, name)| (node.package.as_str(), node.resource_type, name.as_str()))
            .collect();
        let mut seen: HashSet<(&str, PropertyKind, String)> = HashSet::new();
        for package in &self.project.packages {
            let properties = &package.properties;
            for entry in properties.nodes.iter().chain(&properties.tests) {
                let word = entry.kind.word();
                let name = entry.search_name();
                if !seen.insert((&package.name, entry.kind, name.clone())) {
                    problems.push(
                        Diagnostic::error("duplicate-name", format!("{word} `{}` is described twice", entry.name))
                            .at(entry.place.clone())
                            .help("put everything about it into one entry"),
                    );
                }
                let resource_type = match entry.kind {
                    PropertyKind::Model => ResourceType::Model,
                    PropertyKind::Seed => ResourceType::Seed,
                    PropertyKind::Snapshot => ResourceType::Snapshot,
                    PropertyKind::Analysis => ResourceType::Analysis,
                    PropertyKind::Test => ResourceType::Test,
                    PropertyKind::Function => ResourceType::Function,
                };
                if names.contains(&(package.name.as_str(), resource_type, name.as_str())) {
                    continue;
                }
                // dbt takes it for what another package has under that name.
                if package.settings.flavour == Flavour::Dbt
                    && entry.version.is_none()
                    && self
                        .anywhere(&name)
                        .is_some_and(|node| node.resource_type == resource_type)
                {
                    continue;
                }
                let similar = names
                    .iter()
                    .filter(|(within, kind, _)| *within == package.name && *kind == resource_type)
                    .map(|(_, _, name)| *name);
                let diagnostic = Diagnostic::error("unmatched-properties", format!("there is no {word} `{name}`"))
                    .at(entry.place.clone());
                if let Some(version) = &entry.version {
                    let file = version.defined_in.clone();
                    let file = file.unwrap_or_else(|| format!("{}_v{}", entry.name, version.name));
                    problems.push(lenient(
                        package,
                        diagnostic.help(format!("add {file}.sql, or name its file with `defined_in`")),
                    ));
                    continue;
                }
                let swapped = match entry.kind {
                    PropertyKind::Model => Some((ResourceType::Seed, "a seed", "seeds")),
                    PropertyKind::Seed => Some((ResourceType::Model, "a model", "models")),
                    PropertyKind::Snapshot | PropertyKind::Analysis | PropertyKind::Test | PropertyKind::Function => {
                        None
                    }
                };
                if let Some((kind, what, key)) = swapped
                    && names.contains(&(package.name.as_str(), kind, entry.name.as_str()))
                {
                    let diagnostic = diagnostic
                        .because(format!("`{}` is {what}", entry.name))
                        .help(format!("move the entry below `{key}`"));
                    problems.push(lenient(package, diagnostic));
                    continue;
                }
                problems.push(lenient(
                    package,
                    match nearest(&entry.name, similar) {
                        Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
                        None => diagnostic.help("remove the entry, or add the file"),
                    },
                ));
            }
        }
    }

    /// The enabled nodes with their parents, and the disabled ones.
    pub(super) fn resolved(mut self, problems: &mut Diagnostics) -> (Vec<Node>, Vec<Node>) {
        self.add_groups_of_tests();
        let mut parents = Vec::with_capacity(self.all.len());
        let mut off = HashSet::new();
        for (index, node) in self.all.iter().enumerate() {
            if !node.config.enabled || self.is_below_disabled(node) {
                off.insert(index);
                parents.push(Vec::new());
                continue;
            }
            let found = self.parents(node, problems);
            if found.is_none() {
                off.insert(index);
            }
            parents.push(found.unwrap_or_default());
        }
        self.tie_foreign_keys();
        let (mut enabled, mut disabled) = (Vec::new(), Vec::new());
        for (index, (mut node, parents)) in self.all.into_iter().zip(parents).enumerate() {
            node.depends_on = parents;
            if off.contains(&index) {
                node.config.enabled = false;
                node.config.raw.insert("enabled".to_owned(), false.into());
                disabled.push(node);
            } else {
                enabled.push(node);
            }
        }
        (enabled, disabled)
    }

    /// The relations that foreign keys name.
    fn tie_foreign_keys(&mut self) {
        for index in 0..self.all.len() {
            let node = &self.all[index];
            let relation = |to: &str| {
                let meant = match target(to)? {
                    Target::Ref(reference) => self.reference(node, &reference),
                    Target::Source(source, table) => self.source(node, &source, &table),
                };
                match meant {
                    Meant::Node(index) => Some(self.all[index].relation.to_string()),
                    Meant::Disabled(_) | Meant::Missing => None,
                }
            };
            let tied = |constraints: &[Constraint]| -> Vec<Constraint> {
                let mut constraints = constraints.to_vec();
                for constraint in &mut constraints {
                    constraint.relation = constraint.to.as_deref().and_then(relation);
                }
                constraints
            };
            let own = tied(&node.constraints);
            let columns: Vec<Vec<Constraint>> = node.columns.values().map(|column| tied(&column.constraints)).collect();
            let node = &mut self.all[index];
            node.constraints = own;
            for (column, constraints) in node.columns.values_mut().zip(columns) {
                column.constraints = constraints;
            }
        }
    }

    /// A test belongs to the group of what it is written below.
    fn add_groups_of_tests(&mut self) {
        for index in 0..self.all.len() {
            let attached = attached(&self.all[index]);
            let group = attached
                .and_then(|attached| self.ids.get(attached))
                .map(|index| self.all[*index].group.clone());
            if let Some(group) = group
                && self.all[index].group.is_none()
            {
                self.all[index].group = group;
            }
        }
    }

    /// Unless `ref` finds another of that name.
    fn is_below_disabled(&self, node: &Node) -> bool {
        attached(node).is_some_and(|attached| {
            let instead = |reference: &Ref| match self.reference(node, reference) {
                Meant::Node(found) => attached.split('.').nth(2) == Some(&self.all[found].name),
                Meant::Disabled(_) | Meant::Missing => false,
            };
            !self.ids.contains_key(attached) && !node.refs.iter().any(instead)
        })
    }

    /// `None` where the node is a test of what is switched off or, in a dbt project, of what is not there.
    fn parents(&self, node: &Node, problems: &mut Diagnostics) -> Option<Vec<NodeId>> {
        let mut parents: Vec<NodeId> = Vec::new();
        let mut add = |id: &NodeId| {
            if !parents.contains(id) {
                parents.push(Arc::clone(id));
            }
        };
        let is_test = matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest);
        for (source, table) in &node.sources {
            match self.source(node, source, table) {
                Meant::Node(index) => add(&self.all[index].id),
                Meant::Disabled(_) if is_test => return None,
                Meant::Disabled(index) => problems.push(disabled_parent(node, table, &self.all[index])),
                Meant::Missing => {
                    let problem = self.missing_source(node, source, table);
                    if self.tolerated(node, problem, problems) {
                        return None;
                    }
                }
            }
        }
        for reference in &node.refs {
            match self.reference(node, reference) {
                Meant::Node(index) => {
                    let parent = &self.all[index];
                    if is_private_to_others(node, parent) {
                        problems.push(private_parent(node, parent));
                    } else if self.is_protected_from(node, parent) {
                        problems.push(protected_parent(node, parent));
                    }
                    add(&parent.id);
                }
                Meant::Disabled(_) if is_test => return None,
                Meant::Disabled(index) => problems.push(disabled_parent(node, &reference.name, &self.all[index])),
                Meant::Missing => {
                    let problem = self.missing_ref(node, reference);
                    if self.tolerated(node, problem, problems) {
                        return None;
                    }
                }
            }
        }
        let functions = self.called_functions(node, problems)?;
        for id in functions.into_iter().chain(self.semantic_parents(node, problems)) {
            if !parents.contains(&id) {
                parents.push(id);
            }
        }
        Some(parents)
    }

    /// Another package's model, where that package keeps to itself what is not public.
    fn is_protected_from(&self, node: &Node, parent: &Node) -> bool {
        parent.resource_type == ResourceType::Model
            && parent.access != Access::Public
            && node.resource_type != ResourceType::Test
            && node.package != parent.package
            && self
                .project
                .package(&parent.package)
                .is_some_and(|package| package.settings.restrict_access)
    }

    /// dbt leaves out a test that refers to what is not there, with a warning.
    fn tolerated(&self, node: &Node, mut problem: Diagnostic, problems: &mut Diagnostics) -> bool {
        let dbt = self
            .project
            .package(&node.package)
            .is_some_and(|package| package.settings.flavour == Flavour::Dbt);
        let tolerated = dbt && node.resource_type == ResourceType::Test;
        if tolerated {
            problem.level = crate::diagnostic::Level::Warning;
        }
        problems.push(problem);
        tolerated
    }

    fn reference(&self, node: &Node, reference: &Ref) -> Meant {
        let found = self.refable.get(&reference.wanted());
        self.chosen(node, reference.package.as_deref(), found)
    }

    fn source(&self, node: &Node, source: &str, table: &str) -> Meant {
        let found = self.sources.get(&(source.to_owned(), table.to_owned()));
        self.chosen(node, None, found)
    }

    /// In the package that is named; without one in the node's own, then the root project, then anywhere.
    pub(super) fn chosen(&self, node: &Node, package: Option<&str>, found: Option<&Vec<usize>>) -> Meant {
        let Some(found) = found else { return Meant::Missing };
        let within = |package: &str| found.iter().copied().find(|index| self.all[*index].package == package);
        let own: &Package = self.project.own();
        let enabled_anywhere = || found.iter().copied().find(|index| self.all[*index].config.enabled);
        let enabled = |index: Option<usize>| index.filter(|index| self.all[*index].config.enabled);
        let chosen = match package {
            Some(package) => within(package),
            None => enabled(within(&node.package))
                .or_else(|| enabled(within(&own.name)))
                .or_else(enabled_anywhere)
                .or_else(|| found.first().copied()),
        };
        match chosen {
            Some(index) if self.all[index].config.enabled => Meant::Node(index),
            Some(index) => Meant::Disabled(index),
            None => Meant::Missing,
        }
    }

    fn missing_ref(&self, node: &Node, reference: &Ref) -> Diagnostic {
        let name = &reference.name;
        let wanted = reference.wanted();
        let shown = match &reference.package {
            Some(package) => format!("`{package}.{wanted}`"),
            None => format!("`{wanted}`"),
        };
        let diagnostic = Diagnostic::error(
            "missing-ref",
            format!("{} refers to {shown}, which does not exist", what(node)),
        )
        .at(ref_place(node, name));
        if let Some(version) = &reference.version
            && self
                .all
                .iter()
                .any(|other| other.name == *name && other.resource_type == ResourceType::Model)
        {
            let versions: Vec<&str> = self
                .all
                .iter()
                .filter(|other| other.name == *name)
                .filter_map(|other| Some(other.version.as_ref()?.name.as_str()))
                .collect();
            return if versions.is_empty() {
                diagnostic
                    .because(format!("`{name}` has no versions"))
                    .help("leave the version out")
            } else {
                diagnostic.because(format!(
                    "`{name}` has no version {}, only {}",
                    version_text(version),
                    versions.join(", ")
                ))
            };
        }
        if let Some(package) = &reference.package
            && self.project.package(package).is_none()
        {
            return diagnostic.because(format!("there is no package `{package}`"));
        }
        if let Some(elsewhere) = self.refable.get(name).and_then(|found| found.first()) {
            let package = &self.all[*elsewhere].package;
            return diagnostic.help(format!("it is in another package: ref('{package}', '{name}')"));
        }
        let same_name = |other: &&Node| other.name == *name && !is_refable(other.resource_type);
        if let Some(other) = self.all.iter().find(same_name) {
            let diagnostic = diagnostic.because(format!(
                "`{name}` is a {}, and `ref` takes models and seeds",
                other.resource_type.name()
            ));
            return match &other.source_spec {
                Some(spec) => diagnostic.help(format!("write source('{}', '{name}')", spec.source_name)),
                None => diagnostic,
            };
        }
        match nearest(name, self.refable.keys().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("add the model or seed, or mend the name"),
        }
    }

    fn missing_source(&self, node: &Node, source: &str, table: &str) -> Diagnostic {
        let diagnostic = Diagnostic::error(
            "missing-source",
            format!("{} reads source `{source}.{table}`, which is not declared", what(node)),
        )
        .at(source_place(node, source, table));
        let tables: Vec<&str> = self
            .sources
            .keys()
            .filter(|(there, _)| there == source)
            .map(|(_, table)| table.as_str())
            .collect();
        if tables.is_empty() {
            return match nearest(source, self.sources.keys().map(|(source, _)| source.as_str())) {
                Some(near) => diagnostic.help(format!("there is no source `{source}`: did you mean `{near}`?")),
                None => diagnostic.help(format!(
                    "declare it below `sources:` in a properties file: name `{source}`, table `{table}`"
                )),
            };
        }
        match nearest(table, tables) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("add the table `{table}` to source `{source}`")),
        }
    }
}

/// Adds the position that a node will have: enabled before disabled.
fn list_node(list: &mut Vec<usize>, all: &[Node], node: &Node, index: usize) {
    if node.config.enabled {
        let first_disabled = list.iter().position(|other| !all[*other].config.enabled);
        list.insert(first_disabled.unwrap_or(list.len()), index);
    } else {
        list.push(index);
    }
}

/// What a generic test is written below.
fn attached(node: &Node) -> Option<&NodeId> {
    node.test.as_ref()?.generic.as_ref()?.attached.as_ref()
}

fn is_private_to_others(node: &Node, parent: &Node) -> bool {
    parent.access == Access::Private
        && parent.resource_type == ResourceType::Model
        && !matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest)
        && (node.group != parent.group || (node.package != parent.package && parent.group.is_none()))
}

fn private_parent(node: &Node, parent: &Node) -> Diagnostic {
    let group = parent.group.as_ref().map_or_else(
        || "it belongs to no group".to_owned(),
        |group| format!("only group `{group}` may read it"),
    );
    Diagnostic::error(
        "private-ref",
        format!("{} refers to `{}`, which is private", what(node), parent.name),
    )
    .at(ref_place(node, &parent.name))
    .because(group)
    .help("read it from within its group, or give it `access: protected`")
}

fn protected_parent(node: &Node, parent: &Node) -> Diagnostic {
    Diagnostic::error(
        "private-ref",
        format!("{} refers to `{}`, which is not public", what(node), parent.name),
    )
    .at(ref_place(node, &parent.name))
    .because(format!(
        "package `{}` has `restrict-access: true`, so others may read its public models only",
        parent.package
    ))
    .help("read a public model of that package")
}

fn disabled_parent(node: &Node, name: &str, parent: &Node) -> Diagnostic {
    let place = if parent.resource_type == ResourceType::Source {
        node.declared.clone()
    } else {
        ref_place(node, name)
    };
    Diagnostic::error(
        "disabled-ref",
        format!("{} refers to `{name}`, which is disabled", what(node)),
    )
    .at(place)
    .because(format!("{} has `enabled: false`", parent.original_path))
    .help("enable it, or disable what reads it too")
}

fn duplicate(node: &Node, other: &Node) -> Diagnostic {
    Diagnostic::error(
        "duplicate-name",
        format!("{} and {} have the same name", what(other), what(node)),
    )
    .at(node.declared.clone())
    .because(format!("the other one is at {}", other.declared))
    .help(if node.resource_type == ResourceType::Test {
        "remove one of them, or give it a `name` of its own"
    } else {
        "rename or disable one of them"
    })
}

/// Where a node calls `ref` with a name; the node itself where that cannot be found.
pub(super) fn ref_place(node: &Node, name: &str) -> Place {
    let pattern = format!(
        r#"\bref\(\s*(?:['"][^'"]*['"]\s*,\s*)?(['"]{}['"])"#,
        regex::escape(name)
    );
    place_of(node, &pattern)
}

/// Where a node calls `source` with a table; the node itself where that cannot be found.
pub(super) fn source_place(node: &Node, source: &str, table: &str) -> Place {
    let pattern = format!(
        r#"\bsource\(\s*(['"]{}['"]\s*,\s*['"]{}['"])"#,
        regex::escape(source),
        regex::escape(table)
    );
    place_of(node, &pattern)
}

fn place_of(node: &Node, pattern: &str) -> Place {
    let generic = node.test.as_ref().is_some_and(|test| test.generic.is_some());
    let declared = || node.declared.clone();
    if generic || node.resource_type == ResourceType::Operation {
        return declared();
    }
    let start = node.declared.span.start;
    let found = Regex::new(pattern).ok().and_then(|pattern| {
        let found = pattern.captures(node.source.text.get(start..)?)?.get(1)?;
        Some(Place::new(&node.source, start + found.start()..start + found.end()))
    });
    found.unwrap_or_else(declared)
}
