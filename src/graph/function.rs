//! What a node has of functions in the database: what it is itself, and which it calls.

use std::sync::Arc;

use crate::diagnostic::SourceFile;
use crate::project::{FunctionArgument, FunctionReturns};

/// The type that dbt gives to a function of which no properties file says what it returns.
pub const NO_TYPE: &str = "INVALID_TYPE";

/// The calls of `function` in a template, and the signature where the node is one.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    /// As called: `[name]` or `[package, name]`, each once.
    pub called: Vec<Vec<String>>,
    pub spec: Option<Arc<FunctionSpec>>,
}

/// The signature of a function, and the other functions of its name.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    pub arguments: Vec<FunctionArgument>,
    pub returns: FunctionReturns,
    pub overloads: Vec<Overload>,
}

impl FunctionSpec {
    /// Of a function that no properties file describes.
    #[must_use]
    pub fn untold() -> Self {
        Self {
            arguments: Vec::new(),
            returns: FunctionReturns {
                data_type: NO_TYPE.to_owned(),
                description: None,
            },
            overloads: Vec::new(),
        }
    }
}

/// The same name for other arguments, with a body of its own.
#[derive(Clone, Debug)]
pub struct Overload {
    /// The file of the body, without the ending.
    pub defined_in: String,
    pub arguments: Vec<FunctionArgument>,
    /// Those of the function itself where it is not said.
    pub returns: Option<FunctionReturns>,
    pub description: Option<String>,
    pub source: Arc<SourceFile>,
    /// Below the resource folder, and below the project's root.
    pub path: String,
    pub original_path: String,
}
