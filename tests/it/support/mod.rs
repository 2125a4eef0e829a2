//! A private server for the whole test process, a database and a project for each test.

mod project;
mod server;

pub use project::{Outcome, Project};
pub use server::{Database, Server};
