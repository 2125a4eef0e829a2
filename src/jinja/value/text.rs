//! Methods of strings, and of the engine's own containers, that minijinja does not have.

use minijinja::value::{DynObject, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

use super::{Absent, PyDict, PyList, describe, invalid, items, split_kwargs};
use crate::jinja::session::Session;

/// What minijinja asks where an object knows no method of a name.
pub fn method(state: &mut State<'_, '_>, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or("");
            match text_method(text, name, args) {
                Err(error) if error.kind() == ErrorKind::UnknownMethod => {
                    pycompat::unknown_method_callback(state, value, name, args).map(super::own)
                }
                other => other,
            }
        }
        ValueKind::None if !Session::of(state).is_some_and(|s| s.execute) => Ok(Absent::value()),
        ValueKind::None => Err(Error::new(
            ErrorKind::UndefinedError,
            format!("none has no method `{name}`"),
        )),
        ValueKind::Undefined if Session::of(state).is_some_and(|s| s.host.forgives()) => Ok(Absent::value()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Seq if value.is_tuple() && name == "index" => {
            let (item,): (Value,) = from_args(args)?;
            let at = items(value)?.iter().position(|v| *v == item);
            at.map(Value::from)
                .ok_or_else(|| invalid(format!("{item:?} is not in the tuple")))
        }
        ValueKind::Seq | ValueKind::Iterable if changes(name) => Err(invalid(format!(
            "`{name}` cannot change {}: assign it with `set` first",
            describe(value)
        ))),
        ValueKind::Map if matches!(name, "update" | "pop" | "setdefault" | "clear" | "popitem") => {
            Err(invalid(format!("`{name}` cannot change this mapping")))
        }
        ValueKind::Map if name == "copy" => {
            let pairs = value.as_object().and_then(DynObject::try_iter_pairs);
            Ok(PyDict::from_pairs(pairs.into_iter().flatten()).into())
        }
        _ => pycompat::unknown_method_callback(state, value, name, args),
    }
}

fn changes(name: &str) -> bool {
    matches!(
        name,
        "append" | "extend" | "insert" | "pop" | "remove" | "reverse" | "sort" | "clear"
    )
}

fn strings(parts: impl IntoIterator<Item = String>) -> Value {
    parts.into_iter().map(Value::from).collect::<PyList>().into()
}

/// Padding beyond that is a mistake, and would only fill the memory.
pub const WIDEST: usize = 1_000_000;

fn text_method(text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let value = match name {
        "format" => {
            let (args, kwargs) = split_kwargs(args)?;
            return super::braces(text, args, &kwargs).map(Value::from);
        }
        "join" => {
            let (parts,): (Value,) = from_args(args)?;
            return join(text, &parts);
        }
        "zfill" => {
            let (width,): (usize,) = from_args(args)?;
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(rest) => text.split_at(text.len() - rest.len()),
                None => ("", text),
            };
            let zeros = width.min(WIDEST).saturating_sub(text.chars().count());
            format!("{sign}{}{digits}", "0".repeat(zeros))
        }
        "ljust" | "rjust" | "center" => {
            let (width, fill): (usize, Option<&str>) = from_args(args)?;
            let missing = width.min(WIDEST).saturating_sub(text.chars().count());
            let left = match name {
                "ljust" => 0,
                "rjust" => missing,
                _ => missing / 2 + (missing & width & 1),
            };
            let fill = fill.unwrap_or(" ");
            format!("{}{text}{}", fill.repeat(left), fill.repeat(missing - left))
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            text.strip_prefix(prefix).unwrap_or(text).to_owned()
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            text.strip_suffix(suffix).unwrap_or(text).to_owned()
        }
        "swapcase" => text
            .chars()
            .flat_map(|c| {
                let swapped: String = if c.is_uppercase() {
                    c.to_lowercase().collect()
                } else {
                    c.to_uppercase().collect()
                };
                swapped.chars().collect::<Vec<_>>()
            })
            .collect(),
        "casefold" => text.to_lowercase().replace('ß', "ss"),
        "title" => title(text),
        "format_map" => {
            let (map,): (Value,) = from_args(args)?;
            let given = super::pairs(std::slice::from_ref(&map))?;
            let named = given.into_iter().map(|(k, v)| (k.to_string(), v));
            return super::braces(text, &[], &named.collect()).map(Value::from);
        }
        "splitlines" => {
            let (args, kwargs) = split_kwargs(args)?;
            let keep = super::argument(args, &kwargs, 0, "keepends").is_some_and(|v| v.is_true());
            return Ok(strings(lines(text, keep)));
        }
        "expandtabs" => {
            let (size,): (Option<usize>,) = from_args(args)?;
            expanded(text, size.unwrap_or(8))
        }
        "translate" => {
            let (table,): (Value,) = from_args(args)?;
            return translated(text, &table);
        }
        "maketrans" => return translation(args),
        "encode" | "decode" => text.to_owned(),
        "find" | "rfind" | "index" | "rindex" | "count" | "startswith" | "endswith" => return within(text, name, args),
        "split" | "rsplit" => return split(text, args, name == "rsplit"),
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            let cut = if name == "partition" {
                text.split_once(separator)
            } else {
                text.rsplit_once(separator)
            };
            let parts = match (cut, name) {
                (Some((a, b)), _) => [a, separator, b],
                (None, "partition") => [text, "", ""],
                (None, _) => ["", "", text],
            };
            return Ok(Value::from(Tuple::from(parts.map(Value::from))));
        }
        _ => {
            let answer = asked(text, name).map(Value::from);
            return answer.ok_or_else(|| Error::from(ErrorKind::UnknownMethod));
        }
    };
    Ok(Value::from(value))
}

/// Every character as the table has it, by its number.
fn translated(text: &str, table: &Value) -> Result<Value, Error> {
    let mut out = String::new();
    for c in text.chars() {
        let found = table.get_item(&Value::from(u32::from(c)))?;
        if let Some(part) = found.as_str() {
            out.push_str(part);
        } else if found.is_undefined() {
            out.push(c);
        } else if !found.is_none() {
            let number = u32::try_from(super::integer(&found)?).ok().and_then(char::from_u32);
            out.push(number.ok_or_else(|| invalid(format!("{found} is no character")))?);
        }
    }
    Ok(Value::from(out))
}

/// The table of `translate`: from a dict, or from two texts of one length and one of what is dropped.
fn translation(args: &[Value]) -> Result<Value, Error> {
    let (first, second, dropped): (Value, Option<&str>, Option<&str>) = from_args(args)?;
    let number = |c: char| Value::from(u32::from(c));
    let Some(second) = second else {
        let mut table = Vec::new();
        for (key, value) in super::pairs(&[first])? {
            let key = match key.as_str().map(|text| text.chars().collect::<Vec<_>>()) {
                Some(one) if one.len() == 1 => number(one[0]),
                Some(_) => return Err(invalid("the keys of `maketrans` are single characters")),
                None => key,
            };
            table.push((key, value));
        }
        return Ok(PyDict::from_pairs(table).into());
    };
    let first = first.as_str().unwrap_or_default();
    if first.chars().count() != second.chars().count() {
        return Err(invalid("`maketrans` wants two strings of one length"));
    }
    let pairs = first
        .chars()
        .zip(second.chars())
        .map(|(from, to)| (number(from), number(to)));
    let none = dropped
        .unwrap_or_default()
        .chars()
        .map(|c| (number(c), Value::from(())));
    Ok(PyDict::from_pairs(pairs.chain(none)).into())
}

/// The questions about a string that minijinja does not know.
fn asked(text: &str, name: &str) -> Option<bool> {
    match name {
        "isprintable" => Some(text.chars().all(super::is_printable)),
        "isidentifier" => {
            let first = text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
            Some(first && text.chars().all(|c| c.is_alphanumeric() || c == '_'))
        }
        "isdecimal" => Some(!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())),
        "istitle" => {
            let mut before = false;
            let mut fits = true;
            for c in text.chars() {
                if c.is_uppercase() || c.is_lowercase() {
                    fits &= c.is_lowercase() == before;
                }
                before = c.is_alphabetic();
            }
            Some(fits && text.chars().any(char::is_alphabetic))
        }
        _ => None,
    }
}

/// Every word with a capital, where a word is a run of letters.
fn title(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

fn lines(text: &str, keep: bool) -> Vec<String> {
    let mut out = Vec::new();
    let mut line = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        ) {
            line.push(c);
            continue;
        }
        if keep {
            line.push(c);
        }
        if c == '\r' && chars.next_if_eq(&'\n').is_some() && keep {
            line.push('\n');
        }
        out.push(std::mem::take(&mut line));
    }
    if !line.is_empty() {
        out.push(line);
    }
    out
}

fn expanded(text: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' if size > 0 => {
                let blanks = size.min(WIDEST) - column % size.min(WIDEST);
                out.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            '\t' => {}
            _ => {
                column = if matches!(c, '\n' | '\r') { 0 } else { column + 1 };
                out.push(c);
            }
        }
    }
    out
}

/// The methods that look for a part, all or between two places.
fn within(text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (part, start, end): (Value, Option<Value>, Option<Value>) = from_args(args)?;
    let length = text.chars().count();
    let bound = |place: Option<Value>, usual: usize| -> Result<usize, Error> {
        let Some(place) = place.filter(|v| !v.is_none()) else {
            return Ok(usual);
        };
        let at = super::integer(&place)?;
        let from_end = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(if at < 0 {
            length.saturating_sub(from_end)
        } else {
            from_end
        })
    };
    let (start, end) = (bound(start, 0)?, bound(end, length)?.min(length));
    let parts = if part.is_tuple() { items(&part)? } else { vec![part] };
    let mut texts = Vec::new();
    for part in &parts {
        let text = part.as_str();
        texts.push(text.ok_or_else(|| invalid(format!("`{name}` wants a string, not {}", describe(part))))?);
    }
    let byte = |place: usize| text.char_indices().nth(place).map_or(text.len(), |(i, _)| i);
    let seen = if start <= end {
        &text[byte(start)..byte(end)]
    } else {
        ""
    };
    let out_of_reach = start > end;
    Ok(match name {
        "startswith" => Value::from(!out_of_reach && texts.iter().any(|part| seen.starts_with(part))),
        "endswith" => Value::from(!out_of_reach && texts.iter().any(|part| seen.ends_with(part))),
        "count" => Value::from(if out_of_reach {
            0
        } else {
            seen.matches(texts[0]).count()
        }),
        _ => {
            let part = *texts.first().unwrap_or(&"");
            let found = if name.starts_with('r') {
                seen.rfind(part)
            } else {
                seen.find(part)
            };
            match found.filter(|_| !out_of_reach) {
                Some(at) => Value::from(start + seen[..at].chars().count()),
                None if name.ends_with("find") => Value::from(-1),
                None => return Err(invalid(format!("{part:?} is not in the string"))),
            }
        }
    })
}

fn join(separator: &str, parts: &Value) -> Result<Value, Error> {
    let mut out = String::new();
    for (i, part) in items(parts)?.iter().enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        let Some(text) = part.as_str() else {
            return Err(invalid(format!(
                "`join` wants strings, item {i} is {}; the filter `| join(..)` takes values of any kind",
                describe(part)
            )));
        };
        out.push_str(text);
    }
    Ok(Value::from(out))
}

fn split(text: &str, args: &[Value], from_right: bool) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let separator = super::argument(args, &kwargs, 0, "sep").filter(|v| !v.is_none());
    let limit = match super::argument(args, &kwargs, 1, "maxsplit") {
        Some(limit) => usize::try_from(super::integer(&limit)?).ok(),
        None => None,
    };
    let parts = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
    let Some(separator) = separator else {
        return Ok(strings(split_blanks(text, parts, from_right)));
    };
    let separator = separator.as_str().filter(|s| !s.is_empty()).map(str::to_owned);
    let separator = separator.ok_or_else(|| invalid("`split` wants a string that is not empty"))?;
    Ok(if from_right {
        let mut found: Vec<_> = text.rsplitn(parts, &separator).map(str::to_owned).collect();
        found.reverse();
        strings(found)
    } else {
        strings(text.splitn(parts, &separator).map(str::to_owned))
    })
}

/// Without a separator: runs of blanks separate, and those at the ends do not count.
fn split_blanks(text: &str, parts: usize, from_right: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = if from_right { text.trim_end() } else { text.trim_start() };
    while !rest.is_empty() {
        if found.len() + 1 >= parts {
            found.push(rest.to_owned());
            break;
        }
        if from_right {
            let cut = rest
                .rfind(char::is_whitespace)
                .map_or(0, |i| i + rest[i..].chars().next().map_or(1, char::len_utf8));
            found.push(rest[cut..].to_owned());
            rest = rest[..cut].trim_end();
        } else {
            let cut = rest.find(char::is_whitespace).unwrap_or(rest.len());
            found.push(rest[..cut].to_owned());
            rest = rest[cut..].trim_start();
        }
    }
    if from_right {
        found.reverse();
    }
    found
}
