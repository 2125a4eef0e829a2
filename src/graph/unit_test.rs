//! What a unit test node asks.

use crate::project::{Fixture, UnitTestProperties, WrittenRows};

use super::Ref;

/// What an input of a unit test stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputCall {
    /// The tested model as it was before.
    This,
    Ref(Ref),
    Source(String, String),
}

/// A unit test, its fixtures read.
#[derive(Clone, Debug)]
pub struct UnitTestSpec {
    /// As written, but for the rows of CSV, of fixture files and of seeds, which are there as rows.
    pub properties: UnitTestProperties,
    /// What each of `properties.given` stands for.
    pub inputs: Vec<InputCall>,
    /// The version of the tested model.
    pub version: Option<String>,
}

impl UnitTestSpec {
    /// The columns that are compared; `None` for all that the model has.
    #[must_use]
    pub fn expected_columns(&self) -> Option<Vec<&str>> {
        match &self.properties.expect.rows {
            Some(WrittenRows::Rows(rows)) => Some(rows.first()?.keys().map(String::as_str).collect()),
            _ => None,
        }
    }

    /// The name, with the version of the model where it has one.
    #[must_use]
    pub fn full_name(&self) -> String {
        match &self.version {
            Some(version) => format!("{}_v{version}", self.properties.name),
            None => self.properties.name.clone(),
        }
    }

    /// What is expected.
    #[must_use]
    pub fn expected(&self) -> &Fixture {
        &self.properties.expect
    }
}
