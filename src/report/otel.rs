//! One OpenTelemetry log record a line, as dbt reads them from a parser that it calls (`dbt --use-v2-parser`).

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::json;

use crate::run::{Level, Stamped};

use super::Renderer;
use super::narrate;

/// dbt relays records of this kind as they are.
const KIND: &str = "v1.public.events.fusion.log.UserLogMessage";

pub struct OtelLines<W> {
    out: W,
    least: Level,
    invocation_id: String,
}

impl<W: Write> OtelLines<W> {
    /// Says what is at least as severe as `least`.
    pub fn new(out: W, least: Level, invocation_id: impl Into<String>) -> Self {
        Self {
            out,
            least,
            invocation_id: invocation_id.into(),
        }
    }
}

impl<W: Write> Renderer for OtelLines<W> {
    fn event(&mut self, stamped: &Stamped) -> io::Result<()> {
        for line in narrate::lines(stamped) {
            let body = line.text.to_string();
            if line.level < self.least || body.is_empty() {
                continue;
            }
            let (number, text) = match line.level {
                Level::Debug => (5, "DEBUG"),
                Level::Info => (9, "INFO"),
                Level::Warn => (13, "WARN"),
                Level::Error => (17, "ERROR"),
            };
            let record = json!({
                "record_type": "LogRecord",
                "time_unix_nano": stamped.at.as_nanosecond().to_string(),
                "severity_number": number,
                "severity_text": text,
                "event_type": KIND,
                "body": body,
                "attributes": { "name": line.name, "invocation_id": self.invocation_id },
            });
            writeln!(self.out, "{record}")?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostic;
    use crate::run::Event;

    #[test]
    fn a_record_a_line_with_its_severity() {
        let mut out = Vec::new();
        let mut lines = OtelLines::new(&mut out, Level::Info, "an-id");
        let event = Event::Diagnostic(Diagnostic::warning("some-code", "mind this"));
        let at: Timestamp = "2025-01-01T00:00:00Z".parse().expect("a time");
        lines.event(&Stamped { at, event }).expect("written");
        let text = String::from_utf8(out).expect("text");
        let record: serde_json::Value = serde_json::from_str(text.lines().next().unwrap_or_default()).expect("JSON");
        assert_eq!(record["record_type"], "LogRecord");
        assert_eq!(record["severity_number"], 13);
        assert_eq!(record["event_type"], KIND);
        assert!(
            record["body"].as_str().is_some_and(|body| body.contains("mind this")),
            "{text}"
        );
    }
}
