//! Options of `diff`.

use clap::Args;

use super::ShowOutput;

#[derive(Clone, Debug, Args)]
pub struct DiffArguments {
    /// A published model
    pub model: String,
    /// The version to compare with (default: the one before)
    #[arg(long, value_name = "VERSION")]
    pub from: Option<String>,
    /// The version to look at, or `candidate` (default: the published one)
    #[arg(long, value_name = "VERSION")]
    pub to: Option<String>,
    /// Look at the candidate that failed its audits in the last run
    #[arg(long, conflicts_with = "to")]
    pub candidate: bool,
    /// Compare about as many keys, the same on both sides
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: u64,
    /// Compare every row, however many there are
    #[arg(long, conflicts_with = "sample")]
    pub whole: bool,
    /// Rows of each kind to show
    #[arg(long, default_value_t = 10)]
    pub limit: u64,
    #[arg(long, value_enum, default_value_t = ShowOutput::Text)]
    pub output: ShowOutput,
}
