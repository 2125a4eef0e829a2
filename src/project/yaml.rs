//! YAML in which every value knows its place.

use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};
use serde_yaml::Value;
use serde_yaml::mapping::DuplicateKey;

use crate::diagnostic::{Diagnostic, Diagnostics, Level, Place, SourceFile};

/// A value as written. Scalars are resolved as dbt's reader does: `yes`, `no`, `on` and `off` are booleans.
#[derive(Clone, Debug)]
pub struct Yaml {
    pub kind: Kind,
    pub place: Place,
    /// The text that held Jinja, where the value is what it rendered to.
    pub written: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Yaml>),
    Map(Vec<Entry>),
}

/// One `key: value`; a key that YAML reads as a number or a boolean is kept as it was written.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub place: Place,
    pub value: Yaml,
}

/// Where the `---` of the second document is.
fn second_document(text: &str) -> usize {
    let mut at = 0;
    let mut begun = false;
    for line in text.split_inclusive('\n') {
        if begun && line.trim_end() == "---" {
            return at;
        }
        begun |= !line.trim().is_empty() && !line.starts_with('#');
        at += line.len();
    }
    0
}

impl Yaml {
    /// Reads one document. A file with nothing in it is `Null`. Fails on bad syntax and on a key written twice.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, Diagnostics> {
        Self::parse_as(file, Level::Error).map(|(yaml, _)| yaml)
    }

    /// With the level of a key that is written twice: where it is a warning the later one counts, as it does for dbt.
    pub fn parse_as(file: &Arc<SourceFile>, twice: Level) -> Result<(Self, Diagnostics), Diagnostics> {
        let mut problems = Diagnostics::default();
        // As dbt reads files: a text in the last lines has no line break at its end.
        let parsed = Value::from_str(file.text.trim_end(), |_, key, _| {
            let place = scalar_place(file, key);
            let mut problem =
                Diagnostic::error("duplicate-key", format!("the key `{}` is written twice", key_text(key)))
                    .at(place)
                    .help("keep one of them");
            problem.level = twice;
            problems.push(problem);
            DuplicateKey::Overwrite
        });
        match parsed {
            Ok(value) => {
                let yaml = convert(file, &value, &mut problems);
                if problems.has_errors() {
                    Err(problems)
                } else {
                    Ok((yaml, problems))
                }
            }
            Err(error) => {
                let cause = error.display_no_mark().to_string();
                let diagnostic =
                    |at: usize| Diagnostic::error("yaml-syntax", "this is not valid YAML").at(point(file, at));
                // Of these two the parser tells no place.
                if cause.contains("more than one document") {
                    return Err(diagnostic(second_document(&file.text))
                        .because("the file holds more than one YAML document")
                        .help("leave out the line `---` between them, or make a file of each")
                        .into());
                }
                if cause.contains("repetition limit") {
                    let first = file.text.find('&').unwrap_or_default();
                    return Err(diagnostic(first)
                        .because("aliases (`*name`) that hold aliases make more of the file than can be read")
                        .help("write out what they stand for")
                        .into());
                }
                let at = error.span().map_or(0, |span| span.start.index);
                Err(diagnostic(at)
                    .because(cause)
                    .help("check the indentation, and put text that holds `: `, `#`, `{` or `[` into quotes")
                    .into())
            }
        }
    }

    pub fn null(place: &Place) -> Self {
        Self {
            kind: Kind::Null,
            place: place.clone(),
            written: None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a key, where this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// What kind of thing it is, for messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::String(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    pub fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Null => Json::Null,
            Kind::Bool(value) => Json::Bool(*value),
            Kind::Number(number) => Json::Number(number.clone()),
            Kind::String(text) => Json::String(text.clone()),
            Kind::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Kind::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The value as it was before its Jinja was rendered.
    pub fn as_written(&self) -> Json {
        match (&self.written, &self.kind) {
            (Some(text), _) => Json::from(&**text),
            (None, Kind::List(items)) => items.iter().map(Self::as_written).collect(),
            (None, Kind::Map(entries)) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.as_written()))
                .collect::<Map<_, _>>()
                .into(),
            _ => self.to_json(),
        }
    }

    /// The same place, another value.
    #[must_use]
    pub fn replaced(&self, json: &Json) -> Self {
        let again = |json: &Json| self.replaced(json);
        let kind = match json {
            Json::Null => Kind::Null,
            Json::Bool(value) => Kind::Bool(*value),
            Json::Number(number) => Kind::Number(number.clone()),
            Json::String(text) => Kind::String(text.clone()),
            Json::Array(items) => Kind::List(items.iter().map(again).collect()),
            Json::Object(map) => Kind::Map(
                map.iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        place: self.place.clone(),
                        value: again(value),
                    })
                    .collect(),
            ),
        };
        Self {
            kind,
            place: self.place.clone(),
            written: None,
        }
    }
}

fn point(file: &Arc<SourceFile>, index: usize) -> Place {
    let mut start = index.min(file.text.len());
    while !file.text.is_char_boundary(start) {
        start -= 1;
    }
    Place::new(file, start..start)
}

fn convert(file: &Arc<SourceFile>, value: &Value, problems: &mut Diagnostics) -> Yaml {
    let place = scalar_place(file, value);
    let kind = match value {
        Value::Null(_) => Kind::Null,
        Value::Bool(value, _) => Kind::Bool(*value),
        Value::Number(number, _) => number_kind(number),
        Value::String(text, _) => plain_boolean(text, &place).map_or_else(|| Kind::String(text.clone()), Kind::Bool),
        Value::Sequence(items, _) => Kind::List(items.iter().map(|item| convert(file, item, problems)).collect()),
        Value::Mapping(map, _) => Kind::Map(entries(file, map, problems)),
        Value::Tagged(tagged, _) => {
            problems.push(
                Diagnostic::error("yaml-tag", format!("YAML tags such as `{}` are not read", tagged.tag))
                    .at(place.clone())
                    .help("write the value without its tag"),
            );
            Kind::Null
        }
    };
    Yaml {
        kind,
        place,
        written: None,
    }
}

fn entries(file: &Arc<SourceFile>, map: &serde_yaml::Mapping, problems: &mut Diagnostics) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(map.len());
    let mut merged: Vec<Entry> = Vec::new();
    for (key, value) in map {
        let place = scalar_place(file, key);
        if matches!(key, Value::Mapping(..) | Value::Sequence(..) | Value::Tagged(..)) {
            problems.push(
                Diagnostic::error("yaml-key", "a key must be plain text")
                    .at(place)
                    .because("text that starts with `{` or `[` is a mapping or a list in YAML")
                    .help("put Jinja into quotes: \"{{ ... }}\""),
            );
            continue;
        }
        let text = key_text(key);
        let value = convert(file, value, problems);
        if text != "<<" {
            entries.push(Entry {
                key: text,
                place,
                value,
            });
            continue;
        }
        let sources = match value.kind {
            Kind::List(items) => items,
            _ => vec![value],
        };
        for source in sources {
            match source.kind {
                Kind::Map(more) => merged.extend(more),
                _ => problems.push(
                    Diagnostic::error("yaml-merge", "`<<` takes a mapping or a list of mappings").at(source.place),
                ),
            }
        }
    }
    for entry in merged {
        if !entries.iter().any(|there| there.key == entry.key) {
            entries.push(entry);
        }
    }
    entries
}

fn key_text(key: &Value) -> String {
    match key {
        Value::String(text, _) => text.clone(),
        Value::Bool(value, _) => value.to_string(),
        Value::Number(number, _) => number.to_string(),
        Value::Null(_) => "null".to_owned(),
        _ => "a key".to_owned(),
    }
}

fn number_kind(number: &serde_yaml::Number) -> Kind {
    if let Some(value) = number.as_i64() {
        return Kind::Number(value.into());
    }
    if let Some(value) = number.as_u64() {
        return Kind::Number(value.into());
    }
    // JSON has no infinity; such a value stays text.
    number
        .as_f64()
        .and_then(Number::from_f64)
        .map_or_else(|| Kind::String(number.to_string()), Kind::Number)
}

/// YAML 1.1's other words for true and false, when they stand there without quotes.
fn plain_boolean(text: &str, place: &Place) -> Option<bool> {
    let value = match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => true,
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => false,
        _ => return None,
    };
    (place.file.text.get(place.span.clone()) == Some(text)).then_some(value)
}

/// The reader's spans run up to the next token; this is the part that a person would mark.
fn scalar_place(file: &Arc<SourceFile>, value: &Value) -> Place {
    let span = value.span();
    let start = point(file, span.start.index).span.start;
    let line = file.text[start..].lines().next().unwrap_or("");
    let marked = match value {
        Value::String(text, _) if !text.is_empty() && line.starts_with(text.as_str()) => text.len(),
        Value::Mapping(..) | Value::Sequence(..) => 0,
        _ => scalar_length(line),
    };
    Place::new(file, start..start + marked)
}

/// How far a scalar reaches on its first line.
fn scalar_length(line: &str) -> usize {
    match line.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            for (i, c) in line.char_indices().skip(1) {
                match c {
                    '\\' if quote == '"' => escaped = !escaped,
                    c if c == quote && !escaped => return i + 1,
                    _ => escaped = false,
                }
            }
            line.len()
        }
        _ => line
            .find([':', ',', '#', ']', '}'])
            .map_or(line, |end| &line[..end])
            .trim_end()
            .len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Yaml, Diagnostics> {
        Yaml::parse(&SourceFile::new("a.yml", text))
    }

    #[test]
    fn places_and_words() {
        let yaml = parse("é: [x, 'y z']\nm:\n  on: yes\n  s: \"yes\"\nbase: &b {z: 1, w: 1}\nuse:\n  <<: *b\n  w: 2\n")
            .unwrap();
        let list = yaml.get("é").unwrap().as_list().unwrap();
        assert_eq!(list[1].place.to_string(), "a.yml:1:8");
        assert_eq!(&list[1].place.file.text[list[1].place.span.clone()], "'y z'");
        assert_eq!(
            yaml.to_json(),
            serde_json::json!({"é": ["x", "y z"], "m": {"on": true, "s": "yes"}, "base": {"z": 1, "w": 1},
                "use": {"w": 2, "z": 1}})
        );
    }

    #[test]
    fn bad_yaml_says_where() {
        let shown = parse("a: 1\nb: [1\nc: 2").unwrap_err().to_string();
        assert!(shown.contains("a.yml:3:"), "{shown}");
        let shown = parse("a: 1\na: 2\n").unwrap_err().to_string();
        assert!(
            shown.contains("duplicate-key") && shown.contains("a.yml:2:1"),
            "{shown}"
        );
        let shown = parse("a: {{ x }}\n").unwrap_err().to_string();
        assert!(shown.contains("put Jinja into quotes"), "{shown}");
    }
}
