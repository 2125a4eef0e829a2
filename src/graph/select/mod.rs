//! dbt's selection language: which nodes `--select` and `--exclude` mean
//! (<https://docs.getdbt.com/reference/node-selection/syntax>).

mod criterion;
pub mod kinds;
mod method;
mod pattern;
mod resolve;
mod selection;
mod unmatched;

#[cfg(test)]
pub(crate) mod shop;

pub use method::resource_type;
pub use resolve::Resolved;
pub use selection::{IndirectSelection, Selection};
pub use unmatched::Unmatched;
