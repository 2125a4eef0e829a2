//! Which block is open where: only asked once the engine has found the template wrong, to say it better.

use super::Fault;
use super::block::keyword;
use super::segment::Segment;
use super::token::tokens;

const BLOCKS: [&str; 13] = [
    "if",
    "for",
    "call",
    "filter",
    "set",
    "with",
    "macro",
    "test",
    "data_test",
    "block",
    "autoescape",
    "snapshot",
    "materialization",
];

/// The first block that is not closed, closed twice, or closed by the wrong tag.
pub fn misnested(text: &str, segments: &[Segment]) -> Option<Fault> {
    let mut open: Vec<(&str, &Segment)> = Vec::new();
    for segment in segments {
        let word = keyword(text, segment);
        if let Some(closed) = word.strip_prefix("end") {
            if !BLOCKS.contains(&closed) {
                continue;
            }
            match open.pop() {
                Some((opener, _)) if opener == closed => {}
                Some((opener, place)) => return Some(unclosed(opener, place)),
                None => {
                    return Some(Fault::new(
                        format!("`{word}` closes no `{closed}` block"),
                        segment.span.clone(),
                    ));
                }
            }
        } else if BLOCKS.contains(&word) && (word != "set" || is_block_set(text, segment)) {
            open.push((word, segment));
        }
    }
    open.pop().map(|(opener, place)| unclosed(opener, place))
}

fn unclosed(opener: &str, place: &Segment) -> Fault {
    Fault::new(format!("this `{opener}` is never closed"), place.span.clone())
        .help(format!("close it with `{{% end{opener} %}}`"))
}

/// `{% set x %}..{% endset %}`, as opposed to `{% set x = .. %}`.
fn is_block_set(text: &str, segment: &Segment) -> bool {
    let Some((tokens, _)) = tokens(text, segment.inner.clone()) else {
        return false;
    };
    let mut depth = 0_i32;
    for token in &tokens {
        match &text[token.span.clone()] {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            "=" if depth == 0 => return false,
            _ => {}
        }
    }
    true
}
