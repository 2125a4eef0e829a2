//! Names: a version of a published model, and where versions live.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::sql::Relation;

/// PostgreSQL's longest name, in bytes.
pub(super) const NAME_BYTES: usize = 63;

const STAGE: &str = "__stage";
const CANDIDATE: &str = "__candidate";

/// The schema that holds versions and candidates; no reader may use it.
#[must_use]
pub fn versions_schema(published_schema: &str) -> String {
    format!("{published_schema}__versions")
}

/// SHA-256 of the parts, each with its length, as hexadecimal.
#[must_use]
pub fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// `<model>__<8 digits of its definition>_<8 digits of the run>`: what it was built from, and when.
#[must_use]
pub fn version_relation(published: &Relation, definition: &str, run_id: &str) -> Relation {
    let run = fingerprint(&[run_id]);
    let suffix = format!("__{}_{}", &definition[..8.min(definition.len())], &run[..8]);
    in_versions(published, &suffix)
}

/// Whether two versions were built from the same definition, by their names.
#[must_use]
pub fn same_definition(one: &Relation, other: &Relation) -> bool {
    let definition = |version: &Relation| {
        let (before, _run) = version.identifier.rsplit_once('_')?;
        let (_model, definition) = before.rsplit_once("__")?;
        Some(definition.to_owned())
    };
    definition(one) == definition(other)
}

/// The rows that a delta brings, while they wait for their audit.
#[must_use]
pub fn stage_relation(published: &Relation) -> Relation {
    in_versions(published, STAGE)
}

/// Values of a column that a delta took away, while tests of what points to them wait.
#[must_use]
pub fn gone_relation(published: &Relation, field: &str) -> Relation {
    in_versions(published, &format!("__gone_{}", &fingerprint(&[field])[..8]))
}

/// What readers would see if the last refused delta had been let in.
#[must_use]
pub fn candidate_relation(published: &Relation) -> Relation {
    in_versions(published, CANDIDATE)
}

/// Whether every run that builds the model uses this name again.
pub(super) fn is_reused(name: &str) -> bool {
    [STAGE, CANDIDATE].iter().any(|suffix| name.ends_with(suffix))
}

fn in_versions(published: &Relation, suffix: &str) -> Relation {
    let mut room = NAME_BYTES - suffix.len();
    if published.identifier.len() > room {
        // Two long names that begin alike must not meet.
        let hash = &fingerprint(&[&published.identifier])[..8];
        room -= hash.len() + 1;
        while !published.identifier.is_char_boundary(room) {
            room -= 1;
        }
        let name = format!("{}_{hash}{suffix}", &published.identifier[..room]);
        return Relation::new(None, versions_schema(&published.schema), name);
    }
    Relation::new(
        None,
        versions_schema(&published.schema),
        format!("{}{suffix}", published.identifier),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_differ() {
        let definition = fingerprint(&["select 1"]);
        let short = version_relation(&Relation::new(None, "analytics", "m"), &definition, "r1");
        assert_eq!(short.schema, "analytics__versions");
        assert!(short.identifier.starts_with("m__"));
        let long = |end: &str| {
            let name = format!("{}{end}", "é".repeat(29));
            version_relation(&Relation::new(None, "analytics", name), &definition, "r1")
        };
        assert!(long("abcd").identifier.len() <= NAME_BYTES);
        assert_ne!(long("abcd"), long("abce"));
    }

    #[test]
    fn fingerprint_is_sha256_of_length_prefixed_parts() {
        // python3: hashlib.sha256((3).to_bytes(8,'little')+b'abc').hexdigest()[:16]
        assert_eq!(&fingerprint(&["abc"])[..16], "ce91dc5eec0139ad");
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
    }
}
