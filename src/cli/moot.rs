//! Options of dbt that decide nothing here. Of most there is nothing to say: they ask for what happens anyway, or make
//! dbt's reading faster and change no result. Of the others it is said that they have no effect.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::diagnostic::Diagnostic;

const FLAGS: [&str; 20] = [
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
    "use-experimental-parser",
    "use-fast-test-edges",
    "version-check",
    "write-json",
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
const VALUES: [&str; 2] = ["partial-parse-file-path", "sqlparse"];

/// Who types one of these expects something that does not happen, for this reason.
const WITHOUT_EFFECT: [(&str, &str); 7] = [
    (
        "log-cache-events",
        "Assay keeps no cache of relations; the catalogue is asked",
    ),
    (
        "macro-debugging",
        "macros are not translated into files that could be kept",
    ),
    (
        "no-hints-enabled",
        "what to do next is part of a message; --quiet shows errors only",
    ),
    (
        "no-show-all-deprecations",
        "each warning is shown; --warn-error-options can silence some",
    ),
    ("send-anonymous-usage-stats", "Assay reports to nobody"),
    ("snowflake-projects-otel", "Assay reports to nobody"),
    ("sqlparse", "the library that it is about is not used"),
];

/// A warning for each option that was typed and is not listened to.
pub(super) fn without_effect(matches: &ArgMatches) -> Vec<Diagnostic> {
    let typed = |name: &str| {
        let id = name.replace('-', "_");
        let mut matches = Some(matches);
        while let Some(level) = matches {
            if level.try_contains_id(&id).is_ok() && level.value_source(&id) == Some(ValueSource::CommandLine) {
                return true;
            }
            matches = level.subcommand().map(|(_, inner)| inner);
        }
        false
    };
    let found = WITHOUT_EFFECT.iter().filter(|(name, _)| typed(name));
    found
        .map(|(name, why)| {
            Diagnostic::warning("no-effect", format!("`--{name}` has no effect"))
                .because(*why)
                .help("leave it out")
        })
        .collect()
}

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Arguments;

    fn told(words: &[&str]) -> Vec<String> {
        let words = [&["assay"], words].concat();
        let matches = taken(Arguments::command())
            .try_get_matches_from(words)
            .expect("arguments");
        without_effect(&matches)
            .into_iter()
            .map(|found| found.message)
            .collect()
    }

    #[test]
    fn every_option_is_taken_and_those_that_disappoint_are_named() {
        let names: Vec<&str> = FLAGS.into_iter().chain(DENIED).collect();
        let disappoints = |name: &str| WITHOUT_EFFECT.iter().any(|(known, _)| *known == name);
        for name in names {
            let option = format!("--{name}");
            let expected: Vec<String> = Some(format!("`{option}` has no effect"))
                .filter(|_| disappoints(name))
                .into_iter()
                .collect();
            assert_eq!(told(&[&option, "run"]), expected);
            assert_eq!(told(&["run", &option]), expected);
        }
        assert_eq!(told(&["run", "--sqlparse", "{}"]), ["`--sqlparse` has no effect"]);
        assert_eq!(told(&["run", "--partial-parse-file-path", "x"]), Vec::<String>::new());
        let known = |name: &str| FLAGS.into_iter().chain(DENIED).chain(VALUES).any(|other| other == name);
        assert!(WITHOUT_EFFECT.iter().all(|(name, _)| known(name)));
    }
}
