//! One entry of `packages:` and what it asks for.

use serde_json::{Map, Value as Json, json};

use super::mask::Mask;
use crate::diagnostic::{Diagnostic, Place, nearest};

/// Where a package comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A folder, used where it is.
    Local {
        folder: String,
    },
    /// The package hub.
    Hub {
        package: String,
        versions: Vec<String>,
        prereleases: bool,
    },
    Git {
        url: String,
        /// The URL as it is written: secrets are named in it, not told.
        written: String,
        revision: Option<String>,
        subdirectory: Option<String>,
        warn_unpinned: bool,
    },
    Tarball {
        url: String,
        written: String,
        name: String,
    },
}

/// What a project asks for.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub origin: Origin,
    /// Where it is written, if in a file of the project.
    pub place: Option<Place>,
    /// Who asks: a file or a package.
    pub asked_by: String,
    /// The project's own name of an entry of the lock file.
    pub name: Option<String>,
    /// What `sha1_hash` of the lock file is made of.
    pub fingerprint: Json,
}

const KINDS: [&str; 5] = ["local", "package", "git", "tarball", "private"];

impl Entry {
    /// Reads an entry: as it is written, and with its Jinja rendered.
    pub(super) fn read(
        written: &Json,
        rendered: &Json,
        place: Option<&Place>,
        asked_by: &str,
        mask: &Mask,
    ) -> Result<Self, Diagnostic> {
        let reading = Reading {
            written,
            rendered,
            place,
            asked_by,
            mask,
        };
        let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| rendered.get(kind).is_some()).collect();
        let kind = match kinds[..] {
            [kind] => kind,
            [] => {
                return Err(reading
                    .wrong("a package says where it comes from")
                    .help("give it one of `package`, `git`, `local` and `tarball`"));
            }
            _ => {
                return Err(reading
                    .wrong(&format!("`{}` do not go together", kinds.join("` and `")))
                    .help("a package comes from one place; write two entries for two packages"));
            }
        };
        let (origin, fingerprint) = match kind {
            "local" => reading.local()?,
            "package" => reading.hub()?,
            "git" => reading.git()?,
            "tarball" => reading.tarball()?,
            _ => {
                let mut refused = Diagnostic::error("not-supported", "packages from `private:` are not supported")
                    .because("dbt resolves them with the integrations of a dbt platform account")
                    .help("name the repository with `git:` instead");
                refused.place = place.cloned();
                return Err(refused);
            }
        };
        let name = rendered.get("name").and_then(Json::as_str).map(str::to_owned);
        Ok(Self {
            origin,
            place: place.cloned(),
            asked_by: asked_by.to_owned(),
            name,
            fingerprint,
        })
    }

    /// What to call it in messages.
    pub(super) fn shown(&self) -> String {
        match &self.origin {
            Origin::Local { folder } => folder.clone(),
            Origin::Hub { package, .. } => package.clone(),
            Origin::Git { written, .. } => written.clone(),
            Origin::Tarball { name, .. } => name.clone(),
        }
    }
}

struct Reading<'a> {
    written: &'a Json,
    rendered: &'a Json,
    place: Option<&'a Place>,
    asked_by: &'a str,
    mask: &'a Mask,
}

type Read = Result<(Origin, Json), Diagnostic>;

impl Reading<'_> {
    fn local(&self) -> Read {
        self.only(&["local", "name"])?;
        let folder = self.required("local")?;
        let mut fingerprint = Map::new();
        fingerprint.insert("local".into(), json!(folder));
        Ok((Origin::Local { folder }, self.finished(fingerprint)))
    }

    fn hub(&self) -> Read {
        self.only(&["package", "version", "install_prerelease", "name"])?;
        let package = self.required("package")?;
        if !package.contains('/') {
            return Err(self
                .wrong(&format!("`{package}` is no package of the hub"))
                .help("a package of the hub is named with its owner: dbt-labs/dbt_utils"));
        }
        let version = match self.rendered.get("version") {
            Some(Json::Array(items)) => Json::Array(
                items
                    .iter()
                    .map(|item| self.scalar("version", item))
                    .collect::<Result<_, _>>()?,
            ),
            Some(Json::Null) | None => Json::Null,
            Some(other) => self.scalar("version", other)?,
        };
        let versions: Vec<String> = match &version {
            Json::Array(items) => items.iter().map(python_text).collect(),
            Json::Null => Vec::new(),
            one => vec![python_text(one)],
        };
        if versions.iter().all(String::is_empty) {
            return Err(self
                .wrong(&format!("`{package}` says no version"))
                .help("a package of the hub needs one: `version: [\">=1.0.0\", \"<2.0.0\"]`"));
        }
        let prereleases = self.switch("install_prerelease")?;
        let mut fingerprint = Map::new();
        let written = self.rendered.get("install_prerelease").cloned();
        fingerprint.insert("install_prerelease".into(), written.unwrap_or(Json::Bool(false)));
        fingerprint.insert("package".into(), json!(package));
        fingerprint.insert("version".into(), version);
        let origin = Origin::Hub {
            package,
            versions,
            prereleases: prereleases == Some(true),
        };
        Ok((origin, self.finished(fingerprint)))
    }

    fn git(&self) -> Read {
        self.only(&["git", "revision", "warn-unpinned", "subdirectory", "name"])?;
        let url = self.required("git")?;
        let revision = match self.rendered.get("revision") {
            None | Some(Json::Null) => Json::Null,
            Some(other) => self.scalar("revision", other)?,
        };
        let subdirectory = match self.rendered.get("subdirectory") {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) if text.is_empty() => None,
            Some(_) => Some(self.required("subdirectory")?),
        };
        let warn = self.switch("warn-unpinned")?;
        let mut fingerprint = Map::new();
        fingerprint.insert("git".into(), json!(url));
        fingerprint.insert("revision".into(), revision.clone());
        let written = self.rendered.get("subdirectory").cloned();
        fingerprint.insert("subdirectory".into(), written.unwrap_or(Json::Null));
        fingerprint.insert("warn-unpinned".into(), json!(warn));
        let origin = Origin::Git {
            written: self.as_written("git", &url),
            url,
            revision: (!revision.is_null()).then(|| python_text(&revision)),
            subdirectory,
            warn_unpinned: warn != Some(false),
        };
        Ok((origin, self.finished(fingerprint)))
    }

    fn tarball(&self) -> Read {
        self.only(&["tarball", "name"])?;
        let (url, name) = (self.required("tarball")?, self.required("name")?);
        let mut fingerprint = Map::new();
        fingerprint.insert("tarball".into(), json!(url));
        let origin = Origin::Tarball {
            written: self.as_written("tarball", &url),
            url,
            name,
        };
        Ok((origin, self.finished(fingerprint)))
    }

    fn finished(&self, mut fingerprint: Map<String, Json>) -> Json {
        fingerprint.insert("unrendered".into(), self.written.clone());
        if let Some(Json::String(name)) = self.rendered.get("name") {
            fingerprint.insert("name".into(), json!(name));
        }
        Json::Object(fingerprint)
    }

    fn as_written(&self, key: &str, url: &str) -> String {
        let written = self.written.get(key).and_then(Json::as_str).unwrap_or(url);
        self.mask.secrets(written)
    }

    fn only(&self, known: &[&str]) -> Result<(), Diagnostic> {
        let Some(map) = self.rendered.as_object() else {
            return Err(self.wrong("a package is a mapping"));
        };
        let Some(unknown) = map.keys().find(|key| !known.contains(&key.as_str())) else {
            return Ok(());
        };
        let wrong = self.wrong(&format!("a package of this kind has no `{unknown}`"));
        Err(match nearest(unknown, known.iter().copied()) {
            Some(name) => wrong.help(format!("did you mean `{name}`?")),
            None => wrong.help("take it out"),
        })
    }

    fn required(&self, key: &str) -> Result<String, Diagnostic> {
        match self.rendered.get(key) {
            Some(Json::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
            Some(Json::String(_) | Json::Null) | None => Err(self
                .wrong(&format!("a package of this kind needs `{key}`"))
                .help(format!("give `{key}` a value"))),
            Some(_) => Err(self.wrong(&format!("`{key}` is text")).help("put it into quotes")),
        }
    }

    /// Text, or a number that was meant as text: whole numbers become text, others stay what they are.
    fn scalar(&self, key: &str, value: &Json) -> Result<Json, Diagnostic> {
        match value {
            Json::String(_) => Ok(value.clone()),
            Json::Number(number) if number.is_f64() => Ok(value.clone()),
            Json::Number(number) => Ok(json!(number.to_string())),
            _ => Err(self.wrong(&format!("`{key}` is text")).help("put it into quotes")),
        }
    }

    fn switch(&self, key: &str) -> Result<Option<bool>, Diagnostic> {
        match self.rendered.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Bool(on)) => Ok(Some(*on)),
            Some(_) => Err(self.wrong(&format!("`{key}` is true or false"))),
        }
    }

    fn wrong(&self, message: &str) -> Diagnostic {
        let wrong = Diagnostic::error("package-entry", self.mask.all(message));
        match self.place {
            Some(place) => wrong.at(place.clone()),
            None => wrong.because(format!("it is asked for by {}", self.asked_by)),
        }
    }
}

/// A scalar as Python's `str` shows it.
fn python_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// JSON as Python's `json.dumps(..., sort_keys=True)` writes it, for hashes that agree with dbt's.
pub(super) fn python_json(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let pairs: Vec<String> = keys
                .into_iter()
                .map(|key| format!("{}: {}", python_string(key), python_json(&map[key])))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(python_json).collect();
            format!("[{}]", items.join(", "))
        }
        Json::String(text) => python_string(text),
        other => other.to_string(),
    }
}

fn python_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &Json) -> Result<Entry, Diagnostic> {
        Entry::read(json, json, None, "packages.yml", &Mask::default())
    }

    #[test]
    fn fingerprints_are_dbts() {
        // What dbt 1.12 makes of these entries.
        for (entry, expected) in [
            (
                json!({"package": "a/b", "version": [1.5, "2"]}),
                r#"{"install_prerelease": false, "package": "a/b", "unrendered": {"package": "a/b", "version": [1.5, "2"]}, "version": [1.5, "2"]}"#,
            ),
            (
                json!({"package": "a/b", "version": 1}),
                r#"{"install_prerelease": false, "package": "a/b", "unrendered": {"package": "a/b", "version": 1}, "version": "1"}"#,
            ),
            (
                json!({"git": "x", "revision": "é"}),
                r#"{"git": "x", "revision": "\u00e9", "subdirectory": null, "unrendered": {"git": "x", "revision": "\u00e9"}, "warn-unpinned": null}"#,
            ),
            (
                json!({"local": "x", "name": "n"}),
                r#"{"local": "x", "name": "n", "unrendered": {"local": "x", "name": "n"}}"#,
            ),
        ] {
            assert_eq!(python_json(&read(&entry).unwrap().fingerprint), expected);
        }
    }

    #[test]
    fn what_is_no_package() {
        for (entry, said) in [
            (json!({"package": "a/b"}), "says no version"),
            (json!({"package": "ab", "version": "1.0.0"}), "no package of the hub"),
            (
                json!({"package": "a/b", "version": "1.0.0", "install-prerelease": true}),
                "did you mean `install_prerelease`?",
            ),
            (json!({"git": "x", "local": "y"}), "do not go together"),
            (json!({"tarball": "x"}), "needs `name`"),
            (json!({"private": "x"}), "not supported"),
            (json!({"local": ""}), "needs `local`"),
            (json!({"local": 5}), "`local` is text"),
            (json!({"wat": 5}), "says where it comes from"),
        ] {
            let shown = read(&entry).unwrap_err().to_string();
            assert!(shown.contains(said), "{said} is not in {shown}");
        }
    }
}
