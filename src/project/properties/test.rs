//! A data test as it is written below a model, a seed, a source or a column.

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place};
use crate::project::{Entry, Kind, Reader, Section, Setting, Settings, Yaml, read_settings};

#[derive(Clone, Debug)]
pub struct TestProperties {
    /// The macro's name without `test_`.
    pub name: String,
    /// The package written before the name.
    pub namespace: Option<String>,
    /// What the test is to be called, in place of the name that is made for it.
    pub custom_name: Option<String>,
    pub description: String,
    /// What the macro is given, not rendered.
    pub args: IndexMap<String, Json>,
    /// `arguments` name a column, which counts more than the one that the test stands below.
    pub names_column: bool,
    pub config: Settings,
    pub place: Place,
}

/// Keys of a test's config that may stand beside its arguments too.
const CONFIG_ARGS: &[&str] = &[
    "alias",
    "audit_keys",
    "audit_scope",
    "database",
    "enabled",
    "error_if",
    "fail_calc",
    "limit",
    "meta",
    "schema",
    "severity",
    "store_failures",
    "store_failures_as",
    "tags",
    "warn_if",
    "where",
];

impl TestProperties {
    /// The tests of `data_tests` or, as it was once called, `tests`.
    pub fn read_list(section: &mut Section, reader: &mut Reader) -> Vec<Self> {
        let old = section.take("tests");
        let items = section.list("data_tests", reader);
        if let Some(old) = old {
            if items.is_empty() {
                return section
                    .list("tests", reader)
                    .iter()
                    .filter_map(|item| Self::read(item, reader))
                    .collect();
            }
            reader.problems.push(
                Diagnostic::error("both-tests", "`tests` and `data_tests` mean the same")
                    .at(old.place.clone())
                    .help("move everything below `data_tests`"),
            );
        }
        items.iter().filter_map(|item| Self::read(item, reader)).collect()
    }

    fn read(yaml: &Yaml, reader: &mut Reader) -> Option<Self> {
        let bad = |message: String, place: &Place| {
            Diagnostic::error("bad-test", message)
                .at(place.clone())
                .help("write `- name`, `- name: {argument: value}`, or `- test_name: name` with arguments beside it")
        };
        match &yaml.kind {
            Kind::String(name) => Some(Self::made(name, &[], &yaml.place, reader)),
            Kind::Map(entries) => {
                if let Some(name) = yaml.get("test_name").and_then(Yaml::as_str) {
                    let rest: Vec<Entry> = entries
                        .iter()
                        .filter(|entry| entry.key != "test_name")
                        .cloned()
                        .collect();
                    let place = entries.first().map_or(&yaml.place, |entry| &entry.place);
                    return Some(Self::made(name, &rest, place, reader));
                }
                let [entry] = &entries[..] else {
                    let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
                    reader.problems.push(bad(
                        format!("a test has one name, not {}: {}", entries.len(), keys.join(", ")),
                        &yaml.place,
                    ));
                    return None;
                };
                match &entry.value.kind {
                    Kind::Map(args) => Some(Self::made(&entry.key, args, &entry.place, reader)),
                    Kind::Null => Some(Self::made(&entry.key, &[], &entry.place, reader)),
                    _ => {
                        reader.problems.push(bad(
                            format!("the arguments of test `{}` are {}", entry.key, entry.value.describe()),
                            &entry.value.place,
                        ));
                        None
                    }
                }
            }
            _ => {
                reader
                    .problems
                    .push(bad(format!("a test is a name, not {}", yaml.describe()), &yaml.place));
                None
            }
        }
    }

    fn made(name: &str, entries: &[Entry], place: &Place, reader: &mut Reader) -> Self {
        let (namespace, name) = match name.split_once('.') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, name),
        };
        let mut test = Self {
            name: name.to_owned(),
            namespace,
            custom_name: None,
            description: String::new(),
            args: IndexMap::new(),
            names_column: false,
            config: Settings::new(),
            place: place.clone(),
        };
        // What stands under `arguments` counts as if it stood beside it, and wins.
        let nested = entries
            .iter()
            .find_map(|entry| match (entry.key.as_str(), &entry.value.kind) {
                ("arguments", Kind::Map(args)) => Some(&args[..]),
                _ => None,
            });
        let nested = nested.unwrap_or_default();
        test.names_column = nested.iter().any(|entry| entry.key == "column_name");
        let beside = entries.iter().filter(|entry| {
            let again = nested.iter().any(|other| other.key == entry.key);
            !again
                && !matches!(
                    (entry.key.as_str(), &entry.value.kind),
                    ("arguments", Kind::Null | Kind::Map(_))
                )
        });
        let all: Vec<&Entry> = beside.chain(nested).collect();
        if let Some(config) = all.iter().find(|entry| entry.key == "config") {
            let config = rendered(&config.value, reader);
            test.config = read_settings(Some(&config), &format!("test `{name}`"), reader);
        }
        for entry in all {
            match (entry.key.as_str(), &entry.value.kind) {
                ("config", _) => {}
                ("name", Kind::String(custom)) => test.custom_name = Some(custom.clone()),
                ("description", Kind::String(described)) => test.description.clone_from(described),
                (key, _) if CONFIG_ARGS.contains(&key) => test.take_config(entry, reader),
                (key, _) => {
                    test.args.insert(key.to_owned(), entry.value.to_json());
                }
            }
        }
        test
    }

    /// Configuration beside the arguments.
    fn take_config(&mut self, entry: &Entry, reader: &mut Reader) {
        let (name, key) = (&self.name, &entry.key);
        if self.config.contains_key(key) {
            reader.problems.push(
                Diagnostic::error(
                    "bad-test",
                    format!("test `{name}` has `{key}` twice: beside its arguments and in its config"),
                )
                .at(entry.place.clone())
                .help("keep the one in `config`"),
            );
            return;
        }
        self.config.insert(
            key.clone(),
            Setting {
                value: rendered(&entry.value, reader).to_json(),
                place: entry.value.place.clone(),
                written: None,
            },
        );
    }
}

/// A test's arguments are left for its macro to render; its config is wanted before.
fn rendered(yaml: &Yaml, reader: &mut Reader) -> Yaml {
    reader.rendered(yaml, &|key| matches!(key, "meta"))
}
