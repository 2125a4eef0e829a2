//! YAML as `PyYAML` writes it, so that a file is the same whoever wrote it: keys in order, two columns a level, text in
//! quotes only where it must be.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

/// Columns after which text is broken where it has a space.
const WIDTH: usize = 80;

/// A mapping or a list as a document.
pub(super) fn dumped(value: &Json) -> String {
    let mut out = String::new();
    match value {
        Json::Object(map) if map.is_empty() => out.push_str("{}\n"),
        Json::Array(items) if items.is_empty() => out.push_str("[]\n"),
        _ => block(value, 0, &mut out),
    }
    out
}

/// The lines of a mapping or a list, the first one where the text stands.
fn block(value: &Json, indent: usize, out: &mut String) {
    let mut first = true;
    let mut begin = |out: &mut String| {
        if !first || out.ends_with('\n') {
            out.push_str(&" ".repeat(indent));
        }
        first = false;
    };
    match value {
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for key in keys {
                begin(out);
                let line = column(out);
                out.push_str(&scalar(key, line, indent));
                out.push(':');
                nested(&map[key], indent, out);
            }
        }
        Json::Array(items) => {
            for item in items {
                begin(out);
                out.push('-');
                match item {
                    Json::Object(map) if !map.is_empty() => {
                        out.push(' ');
                        block(item, indent + 2, out);
                    }
                    Json::Array(inner) if !inner.is_empty() => {
                        out.push(' ');
                        block(item, indent + 2, out);
                    }
                    _ => nested(item, indent, out),
                }
            }
        }
        _ => {}
    }
}

/// What stands behind `key:` or `-`.
fn nested(value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Object(map) if map.is_empty() => out.push_str(" {}\n"),
        Json::Array(items) if items.is_empty() => out.push_str(" []\n"),
        Json::Object(_) | Json::Array(_) => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Json::String(text) => {
            out.push(' ');
            let line = column(out);
            out.push_str(&scalar(text, line, indent + 2));
            out.push('\n');
        }
        other => {
            out.push(' ');
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

fn column(out: &str) -> usize {
    out.chars().rev().take_while(|c| *c != '\n').count()
}

fn scalar(text: &str, column: usize, indent: usize) -> String {
    let special = text.chars().any(|c| !matches!(c, '\n' | ' '..='~'))
        || text.contains(" \n")
        || (text.contains('\n') && text.starts_with(' '));
    if special {
        double_quoted(text, column, indent)
    } else if is_plain(text) {
        folded(text, column, indent)
    } else {
        format!("'{}'", folded(&text.replace('\'', "''"), column + 1, indent))
    }
}

/// Broken at single spaces beyond the width; a line break of the text is an empty line.
fn folded(text: &str, mut column: usize, indent: usize) -> String {
    let mut out = String::new();
    let words: Vec<&str> = text.split(' ').collect();
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            let single = !word.is_empty() && !words[i - 1].is_empty();
            if single && column > WIDTH {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        for (j, part) in word.split('\n').enumerate() {
            if j > 0 {
                out.push_str("\n\n");
                out.push_str(&" ".repeat(indent));
                column = indent;
            }
            out.push_str(part);
            column += part.chars().count();
        }
    }
    out
}

fn double_quoted(text: &str, mut column: usize, indent: usize) -> String {
    let mut out = String::from("\"");
    column += 1;
    let chars: Vec<char> = text.chars().collect();
    let mut run = 0;
    for (i, c) in chars.iter().enumerate() {
        let piece = match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\n' => "\\n".to_owned(),
            '\t' => "\\t".to_owned(),
            '\r' => "\\r".to_owned(),
            ' '..='~' => c.to_string(),
            c if u32::from(*c) <= 0xff => format!("\\x{:02X}", u32::from(*c)),
            c if u32::from(*c) <= 0xffff => format!("\\u{:04X}", u32::from(*c)),
            c => format!("\\U{:08X}", u32::from(*c)),
        };
        if *c == ' ' && i > 0 && i + 1 < chars.len() && column + run > WIDTH {
            out.push_str("\\\n");
            out.push_str(&" ".repeat(indent));
            out.push('\\');
            column = indent + 1;
            run = 0;
        }
        run += piece.len();
        out.push_str(&piece);
        if *c == ' ' || piece.len() > 1 {
            column += run;
            run = 0;
        }
    }
    out.push('"');
    out
}

/// Text that YAML 1.1 reads as something else.
static OTHER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i:^(?:yes|no|true|false|on|off|null)$)",
        r"|^~$|^=$|^<<$",
        r"|^[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?$",
        r"|^\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$",
        r"|^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.?[0-9_]*$",
        r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$",
        r"|^[-+]?0b[0-1_]+$|^[-+]?0[0-7_]+$|^[-+]?(?:0|[1-9][0-9_]*)$|^[-+]?0x[0-9a-fA-F_]+$",
        r"|^[0-9]{4}-[0-9]{2}-[0-9]{2}$|^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:",
    ))
    .expect("the pattern is fixed")
});

fn is_plain(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let (Some(first), Some(last)) = (chars.first(), chars.last()) else {
        return false;
    };
    if *first == ' ' || *last == ' ' || text.contains('\n') || OTHER.is_match(text) {
        return false;
    }
    if text.starts_with("---") || text.starts_with("...") {
        return false;
    }
    let followed = |i: usize| chars.get(i + 1).is_none_or(|c| *c == ' ');
    if "#,[]{}&*!|>'\"%@`".contains(*first) || ("?:".contains(*first) || *first == '-') && followed(0) {
        return false;
    }
    !chars
        .iter()
        .enumerate()
        .any(|(i, c)| (*c == ':' && followed(i)) || (*c == '#' && i > 0 && chars[i - 1] == ' '))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What `PyYAML` 6 writes for the same values.
    #[test]
    fn as_pyyaml() {
        let quoted = [
            "1.0",
            "{{ x }}",
            "yes",
            "null",
            "~",
            "0123",
            "0x1f",
            "1.5e+3",
            "123456789",
            "a: b",
            "a #b",
            "- x",
            "x:",
            "",
            "2020-01-01",
            "1:30",
            "=",
            "<<",
            ".5",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "1_000",
            "-",
            ">=1.0",
            "[a",
            "? x",
            "*****",
            " a",
            "a ",
            "1.",
            "+1",
            "0b1",
            ".inf",
            "No",
            "\"q\"",
        ];
        for text in quoted {
            assert_eq!(scalar(text, 5, 4), format!("'{text}'"));
        }
        let plain = [
            "1.0.0",
            "a b",
            "1e5",
            "-x",
            "a'b",
            "..",
            "../loc",
            "~/x",
            "12345678e9",
            "a, b",
            "?x",
            "0o17",
            "12e03",
            "n",
            "https://*****@x/y.git",
            "https://{{ env_var('DBT_ENV_SECRET_AAAAAAAAAAAAAAAAAAAAA') }}@github.com/some/very/long/path/indeed.git",
        ];
        for text in plain {
            assert_eq!(scalar(text, 5, 4), text);
        }
        assert_eq!(scalar("'q'", 5, 4), "'''q'''");
        assert_eq!(scalar("é", 5, 4), "\"\\xE9\"");
        assert_eq!(scalar("tab\tx", 5, 4), "\"tab\\tx\"");
        assert_eq!(scalar("a\nb", 5, 4), "'a\n\n    b'");
        let long = "{{ env_var(\"DBT_ENV_SECRET_AAAAAAAAAAAAAAAAAAAAA\") }} and then a lot of more words so that it";
        assert_eq!(
            scalar(long, 7, 6),
            "'{{ env_var(\"DBT_ENV_SECRET_AAAAAAAAAAAAAAAAAAAAA\") }} and then a lot of more\n      words so that it'"
        );
    }

    #[test]
    fn a_document() {
        let text = dumped(&json!({"sha1_hash": "x", "packages": [{"version": ["1", "2.0.0"], "b": true}, {"a": []}]}));
        assert_eq!(
            text,
            "packages:\n  - b: true\n    version:\n      - '1'\n      - 2.0.0\n  - a: []\nsha1_hash: x\n"
        );
    }
}
