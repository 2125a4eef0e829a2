//! Filters of text: wrapping, indenting, escaping.

use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, Value};

use crate::jinja::value::{Repr, WIDEST, argument, integer, invalid, items, pairs, split_kwargs, text_argument};

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("wordwrap", word_wrap);
    environment.add_filter("indent", indent);
    environment.add_filter("escape", |value: &Value| escaped(&value.to_string()));
    environment.add_filter("e", |value: &Value| escaped(&value.to_string()));
    environment.add_filter("forceescape", |value: &Value| escaped(&value.to_string()));
    environment.add_filter("xmlattr", xml_attributes);
    environment.add_filter("urlencode", url_encode);
    environment.add_filter("pprint", |value: &Value| pretty(value, 0, 0));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('>', "&gt;")
        .replace('<', "&lt;")
        .replace('\'', "&#39;")
        .replace('"', "&#34;")
}

fn xml_attributes(value: &Value, space: Option<bool>) -> Result<String, Error> {
    let given = pairs(std::slice::from_ref(value))?.into_iter();
    let shown = given.filter(|(_, v)| !v.is_none() && !v.is_undefined());
    let parts: Vec<_> = shown
        .map(|(k, v)| format!("{}=\"{}\"", escaped(&k.to_string()), escaped(&v.to_string())))
        .collect();
    let lead = if space.unwrap_or(true) && !parts.is_empty() {
        " "
    } else {
        ""
    };
    Ok(format!("{lead}{}", parts.join(" ")))
}

fn percent(text: &str, query: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b'/' if !query => out.push('/'),
            b' ' if query => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn url_encode(value: &Value) -> Result<String, Error> {
    if value.as_str().is_some() || value.try_iter().is_err() {
        return Ok(percent(&value.to_string(), false));
    }
    let pairs = pairs(std::slice::from_ref(value))?.into_iter();
    let parts: Vec<_> = pairs
        .map(|(k, v)| format!("{}={}", percent(&k.to_string(), true), percent(&v.to_string(), true)))
        .collect();
    Ok(parts.join("&"))
}

fn indent(value: &Value, args: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let flag = |at, name| argument(placed, &kwargs, at, name).is_some_and(|v| v.is_true());
    let (first, blank) = (flag(1, "first"), flag(2, "blank"));
    let by = match argument(placed, &kwargs, 0, "width") {
        None => " ".repeat(4),
        Some(text) if text.as_str().is_some() => text.to_string(),
        Some(width) => " ".repeat(usize::try_from(integer(&width)?).unwrap_or(0).min(WIDEST)),
    };
    let text = value.to_string();
    let text = text.replace("\r\n", "\n");
    let mut out = String::new();
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        if (i == 0 && first) || (i > 0 && (blank || !line.is_empty())) {
            out.push_str(&by);
        }
        out.push_str(line);
    }
    Ok(out)
}

/// Words of a line with the blanks between them, cut after hyphens where that is wanted.
fn chunks(line: &str, hyphens: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut blank = None;
    for c in line.chars() {
        let is_blank = c.is_whitespace();
        let c = if is_blank { ' ' } else { c };
        let after_hyphen = hyphens && !is_blank && c.is_alphabetic() && {
            let mut before = out.last().into_iter().flat_map(|word| word.chars().rev());
            before.next() == Some('-') && before.next().is_some_and(char::is_alphanumeric)
        };
        if blank != Some(is_blank) || after_hyphen {
            out.push(String::new());
        }
        blank = Some(is_blank);
        if let Some(word) = out.last_mut() {
            word.push(c);
        }
    }
    out
}

fn wrapped(line: &str, width: usize, long: bool, hyphens: bool) -> Vec<String> {
    let length = |text: &str| text.chars().count();
    let mut lines = Vec::new();
    let mut rest: std::collections::VecDeque<String> = chunks(line, hyphens).into();
    while !rest.is_empty() {
        let mut line = String::new();
        if !lines.is_empty() && rest[0].trim().is_empty() {
            rest.pop_front();
        }
        while let Some(word) = rest.front()
            && length(&line) + length(word) <= width
        {
            line.push_str(word);
            rest.pop_front();
        }
        if let Some(word) = rest.front_mut()
            && length(word) > width
        {
            if long {
                let room = width.saturating_sub(length(&line)).max(1);
                let mut room = word.char_indices().nth(room).map_or(word.len(), |(i, _)| i);
                if hyphens && let Some(at) = word[..room].rfind('-').filter(|at| *at > 0) {
                    room = at + 1;
                }
                line.push_str(&word[..room]);
                word.drain(..room);
            } else if line.is_empty() {
                line.push_str(&rest.pop_front().unwrap_or_default());
            }
        }
        let line = line.trim_end_matches(' ');
        if !line.is_empty() {
            lines.push(line.to_owned());
        }
    }
    lines
}

fn word_wrap(value: &Value, args: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let args = args.into_values();
    let (placed, kwargs) = split_kwargs(&args)?;
    let width = argument(placed, &kwargs, 0, "width").map_or(Ok(79), |v| integer(&v))?;
    let width = usize::try_from(width).ok().filter(|w| *w > 0);
    let width = width.ok_or_else(|| invalid("`wordwrap` wants a width above 0"))?;
    let flag = |at, name| argument(placed, &kwargs, at, name).is_none_or(|v| v.is_true());
    let (long, hyphens) = (flag(1, "break_long_words"), flag(3, "break_on_hyphens"));
    let between = text_argument(placed, &kwargs, 2, "wrapstring").unwrap_or_else(|| "\n".to_owned());
    let text = value.to_string();
    let lines: Vec<_> = text
        .lines()
        .map(|line| wrapped(line, width, long, hyphens).join(&between))
        .collect();
    Ok(lines.join(&between))
}

/// As Python's `pprint`: one line where it fits into 80 columns, else one item a line.
fn pretty(value: &Value, column: usize, after: usize) -> String {
    let is_map = value.kind() == minijinja::value::ValueKind::Map;
    let mut entries = pairs(std::slice::from_ref(value)).unwrap_or_default();
    entries.sort();
    let flat = if is_map {
        let inner: Vec<_> = entries
            .iter()
            .map(|(k, v)| format!("{}: {}", Repr(k), pretty(v, 0, 0).replace('\n', " ")))
            .collect();
        format!("{{{}}}", inner.join(", "))
    } else {
        Repr(value).to_string()
    };
    if column + flat.chars().count() + after <= 80 || value.as_str().is_some() {
        return flat;
    }
    if is_map {
        let count = entries.len();
        let lines: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(i, (k, v))| {
                let key = format!("{}: ", Repr(k));
                let width = column + 1 + key.chars().count();
                let rest = pretty(v, width, if i + 1 == count { after + 1 } else { 1 });
                key + &rest
            })
            .collect();
        return format!("{{{}}}", lines.join(&format!(",\n{}", " ".repeat(column + 1))));
    }
    let (open, close) = match (value.kind(), value.is_tuple()) {
        (_, true) => ('(', ')'),
        (minijinja::value::ValueKind::Seq, _) => ('[', ']'),
        _ => return flat,
    };
    let all = items(value).unwrap_or_default();
    let lines: Vec<_> = all.iter().map(|item| pretty(item, column + 1, 1)).collect();
    format!("{open}{}{close}", lines.join(&format!(",\n{}", " ".repeat(column + 1))))
}
