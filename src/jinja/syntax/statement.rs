//! Rewrites one tag.

use super::edit::Edits;
use super::expression::{Reader, Shape};
use super::segment::{Segment, SegmentKind};
use super::token::{TokenKind, tokens};

/// What the tags of a macro's body said about hidden arguments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mentions {
    pub(super) varargs: bool,
    pub(super) kwargs: bool,
}

/// Notes the edits for one tag. A tag that is not understood is left alone: minijinja then tells what is wrong.
pub(super) fn rewrite_tag(text: &str, segment: &Segment, edits: &mut Edits, mentions: &mut Mentions) {
    if segment.kind == SegmentKind::Expression && is_simple(&text[segment.inner.clone()]) {
        return;
    }
    let Some((tokens, blanks)) = tokens(text, segment.inner.clone()) else {
        return;
    };
    let mark = edits.len();
    let mut reader = Reader::new(text, &tokens, edits);
    let understood = match segment.kind {
        SegmentKind::Expression => whole(&mut reader),
        _ => statement(&mut reader),
    };
    if understood.is_some() {
        mentions.varargs |= reader.varargs;
        mentions.kwargs |= reader.kwargs;
    } else {
        edits.forget_after(mark);
    }
    for blank in blanks {
        let spaces = " ".repeat(blank.len());
        edits.replace(blank, &spaces);
    }
}

/// Nothing in it could need an edit.
fn is_simple(text: &str) -> bool {
    let sign = |b: u8| matches!(b, b'[' | b'{' | b'+' | b'-' | b'%' | b'*' | b'/' | b'<' | b'>');
    let words = ["==", "!=", "args", "cycle"];
    text.is_ascii() && !text.bytes().any(sign) && !words.into_iter().any(|word| text.contains(word))
}

fn whole(reader: &mut Reader) -> Option<()> {
    reader.expression()?;
    reader.at_end().then_some(())
}

fn statement(reader: &mut Reader) -> Option<()> {
    let keyword = reader.peek(0)?;
    reader.at += 1;
    match keyword {
        "if" | "elif" => {
            reader.or()?;
        }
        "for" => for_loop(reader)?,
        "set" => set(reader)?,
        "do" => {
            let read = reader.expression()?;
            if read.shape != Shape::Call {
                reader.edits.open(read.span.start, "_do(");
                reader.edits.close(read.span.end, ")");
            }
        }
        "call" => {
            if reader.take_sign("(").is_some() {
                parameters(reader)?;
            }
            reader.expression()?;
        }
        "macro" | "test" | "data_test" => {
            reader.take()?;
            reader.take_sign("(")?;
            parameters(reader)?;
        }
        "with" => {
            while !reader.at_end() && !reader.sign(":") {
                reader.take()?;
                reader.take_sign("=")?;
                reader.expression()?;
                reader.take_sign(",");
            }
        }
        "filter" => return Some(()),
        "else" => {}
        _ => return None,
    }
    if let Some(colon) = reader.take_sign(":") {
        reader.edits.replace(colon, "");
    }
    reader.at_end().then_some(())
}

/// The parameters of a macro or a call block, after the opening parenthesis.
fn parameters(reader: &mut Reader) -> Option<()> {
    loop {
        if reader.take_sign(")").is_some() {
            return Some(());
        }
        if reader.take()?.kind != TokenKind::Name {
            return None;
        }
        if reader.take_sign("=").is_some() {
            reader.expression()?;
        }
        if reader.take_sign(",").is_none() {
            reader.take_sign(")")?;
            return Some(());
        }
    }
}

fn for_loop(reader: &mut Reader) -> Option<()> {
    while !reader.word("in") {
        reader.take()?;
    }
    reader.at += 1;
    let first = reader.or()?;
    let mut end = first.span.end;
    let mut several = false;
    while reader.take_sign(",").is_some() {
        several = true;
        if !reader.at_end() && !reader.word("if") && !reader.word("recursive") {
            end = reader.or()?.span.end;
        }
    }
    if several {
        reader.edits.open(first.span.start, "(");
        reader.edits.close(end, ")");
    }
    if first.shape != Shape::Collection || several {
        reader.edits.open(first.span.start, "((");
        reader.edits.close(end, ")|_items)");
    }
    if reader.take_word("if") {
        reader.expression()?;
    }
    reader.take_word("recursive");
    Some(())
}

fn set(reader: &mut Reader) -> Option<()> {
    let mut depth = 0_usize;
    loop {
        if reader.at_end() || (depth == 0 && reader.sign("|")) {
            // The block form: what follows the bar are filters.
            reader.at = reader.tokens.len();
            return Some(());
        }
        if depth == 0 && reader.take_sign("=").is_some() {
            break;
        }
        match reader.peek(0) {
            Some("(") => depth += 1,
            Some(")") => depth = depth.checked_sub(1)?,
            _ => {}
        }
        reader.at += 1;
    }
    let read = reader.expression()?;
    if reader.sign(",") {
        while reader.take_sign(",").is_some() {
            if !reader.at_end() {
                reader.expression()?;
            }
        }
    } else if read.shape == Shape::Call || read.shape == Shape::Other {
        reader.edits.open(read.span.start, "((");
        reader.edits.close(read.span.end, ")|_own)");
    }
    Some(())
}
