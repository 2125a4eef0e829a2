//! What readers can reach: `gate check`.

use std::io::{self, Write};

use serde_json::json;

use crate::gate::{Asked, Reach, Reached, Weight};

use super::text::counted;

fn word(weight: Weight) -> &'static str {
    match weight {
        Weight::Finding => "finding",
        Weight::Note => "note",
    }
}

fn count(reach: &Reach, weight: Weight) -> usize {
    reach.found.iter().filter(|found| found.weight == weight).count()
}

/// For people.
pub fn reach_text(out: &mut dyn Write, schema: &str, reach: &Reach) -> io::Result<()> {
    if reach.readers.is_empty() {
        writeln!(out, "The published schema {schema} has no readers.")?;
    }
    for (reader, asked) in &reach.readers {
        let how = match asked {
            Asked::InItsRole(tried) => {
                format!(
                    "the catalogue, and a SELECT in its role on {}",
                    counted(*tried, "relation")
                )
            }
            Asked::Catalogue => "the catalogue only: this connection may not take its role".to_owned(),
            Asked::Missing => "nothing: there is no such role".to_owned(),
        };
        writeln!(out, "{reader}: asked {how}")?;
    }
    for found in &reach.found {
        let Reached { kind, object, why, .. } = found;
        let roles = found.roles.join(", ");
        writeln!(out, "\n{} {kind} {object}: {roles}\n  {why}", word(found.weight))?;
        if !found.close.is_empty() {
            writeln!(out, "  close it with: {}", found.close)?;
        }
    }
    let findings = counted(count(reach, Weight::Finding), "finding");
    let notes = counted(count(reach, Weight::Note), "note");
    writeln!(out, "\n{findings}, {notes}.")
}

/// For programs.
pub fn reach_json(out: &mut dyn Write, schema: &str, reach: &Reach) -> io::Result<()> {
    let readers: Vec<_> = reach
        .readers
        .iter()
        .map(|(reader, asked)| match asked {
            Asked::InItsRole(tried) => json!({"role": reader, "asked": "in_its_role", "relations_tried": tried}),
            Asked::Catalogue => json!({"role": reader, "asked": "catalogue", "relations_tried": 0}),
            Asked::Missing => json!({"role": reader, "asked": "missing", "relations_tried": 0}),
        })
        .collect();
    let found: Vec<_> = reach
        .found
        .iter()
        .map(|found| {
            json!({
                "level": word(found.weight),
                "kind": found.kind,
                "object": found.object,
                "roles": found.roles,
                "why": found.why,
                "close": found.close,
            })
        })
        .collect();
    let whole = json!({
        "published_schema": schema,
        "readers": readers,
        "findings": count(reach, Weight::Finding),
        "notes": count(reach, Weight::Note),
        "found": found,
    });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    writeln!(out)
}
