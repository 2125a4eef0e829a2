//! A template cut into text, expressions, statements, comments and raw parts.

use std::ops::Range;

use super::Fault;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    Data,
    /// `{{ .. }}`
    Expression,
    /// `{% .. %}`
    Statement,
    /// `{# .. #}`
    Comment,
    /// `{% raw %} .. {% endraw %}`, whole.
    Raw,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub kind: SegmentKind,
    /// With its delimiters.
    pub span: Range<usize>,
    /// Between the delimiters and their whitespace marks.
    pub inner: Range<usize>,
}

/// Cuts a part of a text into segments that cover it without gaps.
pub fn segments(text: &str, part: Range<usize>) -> Result<Vec<Segment>, Fault> {
    let mut found = Vec::new();
    let bytes = &text.as_bytes()[..part.end];
    let mut data = part.start;
    let mut at = part.start;
    while let Some(brace) = bytes[at..].iter().position(|&b| b == b'{').map(|i| at + i) {
        let kind = match bytes.get(brace + 1) {
            Some(b'{') => SegmentKind::Expression,
            Some(b'%') => SegmentKind::Statement,
            Some(b'#') => SegmentKind::Comment,
            _ => {
                at = brace + 1;
                continue;
            }
        };
        if brace > data {
            found.push(Segment {
                kind: SegmentKind::Data,
                span: data..brace,
                inner: data..brace,
            });
        }
        let segment = match kind {
            SegmentKind::Comment => comment(text, brace, part.end)?,
            _ => tag(bytes, brace, kind)?,
        };
        let segment = if kind == SegmentKind::Statement && text[segment.inner.clone()].trim() == "raw" {
            raw(text, &segment, part.end)?
        } else {
            segment
        };
        at = segment.span.end;
        data = at;
        found.push(segment);
    }
    if part.end > data {
        found.push(Segment {
            kind: SegmentKind::Data,
            span: data..part.end,
            inner: data..part.end,
        });
    }
    Ok(found)
}

fn comment(text: &str, start: usize, end: usize) -> Result<Segment, Fault> {
    let close = text[start + 2..end]
        .find("#}")
        .ok_or_else(|| Fault::new("this comment is never closed", start..start + 2).help("close it with `#}`"))?;
    let close = start + 2 + close;
    Ok(Segment {
        kind: SegmentKind::Comment,
        span: start..close + 2,
        inner: start + 2..close,
    })
}

fn raw(text: &str, open: &Segment, end: usize) -> Result<Segment, Fault> {
    let mut at = open.span.end;
    while let Some(found) = text[at..end].find("{%") {
        let start = at + found;
        let rest = text[start + 2..end].trim_start_matches(['-', '+']).trim_start();
        if let Some(rest) = rest.strip_prefix("endraw") {
            let rest = rest.trim_start();
            let close = rest.trim_start_matches(['-', '+']);
            if close.starts_with("%}") {
                let close = end - close.len() + 2;
                return Ok(Segment {
                    kind: SegmentKind::Raw,
                    span: open.span.start..close,
                    inner: open.span.end..start,
                });
            }
        }
        at = start + 2;
    }
    Err(Fault::new("this `raw` block is never closed", open.span.clone()).help("close it with `{% endraw %}`"))
}

fn tag(bytes: &[u8], start: usize, kind: SegmentKind) -> Result<Segment, Fault> {
    let close = if kind == SegmentKind::Expression { b'}' } else { b'%' };
    let first = match bytes.get(start + 2) {
        Some(b'-' | b'+') => start + 3,
        _ => start + 2,
    };
    let mut open = Vec::new();
    let mut at = first;
    while let Some(&byte) = bytes.get(at) {
        let ends = |i: usize| bytes.get(i) == Some(&close) && bytes.get(i + 1) == Some(&b'}');
        if open.is_empty() {
            let marked = matches!(byte, b'-' | b'+') && ends(at + 1);
            if marked || ends(at) {
                return Ok(Segment {
                    kind,
                    span: start..at + 2 + usize::from(marked),
                    inner: first..at,
                });
            }
        }
        match byte {
            b'\'' | b'"' => at = string_end(bytes, at).ok_or_else(|| unclosed_string(at))?,
            b'(' | b'[' | b'{' => {
                open.push(at);
                at += 1;
            }
            b')' | b']' | b'}' => {
                let matching = match byte {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                match open.pop() {
                    Some(i) if bytes[i] == matching => {}
                    Some(i) => return Err(unclosed(bytes, i)),
                    None => {
                        let shown = char::from(byte);
                        return Err(Fault::new(
                            format!("`{shown}` closes nothing that was opened in this tag"),
                            at..at + 1,
                        ));
                    }
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    if let Some(&i) = open.last() {
        return Err(unclosed(bytes, i));
    }
    let (open, close) = if kind == SegmentKind::Expression {
        ("{{", "}}")
    } else {
        ("{%", "%}")
    };
    let fault = Fault::new(format!("this `{open}` is never closed"), start..start + 2);
    Err(fault.help(format!("close the tag with `{close}`")))
}

fn unclosed(bytes: &[u8], at: usize) -> Fault {
    Fault::new(
        format!("this `{}` is not closed within its tag", char::from(bytes[at])),
        at..at + 1,
    )
}

fn unclosed_string(at: usize) -> Fault {
    Fault::new("this string is never closed", at..at + 1)
}

/// The offset after the string that begins at `start`.
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b if b == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(SegmentKind, &str)> {
        segments(text, 0..text.len())
            .unwrap()
            .iter()
            .map(|s| (s.kind, &text[s.inner.clone()]))
            .collect()
    }

    #[test]
    fn cuts_strings_and_brackets_whole() {
        use SegmentKind::{Comment, Data, Expression, Raw, Statement};
        assert_eq!(
            kinds("a{{ '}}' }}b{%- set x = {'a': {}} -%}{# {{ #}{% raw %}{{ x }}{% endraw %}{ %}"),
            [
                (Data, "a"),
                (Expression, " '}}' "),
                (Data, "b"),
                (Statement, " set x = {'a': {}} "),
                (Comment, " {{ "),
                (Raw, "{{ x }}"),
                (Data, "{ %}"),
            ]
        );
    }

    #[test]
    fn names_what_is_not_closed() {
        let fault = |text: &str| {
            let fault = segments(text, 0..text.len()).unwrap_err();
            (fault.message, fault.span)
        };
        assert_eq!(fault("x {{ a"), ("this `{{` is never closed".into(), 2..4));
        assert_eq!(
            fault("{{ f(a }}"),
            ("this `(` is not closed within its tag".into(), 4..5)
        );
        assert_eq!(fault("{{ a) }}").1, 4..5);
        assert_eq!(fault("{{ 'a }}"), ("this string is never closed".into(), 3..4));
        assert_eq!(fault("{# a").1, 0..2);
    }
}
