//! What the manifest lists beside nodes: macros, docs blocks, groups.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::graph::entry::GroupEntry;
use crate::graph::with_docs;
use crate::jinja::{Engine, MacroInfo, MacroKind};
use crate::project::{Group, Package, Project};
use crate::report::artifact::{Contents, DocEntry, MacroArgument, MacroEntry};

/// Fills in what is not in the graph.
pub(super) fn complete(contents: &mut Contents<'_>, project: &Project, engine: &Engine) {
    contents.macros = engine
        .macros()
        .map(|found| {
            let described = project
                .package(&found.package)
                .and_then(|package| package.properties.macros.iter().find(|m| m.name == found.name));
            MacroEntry {
                package: found.package.clone(),
                name: found.name.clone(),
                original_path: original_path(project, found),
                text: found.text.clone(),
                description: project
                    .package(&found.package)
                    .zip(described)
                    .map(|(package, m)| with_docs(project, package, &m.description))
                    .unwrap_or_default(),
                patch_path: described.and_then(|m| {
                    let (_, file) = project.package(&found.package)?.properties_file(&m.place);
                    Some(format!("{}://{file}", found.package))
                }),
                arguments: match described
                    .and_then(|m| m.arguments.as_array())
                    .filter(|list| !list.is_empty())
                {
                    Some(list) => list.iter().map(argument).collect(),
                    None => arguments(found, is_generic(project, found)),
                },
                depends_on: engine.called_by(found),
                supported_languages: found.languages.clone(),
            }
        })
        .collect();
    for package in &project.packages {
        contents.docs.extend(package.docs.iter().map(|doc| DocEntry {
            package: package.name.clone(),
            name: doc.name.clone(),
            path: doc.path.clone(),
            original_path: doc.original_path.clone(),
            contents: doc.text.clone(),
        }));
    }
    contents.groups = groups(project);
    let quoting = &project.own().settings.quoting;
    contents.quoting = quoting.iter().map(|(part, yes)| (part.clone(), yes.clone())).collect();
}

/// Whether a macro stands in `tests/generic` or its like.
fn is_generic(project: &Project, found: &MacroInfo) -> bool {
    let Some(package) = project.package(&found.package) else {
        return false;
    };
    let file = original_path(project, found);
    let within = |folder: &String| {
        file.strip_prefix(folder.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
    };
    found.kind == MacroKind::Test && !package.settings.paths.macros.iter().any(within)
}

/// Below the root of its package.
fn original_path(project: &Project, found: &MacroInfo) -> String {
    let files = project.package(&found.package).map(|package| &package.files.macros);
    let mut files = files.into_iter().flatten();
    let file = files.find(|code| Arc::ptr_eq(&code.file, &found.place.file));
    file.map_or_else(|| found.path.clone(), |code| code.original_path.clone())
}

/// The arguments that nobody describes. A materialization takes one, as dbt sees it, and a test in a
/// file for tests none.
fn arguments(found: &MacroInfo, is_generic: bool) -> Vec<MacroArgument> {
    let languages = (found.kind == MacroKind::Materialization).then_some("supported_languages");
    let own = if is_generic { &[] } else { &found.arguments[..] };
    let named = own.iter().map(|argument| argument.name.as_str());
    named
        .chain(languages)
        .map(|name| MacroArgument {
            name: name.to_owned(),
            data_type: None,
            description: String::new(),
        })
        .collect()
}

/// An argument of a macro as a properties file describes it.
fn argument(written: &Json) -> MacroArgument {
    let text = |key: &str| written.get(key).and_then(Json::as_str).map(str::to_owned);
    MacroArgument {
        name: text("name").unwrap_or_default(),
        data_type: text("type"),
        description: text("description").unwrap_or_default(),
    }
}

/// As written, and an address in any case.
fn owner(group: &Group) -> Json {
    let mut owner: Map<String, Json> = group.owner.clone().into_iter().collect();
    owner.entry("email").or_insert(Json::Null);
    owner.into()
}

/// What a group's own `config` says and, as dbt has it, what the project files say of models in a folder of its name.
fn group_config(project: &Project, package: &Package, group: &Group, path: &str) -> Map<String, Json> {
    let mut config = Map::from_iter([("meta".to_owned(), json!({}))]);
    let mut add = |key: &str, value: &Json| {
        let key = match key {
            "pre_hook" | "post_hook" => key.replace('_', "-"),
            key => key.to_owned(),
        };
        match (key.as_str(), config.get_mut("meta"), value) {
            ("meta", Some(Json::Object(there)), Json::Object(more)) => there.extend(more.clone()),
            _ => {
                config.insert(key, value.clone());
            }
        }
    };
    let mut fqn = vec![package.name.clone()];
    if let Some((folders, _)) = path.rsplit_once('/') {
        fqn.extend(folders.split('/').map(str::to_owned));
    }
    fqn.push(group.name.clone());
    let of_models = |package: &Package| -> Vec<(String, Json)> {
        let layers = package.settings.models.along(&fqn);
        let all = layers.into_iter().flatten();
        all.map(|(key, setting)| (key.clone(), setting.value.clone())).collect()
    };
    for (key, value) in of_models(package) {
        add(&key, &value);
    }
    for (key, value) in &group.config {
        add(key, value);
    }
    add("meta", &json!(group.meta));
    if package.name != project.own().name {
        for (key, value) in of_models(project.own()) {
            add(&key, &value);
        }
    }
    config
}

/// The groups of all packages.
pub(super) fn groups(project: &Project) -> Vec<GroupEntry> {
    let mut groups = Vec::new();
    for package in &project.packages {
        groups.extend(package.properties.groups.iter().map(|group| {
            let (path, original_path) = package.properties_file(&group.place);
            GroupEntry {
                package: package.name.clone(),
                name: group.name.clone(),
                path: path.to_owned(),
                original_path: original_path.to_owned(),
                owner: owner(group),
                config: group_config(project, package, group, path),
                description: group.description.clone(),
            }
        }));
    }
    groups
}
