//! Versions of a model: one entry that describes them all becomes one entry for each
//! (<https://docs.getdbt.com/docs/mesh/govern/model-versions>).

use std::cmp::Ordering;
use std::fmt;

use jiff::{Timestamp, civil, tz::Offset};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::resource::{config_of, merge_below, report_repeats};
use super::{ColumnProperties, NodeProperties, TestProperties, constraints};
use crate::diagnostic::{Diagnostic, Place};
use crate::project::{Kind, Reader, Section, Settings, Yaml};

/// What a version is called: a number or a word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionName(String);

impl VersionName {
    pub(super) fn read(yaml: &Yaml, reader: &mut Reader) -> Option<Self> {
        match &yaml.kind {
            Kind::String(text) => Some(Self(text.clone())),
            Kind::Number(number) => Some(Self(number.to_string())),
            _ => {
                reader.wrong_type("v", "a number or a word", yaml);
                None
            }
        }
    }

    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As numbers where both are, else by their letters.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        match (self.0.parse::<f64>(), other.0.parse::<f64>()) {
            (Ok(own), Ok(other)) => own.total_cmp(&other),
            _ => self.0.cmp(&other.0),
        }
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for VersionName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(number) = self.0.parse::<i64>() {
            return serializer.serialize_i64(number);
        }
        match self.0.parse::<f64>() {
            Ok(number) if number.is_finite() => serializer.serialize_f64(number),
            _ => serializer.serialize_str(&self.0),
        }
    }
}

/// One version of a model.
#[derive(Clone, Debug)]
pub struct ModelVersion {
    pub name: VersionName,
    /// What `ref` without a version means.
    pub latest: VersionName,
    /// The stem of its file, where the entry names one.
    pub defined_in: Option<String>,
}

impl ModelVersion {
    pub fn is_latest(&self) -> bool {
        self.name == self.latest
    }
}

/// What one entry of `versions` says over what holds for all of them.
struct Own {
    name: VersionName,
    place: Place,
    defined_in: Option<String>,
    description: Option<String>,
    config: Settings,
    included: Included,
    columns: Vec<ColumnProperties>,
    tests: Option<Vec<TestProperties>>,
    constraints: Vec<Json>,
    deprecation_date: Option<String>,
}

/// Which of the model's columns a version has.
struct Included {
    /// `None`: all of them.
    only: Option<Vec<String>>,
    except: Vec<String>,
}

impl Included {
    fn has(&self, column: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| only.iter().any(|name| name == column))
            && !self.except.iter().any(|name| name == column)
    }
}

impl NodeProperties {
    /// The entries that this one stands for.
    pub(super) fn in_versions(&self, latest: Option<VersionName>, versions: &Yaml, reader: &mut Reader) -> Vec<Self> {
        let Some(items) = versions.as_list() else {
            reader.wrong_type("versions", "a list", versions);
            return Vec::new();
        };
        let own: Vec<Own> = items
            .iter()
            .filter_map(|item| Own::read(item, &self.name, reader))
            .collect();
        for (index, version) in own.iter().enumerate() {
            if own[..index].iter().any(|other| other.name == version.name) {
                reader.problems.push(
                    Diagnostic::error(
                        "duplicate-name",
                        format!("model `{}` has two versions called `{}`", self.name, version.name),
                    )
                    .at(version.place.clone())
                    .help("give each version a `v` of its own"),
                );
            }
        }
        let greatest = own
            .iter()
            .map(|version| &version.name)
            .max_by(|a, b| a.order(b))
            .cloned();
        let Some(latest) = latest.or(greatest) else {
            return vec![self.clone()];
        };
        if !own.iter().any(|version| version.name == latest) {
            let names: Vec<&str> = own.iter().map(|version| version.name.as_str()).collect();
            reader.problems.push(
                Diagnostic::error(
                    "wrong-value",
                    format!(
                        "`latest_version: {latest}` of model `{}` is none of its versions",
                        self.name
                    ),
                )
                .at(self.place.clone())
                .because(format!("they are {}", names.join(", "))),
            );
        }
        own.into_iter().map(|version| self.version(version, &latest)).collect()
    }

    fn version(&self, own: Own, latest: &VersionName) -> Self {
        let mut config = self.config.clone();
        lay_over(&mut config, own.config);
        let base = self.columns.iter().filter(|column| own.included.has(&column.name));
        Self {
            description: own.description.unwrap_or_else(|| self.description.clone()),
            config,
            columns: base.cloned().chain(own.columns).collect(),
            tests: own.tests.unwrap_or_else(|| self.tests.clone()),
            constraints: if own.constraints.is_empty() {
                self.constraints.clone()
            } else {
                own.constraints
            },
            version: Some(ModelVersion {
                name: own.name,
                latest: latest.clone(),
                defined_in: own.defined_in,
            }),
            deprecation_date: own.deprecation_date,
            place: own.place,
            kind: self.kind,
            name: self.name.clone(),
            relation: None,
            function: None,
            time_spine: self.time_spine.clone(),
            semantic_model: self.semantic_model.clone(),
            metrics: self.metrics.clone(),
        }
    }

    /// The name that `ref` and selectors know it by: of a version, `orders.v2`.
    #[must_use]
    pub fn search_name(&self) -> String {
        match &self.version {
            Some(version) => format!("{}.v{}", self.name, version.name),
            None => self.name.clone(),
        }
    }
}

impl Own {
    fn read(yaml: &Yaml, model: &str, reader: &mut Reader) -> Option<Self> {
        let mut section = Section::of(yaml, format!("a version of model `{model}`"), reader)?;
        if section.take("v").is_none() {
            section.required("v", reader);
            return None;
        }
        let name = VersionName::read(section.take("v")?, reader)?;
        section.what = format!("version {name} of model `{model}`");
        let what = section.what.clone();
        let config = config_of(&mut section, reader);
        let mut included = Included {
            only: None,
            except: Vec::new(),
        };
        let mut columns = Vec::new();
        for item in section.list("columns", reader) {
            if item.get("include").is_none() && item.get("exclude").is_none() {
                columns.extend(ColumnProperties::read(item, &what, reader));
                continue;
            }
            let Some(mut section) = Section::of(item, format!("`columns` of {what}"), reader) else {
                continue;
            };
            included.only = section
                .strings("include", reader)
                .filter(|names| !matches!(&names[..], [all] if all == "all" || all == "*"));
            included.except = section.strings("exclude", reader).unwrap_or_default();
            section.finish(reader);
        }
        report_repeats(&columns, &what, reader);
        let has_tests = section.take("data_tests").is_some() || section.take("tests").is_some();
        let tests = TestProperties::read_list(&mut section, reader);
        let own = Self {
            place: yaml.get("v").map_or_else(|| yaml.place.clone(), |v| v.place.clone()),
            defined_in: section.text("defined_in", reader),
            description: section.text("description", reader).filter(|text| !text.is_empty()),
            config,
            included,
            columns,
            tests: has_tests.then_some(tests),
            constraints: constraints(&mut section, reader),
            deprecation_date: deprecation_date(&mut section, reader),
            name,
        };
        section.finish(reader);
        Some(own)
    }
}

/// Lists add up, mappings merge, anything else is replaced.
fn lay_over(config: &mut Settings, own: Settings) {
    for (key, mut setting) in own {
        match (config.get(&key).map(|there| &there.value), &mut setting.value) {
            (Some(Json::Array(there)), Json::Array(items)) => items.extend(there.iter().cloned()),
            (Some(there @ Json::Object(_)), own @ Json::Object(_)) => merge_below(own, there),
            _ => {}
        }
        config.insert(key, setting);
    }
}

/// A date or a moment; where no zone is given, UTC.
pub(super) fn deprecation_date(section: &mut Section, reader: &mut Reader) -> Option<String> {
    let yaml = section.take("deprecation_date")?;
    let text = section.text("deprecation_date", reader)?;
    let trimmed = text.trim().replacen(' ', "T", 1);
    let moment = trimmed
        .parse::<Timestamp>()
        .ok()
        .or_else(|| {
            Some(
                trimmed
                    .parse::<civil::DateTime>()
                    .ok()?
                    .to_zoned(jiff::tz::TimeZone::UTC)
                    .ok()?
                    .timestamp(),
            )
        })
        .or_else(|| {
            let date = trimmed.parse::<civil::Date>().ok()?;
            Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        });
    let Some(moment) = moment else {
        reader.wrong_type("deprecation_date", "a date such as 2030-01-31", yaml);
        return None;
    };
    let moment = Offset::UTC.to_datetime(moment);
    Some(format!("{}+00:00", moment.strftime("%Y-%m-%dT%H:%M:%S")))
}
