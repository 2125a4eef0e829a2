//! How the user wants to be talked to, and the renderer that does it.

use std::io::{self, IsTerminal, stderr};

use crate::diagnostic::{Diagnostic, nearest};
use crate::run::Level;

use super::Renderer;
use super::json::JsonLines;
use super::log_lines::LogLines;
use super::mask::Mask;
use super::otel::OtelLines;
use super::plain::Plain;
use super::terminal::{Size, Terminal};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A live display on a terminal, lines elsewhere.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
    /// Lines with day, level and thread.
    Debug,
    /// One OpenTelemetry log record a line.
    Otel,
}

/// `--log-level`, `--log-format`, `--quiet`, `--no-color`, `--use-colors`.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub format: Format,
    /// Only errors, whatever the level.
    pub quiet: bool,
    /// The least that is said; `None` says nothing at all.
    pub level: Option<Level>,
    pub no_colour: bool,
    /// Colours wherever the output goes, unless `no_colour` says no.
    pub force_colour: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: Format::default(),
            quiet: false,
            level: Some(Level::Info),
            no_colour: false,
            force_colour: false,
        }
    }
}

const LEVELS: [(&str, Option<Level>); 5] = [
    ("debug", Some(Level::Debug)),
    ("info", Some(Level::Info)),
    ("warn", Some(Level::Warn)),
    ("error", Some(Level::Error)),
    ("none", None),
];

/// Reads the value of `--log-level`.
pub fn log_level(text: &str) -> Result<Option<Level>, Diagnostic> {
    let names = || LEVELS.iter().map(|(name, _)| *name);
    if let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == text) {
        return Ok(*level);
    }
    let help = match nearest(text, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(Diagnostic::error("invalid-argument", format!("`{text}` is not a log level")).help(help))
}

impl Settings {
    /// The least that is said; `None` where nothing is.
    pub fn least(self) -> Option<Level> {
        let floor = if self.quiet { Level::Error } else { Level::Debug };
        self.level.map(|level| level.max(floor))
    }

    /// Whether to colour what goes to standard error: a terminal that knows colours, `NO_COLOR` not set
    /// (<https://no-color.org>), `--no-color` not given.
    pub fn colour(self) -> bool {
        if self.no_colour || self.force_colour {
            return !self.no_colour;
        }
        std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && is_terminal()
    }

    /// The renderer for standard error.
    pub fn renderer(self, invocation_id: &str) -> Box<dyn Renderer + Send> {
        let Some(least) = self.least() else {
            return Box::new(Silent);
        };
        let out = Mask::of_environment().over(stderr());
        match self.format {
            Format::Otel => Box::new(OtelLines::new(out, least, invocation_id)),
            Format::Json => Box::new(JsonLines::new(out, least, invocation_id, std::process::id())),
            Format::Debug => Box::new(LogLines::new(out, least, self.colour(), invocation_id)),
            Format::Text if is_terminal() => Box::new(Terminal::new(out, least, self.colour(), size)),
            Format::Text => Box::new(Plain::new(out, least, self.colour())),
        }
    }
}

/// Standard error is a terminal that can move its cursor.
fn is_terminal() -> bool {
    stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The terminal's size, or the size of old where it does not tell.
fn size() -> Size {
    let told = rustix::termios::tcgetwinsize(stderr()).ok();
    let or = |told: Option<u16>, otherwise: usize| told.filter(|n| *n > 0).map_or(otherwise, usize::from);
    Size {
        columns: or(told.map(|size| size.ws_col), 80),
        rows: or(told.map(|size| size.ws_row), 24),
    }
}

/// Says nothing.
struct Silent;

impl Renderer for Silent {
    fn event(&mut self, _stamped: &crate::run::Stamped) -> io::Result<()> {
        Ok(())
    }

    fn tick(&mut self, _now: jiff::Timestamp) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_leaves_errors() {
        let quiet = Settings {
            quiet: true,
            level: Some(Level::Debug),
            ..Settings::default()
        };
        assert_eq!(quiet.least(), Some(Level::Error));
        let silent = Settings {
            level: None,
            ..Settings::default()
        };
        assert_eq!(silent.least(), None);
        assert_eq!(Settings::default().least(), Some(Level::Info));
    }

    #[test]
    fn a_level_that_does_not_exist() {
        let error = log_level("inof").expect_err("a slip");
        assert_eq!(error.help.as_deref(), Some("did you mean `info`?"));
    }
}
