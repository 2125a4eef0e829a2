//! All macros of a project, and how a name finds one.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use minijinja::Value;

use super::call::{MacroRef, Package};
use super::engine::{DispatchRule, MacroFile};
use super::failure::{Origin, syntax};
use super::syntax::{Block, BlockKind, blocks, rewrite_macro};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};

/// The packages that Assay brings, the nearer to the database the later. Under the first one's name stand the macros of
/// both.
pub const BUILTIN: [&str; 2] = ["dbt", "dbt_postgres"];

/// What a block defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacroKind {
    Macro,
    /// A generic test, callable as `test_<name>`.
    Test,
    Materialization,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacroArgument {
    pub name: String,
    /// As written.
    pub default: Option<String>,
}

/// A macro as the manifest shows it.
#[derive(Clone, Debug)]
pub struct MacroInfo {
    /// `macro.package.name`
    pub id: String,
    pub package: String,
    /// With `test_` before it for a test, and as `materialization_<name>_<adapter>` for a materialization.
    pub name: String,
    pub kind: MacroKind,
    /// The name in the block's tag.
    pub written_name: String,
    /// Materializations: the adapter they are for, `default` where none is named.
    pub adapter: Option<String>,
    pub arguments: Vec<MacroArgument>,
    /// Materializations: the languages of models that they build.
    pub languages: Option<Vec<String>>,
    pub path: String,
    /// The block as written, with the blanks that its tags take away around it.
    pub text: String,
    /// The name in the block's tag.
    pub place: Place,
}

impl MacroInfo {
    /// Comes with the program.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        BUILTIN.contains(&self.package.as_str())
    }
}

/// A macro ready to be loaded.
#[derive(Debug)]
pub(super) struct MacroDef {
    pub(super) info: MacroInfo,
    pub(super) index: usize,
    pub(super) origin: Origin,
    pub(super) takes_varargs: bool,
    pub(super) takes_kwargs: bool,
}

/// The block with the blanks that its `{%-` and `-%}` take away, none of them before `from`.
fn with_blanks(text: &str, from: usize, block: &Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (block.start, block.end);
    // What stands around all of a file does not count.
    let text = text.trim_end();
    let from = from.max(text.len() - text.trim_start().len());
    if text[start..].starts_with("{%-") {
        start = from + text[from..start].trim_end().len();
    }
    if text[..end].ends_with("-%}") {
        end += text[end..].len() - text[end..].trim_start().len();
    }
    start..end
}

type Names = HashMap<String, Value>;

pub(super) struct MacroTable {
    pub(super) root: String,
    pub(super) macros: Vec<Arc<MacroDef>>,
    by_id: HashMap<String, usize>,
    packages: HashMap<String, HashMap<String, usize>>,
    /// What a bare name means, by the package of the node that is rendered.
    namespaces: HashMap<String, Names>,
    dispatch: HashMap<String, Vec<String>>,
}

impl MacroTable {
    pub(super) fn new(
        root: &str,
        packages: &[String],
        files: &[MacroFile],
        dispatch: &[DispatchRule],
    ) -> Result<Self, Diagnostics> {
        let mut table = Self {
            root: root.to_owned(),
            macros: Vec::new(),
            by_id: HashMap::new(),
            packages: HashMap::new(),
            namespaces: HashMap::new(),
            dispatch: dispatch
                .iter()
                .map(|rule| (rule.namespace.clone(), rule.search_order.clone()))
                .collect(),
        };
        let named = packages.iter().map(String::as_str);
        for package in [root].into_iter().chain(BUILTIN).chain(named) {
            table.packages.entry(package.to_owned()).or_default();
        }
        let mut wrong = Diagnostics::default();
        for file in files {
            match blocks(&file.file.text) {
                Ok(found) => {
                    let mut from = 0;
                    for block in found {
                        let whole = with_blanks(&file.file.text, from, &block.span);
                        from = whole.end;
                        table.add(file, &block, whole, &mut wrong);
                    }
                }
                Err(fault) => wrong.push(syntax(&file.file, fault)),
            }
        }
        if wrong.has_errors() {
            return Err(wrong);
        }
        table.build_namespaces();
        Ok(table)
    }

    fn add(&mut self, file: &MacroFile, block: &Block, whole: Range<usize>, wrong: &mut Diagnostics) {
        let (kind, name) = match block.kind {
            BlockKind::Macro => (MacroKind::Macro, block.name.clone()),
            BlockKind::Test => (MacroKind::Test, format!("test_{}", block.name)),
            BlockKind::Materialization => {
                let adapter = block.adapter.as_deref().unwrap_or("default");
                (
                    MacroKind::Materialization,
                    format!("materialization_{}_{adapter}", block.name),
                )
            }
            BlockKind::Snapshot | BlockKind::Docs => return,
        };
        let place = Place::new(&file.file, block.name_span.clone());
        let index = self.macros.len();
        let names = self.packages.entry(file.package.clone()).or_default();
        if let Some(&first) = names.get(&name) {
            let first = &self.macros[first].info.place;
            wrong.push(
                Diagnostic::error(
                    "duplicate-macro",
                    format!("the package `{}` defines `{name}` twice", file.package),
                )
                .at(place)
                .because(format!("the first definition is at {first}"))
                .help("remove or rename one of them"),
            );
            return;
        }
        names.insert(name.clone(), index);
        let id = format!("macro.{}.{name}", file.package);
        self.by_id.insert(id.clone(), index);
        let (rewritten, takes_varargs, takes_kwargs) = rewrite_macro(&file.file.text, block);
        let text = &file.file.text;
        self.macros.push(Arc::new(MacroDef {
            info: MacroInfo {
                id,
                package: file.package.clone(),
                name,
                kind,
                written_name: block.name.clone(),
                adapter: (kind == MacroKind::Materialization)
                    .then(|| block.adapter.clone().unwrap_or_else(|| "default".to_owned())),
                arguments: block
                    .parameters
                    .iter()
                    .map(|p| MacroArgument {
                        name: p.name.clone(),
                        default: p.default.clone().map(|span| text[span].to_owned()),
                    })
                    .collect(),
                languages: (kind == MacroKind::Materialization).then(|| block.languages.clone()),
                path: file.file.path.clone(),
                text: text[whole].to_owned(),
                place,
            },
            index,
            origin: Origin {
                file: Arc::clone(&file.file),
                rewritten: Arc::new(rewritten),
                part: block.body.clone(),
            },
            takes_varargs,
            takes_kwargs,
        }));
    }

    /// dbt's order, the weakest first: the builtin packages, package names, the root project, the node's own package.
    fn build_namespaces(&mut self) {
        let mut shared = Names::new();
        for package in BUILTIN {
            self.put_macros(&mut shared, package);
        }
        for package in self.packages.keys() {
            let mut names = Names::new();
            for member in Self::members(package) {
                self.put_macros(&mut names, member);
            }
            shared.insert(package.clone(), Package::value(package, names));
        }
        self.put_macros(&mut shared, &self.root);
        let namespaces = self
            .packages
            .keys()
            .map(|package| {
                let mut names = shared.clone();
                self.put_macros(&mut names, package);
                (package.clone(), names)
            })
            .collect();
        self.namespaces = namespaces;
    }

    /// The packages whose macros a package's name stands for, the weakest first.
    pub(super) fn members(package: &str) -> Vec<&str> {
        if package == BUILTIN[0] {
            BUILTIN.to_vec()
        } else {
            vec![package]
        }
    }

    fn reference(&self, index: usize) -> Value {
        MacroRef::value(&self.macros[index])
    }

    fn put_macros(&self, names: &mut Names, package: &str) {
        for (name, &index) in self.packages.get(package).into_iter().flatten() {
            names.insert(name.clone(), self.reference(index));
        }
    }

    fn namespace(&self, package: &str) -> Option<&Names> {
        self.namespaces.get(package).or_else(|| self.namespaces.get(&self.root))
    }

    /// A macro or package namespace by bare name, as seen from a package.
    pub(super) fn resolve(&self, package: &str, name: &str) -> Option<Value> {
        self.namespace(package)?.get(name).cloned()
    }

    pub(super) fn of_package(&self, package: &str, name: &str) -> Option<&MacroInfo> {
        let &index = self.packages.get(package)?.get(name)?;
        Some(&self.macros[index].info)
    }

    /// A macro, either of one package or as seen from a package.
    pub(super) fn find(&self, package: Option<&str>, from: &str, name: &str) -> Option<Value> {
        match package {
            Some(package) => Self::members(package)
                .into_iter()
                .rev()
                .find_map(|member| self.packages.get(member)?.get(name))
                .map(|&index| self.reference(index)),
            None => self
                .resolve(from, name)
                .filter(|v| v.downcast_object_ref::<MacroRef>().is_some()),
        }
    }

    /// The macro that a method of the adapter calls: the root project's, else a package's, else the builtin one.
    pub(super) fn find_for_adapter(&self, name: &str) -> Option<Value> {
        let own = self.packages.get(&self.root).and_then(|found| found.get(name));
        let theirs = || {
            let builtin = |index: &usize| BUILTIN.contains(&self.macros[*index].info.package.as_str());
            self.packages
                .values()
                .filter_map(|found| found.get(name))
                .filter(|index| !builtin(index))
                .max()
        };
        match own.or_else(theirs) {
            Some(&index) => Some(self.reference(index)),
            None => self.find(None, &self.root, name),
        }
    }

    /// The project or package that a macro belongs to, where it is no builtin one.
    pub(super) fn owner(&self, found: &Value) -> Option<&str> {
        let found = found.downcast_object_ref::<MacroRef>()?;
        let package = self.by_id(found.id())?.info.package.as_str();
        (!BUILTIN.contains(&package)).then_some(package)
    }

    pub(super) fn reference_by_id(&self, id: &str) -> Option<Value> {
        self.by_id.get(id).map(|&index| self.reference(index))
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&Arc<MacroDef>> {
        self.by_id.get(id).map(|&index| &self.macros[index])
    }

    /// What a bare name could mean, for suggestions.
    pub(super) fn names(&self, package: &str) -> impl Iterator<Item = &String> {
        self.namespace(package).into_iter().flat_map(HashMap::keys)
    }

    /// The packages in which `adapter.dispatch` looks, in order; `None` stands for the usual search.
    pub(super) fn search_order<'a>(&'a self, namespace: Option<&'a str>) -> Vec<Option<&'a str>> {
        let Some(namespace) = namespace else {
            return vec![None];
        };
        match self.dispatch.get(namespace) {
            Some(order) if !order.is_empty() => order.iter().map(|p| Some(p.as_str())).collect(),
            _ if self.packages.contains_key(namespace) => vec![Some(&self.root), Some(namespace)],
            _ => vec![None],
        }
    }
}
