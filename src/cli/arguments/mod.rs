//! What can be typed. No logic: `cli/mod.rs` turns it into calls.

mod database;
mod diff;
mod docs;
mod gate;
mod init;
mod looking;
mod retention;
mod running;
mod selection;
mod source;
mod state;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::retry::Retried;

pub use database::{DbAction, DbArguments, GenerateArguments};
pub use diff::DiffArguments;
pub use docs::{DocsAction, DocsArguments, DocsGenerateArguments, DocsServeArguments};
pub use gate::{GateAction, GateArguments};
pub use init::InitArguments;
pub use looking::{
    CompileArguments, DebugArguments, HistoryArguments, ListOutput, LsArguments, PlanArguments, ShowArguments,
    ShowOutput,
};
pub use retention::{Age, EraseArguments, GcArguments};
pub use running::{AuditScope, CloneArguments, RetryArguments, RunArguments, SeedArguments};
pub use selection::{IndirectSelection, SelectionArguments};
pub use source::{FreshnessArguments, SourceAction, SourceArguments};
pub use state::StateArguments;

/// Build SQL models on PostgreSQL and certify them before anybody reads them.
#[derive(Debug, Parser)]
#[command(
    name = "assay",
    version,
    max_term_width = 100,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Project and output")]
pub struct Global {
    /// Folder of project.yml (or `dbt_project.yml`); else the working directory and the folders above it are searched
    #[arg(long, global = true, value_name = "DIR", env = "ASSAY_PROJECT_DIR")]
    pub project_dir: Option<PathBuf>,
    /// Go on where `require-dbt-version` of the project or of a package excludes the dbt that Assay behaves as
    #[arg(long, global = true)]
    pub no_version_check: bool,
    /// Folder of profiles.yml
    #[arg(long, global = true, value_name = "DIR")]
    pub profiles_dir: Option<PathBuf>,
    /// Profile to use instead of the project's
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// Target of the profile
    #[arg(short, long, global = true)]
    pub target: Option<String>,
    /// Variables as YAML: '{name: value}'
    #[arg(long, global = true, value_name = "YAML")]
    pub vars: Option<String>,
    /// Where compiled SQL and artifacts go (default: target/ in the project)
    #[arg(long, global = true, value_name = "DIR")]
    pub target_path: Option<PathBuf>,
    /// How to tell what happens
    #[arg(long, global = true, value_enum)]
    pub log_format: Option<LogFormat>,
    /// Least important messages to show (default: info)
    #[arg(long, global = true, value_enum)]
    pub log_level: Option<LogLevel>,
    /// Folder of the log file `assay.log` (default: logs/ in the project)
    #[arg(long, global = true, value_name = "DIR")]
    pub log_path: Option<PathBuf>,
    /// Least important messages in the log file (default: as `--log-level`, else debug)
    #[arg(long, global = true, value_enum, value_name = "LEVEL")]
    pub log_level_file: Option<LogLevel>,
    /// How the log file tells it (default: as `--log-format`, else debug)
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format_file: Option<LogFormat>,
    /// Size at which the log file is moved aside; five are kept, and 0 means never
    #[arg(long, global = true, value_name = "BYTES", default_value_t = 10 * 1024 * 1024)]
    pub log_file_max_bytes: u64,
    /// Colour the log file
    #[arg(long, global = true, overrides_with = "no_use_colors_file")]
    pub use_colors_file: bool,
    #[arg(long, global = true, hide = true)]
    pub no_use_colors_file: bool,
    /// Columns up to the status of a node
    #[arg(long, global = true, value_name = "COLUMNS", default_value_t = 80)]
    pub printer_width: usize,
    /// Id that the artifacts give to this call of the program (default: a new one)
    #[arg(long, global = true, value_name = "UUID")]
    pub invocation_id: Option<uuid::Uuid>,
    /// Show errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Never colour the output (so does the `NO_COLOR` variable)
    #[arg(long, alias = "no-use-colors", global = true)]
    pub no_color: bool,
    /// Colour the output even where it goes to no terminal
    #[arg(long, global = true)]
    pub use_colors: bool,
    /// Never download PostgreSQL for the local server
    #[arg(long, global = true)]
    pub no_download: bool,
    /// As `--log-level debug`
    #[arg(short, long, global = true)]
    pub debug: bool,
    /// Write neither `manifest.json` nor `run_results.json`
    #[arg(long, global = true)]
    pub no_write_json: bool,
    /// Work on one node at a time, whatever the profile says
    #[arg(long, global = true)]
    pub single_threaded: bool,
    /// Stop at the first failure
    #[arg(short = 'x', long, global = true)]
    pub fail_fast: bool,
    /// Do not show what macros say with `print(..)`
    #[arg(long, global = true)]
    pub no_print: bool,
    /// Warnings are errors, and a test that warns fails
    #[arg(long, global = true)]
    pub warn_error: bool,
    /// Which warnings are errors, and which are not said: a mapping of error, warn and silence to names or all
    #[arg(long, global = true, value_name = "YAML")]
    pub warn_error_options: Option<String>,
    #[command(flatten)]
    pub state: StateArguments,
    #[command(flatten)]
    pub unsupported: Unsupported,
    /// What is tried again; never typed.
    #[arg(skip)]
    pub retried: Option<Arc<Retried>>,
}

/// Options that dbt has and Assay does not: typed, they are refused by name instead of being swallowed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Not supported yet")]
pub struct Unsupported {
    #[arg(long, global = true, hide = true)]
    maximum_seed_size_mib: Option<String>,
    #[arg(short = 'r', long, global = true, hide = true)]
    record_timing_info: Option<String>,
    #[arg(long, global = true, hide = true)]
    upload_to_artifacts_ingest_api: bool,
    #[arg(long, global = true, hide = true)]
    use_v2_parser: bool,
    #[arg(long, global = true, hide = true)]
    no_introspect: bool,
    #[arg(long, global = true, hide = true)]
    no_inject_ephemeral_ctes: bool,
    #[arg(long, global = true, hide = true)]
    no_clean_project_files_only: bool,
    #[arg(long, global = true, hide = true)]
    export_saved_queries: bool,
    #[arg(long, global = true, hide = true)]
    include_saved_query: bool,
    #[arg(long, global = true, hide = true, value_name = "DIR")]
    packages_install_path: Option<String>,
}

impl Unsupported {
    /// The first option that was typed.
    #[must_use]
    pub fn typed(&self) -> Option<&'static str> {
        [
            (self.maximum_seed_size_mib.is_some(), "--maximum-seed-size-mib"),
            (self.record_timing_info.is_some(), "--record-timing-info"),
            (self.upload_to_artifacts_ingest_api, "--upload-to-artifacts-ingest-api"),
            (self.use_v2_parser, "--use-v2-parser"),
            (self.no_introspect, "--no-introspect"),
            (self.no_inject_ephemeral_ctes, "--no-inject-ephemeral-ctes"),
            (self.no_clean_project_files_only, "--no-clean-project-files-only"),
            (self.export_saved_queries, "--export-saved-queries"),
            (self.include_saved_query, "--include-saved-query"),
            (self.packages_install_path.is_some(), "--packages-install-path"),
        ]
        .into_iter()
        .find_map(|(typed, name)| typed.then_some(name))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people; progress where there is a terminal
    Default,
    /// The same
    Text,
    /// Lines with day, level and thread
    Debug,
    /// One JSON object a line
    Json,
    /// One OpenTelemetry log record a line, for `dbt --use-v2-parser`
    Otel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    /// dbt calls its own parser with the other word.
    #[value(alias = "off")]
    None,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build seeds, models and tests in order; certify and publish what passes
    Build(RunArguments),
    /// Build models
    Run(RunArguments),
    /// Run data tests
    Test(RunArguments),
    /// Make views in the target on what another run built (--state)
    Clone(CloneArguments),
    /// Work again on what failed or was skipped in the last run, with the same command and options
    Retry(RetryArguments),
    /// Load the CSV files
    Seed(SeedArguments),
    /// Keep history in snapshots
    Snapshot(RunArguments),
    /// How old the sources are
    Source(SourceArguments),
    /// Render the SQL of nodes into target/compiled without running it
    Compile(CompileArguments),
    /// Read the whole project, check it, and write target/manifest.json
    Parse,
    /// List nodes
    #[command(alias = "list")]
    Ls(LsArguments),
    /// Show rows of a model, of SQL typed here, or of a candidate that failed its audits
    Show(ShowArguments),
    /// Tell what a build would create, change, renew and drop, and why, without doing it
    Plan(PlanArguments),
    /// Tell how two versions of a published model differ, row by row
    Diff(DiffArguments),
    /// Call a macro
    RunOperation(OperationArguments),
    /// Make a small project to begin with
    Init(InitArguments),
    /// Check the project, the profile and the connection
    Debug(DebugArguments),
    /// Install the packages that the project uses
    Deps(DepsArguments),
    /// Write and show the documentation of the project
    Docs(DocsArguments),
    /// Delete the folders in clean-targets
    Clean,
    /// Point readers back at the certified versions before
    Rollback(RollbackArguments),
    /// What was published, newest first
    History(HistoryArguments),
    /// Drop versions that are no longer kept
    Gc(GcArguments),
    /// Take the rows of a person out of everything that is kept
    Erase(EraseArguments),
    /// Who can read what
    Gate(GateArguments),
    /// The project's own local server
    Db(DbArguments),
    /// Load raw data to practise on
    Generate(GenerateArguments),
    /// Stops an idle local server; started by Assay itself
    #[command(name = "__watch", hide = true)]
    Watch { directory: PathBuf, idle: u64 },
}

impl Command {
    /// Whether `--state` and its like mean something.
    pub fn reads_other_runs(&self) -> bool {
        matches!(
            self,
            Self::Build(_)
                | Self::Run(_)
                | Self::Test(_)
                | Self::Seed(_)
                | Self::Snapshot(_)
                | Self::Source(_)
                | Self::Docs(_)
                | Self::Compile(_)
                | Self::Ls(_)
                | Self::Show(_)
                | Self::Plan(_)
                | Self::Retry(_)
                | Self::Clone(_)
        )
    }
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Packages")]
pub struct DepsArguments {
    /// Write package-lock.yml and install nothing
    #[arg(long)]
    pub lock: bool,
    /// Choose versions anew, whatever package-lock.yml says
    #[arg(long)]
    pub upgrade: bool,
    /// Add a package to packages.yml, in place of other versions of it
    #[arg(long, value_name = "NAME@VERSION")]
    pub add_package: Option<String>,
    /// Where the added package comes from
    #[arg(long, value_enum, default_value_t = PackageSource::Hub)]
    pub source: PackageSource,
    /// Only tell what adding the package would write
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PackageSource {
    #[default]
    Hub,
    Git,
    Local,
}

#[derive(Clone, Debug, Args)]
pub struct OperationArguments {
    /// The macro: `name`, or `package.name`
    #[arg(value_name = "MACRO", required_unless_present = "sql")]
    pub name: Option<String>,
    /// Arguments of the macro as YAML: '{name: value}'
    #[arg(long, value_name = "YAML", conflicts_with = "sql")]
    pub args: Option<String>,
    /// A statement to run instead of a macro
    #[arg(long, value_name = "SQL", conflicts_with = "name")]
    pub sql: Option<String>,
    /// Connections to use (default: the profile's); one is enough
    #[arg(long, hide = true)]
    pub threads: Option<usize>,
}

#[derive(Clone, Debug, Args)]
pub struct RollbackArguments {
    /// Published models; all that the last run changed where none is given
    pub models: Vec<String>,
    /// Back to what readers saw when this run had ended, or to this version of a model
    #[arg(long, value_name = "RUN_ID|VERSION")]
    pub to: Option<String>,
    /// The named models by themselves, whatever was published together with them
    #[arg(long)]
    pub only: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Seconds to wait for a run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_wait: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_contradiction() {
        use clap::CommandFactory;
        crate::cli::moot::taken(Arguments::command()).debug_assert();
    }
}
