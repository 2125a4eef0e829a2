//! Plan in, results out: compiling, materializing, testing, in order and in parallel.

mod as_of;
mod compile;
mod context;
mod contract;
mod delta;
mod event;
mod execute;
mod gated;
mod hook;
mod host;
mod in_place;
mod interrupt;
mod layout;
mod project_hook;
mod publication;
mod result;
mod scheduler;
mod seed;
mod session;
mod statement;
mod strategy;
mod test;

pub use as_of::newest_arrival;
pub use compile::{Compiled, View, compile_inline, compile_node, definition};
pub use context::{Flags, Gate, Made, RunContext};
pub use event::{Event, Events, Level, Stamped};
pub use interrupt::Interrupt;
pub use layout::Layout;
pub use project_hook::{create_schemas, run_project_hooks};
pub use publication::{SetEnd, publish_diagnostic};
pub use result::{FailedAudit, Held, HeldBecause, NodeResult, Published, RunResult, Span, Status};
pub use scheduler::run;
pub use session::{GateSession, lock_refusal};
