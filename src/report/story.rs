//! One run told to every renderer: a warning, a failed audit, a model that fails, what that skips and holds back.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::select::shop;
use crate::run::{
    Event, FailedAudit, Held, HeldBecause, Level, NodeResult, Published, RunResult, Span, Stamped, Status,
};

use super::{JsonLines, Listener, Plain, Renderer, Size, Terminal};
use crate::graph::compiled_path;
use crate::graph::entry::relation_name;

const TESTS: [&str; 3] = [
    "test.shop.accepted_values_stg_orders_status__placed__shipped__completed__return_pending__returned.080fb20aad",
    "test.shop.unique_orders_order_id.fed79b3a6e",
    "test.shop.not_null_customers_customer_id.5c9bf9911d",
];

/// Milliseconds after the story begins.
pub fn at(milliseconds: i64) -> Timestamp {
    let start: Timestamp = "2025-03-10T08:00:00Z".parse().expect("a time");
    start + SignedDuration::from_millis(milliseconds)
}

pub fn result(id: &str, status: Status, from: i64, to: i64, message: &str) -> NodeResult {
    let node = shop::named(id);
    let (code, rows) = match message.rsplit_once(' ') {
        Some((code, rows)) if rows.parse::<u64>().is_ok() => (code, rows.parse().ok()),
        _ => (message, None),
    };
    let failed = status.is_failure();
    NodeResult {
        status,
        compile: Some(Span {
            started: at(from),
            completed: at(from + 5),
        }),
        execute: Some(Span {
            started: at(from + 5),
            completed: at(to),
        }),
        thread: "Thread-1".to_owned(),
        execution_time_seconds: SignedDuration::from_millis(to - from).as_secs_f64(),
        message: (!message.is_empty()).then(|| message.to_owned()),
        failures: None,
        rows_affected: rows,
        code: (!failed && !message.is_empty()).then(|| code.to_owned()),
        compiled_code: Some("select 1".to_owned()),
        relation_name: relation_name(&node),
        compiled_path: Some(compiled_path("target", &node)),
        diagnostic: None,
        batches: None,
        overloads: None,
        skipped_because: None,
        age: None,
        node,
    }
}

fn tested(id: &str, status: Status, from: i64, to: i64, failures: u64) -> NodeResult {
    let message = match status {
        Status::Pass => "",
        Status::Warn => "Got 1 result, configured to warn if != 0",
        _ => "Got 3 results, configured to fail if != 0",
    };
    NodeResult {
        failures: Some(failures),
        code: Some("SELECT".to_owned()),
        rows_affected: Some(1),
        ..result(id, status, from, to, message)
    }
}

fn broken() -> NodeResult {
    let node = shop::named("model.shop.daily_revenue");
    let diagnostic = Diagnostic::error("database", "column \"days\" does not exist")
        .at(Place::at(&node.source, 4, 5))
        .because("the server said: 42703 undefined_column")
        .help("perhaps you meant the column \"day\"");
    NodeResult {
        diagnostic: Some(diagnostic),
        message: None,
        ..result("model.shop.daily_revenue", Status::Error, 900, 1300, "")
    }
}

/// The results, in the order of ending.
pub fn results() -> Vec<NodeResult> {
    vec![
        result("seed.shop.raw_orders", Status::Success, 10, 120, "INSERT 14"),
        result("model.shop.stg_orders", Status::Success, 130, 260, "CREATE VIEW"),
        tested(TESTS[0], Status::Warn, 270, 380, 1),
        result("model.shop.customers", Status::Success, 270, 700, "SELECT 10"),
        tested(TESTS[2], Status::Pass, 710, 790, 0),
        result("model.shop.orders", Status::Success, 390, 800, "SELECT 14"),
        tested(TESTS[1], Status::Fail, 810, 890, 3),
        broken(),
        NodeResult::skipped(
            shop::named("test.shop.unique_daily_revenue_day.5e937e8950"),
            Some("model.shop.daily_revenue".into()),
        ),
        NodeResult {
            compile: None,
            code: None,
            compiled_code: None,
            compiled_path: None,
            ..result("exposure.shop.weekly_report", Status::NoOp, 1310, 1310, "NO-OP")
        },
    ]
}

pub fn run() -> RunResult {
    RunResult {
        started: at(0),
        elapsed_seconds: 1.321,
        results: results(),
        published: vec![
            Published {
                model: shop::named("model.shop.customers"),
                version: "customers__3f2a9c".to_owned(),
                rows: Some(10),
                tests: 2,
                warnings: Vec::new(),
                sources: Vec::new(),
                changes: None,
                changed: true,
            },
            Published {
                model: shop::named("model.shop.stg_zones"),
                version: "stg_zones__77aa01".to_owned(),
                rows: None,
                tests: 1,
                warnings: Vec::new(),
                sources: Vec::new(),
                changes: None,
                changed: false,
            },
        ],
        compiled: std::collections::HashMap::new(),
        held_back: vec![
            Held {
                model: shop::named("model.shop.orders"),
                because: HeldBecause::Audits(vec![FailedAudit {
                    test: shop::named(TESTS[1]),
                    failures: Some(3),
                    compiled_path: Some(compiled_path("target", &shop::named(TESTS[1]))),
                }]),
                standing: Some(at(-86_400_000)),
            },
            Held {
                model: shop::named("model.shop.daily_revenue"),
                because: HeldBecause::NotBuilt,
                standing: None,
            },
        ],
        interrupted: false,
    }
}

pub fn story() -> Vec<Stamped> {
    let mut story = vec![
        (0, Event::Invoked),
        (
            1,
            Event::Found(vec![
                (8, "model".into()),
                (1, "analysis".into()),
                (21, "data test".into()),
            ]),
        ),
        (
            2,
            Event::Message {
                level: Level::Debug,
                text: "the lock is free".into(),
            },
        ),
        (
            5,
            Event::Started {
                nodes: 10,
                threads: 2,
                target: "dev".into(),
            },
        ),
    ];
    let results = results();
    let total = results.len();
    for (i, result) in results.into_iter().enumerate() {
        let index = i + 1;
        if let Some(span) = result.compile.filter(|_| result.status != Status::Skipped) {
            let started = span.started.duration_since(at(0)).as_millis();
            let event = Event::NodeStarted {
                index,
                total,
                node: Arc::clone(&result.node),
                thread: result.thread.clone(),
            };
            story.push((i64::try_from(started).expect("small"), event));
        }
        let ended = result.execute.map_or(1305, |span| {
            i64::try_from(span.completed.duration_since(at(0)).as_millis()).expect("small")
        });
        let result = Arc::new(result);
        story.push((ended, Event::NodeFinished { index, total, result }));
    }
    let run = run();
    story.push((
        795,
        Event::Certified {
            model: shop::named("model.shop.customers"),
            tests: 2,
        },
    ));
    story.extend(run.held_back.iter().map(|held| (1305, Event::HeldBack(held.clone()))));
    story.extend(run.published.iter().map(|one| (1306, Event::Published(one.clone()))));
    let text = "readers waited 3 ms\x1b[2J".to_owned();
    story.push((
        1307,
        Event::Message {
            level: Level::Info,
            text,
        },
    ));
    let warning = Diagnostic::warning("nothing-selected", "`--exclude x` matches nothing in this project");
    story.push((1308, Event::Diagnostic(warning)));
    story.sort_by_key(|(at, _)| *at);
    story.push((1321, Event::Finished(Arc::new(run))));
    story
        .into_iter()
        .map(|(milliseconds, event)| Stamped {
            at: at(milliseconds),
            event,
        })
        .collect()
}

/// Where a renderer writes and a test reads.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panicked").clone()).expect("text")
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn told(mut renderer: impl Renderer, screen: &Screen) -> String {
    for stamped in story() {
        renderer.event(&stamped).expect("written");
    }
    renderer.close().expect("written");
    screen.text()
}

/// What a screen shows after the text was written to it: lines, with the cursor moved up and the rest cleared where the
/// text says so. Fails on any other movement.
fn screen_after(text: &str) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((up, after)) = rest.strip_prefix("\x1b[").and_then(|r| r.split_once("A\r\x1b[J")) {
            let up: usize = up.parse().expect("a count of lines");
            lines.truncate(lines.len() - up);
            *lines.last_mut().expect("a line") = String::new();
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => lines.push(String::new()),
            '\x1b' => panic!("another escape: {rest:?}"),
            c => lines.last_mut().expect("a line").push(c),
        }
    }
    lines.join("\n")
}

fn size() -> Size {
    Size { columns: 60, rows: 20 }
}

#[test]
fn in_a_pipe() {
    let screen = Screen::default();
    insta::assert_snapshot!(told(Plain::new(screen.clone(), Level::Info, false), &screen));
}

#[test]
fn in_a_pipe_quietly() {
    let screen = Screen::default();
    insta::assert_snapshot!(told(Plain::new(screen.clone(), Level::Error, false), &screen));
}

#[test]
fn as_json() {
    let screen = Screen::default();
    let renderer = JsonLines::new(screen.clone(), Level::Debug, "00000000-0000-0000-0000-000000000000", 7);
    let text = told(renderer, &screen);
    for line in text.lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect("one object a line");
        assert_eq!(
            object.as_object().expect("an object").keys().collect::<Vec<_>>(),
            ["data", "info"]
        );
    }
    insta::assert_snapshot!(text);
}

#[test]
fn on_a_terminal_everything_done_stays() {
    let screen = Screen::default();
    let text = told(Terminal::new(screen.clone(), Level::Info, false, size), &screen);
    insta::assert_snapshot!(screen_after(&text));
}

#[test]
fn on_a_terminal_in_colour() {
    let screen = Screen::default();
    let text = told(Terminal::new(screen.clone(), Level::Info, true, size), &screen);
    insta::assert_snapshot!(text.replace('\x1b', "^"));
}

#[test]
fn on_a_terminal_in_the_middle() {
    let screen = Screen::default();
    let mut renderer = Terminal::new(screen.clone(), Level::Info, false, size);
    for stamped in story().iter().filter(|stamped| stamped.at <= at(400)) {
        renderer.event(stamped).expect("written");
    }
    renderer.tick(at(500)).expect("written");
    insta::assert_snapshot!(screen_after(&screen.text()));
    let before = screen.text().len();
    renderer.tick(at(560)).expect("written");
    assert_eq!(screen.text().len(), before, "drawn more than 10 times a second");
    renderer.tick(at(66_000)).expect("written");
    let shown = screen_after(&screen.text());
    let last = shown.lines().last().expect("a line");
    assert_eq!(last, "3 of 10 done, 2 running, 5 left  1m 05s");
    renderer.close().expect("written");
    assert!(
        !screen_after(&screen.text()).contains("running"),
        "the live area is gone"
    );
}

#[test]
fn a_narrow_terminal_never_wraps() {
    let screen = Screen::default();
    let narrow = || Size { columns: 24, rows: 6 };
    let mut renderer = Terminal::new(screen.clone(), Level::Info, false, narrow);
    for stamped in story().iter().filter(|stamped| stamped.at <= at(300)) {
        renderer.event(stamped).expect("written");
    }
    renderer.tick(at(500)).expect("written");
    let shown = screen_after(&screen.text());
    let live: Vec<&str> = shown.lines().rev().take(3).collect();
    assert!(live.iter().all(|line| line.chars().count() <= 24), "{live:?}");
    insta::assert_snapshot!(live.into_iter().rev().collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_run_in_which_nothing_failed() {
    let mut run = run();
    run.held_back.clear();
    run.results
        .retain(|result| matches!(result.status, Status::Success | Status::Pass));
    assert!(run.is_success());
    let screen = Screen::default();
    let mut renderer = Plain::new(screen.clone(), Level::Info, false);
    let event = Event::Finished(Arc::new(run));
    renderer.event(&Stamped { at: at(1321), event }).expect("written");
    insta::assert_snapshot!(screen.text());
}

#[test]
fn everything_told_is_shown() {
    let screen = Screen::default();
    let (events, listener) = Listener::start(Box::new(Plain::new(screen.clone(), Level::Info, false)));
    let told: Vec<_> = (0..4)
        .map(|thread| {
            let events = events.clone();
            std::thread::spawn(move || {
                for i in 0..50 {
                    events.message(Level::Info, format!("{thread}-{i}"));
                }
            })
        })
        .collect();
    for thread in told {
        thread.join().expect("no test panicked");
    }
    drop(events);
    listener.finish();
    assert_eq!(screen.text().lines().count(), 200);
}
