//! The calls that stand in a template, without rendering it.

use super::segment::{SegmentKind, segments};
use super::token::{Token, TokenKind, tokens};

/// A call that may be one of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `name(..)` or `package.name(..)`
    Named { package: Option<String>, name: String },
    /// `adapter.dispatch('name', 'namespace')`
    Dispatched { name: String, namespace: Option<String> },
}

/// What opens a bracket after one of these words is no call.
const NO_CALLS: [&str; 12] = [
    "and", "call", "elif", "else", "for", "if", "in", "is", "not", "or", "set", "do",
];
/// The word after one of these names what is defined or filtered with.
const NAMING: [&str; 5] = ["macro", "test", "data_test", "materialization", "filter"];

/// The calls of a template or a macro's block, in order. What is no template has none.
pub fn calls(text: &str) -> Vec<Call> {
    let mut found = Vec::new();
    for segment in segments(text, 0..text.len()).unwrap_or_default() {
        if !matches!(segment.kind, SegmentKind::Statement | SegmentKind::Expression) {
            continue;
        }
        if let Some((tokens, _)) = tokens(text, segment.inner.clone()) {
            let statement = segment.kind == SegmentKind::Statement;
            found.extend((0..tokens.len()).filter_map(|at| call_at(text, &tokens, at, statement)));
        }
    }
    found
}

/// The call whose name begins with the token `at`.
fn call_at(text: &str, tokens: &[Token], at: usize, statement: bool) -> Option<Call> {
    let word = |i: usize| tokens.get(i).map(|token| &text[token.span.clone()]);
    let is_name = |i: usize| tokens.get(i).is_some_and(|token| token.kind == TokenKind::Name);
    let before = at.checked_sub(1).and_then(word);
    if !is_name(at) || matches!(before, Some("." | "|" | "is")) {
        return None;
    }
    if before == Some("not") && at >= 2 && word(at - 2) == Some("is") {
        return None;
    }
    if statement && at == 1 && before.is_some_and(|word| NAMING.contains(&word)) {
        return None;
    }
    let first = word(at)?;
    if word(at + 1) == Some("(") {
        let is_call = !NO_CALLS.contains(&first);
        return is_call.then(|| Call::Named {
            package: None,
            name: first.to_owned(),
        });
    }
    if word(at + 1) != Some(".") || !is_name(at + 2) || word(at + 3) != Some("(") {
        return None;
    }
    let second = word(at + 2)?;
    if first != "adapter" {
        return Some(Call::Named {
            package: Some(first.to_owned()),
            name: second.to_owned(),
        });
    }
    (second == "dispatch").then(|| dispatch(text, tokens, at + 4)).flatten()
}

/// The arguments of a dispatch, where they are written out.
fn dispatch(text: &str, tokens: &[Token], mut at: usize) -> Option<Call> {
    let word = |i: usize| tokens.get(i).map(|token| &text[token.span.clone()]);
    let (mut name, mut namespace) = (None, None);
    let mut position = 0;
    loop {
        let key = (word(at + 1) == Some("=")).then(|| word(at)).flatten();
        if key.is_some() {
            at += 2;
        }
        let written = tokens.get(at).filter(|token| token.kind == TokenKind::Text);
        let value = written.map(|token| text[token.span.start + 1..token.span.end - 1].to_owned());
        match (key, position) {
            (Some("macro_name"), _) | (None, 0) => name = value,
            (Some("macro_namespace"), _) | (None, 1) => namespace = value,
            _ => {}
        }
        position += 1;
        at = after_argument(text, tokens, at)?;
        if word(at) == Some(")") {
            break;
        }
        at += 1;
    }
    Some(Call::Dispatched { name: name?, namespace })
}

/// The comma or bracket that ends an argument.
fn after_argument(text: &str, tokens: &[Token], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match &text[tokens.get(at)?.span.clone()] {
            "," | ")" if depth == 0 => return Some(at),
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(package: Option<&str>, name: &str) -> Call {
        Call::Named {
            package: package.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    #[test]
    fn calls_are_found_by_name_package_and_dispatch() {
        let text = "{% macro own(a, b=first()) %}{% call(row) second(third(1)) %}{{ x | filtered(2) }}{% endcall %}\
                    {% if x is tested(1) and not (fourth()) %}{{ pkg.fifth() ~ a.b.c() ~ ')' }}{% endif %}\
                    {# none() #}{% raw %}{{ none() }}{% endraw %}\
                    {{ return(adapter.dispatch('sixth', macro_namespace = 'pkg')(f(1, 2), [3])) }}\
                    {{ adapter.quote('no') }}{% endmacro %}";
        let wanted = [
            named(None, "first"),
            named(None, "second"),
            named(None, "third"),
            named(None, "fourth"),
            named(Some("pkg"), "fifth"),
            named(None, "return"),
            Call::Dispatched {
                name: "sixth".to_owned(),
                namespace: Some("pkg".to_owned()),
            },
            named(None, "f"),
        ];
        assert_eq!(calls(text), wanted);
    }
}
