//! The top-level blocks of a file: macros, tests, materializations, snapshots, docs.

use std::ops::Range;

use super::segment::{Segment, SegmentKind, segments};
use super::token::{Token, TokenKind, tokens};
use super::{Fault, expression::Reader};
use crate::jinja::syntax::edit::Edits;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockKind {
    Macro,
    /// `{% test %}` or `{% data_test %}`
    Test,
    Materialization,
    Snapshot,
    Docs,
}

/// A parameter of a macro as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub span: Range<usize>,
    pub default: Option<Range<usize>>,
}

#[derive(Clone, Debug)]
pub struct Block {
    pub kind: BlockKind,
    pub name: String,
    pub name_span: Range<usize>,
    pub parameters: Vec<Parameter>,
    /// Materializations: `adapter='..'`.
    pub adapter: Option<String>,
    /// Materializations: `supported_languages=[..]`, which is SQL alone where nothing is said.
    pub languages: Vec<String>,
    /// The whole block.
    pub span: Range<usize>,
    /// Between the opening and the closing tag.
    pub body: Range<usize>,
    /// What the block is made of, opening and closing tag included.
    pub segments: Vec<Segment>,
}

/// A `{% docs name %}` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocsBlock {
    pub name: String,
    /// The text, without the line breaks around it.
    pub text: String,
    pub span: Range<usize>,
}

const OPENERS: [(&str, BlockKind); 5] = [
    ("macro", BlockKind::Macro),
    ("test", BlockKind::Test),
    ("data_test", BlockKind::Test),
    ("materialization", BlockKind::Materialization),
    ("snapshot", BlockKind::Snapshot),
];

/// The first word of a statement tag.
pub(super) fn keyword<'a>(text: &'a str, segment: &Segment) -> &'a str {
    if segment.kind != SegmentKind::Statement {
        return "";
    }
    let inner = text[segment.inner.clone()].trim_start();
    let end = inner
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(inner.len());
    &inner[..end]
}

/// Finds the top-level blocks of a file of macros or snapshots. Text between them means nothing, as in dbt.
pub fn blocks(text: &str) -> Result<Vec<Block>, Fault> {
    let all = segments(text, 0..text.len())?;
    let mut found = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let word = keyword(text, &all[at]);
        let Some((_, kind)) = OPENERS.iter().find(|(opener, _)| *opener == word) else {
            if let Some(opener) = word.strip_prefix("end").filter(|w| OPENERS.iter().any(|(o, _)| o == w)) {
                return Err(Fault::new(
                    format!("`{word}` closes no `{opener}` block"),
                    all[at].span.clone(),
                ));
            }
            at += 1;
            continue;
        };
        let end = closing(text, &all, at, word)?;
        found.push(read_block(text, &all[at..=end], *kind)?);
        at = end + 1;
    }
    Ok(found)
}

fn closing(text: &str, all: &[Segment], open: usize, word: &str) -> Result<usize, Fault> {
    let close = format!("end{word}");
    let mut depth = 0_usize;
    for (index, segment) in all.iter().enumerate().skip(open + 1) {
        let here = keyword(text, segment);
        if here == close {
            if depth == 0 {
                return Ok(index);
            }
            depth -= 1;
        } else if here == word {
            depth += 1;
        } else if here != "macro" && OPENERS.iter().any(|(opener, _)| *opener == here) {
            return Err(Fault::new(
                format!("a `{here}` block cannot stand inside a `{word}` block"),
                segment.span.clone(),
            )
            .help(format!("close the `{word}` block before it with `{{% {close} %}}`")));
        }
    }
    Err(
        Fault::new(format!("this `{word}` block is never closed"), all[open].span.clone())
            .help(format!("close it with `{{% {close} %}}`")),
    )
}

fn read_block(text: &str, segments: &[Segment], kind: BlockKind) -> Result<Block, Fault> {
    let (Some(open), Some(close)) = (segments.first(), segments.last()) else {
        return Err(Fault::new("an empty block", 0..0));
    };
    let wrong = |what: &str| Fault::new(what, open.span.clone());
    let (tokens, _) = tokens(text, open.inner.clone()).ok_or_else(|| wrong("this tag holds what is not of Jinja"))?;
    let name = tokens
        .get(1)
        .filter(|t| t.kind == TokenKind::Name)
        .ok_or_else(|| wrong("this block has no name"))?;
    let mut block = Block {
        kind,
        name: text[name.span.clone()].to_owned(),
        name_span: name.span.clone(),
        parameters: Vec::new(),
        adapter: None,
        languages: vec!["sql".to_owned()],
        span: open.span.start..close.span.end,
        body: open.span.end..close.span.start,
        segments: segments.to_vec(),
    };
    match kind {
        BlockKind::Macro | BlockKind::Test => block.parameters = read_parameters(text, &tokens, open)?,
        BlockKind::Materialization => {
            block.adapter = read_adapter(text, &tokens, open)?;
            block.languages = read_languages(text, &tokens).unwrap_or(block.languages);
        }
        BlockKind::Snapshot | BlockKind::Docs => {}
    }
    Ok(block)
}

fn read_parameters(text: &str, tokens: &[Token], open: &Segment) -> Result<Vec<Parameter>, Fault> {
    let mut edits = Edits::default();
    let mut reader = Reader::new(text, tokens, &mut edits);
    reader.at = 2;
    let here = |reader: &Reader| {
        tokens
            .get(reader.at)
            .map_or(open.inner.end..open.inner.end, |t| t.span.clone())
    };
    if reader.take_sign("(").is_none() {
        return Err(
            Fault::new("the list of arguments is missing", here(&reader)).help("write `()` where there are none")
        );
    }
    let mut parameters: Vec<Parameter> = Vec::new();
    loop {
        if reader.take_sign(")").is_some() {
            break;
        }
        let name = reader
            .take()
            .filter(|t| t.kind == TokenKind::Name)
            .ok_or_else(|| Fault::new("expected the name of an argument", here(&reader)))?;
        let mut parameter = Parameter {
            name: text[name.span.clone()].to_owned(),
            span: name.span.clone(),
            default: None,
        };
        if reader.take_sign("=").is_some() {
            let place = here(&reader);
            let default = reader
                .expression()
                .ok_or_else(|| Fault::new("this default is not an expression", place))?;
            parameter.default = Some(default.span);
        } else if parameters.last().is_some_and(|p| p.default.is_some()) {
            return Err(Fault::new(
                format!("`{}` has no default, but an argument before it has one", parameter.name),
                parameter.span,
            ));
        }
        if parameters.iter().any(|p| p.name == parameter.name) {
            return Err(Fault::new(
                format!("the argument `{}` is named twice", parameter.name),
                parameter.span,
            ));
        }
        parameters.push(parameter);
        if reader.take_sign(",").is_none() {
            let place = here(&reader);
            reader
                .take_sign(")")
                .ok_or_else(|| Fault::new("expected `,` or `)` in the list of arguments", place))?;
            break;
        }
    }
    reader.take_sign(":");
    if !reader.at_end() {
        return Err(Fault::new("this does not belong into the tag", here(&reader)));
    }
    Ok(parameters)
}

fn read_adapter(text: &str, tokens: &[Token], open: &Segment) -> Result<Option<String>, Fault> {
    let mut adapter = None;
    let word = |i: usize| tokens.get(i).map(|t| &text[t.span.clone()]);
    let mut at = 2;
    while at < tokens.len() {
        match (word(at), word(at + 1)) {
            (Some("adapter"), Some("=")) => {
                let value = tokens.get(at + 2).filter(|t| t.kind == TokenKind::Text);
                let value = value.ok_or_else(|| Fault::new("`adapter` wants a string", open.span.clone()))?;
                adapter = Some(text[value.span.start + 1..value.span.end - 1].to_owned());
                at += 3;
            }
            // `default` and `supported_languages=[..]`.
            _ => at += 1,
        }
    }
    Ok(adapter)
}

fn read_languages(text: &str, tokens: &[Token]) -> Option<Vec<String>> {
    let word = |token: &Token| &text[token.span.clone()];
    let at = tokens.iter().position(|token| word(token) == "supported_languages")?;
    let listed = tokens.iter().skip(at).take_while(|token| word(token) != "]");
    let named = listed.filter(|token| token.kind == TokenKind::Text);
    Some(
        named
            .map(|token| text[token.span.start + 1..token.span.end - 1].to_owned())
            .collect(),
    )
}

/// Finds the `{% docs %}` blocks of a Markdown file, whose text is no template.
pub fn docs_blocks(text: &str) -> Result<Vec<DocsBlock>, Fault> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((open, inner)) = next_tag(text, at) {
        at = open.end;
        let Some(name) = inner
            .strip_prefix("docs")
            .filter(|rest| rest.starts_with(char::is_whitespace))
        else {
            continue;
        };
        let mut from = open.end;
        let close = loop {
            match next_tag(text, from) {
                Some((close, "enddocs")) => break close,
                Some((other, _)) => from = other.end,
                None => {
                    return Err(
                        Fault::new("this `docs` block is never closed", open).help("close it with `{% enddocs %}`")
                    );
                }
            }
        };
        found.push(DocsBlock {
            name: name.trim().to_owned(),
            text: text[open.end..close.start].trim().to_owned(),
            span: open.start..close.end,
        });
        at = close.end;
    }
    Ok(found)
}

/// The next `{% .. %}` and what stands in it.
fn next_tag(text: &str, from: usize) -> Option<(Range<usize>, &str)> {
    let start = from + text[from..].find("{%")?;
    let end = start + text[start..].find("%}")? + 2;
    let inner = text[start + 2..end - 2].trim_matches(['-', '+']).trim();
    Some((start..end, inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_blocks_with_names_arguments_and_bodies() {
        let text = "text {% macro a(x, y=[1, ')']) -%}{% macro in() %}{% endmacro %}{%- endmacro %}\n\
                    {# {% macro no() %} #}{% raw %}{% macro no() %}{% endraw %}\n\
                    {% data_test t(model, column_name) %}b{% enddata_test %}\
                    {% materialization m, adapter='postgres' %}{% endmaterialization %}\
                    {% snapshot s %}select 1{% endsnapshot %}";
        let blocks = blocks(text).unwrap();
        let shown: Vec<_> = blocks
            .iter()
            .map(|b| (b.kind, b.name.as_str(), &text[b.body.clone()]))
            .collect();
        assert_eq!(
            shown,
            [
                (BlockKind::Macro, "a", "{% macro in() %}{% endmacro %}"),
                (BlockKind::Test, "t", "b"),
                (BlockKind::Materialization, "m", ""),
                (BlockKind::Snapshot, "s", "select 1"),
            ]
        );
        assert_eq!(blocks[0].parameters[1].name, "y");
        assert_eq!(&text[blocks[0].parameters[1].default.clone().unwrap()], "[1, ')']");
        assert_eq!(blocks[2].adapter.as_deref(), Some("postgres"));
    }

    #[test]
    fn reports_unclosed_and_stray_blocks() {
        assert_eq!(
            blocks("{% macro a() %}").unwrap_err().message,
            "this `macro` block is never closed"
        );
        assert_eq!(
            blocks("{% endmacro %}").unwrap_err().message,
            "`endmacro` closes no `macro` block"
        );
        assert!(
            blocks("{% macro a %}{% endmacro %}")
                .unwrap_err()
                .message
                .contains("arguments is missing")
        );
    }

    #[test]
    fn reads_docs_from_markdown() {
        let found = docs_blocks("# {{ not a tag\n{% docs orders %}\nOne row {{ an }} order\n{% enddocs %}").unwrap();
        assert_eq!(
            (found[0].name.as_str(), found[0].text.as_str()),
            ("orders", "One row {{ an }} order")
        );
    }
}
