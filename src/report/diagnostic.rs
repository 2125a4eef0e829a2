//! A diagnostic in colour, and as fields of a log.

use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Diagnostic, Level};

use super::text::{Style, Text, harmless};

/// The plain rendering with a style for each of its parts.
pub fn text(diagnostic: &Diagnostic) -> Text {
    let bad = match diagnostic.level {
        Level::Warning => Style::Warn,
        Level::Error => Style::Bad,
    };
    let plain = harmless(&diagnostic.to_string());
    let mut lines = plain.lines();
    let first = lines.next().unwrap_or_default();
    let (kind, message) = first.split_once(": ").unwrap_or((first, ""));
    let mut text = Text::default()
        .and(bad, kind)
        .and(Style::Plain, ": ")
        .and(Style::Strong, message);
    for line in lines {
        text = text.and(Style::Plain, "\n");
        text = styled(text, line, bad);
    }
    text
}

fn styled(text: Text, line: &str, bad: Style) -> Text {
    let trimmed = line.trim_start();
    let indent = &line[..line.len() - trimmed.len()];
    for (lead, style) in [
        ("-->", Style::Dim),
        ("called from", Style::Dim),
        ("why:", Style::Strong),
        ("help:", Style::Good),
    ] {
        if let Some(rest) = trimmed.strip_prefix(lead).filter(|_| indent == "  ") {
            let rest_style = if style == Style::Dim {
                Style::Place
            } else {
                Style::Plain
            };
            return text.and(Style::Plain, indent).and(style, lead).and(rest_style, rest);
        }
    }
    match trimmed.split_once('|') {
        Some((gutter, code)) if gutter.trim().chars().all(|c| c.is_ascii_digit()) => {
            let style = if code.trim().chars().all(|c| c == '^') {
                bad
            } else {
                Style::Plain
            };
            text.and(Style::Dim, format!("{indent}{gutter}|")).and(style, code)
        }
        _ => text.and(Style::Plain, line),
    }
}

/// Its parts for `--log-format json`.
pub fn fields(diagnostic: &Diagnostic) -> Map<String, Json> {
    let mut fields = Map::new();
    fields.insert("diagnostic".to_owned(), diagnostic.code.into());
    fields.insert("message".to_owned(), diagnostic.message.as_str().into());
    fields.insert("cause".to_owned(), diagnostic.cause.as_deref().into());
    fields.insert("help".to_owned(), diagnostic.help.as_deref().into());
    let place = diagnostic.place.as_ref();
    let place = place.map(|place| json!({ "file": place.file.path, "line": place.line(), "column": place.column() }));
    fields.insert("place".to_owned(), place.into());
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Place, SourceFile};

    #[test]
    fn says_the_same_with_and_without_colour() {
        let file = SourceFile::new("models/a.sql", "select 1\nfrom {{ reff('x') }}\n");
        let diagnostic = Diagnostic::error("undefined-macro", "`reff` is not defined")
            .at(Place::new(&file, 17..21))
            .because("nothing of that name is in scope\nnor a macro")
            .help("did you mean `ref`?");
        assert_eq!(text(&diagnostic).to_string(), diagnostic.to_string());
        insta::assert_snapshot!(text(&diagnostic).coloured().replace('\x1b', "^"), @r#"
            ^[31merror[undefined-macro]^[0m: ^[1m`reff` is not defined^[0m
              ^[2m-->^[0m^[36m models/a.sql:2:9^[0m
            ^[2m   2 |^[0m from {{ reff('x') }}
            ^[2m     |^[0m^[31m         ^^^^^[0m
              ^[1mwhy:^[0m nothing of that name is in scope
                   nor a macro
              ^[32mhelp:^[0m did you mean `ref`?
            "#);
    }
}
