//! A whole template, rewritten.

use std::ops::Range;

use super::block::{Block, BlockKind};
use super::edit::{Edits, Rewritten};
use super::segment::{Segment, SegmentKind};
use super::statement::{Mentions, rewrite_tag};
use super::token::{TokenKind, tokens};

/// The template of a node: loads the bridge, then is itself.
pub fn rewrite_template(text: &str, part: Range<usize>, segments: &[Segment]) -> Rewritten {
    let mut edits = Edits::default();
    rewrite_segments(text, segments, &mut edits);
    let mut rewritten = edits.apply(text, part);
    rewritten.prepend("{% include '#bridge' %}");
    rewritten
}

/// The template of a node that is one expression: hands its value over instead of printing it.
pub fn rewrite_value(text: &str, segment: &Segment) -> Rewritten {
    let mut edits = Edits::default();
    rewrite_segments(text, std::slice::from_ref(segment), &mut edits);
    edits.replace(segment.span.start..segment.inner.start, "{% do _answer(");
    edits.replace(segment.inner.end..segment.span.end, ") %}");
    let mut rewritten = edits.apply(text, segment.span.clone());
    rewritten.prepend("{% include '#bridge' %}");
    rewritten
}

/// The template of one macro: defines it under a name of ours and hands it over. Tells whether it wants
/// `varargs` and `kwargs`.
pub fn rewrite_macro(text: &str, block: &Block) -> (Rewritten, bool, bool) {
    let mut edits = Edits::default();
    let (Some(open), Some(close)) = (block.segments.first(), block.segments.last()) else {
        return (edits.apply(text, 0..0), false, false);
    };
    let body = &block.segments[1..block.segments.len() - 1];
    let mut mentions = rewrite_segments(text, body, &mut edits);
    match block.kind {
        BlockKind::Macro | BlockKind::Test => rewrite_head(text, block, open, &mut edits, &mut mentions),
        _ => edits.replace(open.inner.clone(), " macro __m() "),
    }
    edits.replace(close.inner.clone(), " endmacro ");
    let mut rewritten = edits.apply(text, block.span.clone());
    rewritten.append("{% do _put(__m) %}");
    (rewritten, mentions.varargs, mentions.kwargs)
}

fn rewrite_segments(text: &str, segments: &[Segment], edits: &mut Edits) -> Mentions {
    let mut mentions = Mentions::default();
    for segment in segments {
        if matches!(segment.kind, SegmentKind::Expression | SegmentKind::Statement) {
            rewrite_tag(text, segment, edits, &mut mentions);
        }
    }
    mentions
}

fn rewrite_head(text: &str, block: &Block, open: &Segment, edits: &mut Edits, mentions: &mut Mentions) {
    rewrite_tag(text, open, edits, mentions);
    let Some((tokens, _)) = tokens(text, open.inner.clone()) else {
        return;
    };
    edits.replace(tokens[0].span.clone(), "macro");
    edits.replace(block.name_span.clone(), "__m");
    let dependent: Vec<_> = block
        .parameters
        .iter()
        .enumerate()
        .filter_map(|(index, parameter)| Some((index, parameter, parameter.default.clone()?)))
        .filter(|(index, _, default)| {
            tokens
                .iter()
                .filter(|t| t.kind == TokenKind::Name && t.span.start >= default.start && t.span.end <= default.end)
                .any(|t| {
                    block.parameters[..*index]
                        .iter()
                        .any(|p| p.name == text[t.span.clone()])
                })
        })
        .collect();
    // minijinja evaluates defaults before the arguments to their left are known, so that these move into the body.
    let tight = text[..open.span.end].ends_with("-%}");
    for (_, parameter, default) in &dependent {
        edits.open(default.start, "(_unset if true else (");
        edits.close(default.end, "))");
        let end = if tight { "-%}" } else { "%}" };
        let name = &parameter.name;
        let value = &text[default.clone()];
        edits.close(
            open.span.end,
            &format!("{{% set {name} = ({value})|_own if {name} is undefined else {name} {end}"),
        );
    }
    let close = tokens
        .iter()
        .rev()
        .find(|t| &text[t.span.clone()] == ")")
        .map_or(open.inner.end, |t| t.span.start);
    let hidden = match (mentions.varargs, mentions.kwargs) {
        (false, false) => return,
        (true, false) => "varargs",
        (false, true) => "kwargs",
        (true, true) => "varargs, kwargs",
    };
    // An argument without a default may not follow one that has it.
    let hidden = if block.parameters.iter().any(|p| p.default.is_some()) {
        hidden.replace("args", "args=_unset")
    } else {
        hidden.to_owned()
    };
    let trailing_comma = tokens
        .iter()
        .rev()
        .skip_while(|t| t.span.start >= close)
        .find(|t| t.span.start < close)
        .is_some_and(|t| &text[t.span.clone()] == ",");
    let comma = if block.parameters.is_empty() || trailing_comma {
        ""
    } else {
        ", "
    };
    edits.close(close, &format!("{comma}{hidden}"));
}
