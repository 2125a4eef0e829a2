//! Nodes as dbt's manifest writes them, which is also how templates see them in `graph` and `model`.

mod checksum;
mod config;
mod contract;
mod exposure;
mod flat;
mod function;
mod group;
mod model;
mod node;
mod primary_key;
mod semantic;
mod source;
mod unit_test;

use serde_json::{Map, Value as Json};

pub use checksum::{checksum, hex, seed_checksum, sha256};
pub use config::config_entry;
pub use flat::FlatGraph;
pub use group::GroupEntry;
pub use model::model_entry;
pub use node::{Compiled, Surroundings, node_entry, relation_name};
pub use primary_key::primary_keys;

/// The mapping that a `json!` makes.
fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
