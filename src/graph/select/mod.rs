//! dbt's selection language: which nodes `--select` and `--exclude` mean
//! (<https://docs.getdbt.com/reference/node-selection/syntax>).

mod criterion;
mod definition;
pub mod kinds;
mod method;
mod pattern;
mod resolve;
mod selection;
mod unmatched;

#[cfg(test)]
pub(crate) mod shop;

pub use definition::{Definition, Selectors};
pub use resolve::Resolved;
pub use selection::{IndirectSelection, Selection};
pub use unmatched::Unmatched;
