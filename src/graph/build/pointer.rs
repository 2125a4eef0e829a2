//! The view that always shows the latest version of a model.

use serde_json::Value as Json;

use super::{Builder, Draft};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::Node;
use crate::project::Settings;

/// The flag of the project file that gives every model with versions its view.
const BY_DEFAULT: &str = "latest_version_pointer_enabled_by_default";

impl Builder<'_> {
    /// The name of the view, where the node is the latest version and the project wants one.
    pub(super) fn pointer(
        &self,
        draft: &Draft,
        settings: &Settings,
        node: &Node,
        problems: &mut Diagnostics,
    ) -> Option<String> {
        let version = draft.version.as_ref().filter(|version| version.is_latest())?;
        let setting = settings
            .get("latest_version_pointer")
            .filter(|setting| !setting.value.is_null());
        let value = setting.map(|setting| &setting.value);
        let said = value
            .map(|value| value.get("enabled").unwrap_or(value))
            .and_then(Json::as_bool);
        let flags = &self.project.own().settings.flags;
        if !said.unwrap_or_else(|| flags.get(BY_DEFAULT) == Some(&Json::Bool(true))) {
            return None;
        }
        let custom = value.and_then(|value| value.get("alias")).and_then(Json::as_str);
        let custom = custom.map(str::trim).filter(|alias| !alias.is_empty());
        let name = self
            .generated(
                draft,
                settings,
                "generate_latest_version_pointer_alias",
                custom,
                problems,
            )
            .unwrap_or_else(|| custom.unwrap_or(&draft.name).to_owned());
        if name == node.alias {
            let mut problem = Diagnostic::error(
                "same-relation",
                format!(
                    "version {} of `{}` and the view of the latest version are both `{name}`",
                    version.name, draft.name
                ),
            )
            .help("take the version's `alias` away, or set `latest_version_pointer: {enabled: false}`");
            problem.place = Some(setting.map_or_else(|| draft.declared.clone(), |setting| setting.place.clone()));
            problems.push(problem);
            return None;
        }
        Some(name)
    }
}
