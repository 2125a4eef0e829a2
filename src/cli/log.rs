//! The log file that a command writes, by what is said of it.

use std::path::{Path, PathBuf};

use crate::diagnostic::{self, Diagnostic};
use crate::report::{Log, LogFormat as FileFormat, Renderer};
use crate::run::Level;

use super::arguments::{Arguments, Command, Global, LogFormat, LogLevel};
use super::told::Told;

/// Shows, and writes a log where one is to be written. What keeps it from being written is an error where somebody asked
/// for the log, and a warning where it would be written anyway.
pub(super) fn with_log(
    shown: Box<dyn Renderer + Send>,
    arguments: &Arguments,
    root: Option<&Path>,
    told: &Told<'_>,
    invocation_id: &str,
) -> (Box<dyn Renderer + Send>, Option<Diagnostic>) {
    let Some(log) = log(arguments, root, told) else {
        return (shown, None);
    };
    match log.beside(shown, invocation_id) {
        Ok(both) => (both, None),
        Err((shown, mut problem)) => {
            if is_asked_for(&arguments.global, told) {
                problem.level = diagnostic::Level::Error;
            }
            (shown, Some(problem))
        }
    }
}

fn is_asked_for(global: &Global, told: &Told<'_>) -> bool {
    let of_project = told.log_path().is_some();
    of_project || global.log_path.is_some() || global.log_level_file.is_some() || global.log_format_file.is_some()
}

/// `clean` deletes the log; `db` is about the server, which has a log of its own.
fn log(arguments: &Arguments, root: Option<&Path>, told: &Told<'_>) -> Option<Log> {
    let global = &arguments.global;
    if matches!(
        arguments.command,
        Command::Clean | Command::Db(_) | Command::Watch { .. }
    ) {
        return None;
    }
    Some(Log {
        folder: folder(global, root, told)?,
        least: least(global)?,
        format: format(global),
        max_bytes: global.log_file_max_bytes,
        colour: global.use_colors_file && !global.no_use_colors_file,
    })
}

/// What is typed counts from where one is, what the project file says from the project.
pub(super) fn folder(global: &Global, root: Option<&Path>, told: &Told<'_>) -> Option<PathBuf> {
    match (&global.log_path, root) {
        (Some(named), _) => Some(named.clone()),
        (None, Some(root)) => Some(root.join(told.log_path().unwrap_or("logs"))),
        (None, None) => None,
    }
}

/// What is said of the terminal holds for the file too, as in dbt, unless something is said of the file.
fn least(global: &Global) -> Option<Level> {
    if global.debug {
        return Some(Level::Debug);
    }
    level(global.log_level_file.or(global.log_level).unwrap_or(LogLevel::Debug))
}

fn format(global: &Global) -> FileFormat {
    match global.log_format_file.or(global.log_format) {
        Some(LogFormat::Json) => FileFormat::Json,
        Some(LogFormat::Text) => FileFormat::Text,
        Some(LogFormat::Debug | LogFormat::Default | LogFormat::Otel) | None => FileFormat::Debug,
    }
}

/// Whether anybody hears of single statements. Where nobody does, nothing is told of them.
pub(super) fn hears_statements(arguments: &Arguments, root: Option<&Path>, told: &Told<'_>) -> bool {
    let global = &arguments.global;
    let shown = global.debug || global.log_level == Some(LogLevel::Debug);
    shown || log(arguments, root, told).is_some_and(|log| log.least == Level::Debug)
}

/// `None` says nothing at all.
pub(super) fn level(named: LogLevel) -> Option<Level> {
    match named {
        LogLevel::Debug => Some(Level::Debug),
        LogLevel::Info => Some(Level::Info),
        LogLevel::Warn => Some(Level::Warn),
        LogLevel::Error => Some(Level::Error),
        LogLevel::None => None,
    }
}
