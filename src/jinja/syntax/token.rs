//! The words of an expression.

use std::ops::Range;

use super::segment::string_end;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Name,
    Number,
    Text,
    /// An operator or bracket of one or two characters.
    Sign,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

/// The tokens of a part of a text, and the blanks in it that minijinja would not take.
/// `None` where something is not of the language.
pub(super) fn tokens(text: &str, part: Range<usize>) -> Option<(Vec<Token>, Vec<Range<usize>>)> {
    let mut tokens = Vec::new();
    let mut blanks = Vec::new();
    let bytes = &text.as_bytes()[..part.end];
    let mut at = part.start;
    while at < part.end {
        let byte = bytes[at];
        let (kind, end) = match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'\'' | b'"' => (TokenKind::Text, string_end(bytes, at)?),
            b'0'..=b'9' => (TokenKind::Number, number_end(bytes, at, tokens.last(), text)),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => {
                let rest = &text[at..part.end];
                let first = rest.chars().next()?;
                if first.is_whitespace() {
                    blanks.push(at..at + first.len_utf8());
                    at += first.len_utf8();
                    continue;
                }
                let length = rest
                    .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .unwrap_or(rest.len());
                if length == 0 {
                    return None;
                }
                (TokenKind::Name, at + length)
            }
            b'+' | b'-' | b'*' | b'/' | b'%' | b'.' | b',' | b':' | b'~' | b'|' | b'=' | b'<' | b'>' | b'!' | b'('
            | b')' | b'[' | b']' | b'{' | b'}' => {
                let two = bytes
                    .get(at..at + 2)
                    .is_some_and(|two| matches!(two, b"//" | b"**" | b"==" | b"!=" | b">=" | b"<="));
                (TokenKind::Sign, at + 1 + usize::from(two))
            }
            _ => return None,
        };
        tokens.push(Token { kind, span: at..end });
        at = end;
    }
    Some((tokens, blanks))
}

fn number_end(bytes: &[u8], start: usize, before: Option<&Token>, text: &str) -> usize {
    let after_dot = before.is_some_and(|token| &text[token.span.clone()] == "." && token.span.end == start);
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
            at += 1;
        }
        at
    };
    let mut at = digits(start);
    if !after_dot && bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        at = digits(at + 1);
    }
    if matches!(bytes[at - 1], b'e' | b'E')
        && matches!(bytes.get(at), Some(b'+' | b'-'))
        && !bytes[start..at].starts_with(b"0x")
    {
        at = digits(at + 1);
    }
    at
}
