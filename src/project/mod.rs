//! Files on disk as a typed project; every value knows its place.
//!
//! * [`profile_name`] reads just enough of the project file to find the profile, which is needed to render the rest.
//! * [`Project::load`] reads the project and its packages: settings, properties, and the files that are templates. Strings of
//!   YAML that hold Jinja go through the closure it is given ([`RenderYaml`]). All problems of all files come back at once.
//! * [`Project::vars`] is what a package sees of the variables, `--vars` left out.
//! * [`Seed::read`] turns a CSV file into columns with types and text for COPY.
//!
//! Hooks, descriptions and the arguments of tests are left as they are written; `graph` renders them.

mod artifacts;
mod certification;
mod config;
mod files;
mod flags;
mod gate;
mod ignored;
mod installed;
mod package;
pub mod profile;
mod properties;
mod section;
mod seed;
mod selectors;
mod settings;
mod yaml;

pub use artifacts::Artifacts;
pub use certification::{Certification, VALIDITY, validity};
pub use config::{CONFIG_KEYS, ConfigTree, FUNCTION_KEYS, Setting, Settings, Written, config_key, read_settings};
pub use files::{CodeFile, Files, SeedFile};
pub use flags::HOLD;
pub use gate::Gate;
pub use package::{DocBlock, Package, Project, RenderYaml, YamlScope};
pub use properties::{
    ColumnProperties, ColumnSemantics, ExposureProperties, Fixture, Freshness, FunctionArgument, FunctionOverload,
    FunctionProperties, FunctionReturns, GRANULARITIES, GivenInput, Group, Judgement, MacroProperties,
    MetricProperties, ModelVersion, NodeProperties, Overrides, Period, Properties, PropertyKind, RowsFormat,
    SavedQueryProperties, SemanticModelProperties, SourceTable, TestProperties, Threshold, UnitTestProperties,
    VersionName, WrittenRows,
};
pub use section::{Flavour, Reader, RenderText, Section};
pub use seed::{Seed, SeedKind, SeedOptions};
pub use selectors::NamedSelector;
pub use settings::{
    DBT_VERSION, Dispatch, Paths, Practice, ProjectSettings, RunHook, is_name, profile_name, project_file, read_project,
};
pub use yaml::{Entry, Kind, Yaml};

use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, SourceFile};

/// A file's text, under the name that messages use for it. Fails where it is not readable or not UTF-8.
pub fn read_text(path: &Path, name: &str) -> Result<Arc<SourceFile>, Diagnostic> {
    let unreadable = |cause: String| Diagnostic::error("unreadable-file", format!("cannot read {name}")).because(cause);
    let bytes = std::fs::read(path)
        .map_err(|error| unreadable(error.to_string()).help("check that it is there and that you may read it"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
            .split(|byte| *byte == b'\n')
            .skip(1)
            .count();
        unreadable(format!("it is not UTF-8 (line {line})")).help("save the file as UTF-8")
    })?;
    if let Some(at) = text.find('\0') {
        let line = 1 + text[..at].matches('\n').count();
        return Err(unreadable(format!(
            "it holds a NUL character (line {line}), which PostgreSQL takes nowhere"
        ))
        .help("take it out; a file saved as UTF-16 has many: save it as UTF-8"));
    }
    Ok(SourceFile::new(name, text.strip_prefix('\u{feff}').unwrap_or(&text)))
}
