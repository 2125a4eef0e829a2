//! One shape for everything that can be wrong with what a user gave us: what, where, why, and what to do next.

mod warn_error;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use warn_error::{EVENTS, OWN, Verdict, WarnError};

/// A text file of the project, shared by every place that points into it.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the project's root where it lies below it, with `/` separators.
    pub path: String,
    pub text: String,
}

impl SourceFile {
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            text: text.into(),
        })
    }
}

/// A range of bytes in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: Arc<SourceFile>,
    pub span: Range<usize>,
}

impl Place {
    #[must_use]
    pub fn new(file: &Arc<SourceFile>, span: Range<usize>) -> Self {
        Self {
            file: Arc::clone(file),
            span,
        }
    }

    /// The place of a line (1-based) and column (1-based, in characters), as parsers report them.
    #[must_use]
    pub fn at(file: &Arc<SourceFile>, line: usize, column: usize) -> Self {
        let start = file
            .text
            .split_inclusive('\n')
            .take(line.saturating_sub(1))
            .map(str::len)
            .sum::<usize>();
        let rest = file.text.get(start..).unwrap_or("");
        let offset = rest
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(rest.len(), |(i, _)| i);
        let start = start + offset;
        Self::new(file, start..start)
    }

    /// 1-based.
    #[must_use]
    pub fn line(&self) -> usize {
        1 + self.before().matches('\n').count()
    }

    /// 1-based, in characters.
    #[must_use]
    pub fn column(&self) -> usize {
        let before = self.before();
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        1 + before[line_start..].chars().count()
    }

    /// The text of the line in which the place begins, without its line end.
    #[must_use]
    pub fn line_text(&self) -> &str {
        let start = self.before().rfind('\n').map_or(0, |i| i + 1);
        self.file.text[start..].lines().next().unwrap_or("")
    }

    fn before(&self) -> &str {
        let mut end = self.span.start.min(self.file.text.len());
        while !self.file.text.is_char_boundary(end) {
            end -= 1;
        }
        &self.file.text[..end]
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.path, self.line(), self.column())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Warning,
    Error,
}

/// A caller on the way to the place of an error: a macro, a model, a properties file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What contains the call, such as `model stg_orders` or `macro total`.
    pub within: String,
    pub place: Place,
}

/// What happened, where, why, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub level: Level,
    /// A stable name such as `unknown-key`; `docs/errors.md` lists them.
    pub code: &'static str,
    pub message: String,
    pub place: Option<Place>,
    /// From the innermost call outwards.
    pub frames: Vec<Frame>,
    /// Why, where the message alone does not tell: the server's own words, say.
    pub cause: Option<String>,
    /// What to do next.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            code,
            message: message.into(),
            place: None,
            frames: Vec::new(),
            cause: None,
            help: None,
        }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(code, message)
        }
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    #[must_use]
    pub fn frame(mut self, within: impl Into<String>, place: Place) -> Self {
        self.frames.push(Frame {
            within: within.into(),
            place,
        });
        self
    }

    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The plain rendering; `report/` adds colour.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Warning => "warning",
            Level::Error => "error",
        };
        write!(f, "{level}[{}]: {}", self.code, self.message)?;
        if let Some(place) = &self.place {
            excerpt(f, "-->", place, None)?;
        }
        for frame in &self.frames {
            excerpt(f, "called from", &frame.place, Some(&frame.within))?;
        }
        if let Some(cause) = &self.cause {
            write!(f, "\n  why: {}", indent(cause))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {}", indent(help))?;
        }
        Ok(())
    }
}

fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n       ")
}

/// A line with more characters is not shown whole.
const LONG_LINE: usize = 400;

fn excerpt(f: &mut fmt::Formatter<'_>, arrow: &str, place: &Place, within: Option<&str>) -> fmt::Result {
    write!(f, "\n  {arrow} {place}")?;
    if let Some(within) = within {
        write!(f, " in {within}")?;
    }
    let line = place.line_text();
    if line.trim().is_empty() {
        return Ok(());
    }
    let number = place.line().to_string();
    let gutter = " ".repeat(number.len());
    let before = place.column() - 1;
    let marked = place
        .file
        .text
        .get(place.span.clone())
        .map_or(1, |text| text.lines().next().unwrap_or("").chars().count())
        .max(1);
    // Of a long line, what is around the place.
    let length = line.chars().count();
    let left_out = if length > LONG_LINE {
        before.saturating_sub(LONG_LINE / 2)
    } else {
        0
    };
    let marked = marked.min(LONG_LINE / 2);
    let shown: String = line.chars().skip(left_out).take(LONG_LINE).collect();
    let [start, end] = [left_out > 0, left_out + LONG_LINE < length].map(|cut| if cut { "..." } else { "" });
    let lead = shown.chars().take(before - left_out);
    let lead: String = lead.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let lead = format!("{}{lead}", " ".repeat(start.len()));
    write!(
        f,
        "\n   {number} | {start}{shown}{end}\n   {gutter} | {lead}{}",
        "^".repeat(marked)
    )
}

impl std::error::Error for Diagnostic {}

/// Everything found wrong at once, so that a user mends a project in one go.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.level == Level::Error)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The candidate nearest to what was typed, if it is near enough to be a slip.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= 1 + typed.len().max(name.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_line_and_marks_the_span() {
        let file = SourceFile::new("models/a.sql", "select 1\nfrom {{ reff('x') }}\n");
        let shown = Diagnostic::error("undefined-macro", "`reff` is not defined")
            .at(Place::new(&file, 17..21))
            .help("did you mean `ref`?")
            .to_string();
        assert_eq!(
            shown,
            "error[undefined-macro]: `reff` is not defined\n  --> models/a.sql:2:9\n   2 | from {{ reff('x') }}\n     |         ^^^^\n  help: did you mean `ref`?"
        );
    }

    #[test]
    fn of_a_long_line_only_the_surroundings_are_shown() {
        let text = format!(
            "select {} as a, oops() as b, {} as c",
            "1,".repeat(500_000),
            "2,".repeat(500_000)
        );
        let file = SourceFile::new("models/a.sql", &text);
        let at = text.find("oops").unwrap();
        let shown = Diagnostic::error("x", "y")
            .at(Place::new(&file, at..at + 6))
            .to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[2].contains("| ...") && lines[2].ends_with("..."), "{}", lines[2]);
        assert!(lines[2].len() < 450, "{}", lines[2].len());
        let [oops, mark] = [lines[2].find("oops()"), lines[3].find("^^^^^^")];
        assert_eq!(oops, mark, "{shown}");
        let whole = SourceFile::new("models/a.sql", &text);
        let shown = Diagnostic::error("x", "y")
            .at(Place::new(&whole, 0..text.len()))
            .to_string();
        assert!(shown.lines().all(|line| line.len() < 450), "{}", shown.len());
    }

    #[test]
    fn place_from_line_and_column() {
        let file = SourceFile::new("a", "één\ntwee\n");
        let place = Place::at(&file, 1, 3);
        assert_eq!((place.line(), place.column()), (1, 3));
        let place = Place::at(&file, 2, 2);
        assert_eq!((place.line(), place.column(), place.line_text()), (2, 2, "twee"));
    }

    #[test]
    fn nearest_name() {
        assert_eq!(nearest("materialised", ["materialized", "tags"]), Some("materialized"));
        assert_eq!(nearest("zzz", ["materialized", "tags"]), None);
    }
}
