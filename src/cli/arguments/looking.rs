//! Options of the commands that show something.

use clap::{Args, ValueEnum};

use super::SelectionArguments;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListOutput {
    Name,
    Path,
    #[default]
    Selector,
    Json,
}

#[derive(Clone, Debug, Args)]
pub struct LsArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// What to print of each node
    #[arg(long, value_enum, default_value_t = ListOutput::Selector)]
    pub output: ListOutput,
    /// Keys of the JSON objects
    #[arg(long, num_args = 1.., value_name = "KEY")]
    pub output_keys: Vec<String>,
    /// A selection that matches nothing is no error
    #[arg(long)]
    pub allow_empty: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowOutput {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Debug, Args)]
pub struct ShowArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// SQL to run instead of a model's
    #[arg(long, value_name = "SQL", conflicts_with = "candidate")]
    pub inline: Option<String>,
    /// SQL to run as it is, without Jinja
    #[arg(long, value_name = "SQL", conflicts_with_all = ["candidate", "inline"])]
    pub inline_direct: Option<String>,
    /// Render incremental models as for a full refresh
    #[arg(short, long)]
    pub full_refresh: bool,
    /// The candidate of this model that failed its audits in the last run
    #[arg(long, value_name = "MODEL")]
    pub candidate: Option<String>,
    /// Rows to show; -1 for all
    #[arg(long, default_value_t = 5, allow_negative_numbers = true)]
    pub limit: i64,
    #[arg(long, value_enum, default_value_t = ShowOutput::Text)]
    pub output: ShowOutput,
    /// Connections to use (default: the profile's); one is enough
    #[arg(long, hide = true)]
    pub threads: Option<usize>,
}

#[derive(Clone, Debug, Args)]
pub struct CompileArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// SQL to render instead of nodes
    #[arg(long, value_name = "SQL")]
    pub inline: Option<String>,
    /// A selection that matches nothing is no error
    #[arg(long)]
    pub allow_empty: bool,
    /// Nodes to work on at a time (default: the profile's)
    #[arg(long)]
    pub threads: Option<usize>,
    /// Render incremental models as for a full refresh
    #[arg(short, long)]
    pub full_refresh: bool,
    /// How to print what one was asked for
    #[arg(long, value_enum, default_value_t = ShowOutput::Text)]
    pub output: ShowOutput,
}

#[derive(Clone, Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Plan incremental models and seeds to be built anew
    #[arg(short, long)]
    pub full_refresh: bool,
    /// A selection that matches nothing is no error
    #[arg(long)]
    pub allow_empty: bool,
    #[arg(long, value_enum, default_value_t = ShowOutput::Text)]
    pub output: ShowOutput,
}

#[derive(Clone, Debug, Args)]
pub struct HistoryArguments {
    /// A published name
    pub model: Option<String>,
    /// Lines to show
    #[arg(long, default_value_t = 20)]
    pub limit: i64,
    #[arg(long, value_enum, default_value_t = ShowOutput::Text)]
    pub output: ShowOutput,
}

#[derive(Clone, Debug, Args)]
pub struct DebugArguments {
    /// Check the profile and the connection only
    #[arg(long)]
    pub connection: bool,
    /// Print the folder in which profiles are looked for, and check nothing
    #[arg(long, conflicts_with = "connection")]
    pub config_dir: bool,
}
