//! `parse`: read everything, check it, write the manifest.

use crate::run::Level;

use super::arguments::Global;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

pub(super) fn parse(global: &Global, talk: &Talk) -> Outcome {
    let workspace = Workspace::load(global, talk, "parse")?;
    if let Some(path) = workspace.write_manifest()? {
        talk.say(Level::Info, &format!("Wrote {}", path.display()));
    }
    Ok(Status::Success)
}
