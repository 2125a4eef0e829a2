//! The log file of a command, beside what is shown.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::run::{Event, Level, Stamped};

use super::Renderer;
use super::json::JsonLines;
use super::log_file::LogFile;
use super::log_lines::LogLines;
use super::mask::Mask;
use super::plain::Plain;

/// `--log-format-file`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// As on a terminal without a live display.
    Text,
    /// With day, level and thread.
    Debug,
    /// One JSON object a line.
    Json,
}

/// `--log-path`, `--log-level-file`, `--log-format-file`, `--log-file-max-bytes`, `--use-colors-file`.
#[derive(Clone, Debug)]
pub struct Log {
    pub folder: PathBuf,
    pub least: Level,
    pub format: LogFormat,
    /// The size at which the file is moved aside; 0 for never.
    pub max_bytes: u64,
    pub colour: bool,
}

impl Log {
    /// Opens the file. What is shown goes to `shown` all the same.
    pub fn beside(
        &self,
        shown: Box<dyn Renderer + Send>,
        invocation_id: &str,
    ) -> Result<Box<dyn Renderer + Send>, (Box<dyn Renderer + Send>, Diagnostic)> {
        match LogFile::open(&self.folder, self.max_bytes) {
            Ok(file) => Ok(Box::new(Logged {
                shown,
                lines: self.lines(invocation_id),
                mask: Mask::of_environment(),
                file,
                failed: false,
            })),
            Err(error) => Err((shown, unwritable(&self.folder.join(LogFile::NAME), &error))),
        }
    }

    fn lines(&self, invocation_id: &str) -> Lines {
        match self.format {
            LogFormat::Text => Lines::Text(Plain::new(Vec::new(), self.least, self.colour)),
            LogFormat::Debug => Lines::Debug(LogLines::new(Vec::new(), self.least, self.colour, invocation_id)),
            LogFormat::Json => Lines::Json(JsonLines::new(
                Vec::new(),
                self.least,
                invocation_id,
                std::process::id(),
            )),
        }
    }
}

fn unwritable(path: &std::path::Path, error: &io::Error) -> Diagnostic {
    Diagnostic::warning(
        "log-not-written",
        format!("the log {} cannot be written", path.display()),
    )
    .because(error.to_string())
    .help("name another folder with --log-path, or write none: --log-level-file none")
}

/// One event as text.
enum Lines {
    Text(Plain<Vec<u8>>),
    Debug(LogLines<Vec<u8>>),
    Json(JsonLines<Vec<u8>>),
}

impl Lines {
    fn of(&mut self, stamped: &Stamped) -> Vec<u8> {
        // Writing to memory does not fail.
        match self {
            Self::Text(lines) => {
                let _ = lines.event(stamped);
                std::mem::take(&mut lines.out)
            }
            Self::Debug(lines) => {
                let _ = lines.event(stamped);
                std::mem::take(&mut lines.out)
            }
            Self::Json(lines) => {
                let _ = lines.event(stamped);
                std::mem::take(&mut lines.out)
            }
        }
    }
}

/// Shows, and writes what it shows to the log. What one of them cannot say does not keep the other from it.
struct Logged {
    shown: Box<dyn Renderer + Send>,
    lines: Lines,
    mask: Mask,
    file: LogFile,
    failed: bool,
}

impl Logged {
    /// The disk may become full: that is told once.
    fn noted(&mut self, at: Timestamp, written: io::Result<()>) -> io::Result<()> {
        let Err(error) = written else { return Ok(()) };
        if std::mem::replace(&mut self.failed, true) {
            return Ok(());
        }
        let event = Event::Diagnostic(unwritable(self.file.path(), &error));
        self.shown.event(&Stamped { at, event })
    }
}

impl Renderer for Logged {
    fn event(&mut self, stamped: &Stamped) -> io::Result<()> {
        let lines = self.lines.of(stamped);
        let written = match String::from_utf8(lines) {
            Ok(text) => self.file.append(self.mask.hide(&text).as_bytes()),
            Err(_) => Ok(()),
        };
        // Whatever ends the command next, why it may have ended is to be read.
        let grave = matches!(
            stamped.event,
            Event::Diagnostic(_)
                | Event::Finished(_)
                | Event::Completed { .. }
                | Event::Message {
                    level: Level::Error,
                    ..
                }
        );
        let written = if grave { written.and(self.file.flush()) } else { written };
        let noted = self.noted(stamped.at, written);
        self.shown.event(stamped).and(noted)
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let written = self.file.flush();
        let noted = self.noted(now, written);
        self.shown.tick(now).and(noted)
    }

    fn close(&mut self) -> io::Result<()> {
        let written = self.file.flush();
        let noted = self.noted(Timestamp::now(), written);
        self.shown.close().and(noted)
    }
}
