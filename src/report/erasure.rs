//! What `erase` takes away, and what it cannot reach, for people and as JSON.

use std::io::{self, Write};

use serde_json::{Value as Json, json};

use crate::gate::Erased;

use super::text::counted_u64;

/// What an erasure found, and what became of it.
#[derive(Clone, Debug, Default)]
pub struct ErasureStory {
    /// How many keys were named or met a condition.
    pub persons: usize,
    pub done: Vec<Erased>,
    /// Relation and why.
    pub not_covered: Vec<(String, String)>,
    /// Sources that do not exist.
    pub absent: Vec<String>,
    /// Names of models whose readers see fewer rows at once.
    pub vacuumed: Vec<String>,
    /// Tables that could not be vacuumed, and why.
    pub not_vacuumed: Vec<(String, String)>,
    pub dry_run: bool,
}

impl ErasureStory {
    /// Rows that are deleted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.done
            .iter()
            .filter(|one| one.what == "deleted")
            .map(|one| one.rows)
            .sum()
    }
}

pub fn erasure_text(out: &mut impl Write, story: &ErasureStory) -> io::Result<()> {
    if story.persons == 0 {
        return writeln!(out, "Nobody meets the condition; nothing is erased.");
    }
    let would = if story.dry_run { "would be " } else { "" };
    for one in &story.done {
        let rows = counted_u64(one.rows, "row");
        match one.what {
            "left" => {
                if one.rows > 0 {
                    writeln!(out, "{}: {rows} left in the source", one.relation)?;
                }
            }
            "refreshed" => writeln!(out, "{}: {would}refreshed", one.relation)?,
            what => writeln!(out, "{}: {rows} {would}{what}", one.relation)?,
        }
    }
    if !story.absent.is_empty() {
        writeln!(out, "sources that are not there: {}", story.absent.join(", "))?;
    }
    for (name, why) in &story.not_covered {
        writeln!(out, "NOT COVERED {name}: {why}")?;
    }
    for (name, why) in &story.not_vacuumed {
        writeln!(out, "NOT VACUUMED {name}: {why}")?;
    }
    let rows = counted_u64(story.rows(), "row");
    writeln!(out, "{rows} {would}deleted, {} not covered", story.not_covered.len())?;
    if story.done.iter().any(|one| one.what == "left" && one.rows > 0) {
        writeln!(
            out,
            "The sources still hold this person: delete there first, or give --include-sources, or the next run brings the rows back."
        )?;
    }
    if !story.dry_run {
        writeln!(
            out,
            "Audits were not run again; the next build does. Backups, the write-ahead log, replicas and logs of the server are out of reach."
        )?;
    }
    Ok(())
}

pub fn erasure_json(out: &mut impl Write, story: &ErasureStory) -> io::Result<()> {
    let pairs = |pairs: &[(String, String)]| -> Vec<Json> {
        pairs
            .iter()
            .map(|(name, why)| json!({"relation": name, "why": why}))
            .collect()
    };
    let whole = json!({
        "dry_run": story.dry_run,
        "persons": story.persons,
        "relations": story.done,
        "rows": story.rows(),
        "not_covered": pairs(&story.not_covered),
        "absent": story.absent,
        "vacuumed": story.vacuumed,
        "not_vacuumed": pairs(&story.not_vacuumed),
    });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    writeln!(out)
}
