//! The hooks of a whole run.

use std::sync::Arc;

use super::{Builder, Draft};
use crate::diagnostic::{Diagnostics, Place, SourceFile};
use crate::graph::{Node, ResourceType};
use crate::project::{Package, RunHook};

impl Builder<'_> {
    pub(super) fn operations(&self, problems: &mut Diagnostics) -> Vec<Node> {
        let mut nodes = Vec::new();
        for package in &self.project.packages {
            for (kind, hooks) in [
                ("on-run-start", &package.settings.on_run_start),
                ("on-run-end", &package.settings.on_run_end),
            ] {
                for (index, hook) in hooks.iter().enumerate() {
                    nodes.push(self.operation(package, kind, index, hook, problems));
                }
            }
        }
        nodes
    }

    fn operation(
        &self,
        package: &Package,
        kind: &str,
        index: usize,
        hook: &RunHook,
        problems: &mut Diagnostics,
    ) -> Node {
        let name = format!("{}-{kind}-{index}", package.name);
        let fqn = vec![package.name.clone(), "hooks".to_owned(), name.clone()];
        let project_file = package.settings.file.path.rsplit('/').next().unwrap_or_default();
        let source = SourceFile::new(format!("{}#{kind}[{index}]", package.settings.file.path), &hook.sql);
        let draft = Draft {
            version: None,
            resource_type: ResourceType::Operation,
            package,
            path: format!("hooks/{name}.sql"),
            original_path: format!("./{project_file}"),
            settings: Self::settings(package, ResourceType::Operation, &fqn, &[]),
            what: format!("{kind} hook {index} of `{}`", package.name),
            declared: Place::new(&hook.place.file, hook.place.span.clone()),
            fqn,
            source: Arc::clone(&source),
            name,
        };
        let before = problems.0.len();
        let (recorded, settings) = self.parsed(&draft, problems);
        for problem in &mut problems.0[before..] {
            problem.frames.push(crate::diagnostic::Frame {
                within: draft.what.clone(),
                place: draft.declared.clone(),
            });
        }
        let typed = self.typed(&draft, &settings, problems);
        let mut node = self.finished(&draft, &settings, typed, recorded, &draft.name, problems);
        node.config.tags.insert(0, kind.to_owned());
        node
    }
}
