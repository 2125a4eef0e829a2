//! A terminal: what is done scrolls by and stays; below it stands what is running, for how long, and how much is left.

use std::io::{self, Write};

use indexmap::IndexMap;
use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::graph::{NodeId, ResourceType};
use crate::run::{Event, Level, Stamped};

use super::Renderer;
use super::narrate;
use super::node_line;
use super::text::{Style, Text};

/// Milliseconds between two drawings.
const INTERVAL: i128 = 100;

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub columns: usize,
    pub rows: usize,
}

struct Running {
    what: String,
    since: Timestamp,
}

pub struct Terminal<W> {
    out: W,
    least: Level,
    colour: bool,
    /// Asked before each drawing, for a window changes its size.
    size: Box<dyn Fn() -> Size + Send>,
    /// Written, but not yet on the screen.
    pending: String,
    /// Lines of the live area that are on the screen now.
    live: usize,
    running: IndexMap<NodeId, Running>,
    done: usize,
    total: usize,
    started: Option<Timestamp>,
    drawn: Option<Timestamp>,
}

impl<W: Write> Terminal<W> {
    /// Says what is at least as severe as `least`; draws the live area unless that is above `Info`.
    pub fn new(out: W, least: Level, colour: bool, size: impl Fn() -> Size + Send + 'static) -> Self {
        Self {
            out,
            least,
            colour,
            size: Box::new(size),
            pending: String::new(),
            live: 0,
            running: IndexMap::new(),
            done: 0,
            total: 0,
            started: None,
            drawn: None,
        }
    }

    fn note(&mut self, stamped: &Stamped) {
        match &stamped.event {
            Event::Started { nodes, .. } => {
                self.total = *nodes;
                self.started = Some(stamped.at);
            }
            Event::NodeStarted { node, .. } => {
                let running = Running {
                    what: node_line::description(node),
                    since: stamped.at,
                };
                self.running.insert(NodeId::clone(&node.id), running);
            }
            Event::NodeFinished { result, .. } => {
                self.running.shift_remove(&result.node.id);
                // Hooks are not among the nodes that were announced.
                if result.node.resource_type != ResourceType::Operation {
                    self.done += 1;
                }
            }
            Event::Finished(_) => {
                self.running.clear();
                self.started = None;
            }
            _ => {}
        }
    }

    /// Puts everything on the screen in one write: over the old live area, what was said since, and the new area.
    fn draw(&mut self, now: Timestamp) -> io::Result<()> {
        let area = self.area(now);
        if self.pending.is_empty() && area.is_empty() && self.live == 0 {
            return Ok(());
        }
        let mut frame = self.erased();
        frame.push_str(&std::mem::take(&mut self.pending));
        for line in &area {
            frame.push_str(line);
            frame.push('\n');
        }
        self.live = area.len();
        self.drawn = Some(now);
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }

    /// What takes the live area off the screen.
    fn erased(&self) -> String {
        if self.live == 0 {
            String::new()
        } else {
            format!("\x1b[{}A\r\x1b[J", self.live)
        }
    }

    fn area(&self, now: Timestamp) -> Vec<String> {
        let Some(started) = self.started.filter(|_| self.least <= Level::Info) else {
            return Vec::new();
        };
        let size = (self.size)();
        // Never more than half the screen, so that what is done can still be read.
        let most = (size.rows / 2).clamp(1, 12);
        let mut lines = Vec::new();
        let shown = if self.running.len() > most {
            most - 1
        } else {
            self.running.len()
        };
        for running in self.running.values().take(shown) {
            let time = elapsed(running.since, now);
            let room = size.columns.saturating_sub(time.len() + 5);
            let what = fitted(&running.what, room);
            let gap = " ".repeat(
                room.saturating_sub(what.width())
                    .min(60_usize.saturating_sub(what.width())),
            );
            lines.push(
                Text::plain("  ")
                    .and(Style::Plain, what)
                    .and(Style::Dim, format!("{gap}  {time}")),
            );
        }
        if shown < self.running.len() {
            let more = format!("  and {} more running", self.running.len() - shown);
            lines.push(Text::default().and(Style::Dim, fitted(&more, size.columns)));
        }
        let left = self.total.saturating_sub(self.done + self.running.len());
        let line = format!(
            "{} of {} done, {} running, {left} left  {}",
            self.done,
            self.total,
            self.running.len(),
            elapsed(started, now)
        );
        lines.push(Text::default().and(Style::Strong, fitted(&line, size.columns)));
        lines.iter().map(|line| line.shown(self.colour)).collect()
    }
}

impl<W: Write> Renderer for Terminal<W> {
    fn event(&mut self, stamped: &Stamped) -> io::Result<()> {
        self.note(stamped);
        for line in narrate::lines(stamped) {
            if line.level >= self.least && !line.shown_live {
                self.pending.push_str(&line.text.shown(self.colour));
                self.pending.push('\n');
            }
        }
        match (&stamped.event, self.started) {
            // While nodes run, the next tick draws; otherwise nobody should wait for a line.
            (Event::Finished(_), _) | (_, None) => self.draw(stamped.at),
            _ => self.tick(stamped.at),
        }
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let due = self
            .drawn
            .is_none_or(|drawn| now.duration_since(drawn).as_millis() >= INTERVAL);
        if due { self.draw(now) } else { Ok(()) }
    }

    fn close(&mut self) -> io::Result<()> {
        let frame = format!("{}{}", self.erased(), std::mem::take(&mut self.pending));
        self.live = 0;
        self.started = None;
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }
}

/// `3.2s`, and `2m 05s` from a minute on.
fn elapsed(since: Timestamp, now: Timestamp) -> String {
    let tenths = (now.duration_since(since).as_millis() / 100).max(0);
    if tenths < 600 {
        format!("{}.{}s", tenths / 10, tenths % 10)
    } else {
        format!("{}m {:02}s", tenths / 600, tenths % 600 / 10)
    }
}

/// As much of a text as has room, with an ellipsis where that is not all: a line that wraps cannot be taken back.
fn fitted(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut width = 1;
    let mut out: String = text
        .chars()
        .take_while(|c| {
            width += c.width().unwrap_or(0);
            width <= columns
        })
        .collect();
    if columns > 0 {
        out.push('…');
    }
    out
}
