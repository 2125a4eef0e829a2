//! Unit tests: what is written about them becomes nodes below the models that they test.

use std::fs;
use std::sync::{Arc, LazyLock};

use csv::ReaderBuilder;
use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value as Json;

use super::resolve::Nodes;
use super::{Builder, Draft, fqn};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, nearest};
use crate::graph::recorder::Recorded;
use crate::graph::{InputCall, Node, Ref, ResourceType, UnitTestSpec};
use crate::project::{Fixture, Package, RowsFormat, Settings, UnitTestProperties, VersionName, WrittenRows};

static CALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"^\s*(ref|source)\(\s*['"]([^'"]+)['"]\s*(?:,\s*['"]([^'"]+)['"]\s*)?(?:,\s*(?:v|version)\s*=\s*(['"]?[^'")\s]+['"]?)\s*)?\)\s*$"#,
    )
    .expect("the pattern is fixed")
});

type Rows = Vec<IndexMap<String, Json>>;

impl Builder<'_> {
    pub(super) fn unit_tests(&self, nodes: &Nodes, problems: &mut Diagnostics) -> Vec<Node> {
        let mut made = Vec::new();
        for package in &self.project.packages {
            for test in &package.properties.unit_tests {
                for model in tested_models(package, test, nodes, problems) {
                    made.extend(self.unit_test(package, test, model, problems));
                }
            }
        }
        made
    }

    fn unit_test(
        &self,
        package: &Package,
        test: &UnitTestProperties,
        model: &Node,
        problems: &mut Diagnostics,
    ) -> Option<Node> {
        let what = format!("unit test `{}`", test.name);
        let version = model.version.as_ref().map(|version| version.name.to_string());
        let (path, original_path) = package.properties_file(&test.place);
        let mut fqn = fqn(&package.name, path, &test.model);
        fqn.push(test.name.clone());
        let mut settings = Self::settings(package, ResourceType::UnitTest, &fqn, &[&test.config]);
        self.override_settings(package, ResourceType::UnitTest, &fqn, &mut settings);
        let draft = Draft {
            resource_type: ResourceType::UnitTest,
            package,
            name: test.name.clone(),
            version: None,
            path: path.to_owned(),
            original_path: original_path.to_owned(),
            fqn,
            source: Arc::clone(&test.place.file),
            declared: test.place.clone(),
            what: what.clone(),
            settings: Settings::new(),
        };
        let typed = self.typed(&draft, &settings, problems);
        let recorded = Recorded {
            refs: vec![Ref {
                package: Some(package.name.clone()),
                name: model.name.clone(),
                version: version
                    .as_deref()
                    .map(|version| serde_json::json!(VersionName::new(version))),
            }],
            ..Recorded::default()
        };
        let mut node = self.finished(&draft, &settings, typed, recorded, &test.name, problems);
        let suffix = version
            .as_ref()
            .map_or_else(String::new, |version| format!("_v{version}"));
        node.id = Arc::from(format!(
            "unit_test.{}.{}.{}{suffix}",
            package.name, test.model, test.name
        ));
        node.description = self.description(&test.description, package, &test.place, problems);
        node.relation.clone_from(&model.relation);
        node.config.enabled &= model.config.enabled;
        let mut test = test.clone();
        let mut inputs = Vec::with_capacity(test.given.len());
        for given in &mut test.given {
            inputs.push(input_call(&given.input, &what, &given.fixture.place, problems)?);
            let call = inputs.last();
            self.normalize(package, &mut given.fixture, call, &what, problems)?;
        }
        self.normalize(package, &mut test.expect, None, &what, problems)?;
        if node.config.enabled {
            check_incremental(model, &test, &inputs, &what, problems);
            if version.is_none() && (test.included.is_some() || test.excluded.is_some()) {
                problems.push(
                    Diagnostic::error(
                        "bad-unit-test",
                        format!("{what} names versions, and `{}` has none", model.name),
                    )
                    .at(test.place.clone())
                    .help("take `versions` out"),
                );
            }
        }
        node.unit_test = Some(Arc::new(UnitTestSpec {
            properties: test,
            inputs,
            version,
        }));
        Some(node)
    }

    /// Rows of every format become rows, but for SQL, which stays text. `None` where something is wrong, which is told.
    fn normalize(
        &self,
        package: &Package,
        fixture: &mut Fixture,
        input: Option<&InputCall>,
        what: &str,
        problems: &mut Diagnostics,
    ) -> Option<()> {
        let mut text = None;
        if let Some(name) = &fixture.file {
            if fixture.format == RowsFormat::Dict {
                problems.push(mismatch(what, fixture, "a fixture file holds CSV or SQL"));
                return None;
            }
            let Some(file) = package.files.fixtures.iter().find(|code| code.stem() == name) else {
                problems.push(missing_fixture(what, name, fixture, package));
                return None;
            };
            text = Some(file.file.text.trim().to_owned());
        }
        let text = text.or_else(|| match &fixture.rows {
            Some(WrittenRows::Text(text)) => Some(text.clone()),
            _ => None,
        });
        match (fixture.format, text) {
            (RowsFormat::Dict, Some(_)) => {
                problems.push(mismatch(what, fixture, "`format: dict` takes a list of mappings"));
                return None;
            }
            (RowsFormat::Dict, None) => {
                if fixture.rows.is_none() {
                    fixture.rows = Some(WrittenRows::Rows(
                        self.seed_rows(package, input, what, fixture, problems)?,
                    ));
                }
            }
            (RowsFormat::Csv, Some(text)) => {
                let rows = csv_rows(&text).map_err(|cause| problems.push(unreadable(what, fixture, cause)));
                fixture.rows = Some(WrittenRows::Rows(blank_is_null(rows.ok()?)));
            }
            (RowsFormat::Sql, Some(text)) => fixture.rows = Some(WrittenRows::Text(text)),
            (RowsFormat::Csv, None) => {
                problems.push(mismatch(what, fixture, "`format: csv` takes text or a fixture file"));
                return None;
            }
            (RowsFormat::Sql, None) => {
                problems.push(mismatch(what, fixture, "`format: sql` takes text or a fixture file"));
                return None;
            }
        }
        if let Some(WrittenRows::Rows(rows)) = &mut fixture.rows {
            // As in dbt: the first row without a null leads, and its keys are the columns that are compared.
            let whole = rows.iter().position(|row| row.values().all(|value| !value.is_null()));
            if let Some(whole) = whole {
                rows.swap(0, whole);
            }
        }
        Some(())
    }

    /// An input without rows is a seed, and its file has them.
    fn seed_rows(
        &self,
        package: &Package,
        input: Option<&InputCall>,
        what: &str,
        fixture: &Fixture,
        problems: &mut Diagnostics,
    ) -> Option<Rows> {
        let Some(InputCall::Ref(reference)) = input else {
            problems.push(mismatch(what, fixture, "there are no `rows`"));
            return None;
        };
        let within = reference.package.as_deref().unwrap_or(&package.name);
        let seed = self
            .project
            .package(within)
            .and_then(|package| package.files.seeds.iter().find(|seed| seed.stem() == reference.name));
        let Some(seed) = seed else {
            let message = format!("`{}` is no seed, so its rows must be given", reference.name);
            problems.push(mismatch(what, fixture, &message));
            return None;
        };
        let read = fs::read_to_string(&seed.disk)
            .map_err(|error| error.to_string())
            .and_then(|text| csv_rows(text.trim_start_matches('\u{feff}')));
        read.map_err(|cause| problems.push(unreadable(what, fixture, cause)))
            .ok()
    }
}

/// The rows of CSV, every value as text.
fn csv_rows(text: &str) -> Result<Rows, String> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        if record.len() > header.len() {
            return Err(format!(
                "row {} has {} values, and there are {} columns",
                rows.len() + 1,
                record.len(),
                header.len()
            ));
        }
        let value = |i: usize| record.get(i).map_or(Json::Null, Json::from);
        rows.push(
            header
                .iter()
                .enumerate()
                .map(|(i, name)| (name.to_owned(), value(i)))
                .collect(),
        );
    }
    Ok(rows)
}

fn blank_is_null(mut rows: Rows) -> Rows {
    for value in rows.iter_mut().flat_map(IndexMap::values_mut) {
        if value.as_str() == Some("") {
            *value = Json::Null;
        }
    }
    rows
}

fn input_call(text: &str, what: &str, place: &Place, problems: &mut Diagnostics) -> Option<InputCall> {
    if text.trim() == "this" {
        return Some(InputCall::This);
    }
    let found = CALL.captures(text);
    let group = |i: usize| Some(found.as_ref()?.get(i)?.as_str().to_owned());
    match (group(1).as_deref(), group(2), group(3)) {
        (Some("source"), Some(source), Some(table)) => Some(InputCall::Source(source, table)),
        (Some("ref"), Some(first), second) => {
            let (package, name) = match second {
                Some(name) => (Some(first), name),
                None => (None, first),
            };
            Some(InputCall::Ref(Ref {
                package,
                name,
                version: group(4).map(|version| Ref::written_version(&version)),
            }))
        }
        _ => {
            problems.push(
                Diagnostic::error("bad-unit-test", format!("{what} has an input `{text}`"))
                    .at(place.clone())
                    .help("write ref('model'), source('source', 'table') or this"),
            );
            None
        }
    }
}

/// A model that asks whether it is incremental must be told.
fn check_incremental(
    model: &Node,
    test: &UnitTestProperties,
    inputs: &[InputCall],
    what: &str,
    problems: &mut Diagnostics,
) {
    if !model.macros.iter().any(|id| id == "macro.dbt.is_incremental") {
        return;
    }
    let overridden = test
        .overrides
        .as_ref()
        .and_then(|overrides| overrides.macros.get("is_incremental"));
    match overridden {
        Some(Json::Bool(true)) if !inputs.contains(&InputCall::This) => problems.push(
            Diagnostic::error(
                "bad-unit-test",
                format!("{what} tests `{}` as incremental without an input `this`", model.name),
            )
            .at(test.place.clone())
            .help("give the rows that the model held before: {input: this, rows: [..]}"),
        ),
        Some(Json::Bool(_)) => {}
        _ => problems.push(
            Diagnostic::error(
                "bad-unit-test",
                format!("{what} does not say whether `{}` is incremental", model.name),
            )
            .at(test.place.clone())
            .because(format!("`{}` calls is_incremental()", model.name))
            .help("write overrides: {macros: {is_incremental: true}}, or false"),
        ),
    }
}

/// The model that is tested, or those of its versions that are.
fn tested_models<'n>(
    package: &Package,
    test: &UnitTestProperties,
    nodes: &'n Nodes,
    problems: &mut Diagnostics,
) -> Vec<&'n Node> {
    let mut words = test.model.split_whitespace();
    let name = words.next().unwrap_or_default();
    let wanted = words
        .next()
        .map_or_else(|| name.to_owned(), |version| format!("{name}.v{version}"));
    let what = format!("unit test `{}`", test.name);
    let Some(model) = nodes.find(&package.name, ResourceType::Model, &wanted) else {
        problems.push(missing_model(&what, test, package));
        return Vec::new();
    };
    if model.version.is_none() {
        return vec![model];
    }
    let mut tested = nodes.versions(&package.name, name);
    tested.retain(|node| {
        let version = node.version.as_ref().map(|version| version.name.to_string());
        let listed = |list: &Vec<String>| version.as_ref().is_some_and(|version| list.contains(version));
        test.included.as_ref().is_none_or(listed) && !test.excluded.as_ref().is_some_and(listed)
    });
    if tested.is_empty() {
        problems.push(
            Diagnostic::error("bad-unit-test", format!("{what} tests no version of `{name}`"))
                .at(test.place.clone())
                .help("name versions that the model has"),
        );
    }
    tested
}

fn missing_model(what: &str, test: &UnitTestProperties, package: &Package) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "missing-ref",
        format!("{what} tests `{}`, which does not exist", test.model),
    )
    .at(test.place.clone());
    match nearest(
        &test.model,
        package.files.models.iter().map(crate::project::CodeFile::stem),
    ) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("name a model of the package that the unit test is written in"),
    }
}

fn mismatch(what: &str, fixture: &Fixture, cause: &str) -> Diagnostic {
    Diagnostic::error("bad-unit-test", format!("{what} has rows that do not fit their format"))
        .at(fixture.place.clone())
        .because(cause)
        .help("format: dict with a list of mappings, or csv or sql with text or a `fixture`")
}

fn unreadable(what: &str, fixture: &Fixture, cause: String) -> Diagnostic {
    Diagnostic::error("bad-unit-test", format!("{what} has rows that cannot be read"))
        .at(fixture.place.clone())
        .because(cause)
}

fn missing_fixture(what: &str, name: &str, fixture: &Fixture, package: &Package) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "bad-unit-test",
        format!("{what} takes its rows from `{name}`, which is not there"),
    )
    .at(fixture.place.clone());
    match nearest(name, package.files.fixtures.iter().map(crate::project::CodeFile::stem)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("put {name}.csv or {name}.sql into tests/fixtures")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs() {
        let call = |text: &str| {
            input_call(
                text,
                "t",
                &Place::new(&crate::diagnostic::SourceFile::new("a", ""), 0..0),
                &mut Diagnostics::default(),
            )
        };
        assert_eq!(call(" this "), Some(InputCall::This));
        assert_eq!(
            call("source('a', \"b\")"),
            Some(InputCall::Source("a".into(), "b".into()))
        );
        let reference = |package: Option<&str>, name: &str, version: Option<&str>| {
            Some(InputCall::Ref(Ref {
                package: package.map(str::to_owned),
                name: name.to_owned(),
                version: version.map(Ref::written_version),
            }))
        };
        assert_eq!(call("ref('a')"), reference(None, "a", None));
        assert_eq!(call("ref('p', 'a', v=2)"), reference(Some("p"), "a", Some("2")));
        assert_eq!(call("ref('a', version='2')"), reference(None, "a", Some("'2'")));
        assert_eq!(call("a"), None);
        assert_eq!(call("source('a')"), None);
    }

    #[test]
    fn csv_as_dbt_reads_it() {
        let rows = blank_is_null(csv_rows("a,b\n1,\n\n\"x, y\",2\n3\n").expect("rows"));
        let shown: Vec<String> = rows
            .iter()
            .map(|row| serde_json::to_string(row).expect("JSON"))
            .collect();
        assert_eq!(
            shown,
            [
                r#"{"a":"1","b":null}"#,
                r#"{"a":"x, y","b":"2"}"#,
                r#"{"a":"3","b":null}"#
            ]
        );
    }
}
