//! What `gc` drops and keeps, for people and as JSON.

use std::io::{self, Write};

use serde_json::{Value as Json, json};

use crate::gate::{Inventory, Stored, Timings};

use super::text::{counted, counted_u64};

/// What `gc` found, and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    pub schema: String,
    pub dry_run: bool,
    /// Published names that readers lose, since the project does not publish them any more.
    pub retired: Vec<String>,
    /// Those that stay published all the same, and why.
    pub staying: Vec<(String, String)>,
    pub inventory: Inventory,
    /// Due, but still there: name and why.
    pub left: Vec<(String, String)>,
    /// `None` where the ledger forgets nothing.
    pub timings: Option<Timings>,
}

impl Collection {
    fn is_left(&self, stored: &Stored) -> bool {
        self.left.iter().any(|(name, _)| *name == stored.version)
    }

    fn gone(&self) -> impl Iterator<Item = &Stored> {
        self.inventory.drop.iter().filter(|stored| !self.is_left(stored))
    }

    fn freed(&self) -> i64 {
        self.gone().map(|stored| stored.bytes).sum()
    }
}

pub fn gc_text(out: &mut impl Write, collection: &Collection) -> io::Result<()> {
    let dropped = if collection.dry_run { "would drop" } else { "dropped" };
    let schema = &collection.schema;
    let gone = if collection.dry_run { "would be gone" } else { "is gone" };
    for model in &collection.retired {
        writeln!(
            out,
            "{schema}.{model} {gone}: the project has no public model of this name any more"
        )?;
    }
    for (model, why) in &collection.staying {
        writeln!(out, "{schema}.{model} stays published: {why}")?;
    }
    for stored in collection.gone() {
        let size = size(stored.bytes);
        writeln!(out, "{dropped} {} ({size}): {}", stored.version, stored.reason)?;
    }
    for (name, why) in &collection.left {
        writeln!(out, "kept {name}: {why}")?;
    }
    for stored in &collection.inventory.keep {
        writeln!(
            out,
            "kept {} ({}): {}",
            stored.version,
            size(stored.bytes),
            stored.reason
        )?;
    }
    if let Some(timings) = collection.timings.filter(|timings| timings.due > 0) {
        let due = counted_u64(u64::try_from(timings.due).unwrap_or_default(), "old timing");
        writeln!(out, "{dropped} {due} of {} in the ledger", timings.all)?;
    }
    let kept = collection.left.len() + collection.inventory.keep.len();
    let freed = if collection.dry_run { "would be freed" } else { "freed" };
    writeln!(
        out,
        "{} {dropped}, {kept} kept; {} {freed}",
        counted(collection.gone().count(), "relation"),
        size(collection.freed())
    )
}

pub fn gc_json(out: &mut impl Write, collection: &Collection) -> io::Result<()> {
    let stored = |stored: &Stored| {
        json!({
            "version": stored.version,
            "model": stored.model,
            "state": stored.state,
            "bytes": stored.bytes,
            "reason": stored.reason,
            "why": stored.reason.to_string(),
        })
    };
    let still = collection.inventory.drop.iter().filter(|one| collection.is_left(one));
    let left = still.map(|one| {
        let mut told = stored(one);
        let why = collection.left.iter().find(|(name, _)| *name == one.version);
        told["reason"] = json!({"code": "busy"});
        told["why"] = why.map_or(Json::Null, |(_, why)| why.as_str().into());
        told
    });
    let whole = json!({
        "schema": collection.schema,
        "dry_run": collection.dry_run,
        "dropped": collection.gone().map(stored).collect::<Vec<_>>(),
        "kept": left.chain(collection.inventory.keep.iter().map(stored)).collect::<Vec<_>>(),
        "retired": collection.retired,
        "staying": collection.staying.iter().map(|(model, why)| json!({"model": model, "why": why})).collect::<Vec<_>>(),
        "old_timings": collection.timings,
        "freed_bytes": collection.freed(),
    });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    writeln!(out)
}

/// As `pg_size_pretty` has it, more or less.
fn size(bytes: i64) -> String {
    let mut left = bytes;
    for unit in ["B", "kB", "MB", "GB"] {
        if left < 10 * 1024 {
            return format!("{left} {unit}");
        }
        left /= 1024;
    }
    format!("{left} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        // select pg_size_pretty(..)
        for (bytes, told) in [(0, "0 B"), (8192, "8192 B"), (16_384, "16 kB"), (73_400_320, "70 MB")] {
            assert_eq!(size(bytes), told);
        }
    }
}
