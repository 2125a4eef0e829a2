//! `gate:` of the project file.

use super::{Certification, Entry, Reader, Section, Yaml};
use crate::diagnostic::{Diagnostic, Place};

/// Where the published tables go and who may read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    pub schema: String,
    /// Roles that get USAGE and SELECT there.
    pub readers: Vec<String>,
    /// Certified versions of a table that are kept for a rollback, the current one among them. At least 1.
    pub keep: u32,
    /// What readers saw within so many days is kept, however many versions that are.
    pub keep_days: u32,
    /// What is published of a model that is public no more stays where readers see it.
    pub keep_removed: bool,
    /// All that a run publishes becomes visible at once.
    pub together: bool,
    /// Models that are published in one transaction whatever hangs together.
    pub sets: Vec<NamedSet>,
    pub certification: Certification,
}

/// An entry of `gate.sets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSet {
    pub name: String,
    /// Names of models, or selectors such as `path:models/voice`, each with its place.
    pub models: Vec<(String, Place)>,
}

pub(super) fn read(yaml: &Yaml, reader: &mut Reader) -> Option<Gate> {
    let mut section = Section::of(yaml, "`gate`", reader)?;
    let schema = section.required("schema", reader).filter(|schema| {
        let wrong = unusable_schema(schema);
        if let Some((message, cause)) = wrong {
            reader.problems.push(
                Diagnostic::error("wrong-value", format!("the published schema `{schema}` {message}"))
                    .at(yaml
                        .get("schema")
                        .map_or_else(|| yaml.place.clone(), |value| value.place.clone()))
                    .because(cause)
                    .help("choose another name, of at most 53 bytes, such as `analytics`"),
            );
        }
        wrong.is_none()
    });
    let readers = section.strings("readers", reader).unwrap_or_default();
    let keep = section.integer("keep", reader).unwrap_or(3);
    let keep = u32::try_from(keep).ok().filter(|keep| *keep > 0).unwrap_or_else(|| {
        reader.problems.push(
            Diagnostic::error("wrong-value", format!("`keep: {keep}` keeps no version at all"))
                .at(yaml
                    .get("keep")
                    .map_or_else(|| yaml.place.clone(), |value| value.place.clone()))
                .help("keep at least 1: the version that readers see"),
        );
        1
    });
    let days = section.integer("keep_days", reader).unwrap_or(0);
    let keep_days = u32::try_from(days).ok().filter(|days| *days <= 36_500);
    let keep_days = keep_days.unwrap_or_else(|| {
        reader.problems.push(
            Diagnostic::error("wrong-value", format!("`keep_days: {days}` is no number of days"))
                .at(yaml
                    .get("keep_days")
                    .map_or_else(|| yaml.place.clone(), |value| value.place.clone()))
                .help("give a whole number from 0 to 36500; 0 keeps `keep` versions and no more"),
        );
        0
    });
    let keep_removed = section.flag("keep_removed", reader).unwrap_or(false);
    let together = section.flag("together", reader).unwrap_or(false);
    let sets = section.map("sets", reader).iter();
    let sets = sets.map(|entry| named_set(entry, reader)).collect();
    let certification = Certification::read(&mut section, reader);
    section.finish(reader);
    Some(Gate {
        schema: schema?,
        readers,
        keep,
        keep_days,
        keep_removed,
        together,
        sets,
        certification,
    })
}

/// `voice: [fact_sessions, path:models/voice]`, or one such text.
fn named_set(entry: &Entry, reader: &mut Reader) -> NamedSet {
    let one = std::slice::from_ref(&entry.value);
    let mut models = Vec::new();
    for item in entry.value.as_list().unwrap_or(one) {
        match item.as_str() {
            Some(text) => models.push((text.to_owned(), item.place.clone())),
            None => reader.wrong_type(&entry.key, "a list of models or selectors", item),
        }
    }
    NamedSet {
        name: entry.key.clone(),
        models,
    }
}

/// What is wrong with a schema as the published one, and why.
fn unusable_schema(schema: &str) -> Option<(&'static str, &'static str)> {
    if schema.len() + "__versions".len() > 63 {
        return Some((
            "has too long a name",
            "versions live in the schema of that name with `__versions` behind it; names have at most 63 bytes",
        ));
    }
    if schema == "assay" {
        return Some(("is the ledger's", "readers would see the records of the gate itself"));
    }
    if schema.ends_with("__versions") {
        return Some((
            "is named like a schema of versions",
            "readers would see, or a run would drop, what another published schema keeps there",
        ));
    }
    if schema.starts_with("pg_") || schema == "information_schema" {
        return Some(("is the server's own", "PostgreSQL keeps names like this for itself"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_that_cannot_be_published() {
        let long = "a".repeat(54);
        for schema in [
            "assay",
            "analytics__versions",
            "pg_catalog",
            "information_schema",
            &long,
        ] {
            assert!(unusable_schema(schema).is_some(), "{schema}");
        }
        for schema in ["analytics", "Assay", "public", &long[1..]] {
            assert_eq!(unusable_schema(schema), None, "{schema}");
        }
    }
}
