//! A unit test: rows for what a model reads, and the rows that it must make of them.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::name_place;
use crate::diagnostic::{Diagnostic, Place};
use crate::project::{Reader, Section, Settings, Yaml, read_settings};

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowsFormat {
    #[default]
    Dict,
    Csv,
    Sql,
}

impl RowsFormat {
    /// As properties files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dict => "dict",
            Self::Csv => "csv",
            Self::Sql => "sql",
        }
    }
}

/// Rows as they are written.
#[derive(Clone, Debug, PartialEq)]
pub enum WrittenRows {
    Rows(Vec<IndexMap<String, Json>>),
    Text(String),
}

/// The rows of an input or of what is expected.
#[derive(Clone, Debug)]
pub struct Fixture {
    pub format: RowsFormat,
    pub rows: Option<WrittenRows>,
    /// The file below `tests/fixtures` that holds them, without its ending.
    pub file: Option<String>,
    pub place: Place,
}

/// What stands in for one of the model's inputs.
#[derive(Clone, Debug)]
pub struct GivenInput {
    /// `ref('orders')`, `source('shop', 'orders')` or `this`.
    pub input: String,
    pub fixture: Fixture,
}

/// What the template sees in place of the real thing.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// What a call of the macro gives, by `name` or `package.name`.
    pub macros: IndexMap<String, Json>,
    pub vars: IndexMap<String, Json>,
    pub env_vars: IndexMap<String, Json>,
}

#[derive(Clone, Debug)]
pub struct UnitTestProperties {
    pub name: String,
    pub model: String,
    pub given: Vec<GivenInput>,
    pub expect: Fixture,
    pub description: String,
    /// `None` where nothing is overridden.
    pub overrides: Option<Overrides>,
    /// The versions of the model that are tested; `None` where nothing is said.
    pub included: Option<Vec<String>>,
    pub excluded: Option<Vec<String>>,
    pub config: Settings,
    pub place: Place,
}

impl UnitTestProperties {
    pub fn read(yaml: &Yaml, reader: &mut Reader) -> Option<Self> {
        let mut section = Section::of(yaml, "a unit test", reader)?;
        let name = section.required("name", reader)?;
        section.what = format!("unit test `{name}`");
        let what = section.what.clone();
        let model = section.required("model", reader);
        let mut given = Vec::new();
        for item in section.list("given", reader) {
            given.extend(given_input(item, &what, reader));
        }
        let expect = section.take("expect");
        if expect.is_none() {
            reader.problems.push(
                Diagnostic::error("missing-key", format!("{what} has no `expect`"))
                    .at(section.place.clone())
                    .help("write the rows that the model must make: expect: {rows: [..]}"),
            );
        }
        let expect = expect.and_then(|yaml| fixture(yaml, &format!("`expect` of {what}"), reader));
        let expect = expect.map(|(fixture, _)| fixture);
        let overrides = section
            .take("overrides")
            .and_then(|yaml| overrides(yaml, &what, reader));
        let (mut included, mut excluded) = (None, None);
        if let Some(yaml) = section.take("versions")
            && let Some(mut versions) = Section::of(yaml, format!("`versions` of {what}"), reader)
        {
            included = versions.strings("include", reader).filter(|list| !list.is_empty());
            excluded = versions.strings("exclude", reader).filter(|list| !list.is_empty());
            versions.finish(reader);
            if included.is_some() && excluded.is_some() {
                reader.problems.push(
                    Diagnostic::error("bad-unit-test", format!("{what} both includes and excludes versions"))
                        .at(yaml.place.clone())
                        .help("keep one of the two"),
                );
            }
        }
        let description = section.text("description", reader).unwrap_or_default();
        let config = section.take("config").map(|config| reader.rendered(config, &|_| false));
        let config = read_settings(config.as_ref(), &what, reader);
        section.finish(reader);
        Some(Self {
            name,
            model: model?,
            given,
            expect: expect?,
            description,
            overrides,
            included,
            excluded,
            config,
            place: name_place(yaml),
        })
    }
}

fn given_input(yaml: &Yaml, what: &str, reader: &mut Reader) -> Option<GivenInput> {
    let (fixture, input) = fixture(yaml, &format!("an input of {what}"), reader)?;
    let Some(input) = input else {
        reader.problems.push(
            Diagnostic::error(
                "missing-key",
                format!("an input of {what} does not say what it stands for"),
            )
            .at(yaml.place.clone())
            .help("write input: ref('model'), source('source', 'table') or this"),
        );
        return None;
    };
    Some(GivenInput { input, fixture })
}

/// The rows, and what `input` says beside them.
fn fixture(yaml: &Yaml, what: &str, reader: &mut Reader) -> Option<(Fixture, Option<String>)> {
    let mut section = Section::of(yaml, what, reader)?;
    let input = section.text("input", reader);
    let format = match section.text("format", reader).as_deref() {
        None | Some("dict") => RowsFormat::Dict,
        Some("csv") => RowsFormat::Csv,
        Some("sql") => RowsFormat::Sql,
        Some(other) => {
            reader.problems.push(
                Diagnostic::error("bad-unit-test", format!("`{other}` is no format of rows"))
                    .at(yaml
                        .get("format")
                        .map_or_else(|| yaml.place.clone(), |value| value.place.clone()))
                    .help("one of: dict, csv, sql"),
            );
            return None;
        }
    };
    let rows = match section.take("rows") {
        None => None,
        Some(value) => Some(rows(value, reader)?),
    };
    let fixture = Fixture {
        format,
        rows,
        file: section.text("fixture", reader),
        place: yaml.place.clone(),
    };
    section.finish(reader);
    Some((fixture, input))
}

fn rows(yaml: &Yaml, reader: &mut Reader) -> Option<WrittenRows> {
    if let Some(text) = yaml.as_str() {
        return Some(WrittenRows::Text(text.to_owned()));
    }
    let Some(items) = yaml.as_list() else {
        reader.wrong_type("rows", "a list of mappings, or text", yaml);
        return None;
    };
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        let Some(cells) = item.as_map() else {
            reader.wrong_type("rows", "a list of mappings from column to value", item);
            return None;
        };
        rows.push(
            cells
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.to_json()))
                .collect(),
        );
    }
    Some(WrittenRows::Rows(rows))
}

fn overrides(yaml: &Yaml, what: &str, reader: &mut Reader) -> Option<Overrides> {
    let mut section = Section::of(yaml, format!("`overrides` of {what}"), reader)?;
    let overrides = Overrides {
        macros: section.json_map("macros", reader),
        vars: section.json_map("vars", reader),
        env_vars: section.json_map("env_vars", reader),
    };
    section.finish(reader);
    Some(overrides)
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn reads_every_form_of_rows() {
        let (properties, problems) = read(
            "unit_tests:\n- name: t\n  model: m\n  given:\n  - input: ref('a')\n    rows: [{id: 1, x: null}]\n  \
             - input: this\n    format: csv\n    rows: \"id\\n1\"\n  - input: source('s', 't')\n    format: sql\n    fixture: f\n  \
             overrides: {macros: {is_incremental: true}, vars: {a: 1}}\n  expect: {rows: []}\n",
        );
        assert_eq!(problems, "");
        let test = &properties.unit_tests[0];
        let formats: Vec<RowsFormat> = test.given.iter().map(|given| given.fixture.format).collect();
        assert_eq!(formats, [RowsFormat::Dict, RowsFormat::Csv, RowsFormat::Sql]);
        assert_eq!(test.given[2].fixture.file.as_deref(), Some("f"));
        assert_eq!(test.expect.rows, Some(WrittenRows::Rows(Vec::new())));
        let overrides = test.overrides.as_ref().expect("overrides");
        assert_eq!(overrides.macros["is_incremental"], Json::Bool(true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (_, problems) = read(
            "unit_tests:\n- name: t\n  model: m\n  given: [{rows: []}, {input: this, format: xml}, {input: this, rows: [1]}]\n  \
             versions: {include: [1], exclude: [2]}\n",
        );
        for expected in [
            "does not say what it stands for",
            "`xml` is no format of rows",
            "has no `expect`",
            "both includes and excludes",
            "`rows` takes a list of mappings",
        ] {
            assert!(problems.contains(expected), "{expected}: {problems}");
        }
    }
}
