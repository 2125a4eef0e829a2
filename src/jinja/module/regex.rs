//! `re`, on a backtracking engine, so that look-arounds work.

use std::fmt;
use std::sync::Arc;

use fancy_regex::{Captures, Regex};
use minijinja::value::{Object, ObjectRepr, Tuple};
use minijinja::{Error, ErrorKind, State, Value};

use super::class::{Class, not_callable};
use crate::jinja::value::{PyDict, PyList, Repr, argument, integer, invalid, split_kwargs};

const FLAGS: [(&str, &str, i64, char); 5] = [
    ("I", "IGNORECASE", 2, 'i'),
    ("M", "MULTILINE", 8, 'm'),
    ("S", "DOTALL", 16, 's'),
    ("X", "VERBOSE", 64, 'x'),
    ("U", "UNICODE", 32, 'u'),
];

/// A compiled pattern.
struct Pattern {
    written: String,
    regex: Regex,
    /// The same, for the whole text.
    whole: Regex,
}

/// A match: its groups by number, with names where they have them.
struct Match {
    /// Byte ranges and texts; `None` where the group took no part.
    groups: Vec<Option<(usize, String)>>,
    names: Vec<Option<String>>,
    text: String,
}

fn compile(pattern: &Value, flags: Option<&Value>) -> Result<Arc<Pattern>, Error> {
    if let Some(compiled) = pattern.downcast_object::<Pattern>() {
        return Ok(compiled);
    }
    let written = pattern.to_string();
    let flags = flags.map_or(Ok(0), integer)?;
    let letters: String = FLAGS
        .iter()
        .filter(|(_, _, bit, letter)| flags & bit != 0 && *letter != 'u')
        .map(|(_, _, _, letter)| *letter)
        .collect();
    // Python writes the end of the text `\Z`.
    let body = written.replace("\\Z", "\\z");
    let body = if letters.is_empty() {
        body
    } else {
        format!("(?{letters}){body}")
    };
    let compiled =
        |body: &str| Regex::new(body).map_err(|e| invalid(format!("the pattern {written:?} is not valid: {e}")));
    let (regex, whole) = (compiled(&body)?, compiled(&format!("\\A(?:{body})\\z"))?);
    Ok(Arc::new(Pattern { written, regex, whole }))
}

fn failed(error: impl fmt::Display) -> Error {
    invalid(format!("the pattern could not be matched: {error}"))
}

impl Match {
    fn new(pattern: &Pattern, captures: &Captures<str>, text: &str) -> Self {
        Self {
            groups: captures
                .iter()
                .map(|g| g.map(|m| (m.start(), m.as_str().to_owned())))
                .collect(),
            names: pattern.regex.capture_names().map(|n| n.map(str::to_owned)).collect(),
            text: text.to_owned(),
        }
    }

    fn index(&self, key: &Value) -> Result<usize, Error> {
        let found = match key.as_str() {
            Some(name) => self.names.iter().position(|n| n.as_deref() == Some(name)),
            None => key.as_usize(),
        };
        found
            .filter(|i| *i < self.groups.len())
            .ok_or_else(|| invalid(format!("the pattern has no group {key:?}")))
    }

    fn group(&self, index: usize) -> Value {
        self.groups[index]
            .as_ref()
            .map_or(Value::from(()), |(_, text)| Value::from(text.as_str()))
    }

    /// Characters before a byte offset.
    fn chars(&self, offset: usize) -> i64 {
        i64::try_from(self.text[..offset].chars().count()).unwrap_or(i64::MAX)
    }

    fn bounds(&self, index: usize) -> (i64, i64) {
        match &self.groups[index] {
            Some((start, text)) => (self.chars(*start), self.chars(start + text.len())),
            None => (-1, -1),
        }
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = self.bounds(0);
        write!(f, "<re.Match object; span=({start}, {end}), match={:?}>", self.group(0))
    }
}

impl Object for Match {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if key.as_str() == Some("string") {
            return Some(Value::from(self.text.as_str()));
        }
        self.index(key).ok().map(|i| self.group(i))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let index = || args.first().map_or(Ok(0), |key| self.index(key));
        match name {
            "group" if args.len() > 1 => {
                let groups = args.iter().map(|key| Ok(self.group(self.index(key)?)));
                Ok(Value::from(Tuple::from(groups.collect::<Result<Vec<_>, Error>>()?)))
            }
            "group" => Ok(self.group(index()?)),
            "groups" => {
                let groups: Vec<_> = (1..self.groups.len()).map(|i| self.group(i)).collect();
                Ok(Value::from(Tuple::from(groups)))
            }
            "groupdict" => {
                let named = self.names.iter().enumerate();
                let named = named.filter_map(|(i, name)| Some((Value::from(name.as_deref()?), self.group(i))));
                Ok(PyDict::from_pairs(named).into())
            }
            "start" => Ok(Value::from(self.bounds(index()?).0)),
            "end" => Ok(Value::from(self.bounds(index()?).1)),
            "span" => {
                let (start, end) = self.bounds(index()?);
                Ok(Value::from(Tuple::from([Value::from(start), Value::from(end)])))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// The first match, anywhere or only where the text begins.
fn find(pattern: &Pattern, regex: &Regex, text: &str, at_start: bool) -> Result<Value, Error> {
    let Some(captures) = regex.captures(text).map_err(failed)? else {
        return Ok(Value::from(()));
    };
    if at_start && captures.get(0).is_some_and(|whole| whole.start() != 0) {
        return Ok(Value::from(()));
    }
    Ok(Value::from_object(Match::new(pattern, &captures, text)))
}

fn find_all(pattern: &Pattern, text: &str, as_matches: bool) -> Result<Value, Error> {
    let mut found = Vec::new();
    for captures in pattern.regex.captures_iter(text) {
        let found_here = Match::new(pattern, &captures.map_err(failed)?, text);
        if as_matches {
            found.push(Value::from_object(found_here));
            continue;
        }
        let group = |i: usize| match found_here.group(i) {
            none if none.is_none() => Value::from(""),
            text => text,
        };
        found.push(match found_here.groups.len() {
            1 => group(0),
            2 => group(1),
            n => Value::from(Tuple::from((1..n).map(group).collect::<Vec<_>>())),
        });
    }
    Ok(found.into_iter().collect::<PyList>().into())
}

/// Python's `\1` and `\g<name>` in a replacement.
fn expand(template: &str, found: &Match) -> Result<String, Error> {
    let mut out = String::new();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(digit @ '0'..='9') => {
                let mut number = digit.to_string();
                if let Some(second) = chars.next_if(char::is_ascii_digit) {
                    number.push(second);
                }
                let index = found.index(&Value::from(number.parse::<u32>().unwrap_or(0)))?;
                out.push_str(found.groups[index].as_ref().map_or("", |g| g.1.as_str()));
            }
            Some('g') if chars.next_if_eq(&'<').is_some() => {
                let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
                let key = name.parse::<u32>().map_or_else(|_| Value::from(name), Value::from);
                let index = found.index(&key)?;
                out.push_str(found.groups[index].as_ref().map_or("", |g| g.1.as_str()));
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('\\') | None => out.push('\\'),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Ok(out)
}

fn substitute(pattern: &Pattern, with: &str, text: &str, count: usize) -> Result<(String, usize), Error> {
    let mut out = String::new();
    let mut done = 0;
    let mut times = 0;
    for captures in pattern.regex.captures_iter(text) {
        let captures = captures.map_err(failed)?;
        let (Some(whole), true) = (captures.get(0), count == 0 || times < count) else {
            break;
        };
        out.push_str(&text[done..whole.start()]);
        out.push_str(&expand(with, &Match::new(pattern, &captures, text))?);
        done = whole.end();
        times += 1;
    }
    out.push_str(&text[done..]);
    Ok((out, times))
}

fn split(pattern: &Pattern, text: &str, limit: usize) -> Result<Value, Error> {
    let mut parts = Vec::new();
    let mut done = 0;
    for (i, captures) in pattern.regex.captures_iter(text).enumerate() {
        let found = Match::new(pattern, &captures.map_err(failed)?, text);
        let Some((start, whole)) = found.groups.first().cloned().flatten() else {
            continue;
        };
        if limit != 0 && i >= limit {
            break;
        }
        parts.push(Value::from(&text[done..start]));
        parts.extend((1..found.groups.len()).map(|g| found.group(g)));
        done = start + whole.len();
    }
    parts.push(Value::from(&text[done..]));
    Ok(parts.into_iter().collect::<PyList>().into())
}

/// A function of the module with its pattern compiled; `args` are those after the pattern.
fn apply(pattern: &Pattern, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let text = |i: usize, name: &str| {
        argument(args, &kwargs, i, name)
            .map(|v| v.to_string())
            .ok_or_else(|| invalid(format!("`{name}` is missing")))
    };
    let count = |name: &str, at: usize| -> Result<usize, Error> {
        let count = argument(args, &kwargs, at, name).map_or(Ok(0), |v| integer(&v))?;
        Ok(usize::try_from(count).unwrap_or(0))
    };
    match name {
        "search" => find(pattern, &pattern.regex, &text(0, "string")?, false),
        "match" => find(pattern, &pattern.regex, &text(0, "string")?, true),
        "fullmatch" => find(pattern, &pattern.whole, &text(0, "string")?, false),
        "findall" => find_all(pattern, &text(0, "string")?, false),
        "finditer" => find_all(pattern, &text(0, "string")?, true),
        "split" => split(pattern, &text(0, "string")?, count("maxsplit", 1)?),
        "sub" => {
            let (new, _) = substitute(pattern, &text(0, "repl")?, &text(1, "string")?, count("count", 2)?)?;
            Ok(Value::from(new))
        }
        "subn" => {
            let (new, times) = substitute(pattern, &text(0, "repl")?, &text(1, "string")?, count("count", 2)?)?;
            Ok(Value::from(Tuple::from([Value::from(new), Value::from(times)])))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "re.compile({})", Repr(&Value::from(self.written.as_str())))
    }
}

impl Object for Pattern {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "pattern").then(|| Value::from(self.written.as_str()))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        apply(self, name, args)
    }
}

fn function(name: &str, args: &[Value]) -> Result<Value, Error> {
    let (placed, kwargs) = split_kwargs(args)?;
    let flags = kwargs.get::<Option<Value>>("flags")?;
    let pattern = placed
        .first()
        .ok_or_else(|| invalid(format!("`re.{name}` wants a pattern")))?;
    match name {
        "escape" => {
            let special = |c: char| "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(c);
            let text = pattern.to_string();
            let escaped = text
                .chars()
                .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]));
            Ok(Value::from(escaped.collect::<String>()))
        }
        "compile" => {
            let flags = flags.as_ref().or(placed.get(1));
            Ok(Value::from_dyn_object(compile(pattern, flags)?))
        }
        _ => {
            // `re.search(pattern, text, flags)`: only these take their flags by place in practice.
            let by_place = matches!(name, "search" | "match" | "fullmatch" | "findall" | "finditer");
            let flags = flags.as_ref().or(if by_place { placed.get(2) } else { None });
            let rest = &args[1..];
            apply(&*compile(pattern, flags)?, name, rest)
        }
    }
}

pub(super) fn module() -> Value {
    Class {
        name: "re",
        call: not_callable,
        member: |name| {
            let flag = FLAGS.iter().find(|(short, long, _, _)| name == *short || name == *long);
            flag.map(|(_, _, bit, _)| Value::from(*bit))
        },
        method: function,
    }
    .value()
}
