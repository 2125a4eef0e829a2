//! What was typed, turned into one call each. One file a command.

mod arguments;
mod build;
mod builders;
mod clean;
mod clone;
mod compile;
mod connect;
mod contents;
pub mod db;
mod debug;
mod deps;
mod diff;
mod divided;
mod docs;
mod docs_serve;
mod erase;
mod facts;
mod freshness;
mod gate;
mod gc;
mod generate;
mod history;
mod init;
mod invocation;
mod leftovers;
mod load;
mod log;
mod ls;
mod moot;
mod operation;
mod parse;
mod plan;
mod retry;
mod rollback;
mod select;
#[cfg(test)]
mod semantic_layer_test;
mod show;
mod state;
mod told;
mod variable;
mod whom;
mod workspace;
mod yaml_host;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::diagnostic::{Diagnostic, Diagnostics, WarnError};
use crate::project::profile;
use crate::report::{Format, Listener, Settings, diagnostic_text, set_printer_width};
use crate::run::{Event, Level};

pub use arguments::Arguments;
use arguments::{Command, Global, LogFormat, LogLevel, SourceAction};
use invocation::Invoked;
use told::Told;
use workspace::{Talk, find_root};

/// How a command ended: <https://docs.getdbt.com/reference/exit-codes>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Success,
    /// A node failed, or a test of error severity.
    Failed,
    /// The command could not be carried out.
    Refused,
    /// `plan`: a build would change more than rows.
    Pending,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Success => 0,
            Status::Failed => 1,
            Status::Refused => 2,
            Status::Pending => 3,
        })
    }
}

type Outcome = Result<Status, Diagnostics>;

/// Runs what the process's arguments say.
#[must_use]
pub fn main() -> ExitCode {
    let typed: Vec<_> = std::env::args_os().collect();
    let environment = |name: &str| std::env::var(name).ok();
    let mut told = Told::new(&environment);
    let mut problem = None;
    let mut root = None;
    let started = std::time::Instant::now();
    let read = read(&typed, &told).map(|first| match find_root(&first.0.global) {
        // Which project file is meant is only known now.
        Ok(found) => {
            told = Told::new(&environment).within(&found);
            root = Some(found);
            let again = Some(())
                .filter(|()| told.has_flags())
                .map(|()| self::read(&typed, &told));
            match again {
                Some(Ok(again)) => again,
                Some(Err(error)) => {
                    problem = Some(unusable_flags(&error));
                    first
                }
                None => first,
            }
        }
        Err(_) => first,
    });
    let (arguments, mut invoked, moot) = match read {
        Ok(read) => read,
        Err(error) => {
            // Help and version go to standard output and are no failure.
            let _ = error.print();
            return if error.use_stderr() {
                Status::Refused.into()
            } else {
                Status::Success.into()
            };
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error[no-runtime]: {error:#}");
            return Status::Refused.into();
        }
    };
    let settings = settings(&arguments.global);
    let given = arguments.global.invocation_id;
    let invocation_id = given.unwrap_or_else(uuid::Uuid::new_v4).to_string();
    set_printer_width(arguments.global.printer_width);
    let shown = settings.renderer(&invocation_id);
    let (renderer, unlogged) = log::with_log(shown, &arguments, root.as_deref(), &told, &invocation_id);
    let (events, listener) = Listener::start(renderer);
    let warn_error = warn_error(&arguments.global).unwrap_or_else(|unreadable| {
        problem.get_or_insert(unreadable);
        WarnError::default()
    });
    events.tell(Event::Called(invoked.unusual()));
    if let Some(root) = &root {
        let log = log::folder(&arguments.global, Some(root), &told);
        let typed = arguments.global.profiles_dir.as_deref();
        let profiles = profile::folder(root, typed, &profile::Environment::of_process());
        invoked.found_at(root, profiles.as_deref(), log.as_deref());
    }
    let talk = Talk {
        events,
        invocation_id,
        invoked: Arc::new(invoked),
        warn_error: Arc::new(warn_error),
        statements: log::hears_statements(&arguments, root.as_deref(), &told),
    };
    let problem = problem.map(Diagnostics::from).or_else(|| {
        let found: Vec<Diagnostic> = unlogged.into_iter().chain(moot).collect();
        talk.warn(Diagnostics(found)).err()
    });
    let outcome = match problem {
        Some(problem) => Err(problem),
        None => runtime.block_on(run(arguments, &talk)),
    };
    let status = match outcome {
        Ok(status) => status,
        Err(diagnostics) => {
            for diagnostic in diagnostics.0 {
                talk.tell(diagnostic);
            }
            Status::Refused
        }
    };
    talk.events.tell(Event::Completed {
        command: talk.invoked.which().to_owned(),
        success: status == Status::Success,
        elapsed_seconds: started.elapsed().as_secs_f64(),
    });
    drop(talk);
    // What still runs on a worker thread has been cancelled; it must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    listener.finish();
    status.into()
}

/// The arguments, with what is told beside the command line as defaults.
fn read(typed: &[OsString], told: &Told<'_>) -> Result<(Arguments, Invoked, Vec<Diagnostic>), clap::Error> {
    let mut command = variable::heeded(moot::taken(Arguments::command()), typed, told);
    let matches = command.try_get_matches_from_mut(typed)?;
    let invoked = Invoked::of(&command, &matches, told);
    let moot = moot::without_effect(&matches);
    Ok((Arguments::from_arg_matches(&matches)?, invoked, moot))
}

/// The command line was understood, and is not together with `flags:` of the project file.
fn unusable_flags(error: &clap::Error) -> Diagnostic {
    let text = error.to_string();
    let cause = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    Diagnostic::error("wrong-value", "`flags` of the project file cannot be used")
        .because(cause)
        .help("correct the flag; docs/commands.md lists those that are options")
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives the program no threads")
}

async fn run(arguments: Arguments, talk: &Talk) -> Outcome {
    let global = arguments.global;
    if let Some(option) = global.unsupported.typed() {
        return Err(
            Diagnostic::error("not-supported", format!("`{option}` is not supported yet"))
                .because("dbt has this option; Assay would have to ignore it, and does not do that silently")
                .help("leave it out; `assay --help` and docs/dbt.md list what is supported")
                .into(),
        );
    }
    if let Some(option) = global.state.typed().filter(|_| !arguments.command.reads_other_runs()) {
        let message = format!("this command has no option {option}");
        return Err(Diagnostic::error("bad-option", message)
            .help("it means something for commands that select nodes")
            .into());
    }
    match arguments.command {
        Command::Build(run) => build::build(&global, talk, build::Kind::Build, &run).await,
        Command::Snapshot(run) => build::build(&global, talk, build::Kind::Snapshot, &run).await,
        Command::Run(run) => build::build(&global, talk, build::Kind::Run, &run).await,
        Command::Test(run) => build::build(&global, talk, build::Kind::Test, &run).await,
        Command::Clone(arguments) => clone::clone(&global, talk, &arguments).await,
        Command::Retry(arguments) => retry::retry(&global, talk, &arguments).await,
        Command::Seed(seed) => build::seed(&global, talk, &seed).await,
        Command::Source(source) => {
            let SourceAction::Freshness(asked) = source.action;
            freshness::freshness(&global, talk, &asked).await
        }
        Command::Compile(compile) => compile::compile(&global, talk, &compile).await,
        Command::Parse => parse::parse(&global, talk),
        Command::Ls(ls) => ls::ls(&global, talk, &ls),
        Command::Show(show) => show::show(&global, talk, &show).await,
        Command::RunOperation(run) => operation::operation(&global, talk, &run).await,
        Command::Debug(debug) => debug::debug(&global, talk, &debug).await,
        Command::Deps(deps) => deps::deps(&global, talk, &deps),
        Command::Plan(arguments) => plan::plan(&global, talk, &arguments).await,
        Command::Diff(arguments) => diff::diff(&global, talk, &arguments).await,
        Command::Docs(docs) => docs::docs(&global, talk, &docs).await,
        Command::Init(arguments) => init::init(&global, talk, &arguments),
        Command::Clean => clean::clean(&global, talk),
        Command::Rollback(rollback) => rollback::rollback(&global, talk, &rollback).await,
        Command::History(history) => history::history(&global, talk, &history).await,
        Command::Erase(arguments) => erase::erase(&global, talk, &arguments).await,
        Command::Gc(arguments) => gc::gc(&global, talk, &arguments).await,
        Command::Gate(arguments) => gate::gate(&global, talk, &arguments).await,
        Command::Db(db) => connect::db(&global, talk, &db).await,
        Command::Generate(generate) => generate::generate(&global, talk, &generate).await,
        Command::Watch { directory, idle } => connect::watch(&directory, idle).await,
    }
}

/// What `--warn-error` and `--warn-error-options` say; both at once contradict each other.
fn warn_error(global: &Global) -> Result<WarnError, Diagnostic> {
    let Some(text) = &global.warn_error_options else {
        return Ok(if global.warn_error {
            WarnError::strict()
        } else {
            WarnError::default()
        });
    };
    if global.warn_error {
        let message = "--warn-error and --warn-error-options are both given";
        return Err(Diagnostic::error("bad-option", message).help("the options can say it all: {error: all}"));
    }
    let options = serde_yaml::from_str(text).map_err(|error| {
        Diagnostic::error("warn-error-options", "`--warn-error-options` is not YAML").because(error.to_string())
    })?;
    WarnError::read(&options)
}

fn settings(global: &Global) -> Settings {
    Settings {
        format: match global.log_format {
            Some(LogFormat::Json) => Format::Json,
            Some(LogFormat::Otel) => Format::Otel,
            Some(LogFormat::Debug) => Format::Debug,
            Some(LogFormat::Default | LogFormat::Text) | None => Format::Text,
        },
        quiet: global.quiet,
        level: if global.debug {
            Some(Level::Debug)
        } else {
            log::level(global.log_level.unwrap_or(LogLevel::Info))
        },
        no_colour: global.no_color,
        force_colour: global.use_colors,
    }
}

/// A diagnostic on standard output, for commands whose answer it is.
fn shown(diagnostic: &Diagnostic) -> String {
    diagnostic_text(diagnostic).shown(false)
}
