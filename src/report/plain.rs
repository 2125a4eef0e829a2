//! One line after another, for a pipe or a file: `HH:MM:SS  text`, as dbt has it.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::run::{Level, Stamped};

use super::Renderer;
use super::narrate;

pub struct Plain<W> {
    pub(super) out: W,
    least: Level,
    colour: bool,
}

impl<W: Write> Plain<W> {
    /// Says what is at least as severe as `least`.
    pub fn new(out: W, least: Level, colour: bool) -> Self {
        Self { out, least, colour }
    }
}

impl<W: Write> Renderer for Plain<W> {
    fn event(&mut self, stamped: &Stamped) -> io::Result<()> {
        let time = stamped.at.strftime("%H:%M:%S").to_string();
        for line in narrate::lines(stamped) {
            if line.level >= self.least {
                writeln!(
                    self.out,
                    "{}",
                    format!("{time}  {}", line.text.shown(self.colour)).trim_end_matches('\n')
                )?;
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
