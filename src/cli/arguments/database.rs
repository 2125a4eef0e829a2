//! Options of `db` and `generate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Clone, Debug, Args)]
pub struct DbArguments {
    #[command(subcommand)]
    pub action: DbAction,
}

#[derive(Clone, Debug, Subcommand)]
pub enum DbAction {
    /// Start the server, unless it runs
    Start,
    /// Stop the server
    Stop {
        /// Even while somebody uses it
        #[arg(long)]
        force: bool,
    },
    /// Say whether the server runs, and where
    Status,
    /// Open psql on it (arguments after -- go to psql)
    Psql {
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Print its connection URL
    Url,
}

#[derive(Clone, Debug, Args)]
pub struct GenerateArguments {
    /// How much: nano (1 thousand rows), micro, small, medium, large, xlarge (100 million)
    #[arg(long, default_value = "nano")]
    pub tier: String,
    /// The same seed gives the same rows, everywhere
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Which raw schemas: exp, voice, rasa (default: all)
    #[arg(long, num_args = 1.., value_name = "DOMAIN")]
    pub domain: Vec<String>,
    /// Planted truth of the voice data: planted or independent
    #[arg(long, default_value = "planted")]
    pub voice_profile: String,
    /// What the bot of the conversations can do: stories (with forms) or formless
    #[arg(long, default_value = "stories")]
    pub rasa_profile: String,
    /// Planted truth of the experiments: effects, null or broken (randomisation)
    #[arg(long, default_value = "effects")]
    pub exp_profile: String,
    /// Only rows that had arrived by then (ISO 8601)
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Cut the covered days into so many equal parts by arrival; each is a folder of --output, or named by --batch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub batches: Option<u32>,
    /// Load what arrived by the end of this part of --batches, beside what is there
    #[arg(long, value_name = "I", requires = "batches", conflicts_with = "append", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,
    /// Add the rows that arrived after those that are there
    #[arg(long, conflicts_with = "replace")]
    pub append: bool,
    /// Empty the raw tables first
    #[arg(long)]
    pub replace: bool,
    /// Write COPY files to this folder instead of loading a server
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Connections to load with
    #[arg(long)]
    pub threads: Option<usize>,
}
