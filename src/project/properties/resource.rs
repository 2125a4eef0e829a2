//! What is said about one model, seed, analysis or singular test.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::semantic::{MetricProperties, SemanticModelProperties, of_model, time_spine};
use super::version::{ModelVersion, VersionName, deprecation_date};
use super::{ColumnProperties, FunctionProperties, TestProperties, constraints, name_place};
use crate::diagnostic::{Diagnostic, Place};
use crate::project::{Reader, Section, Setting, Settings, Yaml, read_settings};

/// The list in which an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PropertyKind {
    Model,
    Seed,
    Snapshot,
    Analysis,
    Test,
    Function,
}

impl PropertyKind {
    /// The singular, for messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Analysis => "analysis",
            Self::Test => "test",
            Self::Function => "function",
        }
    }

    /// The list's name.
    pub fn list(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Seed => "seeds",
            Self::Snapshot => "snapshots",
            Self::Analysis => "analyses",
            Self::Test => "data_tests",
            Self::Function => "functions",
        }
    }
}

#[derive(Clone, Debug)]
pub struct NodeProperties {
    pub kind: PropertyKind,
    pub name: String,
    /// Not rendered.
    pub description: String,
    /// `config`, and the older keys beside it (`meta`, `access`, `group`, `docs`) where `config` has none.
    pub config: Settings,
    pub columns: Vec<ColumnProperties>,
    pub tests: Vec<TestProperties>,
    /// Of the whole model, as written.
    pub constraints: Vec<Json>,
    /// A snapshot without a file: the call of `ref` or `source` that names what it records.
    pub relation: Option<(String, Place)>,
    /// Of one version of a model.
    pub version: Option<ModelVersion>,
    /// After this moment the model should not be used any more: `2030-01-01T00:00:00+00:00`.
    pub deprecation_date: Option<String>,
    /// As the manifest has it.
    pub time_spine: Option<Json>,
    /// Written as a part of the model.
    pub semantic_model: Option<Box<SemanticModelProperties>>,
    pub metrics: Vec<MetricProperties>,
    /// Of a function.
    pub function: Option<Box<FunctionProperties>>,
    pub place: Place,
}

impl NodeProperties {
    /// One entry, or as many as the model has versions.
    pub fn read(yaml: &Yaml, kind: PropertyKind, reader: &mut Reader) -> Vec<Self> {
        let Some((base, latest, versions)) = Self::read_entry(yaml, kind, reader) else {
            return Vec::new();
        };
        match versions {
            Some(versions) => base.in_versions(latest, versions, reader),
            None => vec![base],
        }
    }

    /// The entry, its `latest_version` and its `versions`.
    fn read_entry<'y>(
        yaml: &'y Yaml,
        kind: PropertyKind,
        reader: &mut Reader,
    ) -> Option<(Self, Option<VersionName>, Option<&'y Yaml>)> {
        let word = kind.word();
        let mut section = Section::of(yaml, format!("an entry of `{}`", kind.list()), reader)?;
        let name = section.required("name", reader)?;
        section.what = format!("{word} `{name}`");
        let what = section.what.clone();
        let config = config_of(&mut section, reader);
        let (mut versions, mut latest) = (None, None);
        if kind == PropertyKind::Model {
            versions = section.take("versions");
            latest = section
                .take("latest_version")
                .and_then(|yaml| VersionName::read(yaml, reader));
        }
        let quoted = section.flag("quote_columns", reader) == Some(true);
        let mut columns = section
            .list("columns", reader)
            .iter()
            .filter_map(|column| ColumnProperties::read(column, &what, reader))
            .collect::<Vec<_>>();
        for column in columns.iter_mut().filter(|column| column.quote.is_none()) {
            column.quoted_in_tests = quoted;
        }
        report_repeats(&columns, &what, reader);
        let (mut spine, mut semantic_model, mut metrics) = (None, None, Vec::new());
        if kind == PropertyKind::Model {
            spine = time_spine(&mut section, versions.is_none().then_some(&columns), reader);
            (semantic_model, metrics) = of_model(&mut section, &name, &columns, &name_place(yaml), reader);
        }
        let node = Self {
            kind,
            description: section.text("description", reader).unwrap_or_default(),
            config,
            columns,
            tests: TestProperties::read_list(&mut section, reader),
            constraints: constraints(&mut section, reader),
            relation: if kind == PropertyKind::Snapshot {
                relation(&mut section, reader)
            } else {
                None
            },
            version: None,
            deprecation_date: deprecation_date(&mut section, reader),
            time_spine: spine,
            semantic_model: semantic_model.map(Box::new),
            metrics,
            function: None,
            place: name_place(yaml),
            name,
        };
        section.take("primary_key");
        section.finish(reader);
        Some((node, latest, versions))
    }
}

/// `config`, and the older keys beside it where `config` has none.
pub(super) fn config_of(section: &mut Section, reader: &mut Reader) -> Settings {
    let what = section.what.clone();
    let mut config = read_settings(section.take("config"), &what, reader);
    for key in ["access", "group", "docs", "meta"] {
        let Some(value) = section.take(key) else { continue };
        let setting = Setting::new(value.to_json(), value.place.clone());
        match config.get_mut(key) {
            None => {
                config.insert(key.to_owned(), setting);
            }
            Some(there) => merge_below(&mut there.value, &setting.value),
        }
    }
    config
}

fn relation(section: &mut Section, reader: &mut Reader) -> Option<(String, Place)> {
    let place = section.take("relation")?.place.clone();
    Some((section.text("relation", reader)?, place))
}

/// Keys of a mapping that the more specific mapping does not have.
pub(super) fn merge_below(specific: &mut Json, general: &Json) {
    if let (Json::Object(specific), Json::Object(general)) = (specific, general) {
        for (key, value) in general {
            specific.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}

pub(super) fn report_repeats(columns: &[ColumnProperties], what: &str, reader: &mut Reader) {
    let mut seen: IndexMap<&str, ()> = IndexMap::new();
    for column in columns {
        if seen.insert(&column.name, ()).is_some() {
            reader.problems.push(
                Diagnostic::warning(
                    "repeated-column",
                    format!("column `{}` of {what} is described twice", column.name),
                )
                .at(column.place.clone())
                .help("keep one entry: the later one counts"),
            );
        }
    }
}
