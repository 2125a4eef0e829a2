//! Options of the commands that build and test.

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::graph::{Batch, Sample};

use super::SelectionArguments;
use crate::cli::told::Told;
use crate::cli::variable::tells;

#[derive(Clone, Debug, Args)]
pub struct RunArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,
    #[command(flatten)]
    pub running: RunningArguments,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Running")]
pub struct RunningArguments {
    /// Nodes to work on at a time (default: the profile's)
    #[arg(long)]
    pub threads: Option<usize>,
    /// Build incremental models and seeds anew
    #[arg(short, long)]
    pub full_refresh: bool,
    /// A selection that matches nothing is no error
    #[arg(long)]
    pub allow_empty: bool,
    /// Seconds to wait for another run of the same project to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_wait: u64,
    /// Read no rows: everything is built, and stays empty
    #[arg(long, overrides_with = "no_empty")]
    pub empty: bool,
    #[arg(long, hide = true)]
    pub no_empty: bool,
    /// Build microbatch models from the batch that this moment lies in (UTC)
    #[arg(long, value_name = "TIME", requires = "event_time_end", value_parser = moment)]
    pub event_time_start: Option<Timestamp>,
    /// The first moment after the batches to build (UTC)
    #[arg(long, value_name = "TIME", requires = "event_time_start", value_parser = moment)]
    pub event_time_end: Option<Timestamp>,
    /// Read only rows of this window of what has an `event_time`: "3 days", or {start: 2024-01-01, end: 2024-02-01} (UTC)
    #[arg(long, value_name = "WINDOW", value_parser = Sample::parse)]
    pub sample: Option<Sample>,
    /// What audits of a published incremental model look at: what its delta touched, where that is enough, or everything
    #[arg(long, value_enum, value_name = "SCOPE")]
    pub audit: Option<AuditScope>,
    /// Keep the failing rows of tests in the schema that their configuration names
    #[arg(long)]
    pub store_failures: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditScope {
    Delta,
    Full,
}

impl RunningArguments {
    /// Refuses what means nothing for a command.
    pub fn check(&self, command: &str) -> Result<(), Diagnostic> {
        let span = self.event_time_start.zip(self.event_time_end);
        if span.is_some_and(|(start, end)| start >= end) {
            return Err(
                Diagnostic::error("bad-option", "--event-time-start must be before --event-time-end")
                    .help("the end is the first moment after the batches to build"),
            );
        }
        let meant = [
            (self.empty, "--empty", &["build", "run", "seed", "snapshot"][..]),
            (span.is_some(), "--event-time-start", &["build", "run"]),
            (self.sample.is_some(), "--sample", &["build", "run"]),
            (self.audit.is_some(), "--audit", &["build", "run"]),
            (self.store_failures, "--store-failures", &["build", "test"]),
        ];
        for (given, option, commands) in meant {
            // A variable is meant for whichever command knows the option.
            let by_variable = tells(
                &option[2..].replace('-', "_"),
                &Told::new(&|name| std::env::var(name).ok()),
            );
            if given && !by_variable && !commands.contains(&command) {
                let message = format!("`{command}` has no option {option}");
                return Err(Diagnostic::error("bad-option", message)
                    .help(format!("it means something for {}", commands.join(", "))));
            }
        }
        Ok(())
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Batch::moment(text).ok_or_else(|| "it takes a time such as 2024-01-31 or 2024-01-31T06:00:00".to_owned())
}

#[derive(Clone, Debug, Args)]
pub struct CloneArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Nodes to work on at a time (default: the profile's)
    #[arg(long)]
    pub threads: Option<usize>,
    /// Replace what is there already
    #[arg(short, long)]
    pub full_refresh: bool,
    /// A selection that matches nothing is no error
    #[arg(long)]
    pub allow_empty: bool,
}

/// The other options are those of the run that is tried again.
#[derive(Clone, Debug, Args)]
pub struct RetryArguments {
    /// Nodes to work on at a time (default: as in the run before)
    #[arg(long)]
    pub threads: Option<usize>,
}

#[derive(Clone, Debug, Args)]
pub struct SeedArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Show the first rows of each seed
    #[arg(long)]
    pub show: bool,
}
