//! From an error of the engine to a diagnostic with its place and its callers.

use std::error::Error as _;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use super::call::ReturnSignal;
use super::host::Refusal;
use super::session::{NODE, Session};
use super::syntax::{Fault, Rewritten, misnested, segments};
use crate::diagnostic::{Diagnostic, Frame, Place, SourceFile, nearest};

/// A refusal on its way through the engine.
#[derive(Debug)]
struct Refused(Refusal);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Refused {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(ErrorKind::InvalidOperation, refusal.message.clone()).with_source(Refused(refusal))
    }
}

/// An error with a code of ours.
pub(super) fn failure(code: &'static str, message: impl Into<String>) -> Error {
    Refusal::new(code, message).into()
}

/// Where the text of a template comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) file: Arc<SourceFile>,
    pub(super) rewritten: Arc<Rewritten>,
    /// The template's part of the file.
    pub(super) part: Range<usize>,
}

impl Origin {
    fn misnested(&self) -> Option<Fault> {
        let text = &self.file.text;
        misnested(text, &segments(text, self.part.clone()).ok()?)
    }

    fn place(&self, error: &Error) -> Option<Place> {
        let span = match error.range() {
            Some(range) => self.rewritten.original_range(range),
            None => self.rewritten.original_line(error.line()?),
        };
        Some(Place::new(
            &self.file,
            widened(&self.file.text, trimmed(&self.file.text, span)),
        ))
    }
}

/// The span without the blanks and tag marks at its ends.
fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let Some(part) = text.get(span.clone()) else {
        return span;
    };
    let lead = part.len() - part.trim_start().len();
    let trail = part.len() - part.trim_end().len();
    if lead + trail >= part.len() {
        span
    } else {
        span.start + lead..span.end - trail
    }
}

/// The engine's span of `a.b.c` begins at the last dots and brackets: this goes back to where the expression begins.
fn widened(text: &str, span: Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes();
    let mut start = span.start;
    if !matches!(bytes.get(start), Some(b'.' | b'(' | b'[')) {
        return span;
    }
    let mut depth = 0_usize;
    while start > 0 {
        match bytes[start - 1] {
            b')' | b']' => depth += 1,
            b'(' | b'[' if depth > 0 => depth -= 1,
            b'.' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80.. => {}
            b'{' | b'}' | b'\n' => break,
            quote @ (b'\'' | b'"') => match bytes[..start - 1].iter().rposition(|b| *b == quote) {
                Some(open) => {
                    start = open;
                    continue;
                }
                None => break,
            },
            _ if depth > 0 => {}
            _ => break,
        }
        start -= 1;
    }
    start..span.end
}

/// A syntax error that our own scanner found.
pub(super) fn syntax(file: &Arc<SourceFile>, fault: Fault) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("jinja-syntax", fault.message).at(Place::new(file, fault.span));
    diagnostic.help = fault.help;
    advised(diagnostic)
}

/// The next step where nothing more particular is known.
fn advised(mut diagnostic: Diagnostic) -> Diagnostic {
    let advice = match diagnostic.code {
        "jinja-syntax" => "write an expression as {{ .. }} and a statement as {% .. %}, each complete and closed",
        "jinja-type" => "look at the values: {{ log(value, info=true) }} shows one",
        "jinja-arguments" => "compare the call with the parameters of what is called",
        "undefined-macro" => "check the spelling, and that the package which defines it is installed",
        "undefined-name" => "check the spelling; variables of the project are read with var('name')",
        "unknown-filter" | "unknown-test" => "check the spelling; those of Jinja itself are all there",
        "raised-by-project" => "the project's own code raised this; its message says what it wants",
        "return-outside-macro" => "put the code into a macro, or print the value",
        _ => return diagnostic,
    };
    diagnostic.help.get_or_insert_with(|| advice.to_owned());
    diagnostic
}

/// The macros that send statements.
const PLUMBING: &str = "(builtin)/dbt/statement.sql";

/// Frames shown of a deep stack: so many at each end.
const SHOWN: usize = 8;

/// Finds the cause of an error, its place, and the calls that led there.
pub(super) fn diagnose(session: &Session, error: &Error) -> Diagnostic {
    let mut located: Vec<(Place, String)> = Vec::new();
    let mut cause = error;
    let mut written = None;
    let mut here = Some(error);
    let mut refusal = None;
    while let Some(error) = here {
        cause = error;
        if let Some((origin, within)) = error.name().and_then(|name| session.origin(name)) {
            written = Some(origin);
            if let Some(place) = origin.place(error) {
                located.push((place, within));
            }
        }
        let source = error.source();
        refusal = source.and_then(|s| s.downcast_ref::<Refused>());
        if source.is_some_and(<dyn std::error::Error>::is::<ReturnSignal>) {
            return outside_macro(located);
        }
        here = source.and_then(|s| s.downcast_ref::<Error>());
    }
    let last = located.last().cloned();
    let mut place = located.pop().map(|(place, _)| place);
    let nesting = written
        .filter(|_| cause.kind() == ErrorKind::SyntaxError)
        .and_then(Origin::misnested);
    if let (Some(fault), Some(place)) = (&nesting, &mut place) {
        place.span = fault.span.clone();
    }
    let mut diagnostic = match (refusal, nesting) {
        (Some(refused), _) => Diagnostic::from(refused.0.clone()),
        (None, Some(fault)) => {
            let mut diagnostic = Diagnostic::error("jinja-syntax", fault.message);
            diagnostic.help = fault.help;
            diagnostic
        }
        (None, None) => explain(session, cause, place.as_ref()),
    };
    // What a macro sent to the server is the place; the macros that only pass it on say nothing.
    if diagnostic.place.is_some() {
        located.extend(last);
        located.retain(|(place, _)| place.file.path != PLUMBING);
    } else {
        // A panic leaves no place behind: it is somewhere in the template.
        let template = || {
            session
                .origin(NODE)
                .map(|(origin, _)| Place::new(&origin.file, origin.part.start..origin.part.start))
        };
        diagnostic.place = place.or_else(|| template().filter(|_| diagnostic.code == "jinja-panic"));
    }
    let count = located.len();
    diagnostic.frames = located
        .into_iter()
        .rev()
        .enumerate()
        .filter(|(i, _)| *i < SHOWN || *i + SHOWN >= count)
        .map(|(_, (place, within))| Frame { within, place })
        .collect();
    advised(diagnostic)
}

fn outside_macro(mut located: Vec<(Place, String)>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("return-outside-macro", "`return` works in macros only");
    diagnostic.place = located.pop().map(|(place, _)| place);
    advised(diagnostic)
}

fn explain(session: &Session, error: &Error, place: Option<&Place>) -> Diagnostic {
    let detail = error.detail().unwrap_or_default().to_owned();
    let shown = place.and_then(|p| p.file.text.get(p.span.clone())).unwrap_or("");
    match error.kind() {
        ErrorKind::SyntaxError => Diagnostic::error("jinja-syntax", plain(&detail)),
        ErrorKind::UnknownFunction => {
            let name = detail.strip_suffix(" is unknown").unwrap_or(shown);
            let mut diagnostic =
                Diagnostic::error("undefined-macro", format!("there is no macro or function `{name}`"));
            diagnostic.help = suggestion(session, name);
            diagnostic
        }
        // A name that a macro took over from outside, where it means nothing.
        ErrorKind::InvalidOperation if detail == "value of type undefined is not callable" => {
            let name = path(shown);
            let mut diagnostic =
                Diagnostic::error("undefined-macro", format!("there is no macro or function `{name}`"));
            diagnostic.help = suggestion(session, name);
            diagnostic
        }
        ErrorKind::UnknownMethod => unknown_method(session, &detail, shown),
        ErrorKind::UndefinedError => undefined(session, &detail, shown),
        ErrorKind::UnknownFilter => Diagnostic::error("unknown-filter", plain(&detail)),
        ErrorKind::UnknownTest => Diagnostic::error("unknown-test", plain(&detail)),
        ErrorKind::TooManyArguments | ErrorKind::MissingArgument => {
            let message = if detail.is_empty() {
                error.kind().to_string()
            } else {
                detail
            };
            Diagnostic::error("jinja-arguments", message)
        }
        ErrorKind::InvalidOperation if detail.contains("recursion limit") => {
            Diagnostic::error("recursion", "macros call each other without end")
                .help("a macro that calls itself needs a condition that ends it")
        }
        _ if detail.is_empty() => Diagnostic::error("jinja-type", error.kind().to_string()),
        _ => Diagnostic::error("jinja-type", detail),
    }
}

/// Words of the parser's, without the names that the rewriting brought in.
fn plain(detail: &str) -> String {
    detail.replace("__m", "the macro")
}

fn suggestion(session: &Session, name: &str) -> Option<String> {
    let names = session.known_names();
    nearest(name, names.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
}

/// The names at the beginning of an expression: `a.b.c` of `a.b.c(1)`.
fn path(expression: &str) -> &str {
    let end = expression
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')))
        .unwrap_or(expression.len());
    expression[..end].trim_end_matches('.')
}

fn unknown_method(session: &Session, detail: &str, shown: &str) -> Diagnostic {
    let called = path(shown);
    let (parent, name) = called.rsplit_once('.').unwrap_or(("", called));
    if detail.starts_with("undefined") {
        return undefined(session, "", called);
    }
    if detail.is_empty() {
        return Diagnostic::error("undefined-macro", format!("`{called}` cannot be called"));
    }
    let kind = detail.split(" has no method").next().unwrap_or("the value");
    let name = detail.rsplit(' ').next().unwrap_or(name);
    let of = if parent.is_empty() {
        String::new()
    } else {
        format!(" (`{parent}`)")
    };
    let kind = match kind {
        "map" | "plain object" => "this value",
        "sequence" => "a list",
        other => other,
    };
    Diagnostic::error("undefined-macro", format!("{kind}{of} has no method `{name}`"))
}

fn undefined(session: &Session, detail: &str, shown: &str) -> Diagnostic {
    if !detail.is_empty() {
        return Diagnostic::error("undefined-name", detail.to_owned());
    }
    // The place ends with the attribute that was asked of what is not there.
    let shown = path(shown);
    let parent = shown.rsplit_once('.').map_or(shown, |(parent, _)| parent);
    if parent.is_empty() {
        return Diagnostic::error("undefined-name", "the value is undefined");
    }
    let mut diagnostic = Diagnostic::error("undefined-name", format!("`{parent}` is undefined"));
    if !parent.contains('.') && !session.is_known(parent) {
        diagnostic.help = suggestion(session, parent);
    }
    diagnostic
}
