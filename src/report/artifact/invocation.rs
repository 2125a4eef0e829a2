//! One call of the program, as the artifacts tell of it.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

/// What the `metadata` and `args` of the artifacts say. Nothing here may be secret.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// A UUID.
    pub id: String,
    pub started: Timestamp,
    /// The root project's name.
    pub project: String,
    /// The root project's folder, absolute.
    pub root: PathBuf,
    /// Relative to the root, such as `target`.
    pub target_path: String,
    /// The command, such as `build`.
    pub command: String,
    /// The options in force, for `run_results.json`.
    pub args: Map<String, Json>,
    /// Environment variables to be told: see [`Invocation::told_environment`].
    pub env: Map<String, Json>,
}

/// The start of the names of environment variables that dbt's artifacts may hold.
const TOLD: &str = "DBT_ENV_CUSTOM_ENV_";

#[cfg(test)]
impl Invocation {
    /// The call that the recorded artifacts tell of.
    pub fn of_test(command: &str, started: Timestamp) -> Self {
        Self {
            id: "00000000-0000-0000-0000-000000000000".to_owned(),
            started,
            project: "shop".to_owned(),
            root: PathBuf::from("/project"),
            target_path: "target".to_owned(),
            command: command.to_owned(),
            args: Map::new(),
            env: Map::new(),
        }
    }
}

impl Invocation {
    /// The variables whose names begin with `DBT_ENV_CUSTOM_ENV_`, without that; no others are written anywhere.
    pub fn told_environment() -> Map<String, Json> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter_map(|(name, value)| Some((name.strip_prefix(TOLD)?.to_owned(), value.into())))
            .collect()
    }

    /// What the metadata of every artifact begins with.
    pub(super) fn metadata(&self, schema: &str, now: Timestamp) -> Map<String, Json> {
        let mut metadata = Map::new();
        let url = format!("https://schemas.getdbt.com/dbt/{schema}.json");
        metadata.insert("dbt_schema_version".to_owned(), url.into());
        // Readers compare this with dbt's releases; it says whose artifacts these are like.
        metadata.insert("dbt_version".to_owned(), "1.12.6".into());
        metadata.insert("generated_at".to_owned(), moment(now).into());
        metadata.insert("invocation_id".to_owned(), self.id.as_str().into());
        metadata.insert("invocation_started_at".to_owned(), moment(self.started).into());
        metadata.insert("env".to_owned(), json!(self.env));
        metadata
    }
}

/// As dbt's artifacts write times: UTC, microseconds, `Z`.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
