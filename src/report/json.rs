//! One JSON object a line, in the shape of dbt's structured log
//! (<https://docs.getdbt.com/reference/events-logging#structured-logging>).

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::run::{Level, Stamped};

use super::Renderer;
use super::artifact::Invocation;
use super::narrate;

pub struct JsonLines<W> {
    pub(super) out: W,
    least: Level,
    invocation_id: String,
    pid: u32,
    /// What variables of the environment add to every event.
    extra: Json,
}

impl<W: Write> JsonLines<W> {
    /// Says what is at least as severe as `least`.
    pub fn new(out: W, least: Level, invocation_id: impl Into<String>, pid: u32) -> Self {
        Self {
            out,
            least,
            invocation_id: invocation_id.into(),
            pid,
            extra: json!(Invocation::told_environment()),
        }
    }
}

impl<W: Write> Renderer for JsonLines<W> {
    fn event(&mut self, stamped: &Stamped) -> io::Result<()> {
        for line in narrate::lines(stamped) {
            if line.level < self.least {
                continue;
            }
            let level = match line.level {
                Level::Debug => "debug",
                Level::Info => "info",
                Level::Warn => "warn",
                Level::Error => "error",
            };
            let object = json!({
                "data": line.data,
                "info": {
                    "category": "",
                    "code": line.code,
                    "extra": self.extra,
                    "invocation_id": self.invocation_id,
                    "level": level,
                    "msg": line.text.to_string(),
                    "name": line.name,
                    "pid": self.pid,
                    "thread": line.thread,
                    "ts": stamped.at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
                },
            });
            writeln!(self.out, "{object}")?;
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
