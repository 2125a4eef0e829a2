//! `profiles.yml`: where it is, and one output of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_yaml::{Mapping, Value};

use super::{Environment, Request};
use crate::diagnostic::{Diagnostic, Place, SourceFile, nearest};

pub(super) const NAME: &str = "profiles.yml";

/// The folder that somebody named, and by what.
fn named(typed: Option<&Path>, environment: &Environment) -> Option<(PathBuf, &'static str)> {
    typed.map(|path| (path.to_owned(), "--profiles-dir")).or_else(|| {
        ["ASSAY_PROFILES_DIR", "DBT_PROFILES_DIR"]
            .into_iter()
            .find_map(|name| Some((PathBuf::from(environment.filled(name)?), name)))
    })
}

fn of_user(environment: &Environment) -> Option<PathBuf> {
    environment.home().map(|home| home.join(".dbt"))
}

/// The folder of the profiles: the one that was named, else the project's where it has them, else the user's own.
pub fn folder(project_dir: &Path, typed: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    named(typed, environment)
        .map(|(folder, _)| folder)
        .or_else(|| Some(project_dir.to_owned()).filter(|folder| folder.join(NAME).is_file()))
        .or_else(|| of_user(environment))
}

/// The profiles file that dbt would read. A directory that was named must have one.
pub(super) fn find(request: &Request<'_>, environment: &Environment) -> Result<Option<PathBuf>, Diagnostic> {
    let Some(folder) = folder(request.project_dir, request.profiles_dir, environment) else {
        return Ok(None);
    };
    let path = folder.join(NAME);
    if path.is_file() {
        return Ok(Some(path));
    }
    match named(request.profiles_dir, environment) {
        Some((_, by)) => Err(
            Diagnostic::error("no-profile", format!("there is no {}", path.display()))
                .because(format!("{by} names that directory"))
                .help(format!("correct {by}, or create the file")),
        ),
        None => Ok(None),
    }
}

/// A profiles file, parsed.
pub(super) struct ProfilesFile {
    /// For places; its text is the file's with the passwords masked, since messages show lines of it.
    pub(super) file: Arc<SourceFile>,
    pub(super) text: String,
    profiles: Mapping,
}

/// One output of one profile.
pub(super) struct Output {
    pub(super) target: String,
    pub(super) values: Mapping,
    /// Of the output's name.
    pub(super) place: Place,
}

impl ProfilesFile {
    pub(super) fn read(path: &Path, project_dir: &Path) -> Result<Self, Diagnostic> {
        let shown = path
            .strip_prefix(project_dir)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::error("unreadable-file", format!("cannot read {shown}")).because(error.to_string())
        })?;
        let file = SourceFile::new(shown, masked(&text));
        let mut value: Value = serde_yaml::from_str(&text).map_err(|error| syntax(&file, &error))?;
        value.apply_merge().map_err(|error| syntax(&file, &error))?;
        let place = place_of(&file, &value);
        match value {
            Value::Mapping(profiles, ..) => Ok(Self { file, text, profiles }),
            Value::Null(..) => Ok(Self {
                file,
                text,
                profiles: Mapping::new(),
            }),
            _ => Err(Diagnostic::error(
                "wrong-type",
                "a profiles file is a mapping from profile names to profiles",
            )
            .at(place)),
        }
    }

    pub(super) fn has(&self, profile: &str) -> bool {
        self.profiles.contains_key(profile)
    }

    pub(super) fn no_profile(&self, profile: &str) -> Diagnostic {
        let names: Vec<&str> = self
            .profiles
            .keys()
            .filter_map(Value::as_str)
            .filter(|name| *name != "config")
            .collect();
        let listed = if names.is_empty() {
            "the file has no profile".to_owned()
        } else {
            format!("the file has: {}", names.join(", "))
        };
        let help = match nearest(profile, names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "add it, or name another with `--profile`; without any profile the project's own server is used"
                .to_owned(),
        };
        Diagnostic::error(
            "no-profile",
            format!("there is no profile `{profile}` in {}", self.file.path),
        )
        .because(listed)
        .help(help)
    }

    /// The output that `--target` names, or the profile's own `target:`, or `default`.
    pub(super) fn output(
        &self,
        profile: &str,
        target: Option<&str>,
        render: impl Fn(&Value, &Place) -> Result<String, Diagnostic>,
    ) -> Result<Output, Diagnostic> {
        let Some(value) = self.profiles.get(profile) else {
            return Err(self.no_profile(profile));
        };
        let place = self.key_place(&self.profiles, profile);
        let Some(body) = value.as_mapping() else {
            return Err(Diagnostic::error("wrong-type", format!("the profile `{profile}` is not a mapping")).at(place));
        };
        let target = match (target, body.get("target")) {
            (Some(target), _) => target.to_owned(),
            (None, Some(value)) => render(value, &place_of(&self.file, value))?,
            (None, None) => "default".to_owned(),
        };
        let Some(outputs) = body.get("outputs").and_then(Value::as_mapping) else {
            return Err(
                Diagnostic::error("missing-key", format!("the profile `{profile}` has no `outputs:`"))
                    .at(place)
                    .help("add `outputs:` with one mapping a target"),
            );
        };
        let names: Vec<&str> = outputs.keys().filter_map(Value::as_str).collect();
        let Some(value) = outputs.get(target.as_str()) else {
            let help = nearest(&target, names.iter().copied()).map_or_else(
                || format!("the profile has: {}", names.join(", ")),
                |name| format!("did you mean `{name}`?"),
            );
            return Err(
                Diagnostic::error("no-target", format!("the profile `{profile}` has no target `{target}`"))
                    .at(body.get("target").map_or(place, |value| place_of(&self.file, value)))
                    .help(help),
            );
        };
        let Some(values) = value.as_mapping() else {
            return Err(
                Diagnostic::error("wrong-type", format!("the output `{target}` is not a mapping"))
                    .at(place_of(&self.file, value)),
            );
        };
        Ok(Output {
            place: self.key_place(outputs, &target),
            values: values.clone(),
            target,
        })
    }

    fn key_place(&self, mapping: &Mapping, key: &str) -> Place {
        mapping
            .keys()
            .find(|name| name.as_str() == Some(key))
            .map_or_else(|| Place::new(&self.file, 0..0), |name| place_of(&self.file, name))
    }
}

/// The text with each password that is written out replaced by as many stars, so that places stay where they are.
fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let lower = line.to_ascii_lowercase();
        let value = ["password", "pass"].iter().find_map(|key| {
            let after = lower.find(key)? + key.len();
            let colon = after + lower[after..].find(':')?;
            lower[after..colon]
                .chars()
                .all(|c| c == '"' || c == '\'' || c == ' ')
                .then_some(colon + 1)
        });
        match value {
            Some(start) if !line[start..].contains("{{") => {
                shown.push_str(&line[..start]);
                let value = &line[start..];
                shown.extend(value.chars().flat_map(|c| {
                    let star = if c.is_whitespace() { c } else { '*' };
                    std::iter::repeat_n(star, if c.is_whitespace() { 1 } else { c.len_utf8() })
                }));
            }
            _ => shown.push_str(line),
        }
    }
    shown
}

/// Where a value stands in its file.
pub(super) fn place_of(file: &Arc<SourceFile>, value: &Value) -> Place {
    let span = value.span();
    if !span.is_valid() {
        return Place::new(file, 0..0);
    }
    let start = Place::at(file, span.start.line, span.start.column).span.start;
    let end = Place::at(file, span.end.line, span.end.column).span.start;
    // A block's span ends where the next token begins.
    let end = start
        + file
            .text
            .get(start..end.max(start))
            .map_or(0, |text| text.trim_end().len());
    Place::new(file, start..end)
}

fn syntax(file: &Arc<SourceFile>, error: &serde_yaml::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error("yaml-syntax", format!("{} is not well-formed YAML", file.path))
        .because(error.display_no_mark().to_string())
        .help("check the indentation, and put values that hold `: `, `#`, `{` or `[` into quotes");
    match error.location() {
        Some(marker) => diagnostic.at(Place::at(file, marker.line(), marker.column())),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_in_place() {
        let text = "user: me\npassword: hünter2\n  \"pass\" : 'a: b'\npass: \"{{ env_var('X') }}\"\npassage: x\n";
        let shown = masked(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(
            shown,
            "user: me\npassword: ********\n  \"pass\" : *** **\npass: \"{{ env_var('X') }}\"\npassage: x\n"
        );
    }
}
