//! The macros that a macro calls, read from its text as dbt reads them: by name, by package and name, by dispatch.

use super::call::PREFIXES;
use super::syntax::{Call, calls};
use super::table::{BUILTIN, MacroInfo, MacroTable};

/// The ids of the macros that a macro calls, in order of first mention.
pub(super) fn called(table: &MacroTable, by: &MacroInfo) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |info: Option<&MacroInfo>| {
        if let Some(info) = info
            && !found.contains(&info.id)
        {
            found.push(info.id.clone());
        }
    };
    for call in calls(&by.text) {
        match call {
            Call::Named { package, name } => {
                if package.is_some() || name != by.name {
                    add(named(table, package.as_deref().unwrap_or(&by.package), &name));
                }
            }
            Call::Dispatched { name, namespace } => {
                if name != by.name {
                    add(named(table, &by.package, &name));
                }
                add(dispatched(table, &name, namespace.as_deref()));
            }
        }
    }
    found
}

/// The macro that a package means by a name, where that is neither `wanted` nor calls it, directly or through others.
pub(super) fn instead_of(table: &MacroTable, wanted: &str, package: &str, name: &str) -> Option<String> {
    let found = named(table, package, name)?;
    let mut reached = vec![found.id.clone()];
    let mut at = 0;
    while let Some(id) = reached.get(at).cloned() {
        if id == wanted {
            return None;
        }
        if let Some(def) = table.by_id(&id) {
            for more in called(table, &def.info) {
                if !reached.contains(&more) {
                    reached.push(more);
                }
            }
        }
        at += 1;
    }
    Some(found.id.clone())
}

/// What a package has under a name, else what everybody sees.
fn named<'t>(table: &'t MacroTable, package: &str, name: &str) -> Option<&'t MacroInfo> {
    table.of_package(package, name).or_else(|| seen_by_all(table, name))
}

/// The root project comes before the packages, the last of them before the others, and all before what is built in. A
/// run is stricter: there a package does not see what is in another.
fn seen_by_all<'t>(table: &'t MacroTable, name: &str) -> Option<&'t MacroInfo> {
    let packages = || {
        table
            .macros
            .iter()
            .rev()
            .map(|def| &def.info)
            .filter(|info| info.name == name)
    };
    table
        .of_package(&table.root, name)
        .or_else(|| packages().find(|info| !BUILTIN.contains(&info.package.as_str())))
        .or_else(|| BUILTIN.iter().rev().find_map(|package| table.of_package(package, name)))
}

fn dispatched<'t>(table: &'t MacroTable, name: &str, namespace: Option<&str>) -> Option<&'t MacroInfo> {
    table.search_order(namespace).into_iter().find_map(|package| {
        PREFIXES.iter().find_map(|prefix| {
            let name = format!("{prefix}__{name}");
            match package {
                Some(package) => MacroTable::members(package)
                    .into_iter()
                    .rev()
                    .find_map(|member| table.of_package(member, &name)),
                None => seen_by_all(table, &name),
            }
        })
    })
}
