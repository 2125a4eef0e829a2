//! What another run left in its target folder, read back.

use std::path::Path;

use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;

/// The oldest manifest that can be read: that of dbt 1.5.
const OLDEST: u32 = 9;

/// The newest.
const NEWEST: u32 = 12;

/// The files of a run. What is not there cannot be asked for.
#[derive(Debug, Default)]
pub struct Artifacts {
    /// Where they were looked for, as it was typed.
    pub folder: String,
    pub manifest: Option<Json>,
    pub run_results: Option<Json>,
}

impl Artifacts {
    /// Reads a folder, whose name in messages is `shown`. A file that is not there is none; one that is no artifact fails with
    /// `bad-state`.
    pub fn read(folder: &Path, shown: &str) -> Result<Self, Diagnostic> {
        Ok(Self {
            folder: shown.to_owned(),
            manifest: Self::file(folder, shown, "manifest.json", "manifest", (OLDEST, NEWEST))?,
            run_results: Self::run_results(folder, shown)?,
        })
    }

    /// The results alone.
    pub fn run_results(folder: &Path, shown: &str) -> Result<Option<Json>, Diagnostic> {
        Self::file(folder, shown, "run_results.json", "run-results", (4, 6))
    }

    fn file(
        folder: &Path,
        shown: &str,
        name: &str,
        schema: &str,
        (oldest, newest): (u32, u32),
    ) -> Result<Option<Json>, Diagnostic> {
        let path = format!("{}/{name}", shown.trim_end_matches('/'));
        let bad = |why: String| {
            Diagnostic::error("bad-state", format!("{path} cannot be compared with"))
                .because(why)
                .help("give the folder of another run; dbt 1.5 and newer and Assay write files that can be read")
        };
        let bytes = match std::fs::read(folder.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(bad(error.to_string())),
        };
        let json: Json = serde_json::from_slice(&bytes).map_err(|error| bad(format!("it is not JSON: {error}")))?;
        let written = json["metadata"]["dbt_schema_version"].as_str().unwrap_or_default();
        let version = written
            .rsplit_once(&format!("/{schema}/v"))
            .and_then(|(_, version)| version.strip_suffix(".json")?.parse::<u32>().ok());
        match version {
            Some(version) if (oldest..=newest).contains(&version) => Ok(Some(json)),
            Some(version) => Err(bad(format!(
                "it is version {version} of its kind; versions {oldest} to {newest} are known"
            ))),
            None => Err(bad(format!("it does not say that it is a {name}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Artifacts, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("manifest.json"), text).expect("written");
        Artifacts::read(folder.path(), "prod").map_err(|error| error.to_string())
    }

    #[test]
    fn versions_that_are_known() {
        let of = |version: u32| {
            let schema = format!("https://schemas.getdbt.com/dbt/manifest/v{version}.json");
            read(&serde_json::json!({ "metadata": { "dbt_schema_version": schema } }).to_string())
        };
        assert!(of(12).is_ok_and(|found| found.manifest.is_some() && found.run_results.is_none()));
        assert!(of(9).is_ok());
        insta::assert_snapshot!(
            [of(4), read("{"), read("{}")].map(|told| told.expect_err("refused")).join("\n"),
            @"
        error[bad-state]: prod/manifest.json cannot be compared with
          why: it is version 4 of its kind; versions 9 to 12 are known
          help: give the folder of another run; dbt 1.5 and newer and Assay write files that can be read
        error[bad-state]: prod/manifest.json cannot be compared with
          why: it is not JSON: EOF while parsing an object at line 1 column 1
          help: give the folder of another run; dbt 1.5 and newer and Assay write files that can be read
        error[bad-state]: prod/manifest.json cannot be compared with
          why: it does not say that it is a manifest.json
          help: give the folder of another run; dbt 1.5 and newer and Assay write files that can be read
        "
        );
    }
}
