//! `'..' % x` and `'..'.format(..)`: what Python has and minijinja's formatting has not, put in terms of what it has.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};

use super::{Decimal, Repr, invalid};
use crate::jinja::module::strftime;

/// `pattern % args`
pub fn printf(pattern: &str, args: &[Value]) -> Result<String, Error> {
    let mut out = String::with_capacity(pattern.len());
    let mut args: Vec<Value> = args.to_vec();
    let mut next = 0;
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let by_name = after.starts_with('(');
        let flags = if by_name {
            after.find(')').map_or(0, |i| i + 1)
        } else {
            0
        };
        let length = after[flags..]
            .find(|c: char| c.is_ascii_alphabetic() || c == '%')
            .map_or(after.len(), |i| i + flags);
        let (spec, tail) = after.split_at(length);
        let mut kind = tail.chars().next().unwrap_or(' ');
        let mut spec = spec.to_owned();
        while let (Some(star), true) = (spec.find('*'), next < args.len()) {
            let width = super::integer(&args.remove(next))?;
            spec.replace_range(star..=star, &width.to_string());
        }
        if let (false, Some(arg)) = (by_name || kind == '%', args.get_mut(next)) {
            match kind {
                'r' | 'a' => {
                    let shown = Repr(arg).to_string();
                    *arg = Value::from(if kind == 'a' { escaped(&shown) } else { shown });
                    kind = 's';
                }
                'i' | 'd' | 'u' => {
                    kind = 'd';
                    *arg = truncated(arg);
                }
                's' => *arg = Value::from(shown(arg)),
                _ => *arg = plain(arg),
            }
            next += 1;
        }
        out.push('%');
        out.push_str(&spec);
        if !tail.is_empty() {
            out.push(kind);
        }
        let taken = tail.chars().next().map_or(0, char::len_utf8);
        rest = tail.get(taken..).unwrap_or("");
    }
    out.push_str(rest);
    if next < args.len() && !pattern.contains("%(") {
        return Err(invalid("not all arguments of `%` are used by its text"));
    }
    format(FormatStyle::Printf, &out, &args)
}

/// As Python's `str` writes it.
fn shown(value: &Value) -> String {
    match value.kind() {
        ValueKind::Number | ValueKind::Seq if !value.is_integer() => Repr(value).to_string(),
        _ => value.to_string(),
    }
}

fn truncated(value: &Value) -> Value {
    if let Some(number) = Decimal::of(value).and_then(Decimal::whole) {
        return Value::from(number);
    }
    match f64::try_from(value.clone()) {
        #[allow(clippy::cast_possible_truncation)] // cut, as Python does
        Ok(number) if value.kind() == ValueKind::Number && number.abs() < 1e38 => Value::from(number.trunc() as i128),
        _ => value.clone(),
    }
}

/// What is not ASCII by its number, as Python's `ascii`.
fn escaped(text: &str) -> String {
    use std::fmt::Write;
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        let number = u32::from(c);
        let _ = match number {
            0..=0x7f => write!(out, "{c}"),
            0x80..=0xff => write!(out, "\\x{number:02x}"),
            0x100..=0xffff => write!(out, "\\u{number:04x}"),
            _ => write!(out, "\\U{number:08x}"),
        };
        out
    })
}

/// A decimal as the number that minijinja formats.
fn plain(value: &Value) -> Value {
    match Decimal::of(value) {
        Some(number) if Decimal::is(value) => Value::from(number.to_f64()),
        _ => value.clone(),
    }
}

/// `text.format(..)`
pub fn braces(text: &str, args: &[Value], kwargs: &Kwargs) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len());
    let mut place = 0;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let sign = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(sign) {
            out.push_str(sign);
            rest = after;
            continue;
        }
        if sign == "}" {
            return Err(invalid("a single `}` stands in the format"));
        }
        let end = closing(rest).ok_or_else(|| invalid("a `{` of the format is not closed"))?;
        out.push_str(&field(&rest[..end], args, kwargs, &mut place)?);
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn field(text: &str, args: &[Value], kwargs: &Kwargs, place: &mut usize) -> Result<String, Error> {
    let (name, spec) = text.split_once(':').unwrap_or((text, ""));
    let (name, conversion) = name.split_once('!').unwrap_or((name, ""));
    let value = found(name, args, kwargs, place)?;
    let spec = if spec.contains('{') {
        braces_in(spec, args, kwargs, place)?
    } else {
        spec.to_owned()
    };
    let value = match conversion {
        "r" => Value::from(Repr(&value).to_string()),
        "a" => Value::from(escaped(&Repr(&value).to_string())),
        "s" => Value::from(shown(&value)),
        _ => value,
    };
    if spec.is_empty() {
        return Ok(shown(&value));
    }
    if let Some(done) = strftime(&value, &spec) {
        return done;
    }
    let value = plain(&value);
    if let (Some(before), Ok(number)) = (spec.strip_suffix('%'), f64::try_from(value.clone())) {
        let precise = if before.contains('.') {
            format!("{before}f")
        } else {
            format!("{before}.6f")
        };
        let done = format(
            FormatStyle::StrFormat,
            &format!("{{:{precise}}}"),
            &[Value::from(number * 100.0)],
        )?;
        return Ok(done + "%");
    }
    let spec = spec
        .strip_suffix('n')
        .map_or_else(|| spec.clone(), |before| format!("{before}d"));
    // A zero before the width fills, also where the side is named.
    let spec = match spec.get(..2) {
        Some("<0" | ">0" | "^0") => format!("0{}{}", &spec[..1], &spec[2..]),
        _ => spec,
    };
    format(FormatStyle::StrFormat, &format!("{{:{spec}}}"), &[value])
}

fn braces_in(spec: &str, args: &[Value], kwargs: &Kwargs, place: &mut usize) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = spec;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&found(name, args, kwargs, place)?.to_string());
        rest = tail;
    }
    Ok(out + rest)
}

/// The value of `0`, `name`, `0[key].attribute` or of the next place.
fn found(name: &str, args: &[Value], kwargs: &Kwargs, place: &mut usize) -> Result<Value, Error> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut path) = name.split_at(end);
    let missing = || invalid(format!("`format` has no argument for `{{{name}}}`"));
    let mut value = if first.is_empty() {
        *place += 1;
        args.get(*place - 1).cloned().ok_or_else(missing)?
    } else if let Ok(at) = first.parse::<usize>() {
        args.get(at).cloned().ok_or_else(missing)?
    } else if kwargs.has(first) {
        kwargs.get(first)?
    } else {
        return Err(missing());
    };
    while !path.is_empty() {
        if let Some(after) = path.strip_prefix('[') {
            let (key, tail) = after.split_once(']').ok_or_else(missing)?;
            value = match key.parse::<usize>() {
                Ok(at) => value.get_item(&Value::from(at))?,
                Err(_) => value.get_item(&Value::from(key))?,
            };
            path = tail;
        } else {
            let after = path.trim_start_matches('.');
            let end = after.find(['.', '[']).unwrap_or(after.len());
            value = value.get_attr(&after[..end])?;
            path = &after[end..];
        }
        if value.is_undefined() {
            return Err(missing());
        }
    }
    Ok(value)
}
