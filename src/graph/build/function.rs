//! Functions: their signatures, and the files that are only another body of one.

use std::collections::HashSet;
use std::sync::Arc;

use super::Draft;
use super::check::what;
use super::resolve::{Meant, Nodes};
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::graph::{FunctionSpec, Node, NodeId, Overload, ResourceType};
use crate::project::{FunctionOverload, FunctionProperties, NodeProperties, Package};

/// What the properties say of a function. The bodies of its overloads come with [`absorb`].
pub(super) fn signature(
    draft: &Draft,
    properties: Option<&NodeProperties>,
    problems: &mut Diagnostics,
) -> FunctionSpec {
    let Some(written) = properties.and_then(|entry| entry.function.as_deref()) else {
        return FunctionSpec::untold();
    };
    if let Some(argument) = after_a_default(written) {
        let place = properties.map_or(&draft.declared, |entry| &entry.place);
        problems.push(
            Diagnostic::error(
                "argument-order",
                format!(
                    "argument `{argument}` of {} has no default, and stands after one that has",
                    draft.what
                ),
            )
            .at(place.clone())
            .help("give it a `default_value`, or put it before those that have one"),
        );
    }
    FunctionSpec {
        arguments: written.arguments.clone(),
        returns: written.returns.clone(),
        overloads: Vec::new(),
    }
}

/// PostgreSQL has no functions in JavaScript; dbt refuses them before anything runs.
pub(super) fn check_language(draft: &Draft, problems: &mut Diagnostics) {
    if draft.path.rsplit('.').next() == Some("js") {
        problems.push(
            Diagnostic::error("not-supported", format!("{} is written in JavaScript", draft.what))
                .at(draft.declared.clone())
                .because("PostgreSQL does not run JavaScript")
                .help("write it in SQL, or disable it"),
        );
    }
}

fn after_a_default(written: &FunctionProperties) -> Option<&str> {
    let arguments = written.arguments.iter();
    let rest = arguments.skip_while(|argument| argument.default_value.is_none());
    rest.filter(|argument| argument.default_value.is_none())
        .map(|argument| argument.name.as_str())
        .next()
}

/// Takes the functions that are only another body of one out of the nodes, and gives them to it.
pub(super) fn absorb(package: &Package, nodes: &mut Vec<Node>, problems: &mut Diagnostics) {
    let described = package.properties.nodes.iter();
    let described = described.filter_map(|entry| Some((&entry.name, &entry.function.as_ref()?.overloads)));
    let mut taken: HashSet<NodeId> = HashSet::new();
    for (name, overloads) in described.filter(|(_, overloads)| !overloads.is_empty()) {
        let Some(root) = position(nodes, package, name) else {
            continue;
        };
        for written in overloads {
            let found = position(nodes, package, &written.defined_in).filter(|index| nodes[*index].config.enabled);
            let problem = match found {
                Some(index) if index == root => Some("a function cannot be its own overload".to_owned()),
                Some(index) if !taken.insert(Arc::clone(&nodes[index].id)) => {
                    Some("another overload has its file already".to_owned())
                }
                Some(index) => {
                    let body = nodes[index].clone();
                    add(&mut nodes[root], written, &body);
                    None
                }
                None => Some(format!(
                    "there is no function `{}` in package `{}`",
                    written.defined_in, package.name
                )),
            };
            if let Some(cause) = problem {
                let names = nodes
                    .iter()
                    .filter(|node| is_function_of(node, package) && node.name != *name);
                let near = nearest(&written.defined_in, names.map(|node| node.name.as_str()));
                problems.push(
                    Diagnostic::error(
                        "bad-overload",
                        format!("function `{name}` has no overload `{}`", written.defined_in),
                    )
                    .at(written.place.clone())
                    .because(cause)
                    .help(near.map_or_else(
                        || "name a file of the function folder that belongs to no other function".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    )),
                );
            }
        }
    }
    nodes.retain(|node| !taken.contains(&node.id));
}

fn is_function_of(node: &Node, package: &Package) -> bool {
    node.resource_type == ResourceType::Function && node.package == package.name
}

fn position(nodes: &[Node], package: &Package, name: &str) -> Option<usize> {
    nodes
        .iter()
        .position(|node| is_function_of(node, package) && node.name == name)
}

/// What the body refers to, the function depends on.
fn add(root: &mut Node, written: &FunctionOverload, body: &Node) {
    for reference in &body.refs {
        if !root.refs.contains(reference) {
            root.refs.push(reference.clone());
        }
    }
    for source in &body.sources {
        if !root.sources.contains(source) {
            root.sources.push(source.clone());
        }
    }
    for called in &body.functions.called {
        if !root.functions.called.contains(called) {
            root.functions.called.push(called.clone());
        }
    }
    let mut spec = root
        .functions
        .spec
        .as_deref()
        .cloned()
        .unwrap_or_else(FunctionSpec::untold);
    spec.overloads.push(Overload {
        defined_in: written.defined_in.clone(),
        arguments: written.arguments.clone(),
        returns: written.returns.clone(),
        description: written.description.clone(),
        source: Arc::clone(&body.source),
        path: body.path.clone(),
        original_path: body.original_path.clone(),
    });
    root.functions.spec = Some(Arc::new(spec));
}

impl Nodes<'_> {
    /// The functions that a node calls. `None` where the node is a test of what is switched off.
    pub(super) fn called_functions(&self, node: &Node, problems: &mut Diagnostics) -> Option<Vec<NodeId>> {
        let mut parents = Vec::new();
        for called in &node.functions.called {
            let (package, name) = match &called[..] {
                [package, name] => (Some(package.as_str()), name),
                [name] => (None, name),
                _ => continue,
            };
            let named =
                |(_, other): &(usize, &Node)| other.resource_type == ResourceType::Function && other.name == *name;
            let all = self.all().iter().enumerate();
            let found: Vec<usize> = all.filter(named).map(|(index, _)| index).collect();
            let is_test = matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest);
            match self.chosen(node, package, Some(&found)) {
                Meant::Node(index) => parents.push(Arc::clone(&self.all()[index].id)),
                Meant::Disabled(_) if is_test => return None,
                Meant::Disabled(_) => problems.push(
                    Diagnostic::error(
                        "disabled-ref",
                        format!("{} calls function `{name}`, which is disabled", what(node)),
                    )
                    .at(node.declared.clone())
                    .help("enable it, or disable what calls it too"),
                ),
                Meant::Missing => problems.push(self.missing_function(node, package, name)),
            }
        }
        Some(parents)
    }

    fn missing_function(&self, node: &Node, package: Option<&str>, name: &str) -> Diagnostic {
        let shown = package.map_or_else(|| name.to_owned(), |package| format!("{package}.{name}"));
        let diagnostic = Diagnostic::error(
            "missing-function",
            format!("{} calls function `{shown}`, which does not exist", what(node)),
        )
        .at(node.declared.clone());
        let functions = self.all().iter();
        let functions = functions.filter(|other| other.resource_type == ResourceType::Function);
        match nearest(name, functions.map(|other| other.name.as_str())) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("add functions/{name}.sql, or mend the name")),
        }
    }
}
