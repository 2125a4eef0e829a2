//! Properties files: what YAML below the resource folders says about models, seeds, sources and the rest.

mod column;
mod exposure;
mod freshness;
mod function;
mod resource;
mod semantic;
mod source;
mod test;
mod unit_test;
mod version;

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;

pub use column::ColumnProperties;
pub use exposure::ExposureProperties;
pub use freshness::{Freshness, Judgement, Period, Threshold};
pub use function::{FunctionArgument, FunctionOverload, FunctionProperties, FunctionReturns};
pub use resource::{NodeProperties, PropertyKind};
pub use semantic::{ColumnSemantics, GRANULARITIES, MetricProperties, SavedQueryProperties, SemanticModelProperties};
pub use source::SourceTable;
pub use test::TestProperties;
pub use unit_test::{Fixture, GivenInput, Overrides, RowsFormat, UnitTestProperties, WrittenRows};
pub use version::{ModelVersion, VersionName};

use super::{Reader, Section, Yaml};
use crate::diagnostic::{Diagnostic, Place, SourceFile};

/// People who own models together; a private model can only be read from within its group.
#[derive(Clone, Debug)]
pub struct Group {
    pub name: String,
    pub description: Option<String>,
    pub owner: IndexMap<String, Json>,
    pub meta: IndexMap<String, Json>,
    /// What else its `config` says.
    pub config: IndexMap<String, Json>,
    pub place: Place,
}

/// `constraints:` as they are written.
fn constraints(section: &mut Section, reader: &mut Reader) -> Vec<Json> {
    let listed = section.list("constraints", reader);
    listed.iter().map(Yaml::to_json).collect()
}

/// What is said about a macro.
#[derive(Clone, Debug)]
pub struct MacroProperties {
    pub name: String,
    pub description: String,
    pub meta: IndexMap<String, Json>,
    /// As written.
    pub arguments: Json,
    pub place: Place,
}

/// What all the properties files of a package say.
#[derive(Clone, Debug, Default)]
pub struct Properties {
    pub nodes: Vec<NodeProperties>,
    pub sources: Vec<SourceTable>,
    pub exposures: Vec<ExposureProperties>,
    pub macros: Vec<MacroProperties>,
    pub groups: Vec<Group>,
    /// Descriptions of singular tests.
    pub tests: Vec<NodeProperties>,
    pub unit_tests: Vec<UnitTestProperties>,
    pub semantic_models: Vec<SemanticModelProperties>,
    pub metrics: Vec<MetricProperties>,
    pub saved_queries: Vec<SavedQueryProperties>,
}

/// Keys below which Jinja is rendered later, where more is known.
fn is_rendered_later(key: &str) -> bool {
    matches!(
        key,
        "description"
            | "tests"
            | "data_tests"
            | "unit_tests"
            | "pre-hook"
            | "post-hook"
            | "pre_hook"
            | "post_hook"
            | "loaded_at_query"
    )
}

impl Properties {
    /// Adds what one file says. Problems go to the reader.
    pub fn read(&mut self, file: &Arc<SourceFile>, reader: &mut Reader) {
        let yaml = match Yaml::parse_as(file, reader.flavour.lenient()) {
            Ok((yaml, warnings)) => {
                reader.problems.0.extend(warnings.0);
                yaml
            }
            Err(problems) => {
                reader.problems.0.extend(problems.0);
                return;
            }
        };
        if yaml.is_null() {
            return;
        }
        let yaml = reader.rendered(&yaml, &|key| {
            is_rendered_later(key) || matches!(key, "metrics" | "saved_queries")
        });
        let Some(mut section) = Section::of(&yaml, file.path.clone(), reader) else {
            return;
        };
        if let Some(version) = section.take("version")
            && version.to_json().as_f64().or_else(|| version.as_str()?.parse().ok()) != Some(2.0)
        {
            reader.problems.push(
                Diagnostic::error("properties-version", "only `version: 2` is read")
                    .at(version.place.clone())
                    .help("write `version: 2`, or leave it out"),
            );
        }
        for (key, kind) in [
            ("models", PropertyKind::Model),
            ("seeds", PropertyKind::Seed),
            ("snapshots", PropertyKind::Snapshot),
            ("analyses", PropertyKind::Analysis),
        ] {
            for item in section.list(key, reader) {
                let mut entries = NodeProperties::read(item, kind, reader);
                // Of the versions of a model the first tells it; they all have the same.
                for (index, entry) in entries.iter_mut().enumerate() {
                    let told = (entry.semantic_model.take(), std::mem::take(&mut entry.metrics));
                    if let (0, (Some(semantic_model), metrics)) = (index, told) {
                        self.semantic_models.push(*semantic_model);
                        self.metrics.extend(metrics);
                    }
                }
                self.nodes.extend(entries);
            }
        }
        for item in section.list("data_tests", reader) {
            self.tests
                .extend(NodeProperties::read(item, PropertyKind::Test, reader));
        }
        for item in section.list("sources", reader) {
            self.sources.extend(SourceTable::read(item, reader));
        }
        for item in section.list("exposures", reader) {
            self.exposures.extend(ExposureProperties::read(item, reader));
        }
        for item in section.list("macros", reader) {
            self.macros.extend(macro_properties(item, reader));
        }
        for item in section.list("groups", reader) {
            self.groups.extend(group(item, reader));
        }
        for item in section.list("unit_tests", reader) {
            self.unit_tests.extend(UnitTestProperties::read(item, reader));
        }
        self.read_semantics(&mut section, reader);
        for item in section.list("functions", reader) {
            self.nodes.extend(function::read(item, reader));
        }
        section.take("anchors");
        section.finish(reader);
    }

    fn read_semantics(&mut self, section: &mut Section, reader: &mut Reader) {
        for item in section.list("semantic_models", reader) {
            self.semantic_models.extend(SemanticModelProperties::read(item, reader));
        }
        for item in section.list("metrics", reader) {
            let item = semantic::rendered(item, reader);
            self.metrics.extend(MetricProperties::read(&item, reader));
        }
        for item in section.list("saved_queries", reader) {
            let item = reader.rendered(item, &|key| is_rendered_later(key) || key == "where");
            self.saved_queries.extend(SavedQueryProperties::read(&item, reader));
        }
    }
}

/// The place of an entry's name, which tells more than the place of the entry.
fn name_place(yaml: &Yaml) -> Place {
    yaml.get("name")
        .map_or_else(|| yaml.place.clone(), |name| name.place.clone())
}

/// `meta` of an entry and of its `config`, the latter over the former.
fn merged_meta(own: IndexMap<String, Json>, config: &super::Settings) -> IndexMap<String, Json> {
    let mut meta = own;
    if let Some(Json::Object(more)) = config.get("meta").map(|setting| &setting.value) {
        meta.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    meta
}

fn group(yaml: &Yaml, reader: &mut Reader) -> Option<Group> {
    let mut section = Section::of(yaml, "a group", reader)?;
    let name = section.required("name", reader);
    let config = super::read_settings(section.take("config"), "a group", reader);
    let group = Group {
        name: name.clone().unwrap_or_default(),
        description: section.text("description", reader),
        owner: section.json_map("owner", reader),
        meta: merged_meta(section.json_map("meta", reader), &config),
        config: config
            .iter()
            .map(|(key, setting)| (key.clone(), setting.value.clone()))
            .collect(),
        place: name_place(yaml),
    };
    section.finish(reader);
    name.map(|_| group)
}

fn macro_properties(yaml: &Yaml, reader: &mut Reader) -> Option<MacroProperties> {
    let mut section = Section::of(yaml, "the properties of a macro", reader)?;
    let name = section.required("name", reader);
    let config = super::read_settings(section.take("config"), "a macro", reader);
    let macro_properties = MacroProperties {
        name: name.clone().unwrap_or_default(),
        description: section.text("description", reader).unwrap_or_default(),
        meta: merged_meta(section.json_map("meta", reader), &config),
        arguments: section.take("arguments").map_or(Json::Array(Vec::new()), Yaml::to_json),
        place: name_place(yaml),
    };
    section.take("docs");
    section.finish(reader);
    name.map(|_| macro_properties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Flavour;

    pub(super) fn read(text: &str) -> (Properties, String) {
        let jinja = |text: &str| Ok(Json::String(text.to_owned()));
        let mut reader = Reader::new(Flavour::Native, &jinja);
        let mut properties = Properties::default();
        properties.read(&SourceFile::new("models/a.yml", text), &mut reader);
        (properties, reader.problems.to_string())
    }

    #[test]
    fn a_function_says_what_it_returns() {
        let (_, problems) = read("version: 2\nfunctions:\n  - name: adds_up\nmodles: []\n");
        assert!(problems.contains("function `adds_up` has no `returns`"), "{problems}");
        assert!(problems.contains("did you mean `models`?"), "{problems}");
    }

    #[test]
    fn a_signature() {
        let (properties, problems) = read(
            "functions:\n- name: f\n  arguments: [{name: x, data_type: int, default_value: 0.5}]\n  returns: {data_type: text}\n  \
             overloads: [{defined_in: g, arguments: [{name: x, data_type: text}]}]\n",
        );
        assert_eq!(problems, "");
        let function = properties.nodes[0].function.as_deref().expect("a signature");
        assert_eq!(function.arguments[0].default_value, Some(0.5.into()));
        assert_eq!(function.returns.data_type, "text");
        assert_eq!(function.overloads[0].arguments[0].data_type, "text");
        let (_, problems) =
            read("functions:\n- name: f\n  columns: []\n  arguments: [{name: x}]\n  returns: {type: text}\n");
        for said in [
            "has no key `columns`",
            "an argument of function `f` has no `data_type`",
            "has no `data_type`",
        ] {
            assert!(problems.contains(said), "{said}: {problems}");
        }
    }

    #[test]
    fn every_form_of_a_test() {
        let (properties, problems) = read(
            "models:\n- name: m\n  columns:\n  - name: id\n    data_tests:\n    - unique\n    - not_null: {severity: warn, config: {where: a}}\n    \
             - dbt_utils.at_least: {name: mine, arguments: {value: 1}, note: x}\n    - test_name: accepted_values\n      values: [1]\n",
        );
        assert_eq!(problems, "");
        let tests = &properties.nodes[0].columns[0].tests;
        assert_eq!(tests[0].name, "unique");
        assert_eq!(tests[1].config.keys().collect::<Vec<_>>(), ["where", "severity"]);
        assert_eq!(tests[2].namespace.as_deref(), Some("dbt_utils"));
        assert_eq!(tests[2].custom_name.as_deref(), Some("mine"));
        assert_eq!(tests[2].args.keys().collect::<Vec<_>>(), ["note", "value"]);
        assert_eq!(tests[3].name, "accepted_values");
        assert_eq!(tests[3].place.to_string(), "models/a.yml:9:7");
    }

    #[test]
    fn the_config_of_a_test_is_rendered_and_its_arguments_are_not() {
        let jinja = |_: &str| Ok(Json::Bool(false));
        let mut reader = Reader::new(Flavour::Native, &jinja);
        let mut properties = Properties::default();
        let text = "models:\n- name: m\n  data_tests:\n  - t: {x: '{{ a }}', config: {enabled: '{{ b }}'}}\n";
        properties.read(&SourceFile::new("models/a.yml", text), &mut reader);
        let test = &properties.nodes[0].tests[0];
        assert_eq!(
            (&test.args["x"], &test.config["enabled"].value),
            (&"{{ a }}".into(), &Json::Bool(false))
        );
    }

    #[test]
    fn sources_hand_down_to_their_tables() {
        let (properties, problems) = read(
            "sources:\n- name: raw\n  schema: s\n  tags: [a]\n  meta: {x: 1}\n  freshness: {warn_after: {count: 1, period: day}}\n  \
             tables:\n  - name: t\n    identifier: T\n    tags: [b]\n    meta: {y: 2}\n  - name: u\n    freshness: null\n",
        );
        assert_eq!(problems, "");
        let [t, u] = &properties.sources[..] else {
            panic!("two tables")
        };
        assert_eq!((t.identifier.as_deref(), t.schema.as_deref()), (Some("T"), Some("s")));
        assert_eq!(t.tags, ["a", "b"]);
        assert_eq!(t.meta.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert!(t.freshness.as_ref().is_some_and(Freshness::is_asked_for) && u.freshness.is_none());
    }

    #[test]
    fn bad_tests_are_named() {
        let (_, problems) = read("models:\n- name: m\n  tests:\n  - a: {}\n    b: {}\n  - 3\n  - c: 1\n");
        assert_eq!(problems.matches("error[bad-test]").count(), 3, "{problems}");
    }
}
