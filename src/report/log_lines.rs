//! Lines with their level and their thread; a heading parts one call of the program from the next.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::run::{Event, Level, Stamped};

use super::Renderer;
use super::narrate;

pub struct LogLines<W> {
    pub(super) out: W,
    least: Level,
    colour: bool,
    invocation_id: String,
    begun: bool,
}

impl<W: Write> LogLines<W> {
    /// Says what is at least as severe as `least`.
    pub fn new(out: W, least: Level, colour: bool, invocation_id: impl Into<String>) -> Self {
        Self {
            out,
            least,
            colour,
            invocation_id: invocation_id.into(),
            begun: false,
        }
    }

    fn line(&mut self, at: Timestamp, level: Level, thread: &str, text: &str) -> io::Result<()> {
        let time = at.strftime("%H:%M:%S%.6f");
        if !self.begun {
            self.begun = true;
            let (day, rule) = (at.strftime("%Y-%m-%d"), "=".repeat(30));
            writeln!(self.out, "\n\n{rule} {day} {time} | {} {rule}", self.invocation_id)?;
        }
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info ",
            Level::Warn => "warn ",
            Level::Error => "error",
        };
        writeln!(self.out, "{time} [{level}] [{thread:<10.10}]: {}", text.trim_end())
    }
}

impl<W: Write> Renderer for LogLines<W> {
    fn event(&mut self, stamped: &Stamped) -> io::Result<()> {
        if let Event::Printed(text) = &stamped.event {
            if self.least <= Level::Info {
                self.line(stamped.at, Level::Info, "MainThread", text)?;
            }
            return self.out.flush();
        }
        for line in narrate::lines(stamped) {
            if line.level < self.least {
                continue;
            }
            let text = line.text.shown(self.colour);
            if !text.trim().is_empty() {
                self.line(stamped.at, line.level, &line.thread, &text)?;
            }
        }
        self.out.flush()
    }

    fn tick(&mut self, _now: Timestamp) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
