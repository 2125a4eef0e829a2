//! What stands in for an option that is not typed: a variable of the environment, or else `flags:` of the project file.

use std::path::Path;

use serde_json::{Map, Value as Json};

/// Prefixes of a variable, the one that counts most first. `DBT_ENGINE_` is dbt's newer one.
const PREFIXES: [&str; 3] = ["ASSAY_", "DBT_ENGINE_", "DBT_"];

/// Flags of the project file that are options, by their names in lower case.
pub(super) const FLAGS: [&str; 13] = [
    "debug",
    "fail_fast",
    "indirect_selection",
    "log_format",
    "log_format_file",
    "log_level",
    "log_level_file",
    "printer_width",
    "use_colors",
    "use_colors_file",
    "warn_error",
    "warn_error_options",
    "write_json",
];

/// The environment and the project file.
pub(super) struct Told<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    flags: Map<String, Json>,
    log_path: Option<String>,
}

impl<'a> Told<'a> {
    pub fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            variable,
            flags: Map::new(),
            log_path: None,
        }
    }

    /// With the flags of the project in `root`. As in dbt they are taken as they are written, without Jinja; what is wrong
    /// with the file is told when the project is read.
    pub fn within(mut self, root: &Path) -> Self {
        let text = ["project.yml", "dbt_project.yml"]
            .iter()
            .find_map(|name| std::fs::read_to_string(root.join(name)).ok());
        let file = text.and_then(|text| serde_yaml::from_str::<Json>(&text).ok());
        let log_path = file.as_ref().and_then(|file| file.get("log-path")?.as_str());
        self.log_path = log_path.filter(|path| !path.contains("{{")).map(str::to_owned);
        if let Some(Json::Object(flags)) = file.and_then(|mut file| file.get_mut("flags").map(Json::take)) {
            self.flags = flags;
            self.flags
                .retain(|name, value| FLAGS.contains(&name.as_str()) && !value.is_null());
        }
        self
    }

    /// Whether the project file says anything.
    pub fn has_flags(&self) -> bool {
        !self.flags.is_empty()
    }

    /// `log-path` of the project file; dbt reads it without Jinja too.
    pub fn log_path(&self) -> Option<&str> {
        self.log_path.as_deref()
    }

    /// The variable of this name, whatever its prefix.
    pub fn variable(&self, name: &str) -> Option<String> {
        PREFIXES
            .iter()
            .find_map(|prefix| self.exactly(&format!("{prefix}{name}")))
    }

    /// The variable of exactly this name.
    pub fn exactly(&self, name: &str) -> Option<String> {
        (self.variable)(name)
    }

    /// What is said for the option that has this name in variables.
    pub fn value(&self, name: &str) -> Option<String> {
        self.variable(name).or_else(|| {
            self.flags.get(&name.to_lowercase()).map(|value| match value {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_before_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = "flags:\n  fail_fast: true\n  log_level: warn\n  warn_error_options: {error: all}\n  other: 1\n";
        std::fs::write(folder.path().join("dbt_project.yml"), file).expect("written");
        let variables = [
            ("DBT_LOG_LEVEL", "info"),
            ("ASSAY_FAIL_FAST", "0"),
            ("DBT_FAIL_FAST", "1"),
        ];
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let told = Told::new(&find).within(folder.path());
        let said = ["LOG_LEVEL", "FAIL_FAST", "WARN_ERROR_OPTIONS", "OTHER"].map(|name| told.value(name));
        assert_eq!(
            said.map(Option::unwrap_or_default),
            ["info", "0", r#"{"error":"all"}"#, ""]
        );
        assert!(!Told::new(&find).within(Path::new("/nowhere")).has_flags());
    }
}
