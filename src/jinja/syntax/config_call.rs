//! What a template's `config(..)` says before it is rendered, as dbt's manifest keeps it for comparing states
//! (`unrendered_config`).

use std::ops::Range;

use indexmap::IndexMap;
use minijinja::Value;

use super::segment::{SegmentKind, segments};
use super::token::{Token, TokenKind, tokens};
use crate::jinja::value::{Repr, print_float};

/// The named arguments of the first call of `config`, each as source text that Python would print: text without its
/// quotes, `True`, `['a', 'b']`, `var('x')`. Empty where nothing calls it or nothing is named.
pub fn written_config(text: &str) -> IndexMap<String, String> {
    for segment in segments(text, 0..text.len()).unwrap_or_default() {
        if !matches!(segment.kind, SegmentKind::Statement | SegmentKind::Expression) {
            continue;
        }
        let Some((tokens, _)) = tokens(text, segment.inner.clone()) else {
            continue;
        };
        let cursor = Cursor {
            text,
            tokens: &tokens,
            at: 0,
        };
        let call = (0..tokens.len()).find(|at| {
            let after_dot = at.checked_sub(1).is_some_and(|before| cursor.word(before) == Some("."));
            cursor.word(*at) == Some("config") && cursor.word(at + 1) == Some("(") && !after_dot
        });
        if let Some(at) = call {
            return arguments(Cursor { at: at + 2, ..cursor });
        }
    }
    IndexMap::new()
}

fn arguments(mut cursor: Cursor<'_>) -> IndexMap<String, String> {
    let mut found = IndexMap::new();
    while let Some(word) = cursor.peek().filter(|word| *word != ")") {
        let named = cursor.word(cursor.at + 1) == Some("=");
        let name = word.to_owned();
        cursor.at += if named { 2 } else { 0 };
        let end = cursor.end_of_argument();
        if named {
            let within = Cursor {
                tokens: &cursor.tokens[..end],
                ..cursor
            };
            found.insert(name, within.value());
        }
        cursor.at = end + usize::from(cursor.word(end) == Some(","));
    }
    found
}

/// Whether a template says no more than dbt reads without rendering it: literals and calls of `ref`, `source` and
/// `config` with literals, and no hooks.
pub fn is_static(text: &str) -> bool {
    let Ok(segments) = segments(text, 0..text.len()) else {
        return false;
    };
    !text.ends_with('{')
        && segments.into_iter().all(|segment| match segment.kind {
            SegmentKind::Data | SegmentKind::Comment => true,
            SegmentKind::Expression => is_static_expression(text, segment.span, segment.inner),
            _ => false,
        })
}

fn is_static_expression(text: &str, span: Range<usize>, inner: Range<usize>) -> bool {
    // Marks that strip white space are not read.
    if inner.start != span.start + 2 || inner.end + 2 != span.end {
        return false;
    }
    let Some((tokens, _)) = tokens(text, inner) else {
        return false;
    };
    let mut cursor = Cursor {
        text,
        tokens: &tokens,
        at: 0,
    };
    let read = match (cursor.peek(), cursor.word(1)) {
        (Some(function @ ("ref" | "source" | "config")), Some("(")) => {
            cursor.at = 2;
            static_arguments(&mut cursor, function)
        }
        _ => cursor.literal(true),
    };
    read.is_some() && cursor.peek().is_none()
}

fn static_arguments(cursor: &mut Cursor<'_>, function: &str) -> Option<()> {
    let mut count = 0;
    while cursor.peek()? != ")" {
        if cursor.word(cursor.at + 1) == Some("=") {
            let name = cursor.peek()?;
            let known = match function {
                "ref" => matches!(name, "v" | "version"),
                "source" => matches!(name, "source_name" | "table_name"),
                _ => !matches!(name, "pre_hook" | "post_hook"),
            };
            if !known {
                return None;
            }
            cursor.at += 2;
            cursor.literal(function == "ref")?;
        } else {
            if function == "config" || cursor.tokens[cursor.at].kind != TokenKind::Text {
                return None;
            }
            cursor.at += 1;
        }
        count += 1;
        match cursor.peek()? {
            "," => cursor.at += 1,
            ")" => {}
            _ => return None,
        }
    }
    cursor.at += 1;
    (count > 0).then_some(())
}

#[derive(Clone, Copy)]
struct Cursor<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Cursor<'t> {
    fn word(&self, at: usize) -> Option<&'t str> {
        self.tokens.get(at).map(|token| &self.text[token.span.clone()])
    }

    fn peek(&self) -> Option<&'t str> {
        self.word(self.at)
    }

    fn eat(&mut self, word: &str) -> Option<()> {
        (self.peek()? == word).then(|| self.at += 1)
    }

    /// The comma or bracket that ends the argument here, or the end of the tokens.
    fn end_of_argument(&self) -> usize {
        let mut depth = 0_usize;
        for at in self.at..self.tokens.len() {
            match self.word(at) {
                Some("," | ")") if depth == 0 => return at,
                Some("(" | "[" | "{") => depth += 1,
                Some(")" | "]" | "}") => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// Text, `True`, `False`, and lists and mappings of them; numbers where they may be.
    fn literal(&mut self, numbers: bool) -> Option<()> {
        let kind = self.tokens.get(self.at)?.kind;
        let word = self.peek()?;
        self.at += 1;
        match (kind, word) {
            (TokenKind::Text, _) | (TokenKind::Name, "True" | "False") => Some(()),
            (TokenKind::Number, _) => numbers.then_some(()),
            (_, open @ ("[" | "{")) => {
                let close = if open == "[" { "]" } else { "}" };
                while self.peek()? != close {
                    if open == "{" {
                        if self.tokens[self.at].kind != TokenKind::Text {
                            return None;
                        }
                        self.at += 1;
                        self.eat(":")?;
                    }
                    self.literal(numbers)?;
                    if self.peek()? != close {
                        self.eat(",")?;
                    }
                }
                self.eat(close)
            }
            _ => None,
        }
    }

    /// The rest of the tokens, one expression, as Python would write it. What dbt has no words for stays as it is.
    fn value(mut self) -> String {
        let start = self.at;
        if let [token] = &self.tokens[start..]
            && token.kind == TokenKind::Text
        {
            return unescaped(&self.text[token.span.clone()]);
        }
        let printed = self.either().filter(|_| self.at == self.tokens.len());
        printed.unwrap_or_else(|| match (self.tokens.get(start), self.tokens.last()) {
            (Some(first), Some(last)) => self.text[first.span.start..last.span.end].to_owned(),
            _ => String::new(),
        })
    }

    fn either(&mut self) -> Option<String> {
        let mut left = self.both()?;
        while self.eat("or").is_some() {
            left = format!("{left} or {}", self.both()?);
        }
        Some(left)
    }

    fn both(&mut self) -> Option<String> {
        let mut left = self.not()?;
        while self.eat("and").is_some() {
            left = format!("{left} and {}", self.not()?);
        }
        Some(left)
    }

    fn not(&mut self) -> Option<String> {
        if self.eat("not").is_some() {
            return Some(format!("not {}", self.not()?));
        }
        self.compared()
    }

    fn compared(&mut self) -> Option<String> {
        let mut left = self.joined()?;
        loop {
            let sign = match (self.peek(), self.word(self.at + 1)) {
                (Some(sign @ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in")), _) => sign,
                (Some("not"), Some("in")) => {
                    self.at += 1;
                    "not in"
                }
                _ => return Some(left),
            };
            self.at += 1;
            left = format!("{left} {sign} {}", self.joined()?);
        }
    }

    fn joined(&mut self) -> Option<String> {
        let mut left = self.signed()?;
        while self.eat("~").is_some() {
            left = format!("{left} ~ {}", self.signed()?);
        }
        Some(left)
    }

    fn signed(&mut self) -> Option<String> {
        if self.eat("-").is_some() {
            return Some(format!("-{}", self.signed()?));
        }
        let mut base = self.primary()?;
        loop {
            match self.peek() {
                Some(".") => {
                    base = format!("{base}.{}", self.word(self.at + 1)?);
                    self.at += 2;
                }
                Some("[") => {
                    self.at += 1;
                    base = format!("{base}[{}]", self.either()?);
                    self.eat("]")?;
                }
                Some("(") => {
                    self.at += 1;
                    let items = self.items(")", Self::argument)?;
                    base = format!("{base}({})", items.join(", "));
                }
                _ => return Some(base),
            }
        }
    }

    fn argument(&mut self) -> Option<String> {
        if self.word(self.at + 1) == Some("=") {
            let name = self.peek()?;
            self.at += 2;
            return Some(format!("{name}={}", self.either()?));
        }
        self.either()
    }

    fn pair(&mut self) -> Option<String> {
        let key = self.either()?;
        self.eat(":")?;
        Some(format!("{key}: {}", self.either()?))
    }

    fn items(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Option<String>) -> Option<Vec<String>> {
        let mut items = Vec::new();
        while self.eat(close).is_none() {
            items.push(item(self)?);
            if self.peek()? != close {
                self.eat(",")?;
            }
        }
        Some(items)
    }

    fn primary(&mut self) -> Option<String> {
        let kind = self.tokens.get(self.at)?.kind;
        let word = self.peek()?;
        self.at += 1;
        Some(match (kind, word) {
            (TokenKind::Text, word) => Repr(&Value::from(unescaped(word))).to_string(),
            (TokenKind::Number, word) => number(word)?,
            (TokenKind::Name, "true" | "True") => "True".to_owned(),
            (TokenKind::Name, "false" | "False") => "False".to_owned(),
            (TokenKind::Name, "none" | "None") => "None".to_owned(),
            (TokenKind::Name, word) => word.to_owned(),
            (_, "[") => format!("[{}]", self.items("]", Self::either)?.join(", ")),
            (_, "{") => format!("{{{}}}", self.items("}", Self::pair)?.join(", ")),
            (_, "(") => {
                let items = self.items(")", Self::either)?;
                let comma = self.word(self.at - 2) == Some(",");
                match &items[..] {
                    [one] if !comma => one.clone(),
                    [one] => format!("({one},)"),
                    _ => format!("({})", items.join(", ")),
                }
            }
            _ => return None,
        })
    }
}

fn number(word: &str) -> Option<String> {
    let plain = word.replace('_', "");
    if let Ok(whole) = plain.parse::<i64>() {
        return Some(whole.to_string());
    }
    let mut shown = String::new();
    print_float(&mut shown, plain.parse().ok()?).ok()?;
    Some(shown)
}

/// What a string with its quotes stands for.
fn unescaped(written: &str) -> String {
    let inner = &written[1..written.len() - 1];
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('\n') => {}
            Some(c @ ('\\' | '\'' | '"')) => text.push(c),
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What dbt 1.12 has in `unrendered_config` for each.
    #[test]
    fn arguments_print_as_python_writes_them() {
        let text = "{# config(a=1) #}{{ x.config(b=1) }}{{ config(\n  materialized = \"table\", enabled=false, tags=['a',\"it's\"],\n\
                    \x20 meta={\"k\": [1, 2.50, none]}, schema=var('s', default = 'x') ~ '_t', alias=target.name,\n\
                    \x20 unique_key=('a',), limit=(1), where=not a and b[0] == -1 or c not in (1, 2), pre_hook=\"a\\nb\", odd=x | upper,\n\
                    ) }} {{ config(later=1) }}";
        let found = written_config(text);
        let shown: Vec<(&str, &str)> = found
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("materialized", "table"),
                ("enabled", "False"),
                ("tags", "['a', \"it's\"]"),
                ("meta", "{'k': [1, 2.5, None]}"),
                ("schema", "var('s', default='x') ~ '_t'"),
                ("alias", "target.name"),
                ("unique_key", "('a',)"),
                ("limit", "1"),
                ("where", "not a and b[0] == -1 or c not in (1, 2)"),
                ("pre_hook", "a\nb"),
                ("odd", "x | upper"),
            ]
        );
        assert!(written_config("select 1 {{ config({'a': 1}) }}").is_empty());
    }

    /// As dbt-extractor 0.6 reads them.
    #[test]
    fn only_literals_are_static() {
        for text in [
            "select 1",
            "{{ config(a='x', b=['y', {'z': True},],) }} {# {% c %} #} {{ ref('a', 'b', v=2) }}",
            "{{ source('a', table_name='b') }} {{ 'x' }} {{ 1 }}",
            "a } b { c %}",
        ] {
            assert!(is_static(text), "{text}");
        }
        for text in [
            "{{ config(a=true) }}",
            "{{ config(a=1) }}",
            "{{ config(pre_hook='a') }}",
            "{{ config() }}",
            "{{ config({'a': 'b'}) }}",
            "{{- ref('a') }}",
            "{{ ref('a') | trim }}",
            "{{ ref(a) }}",
            "{{ this }}",
            "{% set x = 1 %}",
            "{% raw %}x{% endraw %}",
            "a {",
        ] {
            assert!(!is_static(text), "{text}");
        }
    }
}
