//! What the hooks of a node ask for, which is asked for by the node.

use std::sync::Arc;

use super::{Builder, Draft};
use crate::diagnostic::{Diagnostics, Frame, SourceFile};
use crate::graph::NodeConfig;
use crate::graph::recorder::Recorded;
use crate::project::Settings;

impl Builder<'_> {
    /// Renders each hook once, as the node's own text is rendered, and adds what it asks for. Its `config()` calls come too late.
    pub(super) fn record_hooks(
        &self,
        draft: &Draft,
        settings: &Settings,
        config: &NodeConfig,
        recorded: &mut Recorded,
        problems: &mut Diagnostics,
    ) {
        for (kind, hooks) in [("pre-hook", &config.pre_hooks), ("post-hook", &config.post_hooks)] {
            for (index, hook) in hooks.iter().enumerate().filter(|(_, hook)| hook.sql.contains('{')) {
                let source = SourceFile::new(format!("{}#{kind}[{index}]", draft.original_path), &hook.sql);
                let before = problems.0.len();
                let (asked, _) = self.parsed(&draft.with_source(source, settings), problems);
                for problem in &mut problems.0[before..] {
                    problem.frames.push(Frame {
                        within: format!("a {kind} of {}", draft.what),
                        place: draft.declared.clone(),
                    });
                }
                recorded.add(asked);
            }
        }
    }
}

impl<'a> Draft<'a> {
    fn with_source(&self, source: Arc<SourceFile>, settings: &Settings) -> Draft<'a> {
        Draft {
            source,
            settings: settings.clone(),
            version: self.version.clone(),
            resource_type: self.resource_type,
            package: self.package,
            name: self.name.clone(),
            path: self.path.clone(),
            original_path: self.original_path.clone(),
            fqn: self.fqn.clone(),
            declared: self.declared.clone(),
            what: self.what.clone(),
        }
    }
}
