//! A mapping read key by key: types are checked, and what nobody asked for is reported.

use serde_json::Value as Json;

use super::{Entry, Kind, Yaml};
use crate::diagnostic::{Diagnostic, Diagnostics, Level, Place, nearest};

/// Which rules a project lives by: Assay's own (`project.yml`) or dbt's (`dbt_project.yml`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    #[default]
    Native,
    Dbt,
}

impl Flavour {
    /// What is an error in a native project and only a warning where dbt tolerates it.
    pub fn lenient(self) -> Level {
        match self {
            Self::Native => Level::Error,
            Self::Dbt => Level::Warning,
        }
    }
}

/// Renders one string of YAML that holds Jinja. What it makes may be other than text: `{{ var('flag') }}` can be `true`.
pub type RenderText<'a> = dyn Fn(&str) -> Result<Json, Diagnostic> + 'a;

/// What reading a file needs and collects.
pub struct Reader<'a> {
    pub flavour: Flavour,
    pub problems: Diagnostics,
    pub render: &'a RenderText<'a>,
}

impl<'a> Reader<'a> {
    pub fn new(flavour: Flavour, jinja: &'a RenderText<'a>) -> Self {
        Self {
            flavour,
            problems: Diagnostics::default(),
            render: jinja,
        }
    }

    /// A value of another type than the one wanted.
    pub fn wrong_type(&mut self, key: &str, wanted: &str, found: &Yaml) {
        // A description has its own quotes.
        let key = if key.contains('`') {
            key.to_owned()
        } else {
            format!("`{key}`")
        };
        let diagnostic = Diagnostic::error("wrong-type", format!("{key} takes {wanted}, not {}", found.describe()))
            .at(found.place.clone());
        let scalar = matches!(found.kind, Kind::Bool(_) | Kind::Number(_));
        self.problems.push(if scalar && wanted.starts_with("text") {
            diagnostic.help("put it into quotes: YAML reads words such as `off` and `no` as true or false")
        } else {
            diagnostic.help(format!("put {wanted} there, or take {key} out"))
        });
    }

    /// A key that means nothing here: an error or, in a dbt project, a warning.
    pub fn unknown_key(&mut self, within: &str, key: &str, place: &Place, known: &[&str]) {
        let mut diagnostic = Diagnostic::error("unknown-key", format!("{within} has no key `{key}`")).at(place.clone());
        diagnostic.level = self.flavour.lenient();
        self.problems.push(match nearest(key, known.iter().copied()) {
            Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
            None => diagnostic.help("remove it, or put what is only meant for people below `meta`"),
        });
    }

    /// Something of dbt's that is understood but not done: a warning that names it.
    pub fn unsupported(&mut self, what: &str, place: &Place) {
        self.problems.push(
            Diagnostic::warning("not-supported", format!("not supported yet: {what}"))
                .at(place.clone())
                .help("it is left out of this build"),
        );
    }

    /// The tree with every string that holds Jinja rendered, but for what stands below a key for which `keep` is true:
    /// hooks, tests and descriptions are rendered later, where more is known.
    pub fn rendered(&mut self, yaml: &Yaml, keep: &dyn Fn(&str) -> bool) -> Yaml {
        let kind = match &yaml.kind {
            Kind::String(text) if text.contains("{{") || text.contains("{%") => {
                return match (self.render)(text) {
                    Ok(json) => Yaml {
                        written: Some(text.as_str().into()),
                        ..yaml.replaced(&json)
                    },
                    Err(diagnostic) => {
                        let mut diagnostic = diagnostic;
                        diagnostic.place = Some(yaml.place.clone());
                        self.problems.push(diagnostic);
                        Yaml::null(&yaml.place)
                    }
                };
            }
            Kind::List(items) => Kind::List(items.iter().map(|item| self.rendered(item, keep)).collect()),
            Kind::Map(entries) => Kind::Map(
                entries
                    .iter()
                    .map(|entry| {
                        if keep(entry.key.trim_start_matches('+').trim()) {
                            return entry.clone();
                        }
                        Entry {
                            value: self.rendered(&entry.value, keep),
                            ..entry.clone()
                        }
                    })
                    .collect(),
            ),
            _ => return yaml.clone(),
        };
        Yaml {
            kind,
            place: yaml.place.clone(),
            written: None,
        }
    }
}

/// One mapping being read. Ask for every key that it may have, then call `finish`.
pub struct Section<'y> {
    entries: &'y [Entry],
    /// For messages: ``model `orders` ``.
    pub what: String,
    pub place: Place,
    known: Vec<&'static str>,
}

impl<'y> Section<'y> {
    /// `None`, and a report, where the value is no mapping. Nothing at all counts as an empty one.
    pub fn of(yaml: &'y Yaml, what: impl Into<String>, reader: &mut Reader) -> Option<Self> {
        let what = what.into();
        let entries: &[Entry] = match &yaml.kind {
            Kind::Map(entries) => entries,
            Kind::Null => &[],
            _ => {
                reader.wrong_type(&what, "a mapping", yaml);
                return None;
            }
        };
        Some(Self {
            entries,
            what,
            place: yaml.place.clone(),
            known: Vec::new(),
        })
    }

    /// The value as it is; `None` where the key is absent or has no value.
    pub fn take(&mut self, key: &'static str) -> Option<&'y Yaml> {
        self.known.push(key);
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
            .filter(|value| !value.is_null())
    }

    /// The entry, key and all.
    pub fn entry(&mut self, key: &'static str) -> Option<&'y Entry> {
        self.known.push(key);
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub fn text(&mut self, key: &'static str, reader: &mut Reader) -> Option<String> {
        let value = self.take(key)?;
        if let Some(text) = value.as_str() {
            return Some(text.to_owned());
        }
        reader.wrong_type(key, "text", value);
        None
    }

    /// Text that must be there.
    pub fn required(&mut self, key: &'static str, reader: &mut Reader) -> Option<String> {
        if self.take(key).is_none() {
            let diagnostic = Diagnostic::error("missing-key", format!("{} has no `{key}`", self.what));
            let known = &self.known;
            let others = self.entries.iter().filter(|entry| !known.contains(&entry.key.as_str()));
            let typed = others.map(|entry| entry.key.as_str());
            reader.problems.push(match nearest(key, typed) {
                Some(typed) => {
                    let entry = self.entries.iter().find(|entry| entry.key == typed);
                    let place = entry.map_or(&self.place, |entry| &entry.place);
                    diagnostic
                        .at(place.clone())
                        .help(format!("is `{typed}` meant to be `{key}`?"))
                }
                None => diagnostic.at(self.place.clone()).help(format!("add `{key}: ..`")),
            });
            return None;
        }
        self.text(key, reader)
    }

    /// Text, or a number or truth value as it prints.
    pub fn scalar(&mut self, key: &'static str, reader: &mut Reader) -> Option<String> {
        let value = self.take(key)?;
        match &value.kind {
            Kind::String(text) => Some(text.clone()),
            Kind::Number(number) => Some(number.to_string()),
            Kind::Bool(flag) => Some(flag.to_string()),
            _ => {
                reader.wrong_type(key, "text", value);
                None
            }
        }
    }

    pub fn flag(&mut self, key: &'static str, reader: &mut Reader) -> Option<bool> {
        let value = self.take(key)?;
        match &value.kind {
            Kind::Bool(flag) => Some(*flag),
            Kind::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Kind::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => {
                reader.wrong_type(key, "true or false", value);
                None
            }
        }
    }

    pub fn integer(&mut self, key: &'static str, reader: &mut Reader) -> Option<i64> {
        let value = self.take(key)?;
        if let Kind::Number(number) = &value.kind
            && let Some(number) = number.as_i64()
        {
            return Some(number);
        }
        reader.wrong_type(key, "a whole number", value);
        None
    }

    /// One piece of text, or a list of them.
    pub fn strings(&mut self, key: &'static str, reader: &mut Reader) -> Option<Vec<String>> {
        let value = self.take(key)?;
        match &value.kind {
            Kind::String(text) => Some(vec![text.clone()]),
            Kind::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| match &item.kind {
                        Kind::String(text) => Some(text.clone()),
                        Kind::Number(number) => Some(number.to_string()),
                        _ => {
                            reader.wrong_type(key, "text, or a list of texts", item);
                            None
                        }
                    })
                    .collect(),
            ),
            _ => {
                reader.wrong_type(key, "text, or a list of texts", value);
                None
            }
        }
    }

    /// A list; absent is empty.
    pub fn list(&mut self, key: &'static str, reader: &mut Reader) -> &'y [Yaml] {
        match self.take(key) {
            None => &[],
            Some(value) => value.as_list().unwrap_or_else(|| {
                reader.wrong_type(key, "a list", value);
                &[]
            }),
        }
    }

    /// A mapping; absent is empty.
    pub fn map(&mut self, key: &'static str, reader: &mut Reader) -> &'y [Entry] {
        match self.take(key) {
            None => &[],
            Some(value) => value.as_map().unwrap_or_else(|| {
                reader.wrong_type(key, "a mapping", value);
                &[]
            }),
        }
    }

    /// A mapping as JSON, as `meta` is.
    pub fn json_map(&mut self, key: &'static str, reader: &mut Reader) -> indexmap::IndexMap<String, Json> {
        self.map(key, reader)
            .iter()
            .map(|entry| (entry.key.clone(), entry.value.to_json()))
            .collect()
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self, reader: &mut Reader) {
        self.unknown(reader);
    }

    /// The same where dbt itself is strict: such a key is an error in every project.
    pub fn refuse_others(self, reader: &mut Reader) {
        let before = reader.problems.0.len();
        self.unknown(reader);
        for problem in &mut reader.problems.0[before..] {
            problem.level = Level::Error;
        }
    }

    fn unknown(self, reader: &mut Reader) {
        for entry in self.entries {
            if !self.known.contains(&entry.key.as_str()) {
                reader.unknown_key(&self.what, &entry.key, &entry.place, &self.known);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    #[test]
    fn types_and_slips_are_reported_together() {
        let file = SourceFile::new("a.yml", "name: x\nenabled: perhaps\ndescripton: y\ntags: [a, 1]\n");
        let yaml = Yaml::parse(&file).unwrap();
        let jinja = |text: &str| Ok(Json::String(text.to_owned()));
        let mut reader = Reader::new(Flavour::Native, &jinja);
        let mut section = Section::of(&yaml, "the thing", &mut reader).unwrap();
        assert_eq!(section.text("name", &mut reader).as_deref(), Some("x"));
        assert_eq!(section.flag("enabled", &mut reader), None);
        assert_eq!(section.text("description", &mut reader), None);
        assert_eq!(
            section.strings("tags", &mut reader),
            Some(vec!["a".to_owned(), "1".to_owned()])
        );
        section.finish(&mut reader);
        let shown = reader.problems.to_string();
        assert!(
            shown.contains("`enabled` takes true or false, not text\n  --> a.yml:2:10"),
            "{shown}"
        );
        assert!(shown.contains("did you mean `description`?"), "{shown}");
    }

    #[test]
    fn jinja_is_rendered_but_for_what_is_kept() {
        let file = SourceFile::new("a.yml", "a: '{{ x }}'\n+pre-hook: '{{ y }}'\n");
        let yaml = Yaml::parse(&file).unwrap();
        let jinja = |_: &str| Ok(Json::Bool(true));
        let mut reader = Reader::new(Flavour::Native, &jinja);
        let rendered = reader.rendered(&yaml, &|key| key == "pre-hook");
        assert_eq!(
            rendered.to_json(),
            serde_json::json!({"a": true, "+pre-hook": "{{ y }}"})
        );
    }
}
