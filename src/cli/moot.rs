//! Options of dbt that decide nothing here: every run reads the whole project, asks the catalogue when it needs to,
//! writes no log file, and reports to nobody. Those that say no are what happens anyway.

use clap::{Arg, ArgAction, Command};

const FLAGS: [&str; 23] = [
    "cache-selected-only",
    "clean-project-files-only",
    "hints-enabled",
    "inject-ephemeral-ctes",
    "introspect",
    "log-cache-events",
    "macro-debugging",
    "partial-parse",
    "partial-parse-file-diff",
    "populate-cache",
    "print",
    "send-anonymous-usage-stats",
    "show-all-deprecations",
    "snowflake-projects-otel",
    "static-parser",
    "use-colors",
    "use-colors-file",
    "use-experimental-parser",
    "use-fast-test-edges",
    "version-check",
    "write-json",
    "no-use-colors-file",
    "no-use-v2-parser",
];

/// Both ways mean the same, or only this one is usual.
const DENIED: [&str; 21] = [
    "no-cache-selected-only",
    "no-debug",
    "no-export-saved-queries",
    "no-fail-fast",
    "no-hints-enabled",
    "no-include-saved-query",
    "no-log-cache-events",
    "no-macro-debugging",
    "no-partial-parse",
    "no-partial-parse-file-diff",
    "no-populate-cache",
    "no-quiet",
    "no-send-anonymous-usage-stats",
    "no-show-all-deprecations",
    "no-single-threaded",
    "no-snowflake-projects-otel",
    "no-static-parser",
    "no-upload-to-artifacts-ingest-api",
    "no-use-experimental-parser",
    "no-use-fast-test-edges",
    "no-warn-error",
];

/// With a value.
const VALUES: [&str; 7] = [
    "log-file-max-bytes",
    "log-format-file",
    "log-level-file",
    "log-path",
    "partial-parse-file-path",
    "printer-width",
    "sqlparse",
];

/// The command, with all of them for every subcommand.
pub(super) fn taken(command: Command) -> Command {
    let flags = FLAGS.into_iter().chain(DENIED).map(|name| (name, ArgAction::SetTrue));
    let values = VALUES.into_iter().map(|name| (name, ArgAction::Set));
    command.args(flags.chain(values).map(|(name, action)| {
        Arg::new(name.replace('-', "_"))
            .long(name)
            .action(action)
            .global(true)
            .hide(true)
    }))
}
