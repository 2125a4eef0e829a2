//! The configuration in force for a node: layers merged as dbt merges them, then typed.

mod defaults;
mod layer;
mod microbatch;
mod partition_by;
mod snapshot_spec;
mod test_spec;
mod typed;
mod typer;

pub use layer::merge;
pub use typed::{TypedConfig, type_config};

use crate::project::Flavour;

use super::ResourceType;

/// What the configuration is for.
pub struct Owner<'a> {
    /// For messages: ``model `orders` ``.
    pub what: &'a str,
    pub resource_type: ResourceType,
    pub flavour: Flavour,
    /// Whether a macro of the project defines this materialization.
    pub custom: &'a dyn Fn(&str) -> bool,
    /// The materializations that macros of the project define; for suggestions.
    pub custom_names: &'a [String],
}
