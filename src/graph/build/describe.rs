//! Descriptions with the text that they fetch, and columns.

use std::sync::{Arc, LazyLock};

use indexmap::IndexMap;
use regex::{Captures, Regex};
use serde_json::json;

use super::Builder;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, SourceFile, nearest};
use crate::graph::NodeColumn;
use crate::graph::recorder::Recorder;
use crate::graph::templates::Job;
use crate::project::{ColumnProperties, DocBlock, Package, Project, Settings};

static EXPRESSION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)\{\{.*?\}\}").expect("the pattern is fixed"));

static DOC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\{\{-?\s*doc\(\s*(?:['"](\w+)['"]\s*,\s*)?['"](\w+)['"]\s*\)\s*-?\}\}"#)
        .expect("the pattern is fixed")
});

/// A docs block as a package sees it, with the package that it is in.
fn doc<'p>(
    project: &'p Project,
    wanted: Option<&str>,
    name: &str,
    package: &'p Package,
) -> Option<(&'p Package, &'p DocBlock)> {
    let within = |package: &'p Package| {
        let found = package.docs.iter().find(|block| block.name == name)?;
        Some((package, found))
    };
    match wanted {
        Some(wanted) => within(project.package(wanted)?),
        None => within(package)
            .or_else(|| within(project.own()))
            .or_else(|| project.packages.iter().find_map(within)),
    }
}

/// A text with its `doc('..')` calls filled in; any other expression means nothing there.
pub fn with_docs(project: &Project, package: &Package, text: &str) -> String {
    let filled = DOC.replace_all(text, |found: &Captures| {
        let wanted = found.get(1).map(|package| package.as_str());
        match doc(project, wanted, &found[2], package) {
            Some((_, block)) => block.text.clone(),
            None => found[0].to_owned(),
        }
    });
    if filled == text && !text.contains("{{") {
        return text.to_owned();
    }
    without_break(&EXPRESSION.replace_all(&filled, "")).to_owned()
}

/// Rendering drops a line break at the end.
fn without_break(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

impl Builder<'_> {
    /// The description with its `doc('..')` calls filled in and any other Jinja rendered.
    pub(super) fn description(
        &self,
        text: &str,
        package: &Package,
        place: &Place,
        problems: &mut Diagnostics,
    ) -> String {
        if !text.contains("{{") && !text.contains("{%") {
            return text.to_owned();
        }
        let filled = DOC.replace_all(text, |found: &Captures| {
            let name = &found[2];
            let wanted = found.get(1).map(|package| package.as_str());
            if let Some(text) = self.doc(wanted, name, package) {
                return text;
            }
            let known = self.project.packages.iter().flat_map(|package| &package.docs);
            let diagnostic =
                Diagnostic::error("missing-doc", format!("there is no docs block `{name}`")).at(place.clone());
            problems.push(match nearest(name, known.map(|block| block.name.as_str())) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("write {{% docs {name} %}} .. {{% enddocs %}} into a .md file")),
            });
            String::new()
        });
        if !filled.contains("{{") && !filled.contains("{%") {
            return without_break(&filled).to_owned();
        }
        let source = SourceFile::new(&place.file.path, &*filled);
        let this = self.stand_in("description");
        let host = Recorder::new(this.clone(), &self.variables, Settings::new(), self.templates.voice());
        let job = Job {
            package: &package.name,
            within: "a description",
            source: &source,
            host: host as Arc<dyn crate::jinja::Host>,
            this: &this,
            node: &json!({}),
        };
        match self.templates.render(&job) {
            Ok(text) => text,
            Err(problem) => {
                problems.push(problem.at(place.clone()));
                filled.into_owned()
            }
        }
    }

    fn doc(&self, wanted: Option<&str>, name: &str, package: &Package) -> Option<String> {
        let (_, block) = doc(self.project, wanted, name, package)?;
        Some(block.text.clone())
    }

    /// The docs blocks that a description is made of.
    pub(super) fn doc_blocks(&self, text: &str, package: &Package) -> Vec<String> {
        let found = DOC.captures_iter(text).filter_map(|found| {
            let wanted = found.get(1).map(|package| package.as_str());
            let (package, block) = doc(self.project, wanted, &found[2], package)?;
            Some(format!("doc.{}.{}", package.name, block.name))
        });
        found.collect()
    }

    /// `filled` where descriptions are rendered.
    pub(super) fn columns(
        &self,
        columns: &[ColumnProperties],
        package: &Package,
        filled: bool,
        problems: &mut Diagnostics,
    ) -> IndexMap<String, NodeColumn> {
        columns
            .iter()
            .map(|column| {
                let mut described = NodeColumn {
                    name: column.name.clone(),
                    description: column.description.clone(),
                    doc_blocks: Vec::new(),
                    data_type: column.data_type.clone(),
                    quote: column.quote.unwrap_or(false),
                    tags: column.tags.clone(),
                    meta: column.meta.clone(),
                    semantics: column.semantics.clone(),
                    constraints: super::constraint::read(&column.constraints, false, &column.place, problems),
                };
                if filled {
                    described.description = self.description(&column.description, package, &column.place, problems);
                    described.doc_blocks = self.doc_blocks(&column.description, package);
                }
                (column.name.clone(), described)
            })
            .collect()
    }
}
