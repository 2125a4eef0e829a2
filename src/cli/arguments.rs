//! What can be typed. No logic: `cli/mod.rs` turns it into calls.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::graph::Batch;

use super::docs_arguments::DocsArguments;

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
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Default)]
    pub log_format: LogFormat,
    /// Least important messages to show
    #[arg(long, global = true, value_enum, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,
    /// Id that the artifacts give to this call of the program (default: a new one)
    #[arg(long, global = true, value_name = "UUID")]
    pub invocation_id: Option<uuid::Uuid>,
    /// Show errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Never colour the output (so does the `NO_COLOR` variable)
    #[arg(long, alias = "no-use-colors", global = true)]
    pub no_color: bool,
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
    #[command(flatten)]
    pub unsupported: Unsupported,
}

/// Options that dbt has and Assay does not: typed, they are refused by name instead of being swallowed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Not supported yet")]
pub struct Unsupported {
    #[arg(long, global = true, hide = true, value_name = "DIR")]
    state: Option<String>,
    #[arg(long, global = true, hide = true)]
    defer: bool,
    #[arg(long, global = true, hide = true, value_name = "DIR")]
    defer_state: Option<String>,
    #[arg(long, global = true, hide = true)]
    favor_state: bool,
    #[arg(long, global = true, hide = true)]
    sample: Option<String>,
    #[arg(long, global = true, hide = true)]
    warn_error: bool,
    #[arg(long, global = true, hide = true)]
    warn_error_options: Option<String>,
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
    no_version_check: bool,
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
            (self.state.is_some(), "--state"),
            (self.defer, "--defer"),
            (self.defer_state.is_some(), "--defer-state"),
            (self.favor_state, "--favor-state"),
            (self.sample.is_some(), "--sample"),
            (self.warn_error, "--warn-error"),
            (self.warn_error_options.is_some(), "--warn-error-options"),
            (self.maximum_seed_size_mib.is_some(), "--maximum-seed-size-mib"),
            (self.record_timing_info.is_some(), "--record-timing-info"),
            (self.upload_to_artifacts_ingest_api, "--upload-to-artifacts-ingest-api"),
            (self.use_v2_parser, "--use-v2-parser"),
            (self.no_introspect, "--no-introspect"),
            (self.no_inject_ephemeral_ctes, "--no-inject-ephemeral-ctes"),
            (self.no_clean_project_files_only, "--no-clean-project-files-only"),
            (self.no_version_check, "--no-version-check"),
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
    #[value(alias = "text")]
    Default,
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
    /// Call a macro
    RunOperation(OperationArguments),
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
    Gc,
    /// The project's own local server
    Db(DbArguments),
    /// Load raw data to practise on
    Generate(GenerateArguments),
    /// Stops an idle local server; started by Assay itself
    #[command(name = "__watch", hide = true)]
    Watch { directory: PathBuf, idle: u64 },
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArguments {
    /// Nodes to take: names, paths, tag:, source:, +parents, children+, @, a,b for both
    #[arg(short, long, num_args = 1.., value_name = "SPEC", visible_short_alias = 'm', alias = "models", alias = "model")]
    pub select: Vec<String>,
    /// Nodes to leave out
    #[arg(long, num_args = 1.., value_name = "SPEC")]
    pub exclude: Vec<String>,
    /// A selector of selectors.yml
    #[arg(long, value_name = "NAME", conflicts_with_all = ["select", "exclude"])]
    pub selector: Option<String>,
    /// Which tests come with a selected node
    #[arg(long, value_enum, default_value_t = IndirectSelection::Eager)]
    pub indirect_selection: IndirectSelection,
    /// Kinds of node to take
    #[arg(long, num_args = 1.., value_name = "TYPE", alias = "resource-types")]
    pub resource_type: Vec<String>,
    /// Kinds of node to leave out
    #[arg(long, num_args = 1.., value_name = "TYPE", alias = "exclude-resource-types")]
    pub exclude_resource_type: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum IndirectSelection {
    /// Tests with any selected parent
    #[default]
    Eager,
    /// Tests whose parents are all selected
    Cautious,
    /// Tests whose parents are all selected or above a selected node
    Buildable,
    /// Only tests that are selected themselves
    Empty,
}

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
    /// Keep the failing rows of tests in the schema that their configuration names
    #[arg(long)]
    pub store_failures: bool,
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
            (self.store_failures, "--store-failures", &["build", "test"]),
        ];
        for (typed, option, commands) in meant {
            if typed && !commands.contains(&command) {
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
pub struct SeedArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Show the first rows of each seed
    #[arg(long)]
    pub show: bool,
}

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
pub struct DebugArguments {
    /// Check the profile and the connection only
    #[arg(long)]
    pub connection: bool,
    /// Print the folder in which profiles are looked for, and check nothing
    #[arg(long, conflicts_with = "connection")]
    pub config_dir: bool,
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
    /// Published names; all that the last publication changed where none is given
    pub models: Vec<String>,
    /// Seconds to wait for a run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_wait: u64,
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
    /// Which raw schemas: exp, voice (default: all)
    #[arg(long, num_args = 1.., value_name = "DOMAIN")]
    pub domain: Vec<String>,
    /// Planted truth of the voice data: planted or independent
    #[arg(long, default_value = "planted")]
    pub voice_profile: String,
    /// Planted truth of the experiments: effects or null
    #[arg(long, default_value = "effects")]
    pub exp_profile: String,
    /// Only rows that had arrived by then (ISO 8601)
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_contradiction() {
        use clap::CommandFactory;
        crate::cli::moot::taken(Arguments::command()).debug_assert();
    }
}
