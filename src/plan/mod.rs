//! What a run will do: graph, catalogue and ledger in, steps in order out. Pure: no files, no database.

mod action;
mod audit;
mod hold;
mod preview;
mod scope;
mod set;
mod step;
mod together;

use action::action;
pub use preview::{ColumnChanges, Effect, Preview, Seen, describes, preview, standing};
pub use scope::{SCOPED_TESTS, Scope, Scoped, scope};
use set::publish_sets;
pub use set::{PublishSet, parted_sets};
pub use step::{Action, Current, Facts, Plan, Step, Why};
