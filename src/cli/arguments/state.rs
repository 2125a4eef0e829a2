//! Other runs, to compare with or to read from.

use std::path::PathBuf;

use clap::Args;

use crate::cli::told::Told;
use crate::cli::variable::tells;

/// Other runs.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Other runs")]
pub struct StateArguments {
    /// Folder with the artifacts of another run: for state:, result: and `source_status`:, and for --defer
    #[arg(long, global = true, value_name = "DIR", env = "ASSAY_STATE")]
    pub state: Option<PathBuf>,
    /// Read what is not selected and not built here where that other run built it
    #[arg(long, global = true, overrides_with = "no_defer")]
    pub defer: bool,
    #[arg(long, global = true, hide = true)]
    pub no_defer: bool,
    /// Folder for --defer alone, where that is another
    #[arg(long, global = true, value_name = "DIR")]
    pub defer_state: Option<PathBuf>,
    /// With --defer: read what is not selected there even where it is built here
    #[arg(long, global = true, overrides_with = "no_favor_state")]
    pub favor_state: bool,
    #[arg(long, global = true, hide = true)]
    pub no_favor_state: bool,
}

impl StateArguments {
    /// The first option that was typed.
    pub fn typed(&self) -> Option<&'static str> {
        [
            (self.state.is_some(), "--state"),
            (self.defer, "--defer"),
            (self.defer_state.is_some(), "--defer-state"),
            (self.favor_state, "--favor-state"),
        ]
        .into_iter()
        .find_map(|(typed, name)| typed.then_some(name))
        // A variable is set for all commands at once.
        .filter(|name| {
            let id = name[2..].replace('-', "_");
            std::env::var_os("ASSAY_STATE").is_none() && !tells(&id, &Told::new(&|name| std::env::var(name).ok()))
        })
    }
}
