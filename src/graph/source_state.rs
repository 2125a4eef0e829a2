//! What an earlier `source freshness` told, read from its `sources.json`.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::NodeId;
use crate::diagnostic::Diagnostic;

/// One source, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SourceState {
    #[serde(rename = "unique_id")]
    pub id: NodeId,
    /// `pass`, `warn`, `error`, or `runtime error`.
    pub status: String,
    /// As it is written; `None` where it could not be told.
    #[serde(default)]
    pub max_loaded_at: Option<String>,
}

impl SourceState {
    fn loaded(&self) -> Option<Timestamp> {
        self.max_loaded_at.as_ref()?.parse().ok()
    }
}

#[derive(Deserialize)]
struct File {
    results: Vec<SourceState>,
}

/// The sources of one `sources.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceStates(pub HashMap<NodeId, SourceState>);

impl SourceStates {
    /// Reads a `sources.json`, of dbt or of Assay. Fails with `bad-state`.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let unreadable = |cause: String| {
            Diagnostic::error("bad-state", format!("cannot read {}", path.display()))
                .because(cause)
                .help("write it with: assay source freshness")
        };
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let file: File = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let states = file.results.into_iter().map(|state| (NodeId::clone(&state.id), state));
        Ok(Self(states.collect()))
    }

    /// The sources that were loaded since `earlier`: those that it knows no time of too.
    #[must_use]
    pub fn fresher_than(&self, earlier: &Self) -> Vec<NodeId> {
        let fresher = |state: &&SourceState| {
            let before = earlier.0.get(&state.id).and_then(SourceState::loaded);
            state
                .loaded()
                .is_some_and(|loaded| before.is_none_or(|before| loaded > before))
        };
        let mut found: Vec<NodeId> = self
            .0
            .values()
            .filter(fresher)
            .map(|state| NodeId::clone(&state.id))
            .collect();
        found.sort();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(results: &str) -> SourceStates {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sources.json");
        std::fs::write(&path, format!("{{\"metadata\": {{}}, \"results\": {results}}}")).expect("written");
        SourceStates::read(&path).expect("read")
    }

    #[test]
    fn what_was_loaded_since_is_fresher() {
        let earlier = states(
            r#"[{"unique_id": "source.a.b.c", "status": "pass", "max_loaded_at": "2026-01-01T00:00:00+00:00"},
                {"unique_id": "source.a.b.d", "status": "warn", "max_loaded_at": "2026-01-01T00:00:00+00:00"}]"#,
        );
        let now = states(
            r#"[{"unique_id": "source.a.b.c", "status": "pass", "max_loaded_at": "2026-01-01T00:00:00.5+00:00"},
                {"unique_id": "source.a.b.d", "status": "error", "max_loaded_at": "2026-01-01T00:00:00+00:00"},
                {"unique_id": "source.a.b.lost", "status": "runtime error"},
                {"unique_id": "source.a.b.new", "status": "pass", "max_loaded_at": "2020-01-01T00:00:00+00:00"}]"#,
        );
        let found = now.fresher_than(&earlier);
        assert_eq!(
            found.iter().map(|id| &**id).collect::<Vec<_>>(),
            ["source.a.b.c", "source.a.b.new"]
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = SourceStates::read(Path::new("nowhere/sources.json")).expect_err("no file");
        assert_eq!(
            (error.code, error.message.as_str()),
            ("bad-state", "cannot read nowhere/sources.json")
        );
    }
}
