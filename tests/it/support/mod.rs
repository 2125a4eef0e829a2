//! A private server for the whole test process, a database and a project for each test.

mod brake;
mod hub;
mod numbers;
mod project;
mod proxy;
mod reader;
mod server;
mod wait;

pub use brake::Brake;
pub use hub::{Hub, archive};
pub use numbers::Numbers;
pub use project::{Outcome, Project};
pub use proxy::{Fault, Plan, Proxy};
pub use reader::Reader;
pub use server::{Database, Server};
pub use wait::wait_until;
