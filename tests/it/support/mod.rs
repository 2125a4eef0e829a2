//! A private server for the whole test process, a database and a project for each test.

mod hub;
mod project;
mod reader;
mod server;

pub use hub::{Hub, archive};
pub use project::{Outcome, Project};
pub use reader::Reader;
pub use server::{Database, Server};
