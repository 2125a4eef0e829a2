//! Options of `gate`.

use clap::{Args, Subcommand};

use super::ShowOutput;

#[derive(Clone, Debug, Args)]
pub struct GateArguments {
    #[command(subcommand)]
    pub action: GateAction,
}

#[derive(Clone, Debug, Subcommand)]
pub enum GateAction {
    /// Make the schemas, the reader roles and their grants what the project file says
    Grant {
        /// Print the statements and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Seconds to wait for a run to end
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        lock_wait: u64,
    },
    /// Find what readers can reach beside what is published
    Check {
        /// How to write it
        #[arg(long, value_enum, default_value_t = ShowOutput::Text)]
        output: ShowOutput,
    },
}
