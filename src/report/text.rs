//! Text with a meaning for each part, so that one wording serves a pipe, a terminal and a log.

use std::fmt;

/// What a part of a line is; a terminal with colours shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Good,
    Warn,
    Bad,
    /// A name or a headline.
    Strong,
    /// What may be read over.
    Dim,
    /// Where something is.
    Place,
}

impl Style {
    /// The ANSI sequence that begins it.
    fn start(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "\x1b[32m",
            Self::Warn => "\x1b[33m",
            Self::Bad => "\x1b[31m",
            Self::Strong => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Place => "\x1b[36m",
        }
    }
}

/// Pieces of text in order; prints without colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<(Style, String)>);

impl Text {
    pub fn plain(text: impl Into<String>) -> Self {
        Self::default().and(Style::Plain, text)
    }

    #[must_use]
    pub fn and(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    /// The same with something before it.
    #[must_use]
    pub fn after(&self, start: &str) -> Self {
        let mut parts = vec![(Style::Plain, start.to_owned())];
        parts.extend(self.0.iter().cloned());
        Self(parts)
    }

    /// The text for a terminal that knows colours.
    pub fn coloured(&self) -> String {
        let mut out = String::new();
        for (style, text) in &self.0 {
            let start = style.start();
            if start.is_empty() {
                out.push_str(text);
                continue;
            }
            // A style ends with its line, so that a cut or a scroll never leaves the rest of the screen in colour.
            for (i, line) in text.split('\n').enumerate() {
                if i > 0 {
                    out.push('\n');
                }
                if !line.is_empty() {
                    out.extend([start, line, "\x1b[0m"]);
                }
            }
        }
        out
    }

    /// Every line moved to the right.
    #[must_use]
    pub fn indented(mut self, columns: usize) -> Self {
        let lead = " ".repeat(columns);
        for (_, text) in &mut self.0 {
            *text = text.replace('\n', &format!("\n{lead}"));
        }
        self.0.insert(0, (Style::Plain, lead));
        self
    }

    pub fn shown(&self, colour: bool) -> String {
        if colour { self.coloured() } else { self.to_string() }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(_, text)| f.write_str(text))
    }
}

/// Takes the control characters out of text from elsewhere, so that a value in a table or a message of the server
/// cannot move the cursor. Line ends and tabs stay.
pub fn harmless(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

/// `1 row`, `2 rows`, `2 analyses`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        return format!("1 {noun}");
    }
    match noun {
        "analysis" => format!("{count} analyses"),
        _ if noun.ends_with("query") => format!("{count} {}ies", noun.trim_end_matches('y')),
        _ => format!("{count} {noun}s"),
    }
}

/// The same for counts from the server.
pub fn counted_u64(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_ends_with_its_line() {
        let text = Text::plain("a ").and(Style::Bad, "b\nc");
        assert_eq!(text.to_string(), "a b\nc");
        assert_eq!(text.coloured(), "a \x1b[31mb\x1b[0m\n\x1b[31mc\x1b[0m");
    }

    #[test]
    fn no_escape_gets_through() {
        assert_eq!(harmless("a\x1b[2Jb\r\n\tc"), "a[2Jb\n\tc");
    }
}
