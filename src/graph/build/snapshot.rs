//! Snapshots: blocks in files of their own, and entries of properties files that say what to record.

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::patch::Described;
use super::template::Item;
use super::{Builder, Draft, fqn, is_off};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, SourceFile};
use crate::graph::{Node, Part, ResourceType, SnapshotSpec};
use crate::jinja::snapshots;
use crate::project::{CodeFile, NodeProperties, Package, PropertyKind, Settings};

static CALL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)^\s*(ref|source)\(.*\)\s*$").expect("the pattern is fixed"));

impl Builder<'_> {
    /// The snapshots of one package, not rendered yet.
    pub(super) fn snapshots<'p>(
        package: &'p Package,
        described: &Described<'p>,
        problems: &mut Diagnostics,
    ) -> Vec<Item<'p>> {
        let mut items = Vec::new();
        for code in &package.files.snapshots {
            match snapshots(&code.file) {
                Ok(blocks) => items.extend(blocks.into_iter().map(|block| {
                    let source = below_white_space(code, block.body.clone());
                    let body = block.body.start.min(source.text.len());
                    let properties = described
                        .get(&(PropertyKind::Snapshot, block.name.as_str().into()))
                        .copied();
                    let name_place = Place::new(&code.file, block.name_span);
                    snapshot(package, properties, block.name, code, &source, body, name_place)
                })),
                Err(problem) => problems.push(problem),
            }
        }
        for entry in &package.properties.nodes {
            items.extend(of_relation(package, entry, problems));
        }
        items
    }

    /// Adds what is particular to a snapshot.
    pub(super) fn finish_snapshot(
        &self,
        item: &Item,
        settings: &Settings,
        node: &mut Node,
        problems: &mut Diagnostics,
    ) {
        node.part.clone_from(&item.part);
        if item.draft.resource_type == ResourceType::Snapshot && !is_off(settings) {
            let owner = self.owner(&item.draft, &|_| false);
            node.snapshot = SnapshotSpec::of(settings, &owner, &item.draft.declared, problems);
        }
    }
}

/// The body of a block as a file, with white space in place of what stands before it: places stay what they are.
fn below_white_space(code: &CodeFile, body: std::ops::Range<usize>) -> Arc<SourceFile> {
    let text = &code.file.text;
    let blank = |c: char| {
        if c == '\n' {
            "\n".to_owned()
        } else {
            " ".repeat(c.len_utf8())
        }
    };
    let mut made: String = text[..body.start].chars().map(blank).collect();
    made.push_str(&text[body]);
    SourceFile::new(&code.file.path, made)
}

fn snapshot<'p>(
    package: &'p Package,
    properties: Option<&'p NodeProperties>,
    name: String,
    code: &CodeFile,
    source: &Arc<SourceFile>,
    body: usize,
    declared: Place,
) -> Item<'p> {
    let stem = code.path.rsplit_once('.').map_or(code.path.as_str(), |(stem, _)| stem);
    let fqn = fqn(&package.name, &format!("{stem}/"), &name);
    let configured: Vec<&Settings> = properties.iter().map(|entry| &entry.config).collect();
    Item {
        draft: Draft {
            version: None,
            settings: Builder::settings(package, ResourceType::Snapshot, &fqn, &configured),
            what: format!("snapshot `{name}`"),
            declared,
            resource_type: ResourceType::Snapshot,
            package,
            name,
            path: code.path.clone(),
            original_path: code.original_path.clone(),
            fqn,
            source: Arc::clone(source),
        },
        properties,
        part: Some(Part {
            file: Arc::clone(&code.file),
            body,
        }),
    }
}

/// An entry with a `relation` is a snapshot of that relation as it is.
fn of_relation<'p>(package: &'p Package, entry: &'p NodeProperties, problems: &mut Diagnostics) -> Option<Item<'p>> {
    let (relation, place) = entry.relation.as_ref()?;
    if !CALL.is_match(relation) {
        problems.push(
            Diagnostic::error("bad-snapshot", format!("`{relation}` is no call of `ref` or `source`"))
                .at(place.clone())
                .help("write relation: ref('model') or relation: source('source', 'table')"),
        );
        return None;
    }
    let (path, original_path) = package.properties_file(&entry.place);
    let fqn = fqn(&package.name, path, &entry.name);
    let source = SourceFile::new(
        format!("{}/{}.sql", entry.place.file.path, entry.name),
        format!("select * from {{{{ {relation} }}}}"),
    );
    Some(Item {
        draft: Draft {
            version: None,
            settings: Builder::settings(package, ResourceType::Snapshot, &fqn, &[&entry.config]),
            what: format!("snapshot `{}`", entry.name),
            declared: entry.place.clone(),
            resource_type: ResourceType::Snapshot,
            package,
            name: entry.name.clone(),
            path: format!("{}.sql", entry.name),
            original_path: original_path.to_owned(),
            fqn,
            source,
        },
        properties: Some(entry),
        part: Some(Part {
            file: Arc::clone(&entry.place.file),
            body: 0,
        }),
    })
}
