//! What is said about a function in the database.

use serde::Serialize;
use serde_json::Value as Json;

use super::resource::config_of;
use super::{NodeProperties, PropertyKind, constraints, name_place};
use crate::diagnostic::Place;
use crate::project::{Reader, Section, Yaml};

/// One argument. Its default stands in the statement as it is written here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionArgument {
    pub name: String,
    pub data_type: String,
    pub description: Option<String>,
    pub default_value: Option<Json>,
}

/// What a function gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionReturns {
    pub data_type: String,
    pub description: Option<String>,
}

/// The same name for other arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionOverload {
    /// The file of its body, without the ending.
    pub defined_in: String,
    pub arguments: Vec<FunctionArgument>,
    /// Those of the function itself where it is not said.
    pub returns: Option<FunctionReturns>,
    pub description: Option<String>,
    pub place: Place,
}

/// The signature of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionProperties {
    pub arguments: Vec<FunctionArgument>,
    pub returns: FunctionReturns,
    pub overloads: Vec<FunctionOverload>,
}

/// An entry of `functions`.
pub(super) fn read(yaml: &Yaml, reader: &mut Reader) -> Option<NodeProperties> {
    let mut section = Section::of(yaml, "an entry of `functions`", reader)?;
    let name = section.required("name", reader)?;
    section.what = format!("function `{name}`");
    let config = config_of(&mut section, reader);
    let description = section.text("description", reader).unwrap_or_default();
    let constraints = constraints(&mut section, reader);
    let arguments = arguments(&mut section, reader);
    if section.take("returns").is_none() {
        section.required("returns", reader);
    }
    let returns = returns(&mut section, reader);
    let mut overloads = Vec::new();
    for item in section.list("overloads", reader) {
        overloads.extend(overload(item, &name, reader));
    }
    section.take("data_type");
    section.finish(reader);
    Some(NodeProperties {
        kind: PropertyKind::Function,
        description,
        config,
        columns: Vec::new(),
        tests: Vec::new(),
        constraints,
        relation: None,
        version: None,
        deprecation_date: None,
        time_spine: None,
        semantic_model: None,
        metrics: Vec::new(),
        function: returns.map(|returns| {
            Box::new(FunctionProperties {
                arguments,
                returns,
                overloads,
            })
        }),
        place: name_place(yaml),
        name,
    })
}

fn overload(yaml: &Yaml, function: &str, reader: &mut Reader) -> Option<FunctionOverload> {
    let mut section = Section::of(yaml, format!("an overload of function `{function}`"), reader)?;
    let overload = FunctionOverload {
        defined_in: section.required("defined_in", reader)?,
        arguments: arguments(&mut section, reader),
        returns: returns(&mut section, reader),
        description: section.text("description", reader),
        place: yaml
            .get("defined_in")
            .map_or_else(|| yaml.place.clone(), |name| name.place.clone()),
    };
    section.finish(reader);
    Some(overload)
}

fn arguments(section: &mut Section, reader: &mut Reader) -> Vec<FunctionArgument> {
    let what = section.what.clone();
    let mut arguments = Vec::new();
    for item in section.list("arguments", reader) {
        let Some(mut section) = Section::of(item, format!("an argument of {what}"), reader) else {
            continue;
        };
        let (name, data_type) = (section.required("name", reader), section.required("data_type", reader));
        let description = section.text("description", reader);
        let default_value = section.take("default_value").map(Yaml::to_json);
        section.finish(reader);
        if let (Some(name), Some(data_type)) = (name, data_type) {
            arguments.push(FunctionArgument {
                name,
                data_type,
                description,
                default_value,
            });
        }
    }
    arguments
}

fn returns(section: &mut Section, reader: &mut Reader) -> Option<FunctionReturns> {
    let what = section.what.clone();
    let mut section = Section::of(section.take("returns")?, format!("`returns` of {what}"), reader)?;
    let returns = section.required("data_type", reader).map(|data_type| FunctionReturns {
        data_type,
        description: section.text("description", reader),
    });
    section.finish(reader);
    returns
}
