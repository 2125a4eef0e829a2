//! One output of a profile, key by key, as a target.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value as Json;
use serde_yaml::Value;

use super::file::{Output, ProfilesFile, place_of};
use super::template::Template;
use super::{Password, PasswordSource, Secret, SslMode, Target, TargetKind};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, SourceFile, nearest};

/// What an output of type `postgres` may say (<https://docs.getdbt.com/docs/core/connect-data-platform/postgres-setup>).
const POSTGRES_KEYS: [&str; 21] = [
    "type",
    "host",
    "user",
    "pass",
    "password",
    "port",
    "dbname",
    "database",
    "schema",
    "threads",
    "role",
    "search_path",
    "sslmode",
    "sslcert",
    "sslkey",
    "sslrootcert",
    "connect_timeout",
    "keepalives_idle",
    "retries",
    "application_name",
    "options",
];

const LOCAL_KEYS: [&str; 5] = ["type", "schema", "threads", "search_path", "application_name"];

/// All that is wrong with an output is told at once.
pub(super) fn target(
    profile: &str,
    profiles: &ProfilesFile,
    output: &Output,
    renderer: &Template,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Target, Diagnostics> {
    let mut reader = Reader {
        file: &profiles.file,
        text: &profiles.text,
        values: IndexMap::new(),
        errors: Diagnostics::default(),
    };
    reader.load(output, renderer);
    let mut target = Target::local(profile, &output.place.to_string());
    target.name.clone_from(&output.target);
    let kind = reader.text("type");
    let keys: &[&str] = match kind.as_deref() {
        Some("postgres") => &POSTGRES_KEYS,
        Some("local") => &LOCAL_KEYS,
        Some(other) => {
            reader.errors.push(
                Diagnostic::error("wrong-type", format!("`type: {other}` is not supported"))
                    .at(reader.place("type", &output.place))
                    .because("Assay builds on PostgreSQL only")
                    .help("use `type: postgres`, or `type: local` for the project's own server"),
            );
            return Err(reader.errors);
        }
        None => {
            reader.missing("type", &output.place);
            return Err(reader.errors);
        }
    };
    warnings.extend(reader.unknown_keys(keys));
    if kind.as_deref() == Some("postgres") {
        target.kind = TargetKind::Postgres;
        // As dbt has it; the project's own server is there for nobody else.
        target.threads = 1;
    }
    reader.shared(&mut target);
    if target.kind == TargetKind::Postgres {
        reader.postgres(&mut target, &output.place);
    }
    if reader.errors.has_errors() {
        Err(reader.errors)
    } else {
        Ok(target)
    }
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    text: &'a str,
    /// Rendered; by key, with the places of key and value.
    values: IndexMap<String, (Place, Place, Json)>,
    errors: Diagnostics,
}

impl Reader<'_> {
    fn load(&mut self, output: &Output, renderer: &Template) {
        for (key, value) in &output.values {
            let key_place = place_of(self.file, key);
            let Some(key) = key.as_str() else {
                self.errors
                    .push(Diagnostic::error("wrong-type", "a key of an output is text").at(key_place));
                continue;
            };
            let place = place_of(self.file, value);
            let json = match value {
                Value::Null(..) => Ok(Json::Null),
                Value::String(text, ..) => renderer.render(text),
                // As written: a password of digits keeps its leading zeros.
                Value::Number(..) if matches!(key, "pass" | "password" | "user" | "dbname" | "database" | "schema") => {
                    Ok(Json::String(
                        self.text.get(place.span.clone()).unwrap_or_default().to_owned(),
                    ))
                }
                other => Ok(serde_json::to_value(other).unwrap_or(Json::Null)),
            };
            match json {
                Ok(json) => {
                    self.values.insert(key.to_owned(), (key_place, place, json));
                }
                Err(error) => {
                    let diagnostic = Diagnostic::error(
                        "profile-jinja",
                        format!("`{key}` cannot be rendered: {}", error.message),
                    )
                    .at(place);
                    self.errors.push(match error.help {
                        Some(help) => diagnostic.help(help),
                        None => diagnostic,
                    });
                }
            }
        }
    }

    fn unknown_keys(&self, known: &[&str]) -> Vec<Diagnostic> {
        self.values
            .iter()
            .filter(|(key, _)| !known.contains(&key.as_str()))
            .map(|(key, (place, ..))| {
                let warning = if POSTGRES_KEYS.contains(&key.as_str()) {
                    Diagnostic::warning("unknown-key", format!("`{key}` has no effect with `type: local`"))
                } else {
                    Diagnostic::warning("unknown-key", format!("`{key}` is not a key of a PostgreSQL output"))
                };
                let warning = warning.at(place.clone());
                match nearest(key, known.iter().copied()).filter(|name| name != key) {
                    Some(name) => warning.help(format!("did you mean `{name}`?")),
                    None => warning,
                }
            })
            .collect()
    }

    /// What every kind of output may say.
    fn shared(&mut self, target: &mut Target) {
        if let Some(schema) = self.text("schema") {
            target.schema = schema;
        }
        if let Some(threads) = self.whole("threads", 1, 1000) {
            target.threads = threads;
        }
        target.search_path = self.text("search_path");
        if let Some(name) = self.text("application_name") {
            target.application_name = name;
        }
    }

    fn postgres(&mut self, target: &mut Target, output: &Place) {
        target.host = self.required("host", output);
        target.user = self.required("user", output);
        target.dbname = match self.text("dbname") {
            Some(name) => name,
            None if self.values.contains_key("database") => self.required("database", output),
            None => self.required("dbname", output),
        };
        target.schema = self.required("schema", output);
        target.port = self.whole("port", 1, 65_535).unwrap_or(5432);
        for key in ["password", "pass"] {
            if let Some(password) = self.text(key) {
                target.password = Some(Password {
                    secret: Secret::new(password),
                    source: PasswordSource::Profile(self.place(key, output).to_string()),
                });
                break;
            }
        }
        target.role = self.text("role");
        target.options = self.text("options");
        target.sslmode = SslMode::default();
        if let Some(mode) = self.text("sslmode") {
            if let Some(mode) = SslMode::parse(&mode) {
                target.sslmode = mode;
            } else {
                let error = Diagnostic::error("wrong-type", format!("`{mode}` is not an sslmode"))
                    .at(self.place("sslmode", output))
                    .help(format!("one of {}", SslMode::NAMES.join(", ")));
                self.errors.push(error);
            }
        }
        target.sslcert = self.text("sslcert").map(PathBuf::from);
        target.sslkey = self.text("sslkey").map(PathBuf::from);
        target.sslrootcert = self.text("sslrootcert").map(PathBuf::from);
        if let Some(seconds) = self.whole("connect_timeout", 0, 86_400) {
            target.connect_timeout = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.whole("keepalives_idle", 0, 86_400) {
            target.keepalives_idle = Duration::from_secs(seconds);
        }
        if let Some(retries) = self.whole("retries", 0, 100) {
            target.retries = retries;
        }
    }

    fn place(&self, key: &str, otherwise: &Place) -> Place {
        self.values
            .get(key)
            .map_or_else(|| otherwise.clone(), |(_, place, _)| place.clone())
    }

    /// `None` where it is absent, null or empty.
    fn text(&mut self, key: &str) -> Option<String> {
        let (_, place, value) = self.values.get(key)?;
        match value {
            Json::Null => None,
            Json::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            // An expression may have made a number of what is text.
            Json::Number(number) => Some(number.to_string()),
            _ => {
                let error = Diagnostic::error("wrong-type", format!("`{key}` is text")).at(place.clone());
                self.errors.push(error);
                None
            }
        }
    }

    fn required(&mut self, key: &str, output: &Place) -> String {
        let before = self.errors.0.len();
        let failed_to_render = self
            .errors
            .0
            .iter()
            .any(|error| error.message.starts_with(&format!("`{key}` ")));
        let text = self.text(key);
        if text.is_none() && self.errors.0.len() == before && !failed_to_render {
            self.missing(key, output);
        }
        text.unwrap_or_default()
    }

    fn missing(&mut self, key: &str, output: &Place) {
        let error = Diagnostic::error("missing-key", format!("the output has no `{key}`"))
            .at(output.clone())
            .help(format!("add `{key}:` to it"));
        self.errors.push(error);
    }

    /// A whole number, also one written as text, as environment variables are.
    fn whole<T: TryFrom<i64>>(&mut self, key: &str, least: i64, most: i64) -> Option<T> {
        let (_, place, value) = self.values.get(key)?;
        let number = match value {
            Json::Null => return None,
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let fitting = number
            .filter(|number| (least..=most).contains(number))
            .and_then(|number| T::try_from(number).ok());
        if fitting.is_none() {
            let error = Diagnostic::error(
                "wrong-type",
                format!("`{key}` is a whole number from {least} to {most}"),
            )
            .at(place.clone())
            .help("of an environment variable: `\"{{ env_var('NAME') | int }}\"`");
            self.errors.push(error);
        }
        fitting
    }
}
