//! What a user sees: progress and results on standard error, data on standard output, artifacts in `target/`.

use std::io;

use jiff::Timestamp;

use crate::run::Stamped;

pub mod artifact;
mod batch_line;
mod diagnostic;
mod diff;
pub mod docs_server;
pub mod docs_site;
mod erasure;
mod forecast;
mod gate;
mod inventory;
mod json;
mod line;
mod list;
mod listener;
mod log;
mod log_file;
mod log_line;
mod log_lines;
mod mask;
mod narrate;
mod node_line;
mod otel;
mod plain;
mod reach;
mod settings;
mod source_line;
mod summary;
mod table;
mod terminal;
mod text;

#[cfg(test)]
mod story;

pub use diagnostic::text as diagnostic_text;
pub use diff::{Told, diff};
pub use erasure::{ErasureStory, erasure_json, erasure_text};
pub use forecast::{Expiring, Forecast, plan_json, plan_text};
pub use inventory::{Collection, gc_json, gc_text};
pub use json::JsonLines;
pub use list::{ListFormat, list};
pub use listener::Listener;
pub use log::{Log, LogFormat};
pub use mask::Mask;
pub use node_line::set_printer_width;
pub use otel::OtelLines;
pub use plain::Plain;
pub use reach::{reach_json, reach_text};
pub use settings::{Format, Settings, log_level};
pub use table::{ShowFormat, show};
pub use terminal::{Size, Terminal};
pub use text::{Style, Text, harmless};

/// Shows events as they come.
pub trait Renderer {
    fn event(&mut self, stamped: &Stamped) -> io::Result<()>;

    /// Time passed and nothing happened.
    fn tick(&mut self, now: Timestamp) -> io::Result<()>;

    /// Leaves a clean screen. May be called more than once.
    fn close(&mut self) -> io::Result<()>;
}
