//! Options of `source`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::SelectionArguments;

#[derive(Clone, Debug, Args)]
pub struct SourceArguments {
    #[command(subcommand)]
    pub action: SourceAction,
}

#[derive(Clone, Debug, Subcommand)]
pub enum SourceAction {
    /// Compare the age of the sources with their limits, and write target/sources.json
    #[command(alias = "snapshot-freshness")]
    Freshness(FreshnessArguments),
}

#[derive(Clone, Debug, Args)]
pub struct FreshnessArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Where to write the JSON, instead of target/sources.json
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Sources to look at at a time (default: the profile's)
    #[arg(long)]
    pub threads: Option<usize>,
    /// Stop at the first source that is too old
    #[arg(short = 'x', long)]
    pub fail_fast: bool,
    /// A selection that matches nothing is no error
    #[arg(long)]
    pub allow_empty: bool,
}
