//! Options given by variables of the environment or by the project file, under dbt's names: `DBT_FULL_REFRESH`,
//! `DBT_ENGINE_FULL_REFRESH` or `ASSAY_FULL_REFRESH`.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::told::Told;

/// What each option is called in a variable. `--target` and `--profiles-dir` are looked up where a profile is.
pub(super) const NAMES: [(&str, &str); 34] = [
    ("debug", "DEBUG"),
    ("defer", "DEFER"),
    ("defer_state", "DEFER_STATE"),
    ("empty", "EMPTY"),
    ("event_time_end", "EVENT_TIME_END"),
    ("event_time_start", "EVENT_TIME_START"),
    ("exclude_resource_type", "EXCLUDE_RESOURCE_TYPES"),
    ("fail_fast", "FAIL_FAST"),
    ("favor_state", "FAVOR_STATE"),
    ("full_refresh", "FULL_REFRESH"),
    ("indirect_selection", "INDIRECT_SELECTION"),
    ("log_file_max_bytes", "LOG_FILE_MAX_BYTES"),
    ("log_format", "LOG_FORMAT"),
    ("log_format_file", "LOG_FORMAT_FILE"),
    ("log_level", "LOG_LEVEL"),
    ("log_level_file", "LOG_LEVEL_FILE"),
    ("log_path", "LOG_PATH"),
    ("no_color", "USE_COLORS"),
    ("no_print", "PRINT"),
    ("no_version_check", "VERSION_CHECK"),
    ("no_write_json", "WRITE_JSON"),
    ("printer_width", "PRINTER_WIDTH"),
    ("profile", "PROFILE"),
    ("project_dir", "PROJECT_DIR"),
    ("quiet", "QUIET"),
    ("resource_type", "RESOURCE_TYPES"),
    ("sample", "SAMPLE"),
    ("single_threaded", "SINGLE_THREADED"),
    ("state", "STATE"),
    ("store_failures", "STORE_FAILURES"),
    ("target_path", "TARGET_PATH"),
    ("use_colors_file", "USE_COLORS_FILE"),
    ("warn_error", "WARN_ERROR"),
    ("warn_error_options", "WARN_ERROR_OPTIONS"),
];

/// Texts that say no.
const NO: [&str; 6] = ["", "0", "false", "f", "no", "n"];

/// Whether anything but the command line says something about this option.
pub(super) fn tells(id: &str, told: &Told<'_>) -> bool {
    value(id, told).is_some()
}

fn value(id: &str, told: &Told<'_>) -> Option<String> {
    let (_, name) = NAMES.iter().find(|(known, _)| *known == id)?;
    told.value(name)
}

/// The command, with what is told as defaults; `typed` is the command line.
pub(super) fn heeded(command: Command, typed: &[OsString], told: &Told<'_>) -> Command {
    let command = command.mut_args(|argument| default(argument, typed, told));
    command.mut_subcommands(|inner| heeded(inner, typed, told))
}

fn default(argument: Arg, typed: &[OsString], told: &Told<'_>) -> Arg {
    let id = argument.get_id().to_string();
    let own = argument.get_env().and_then(std::ffi::OsStr::to_str);
    let own = own.and_then(|name| told.exactly(name));
    let Some(value) = value(&id, told).filter(|_| own.is_none()) else {
        return argument;
    };
    let yes = !NO.contains(&value.to_lowercase().as_str());
    let negative = id.strip_prefix("no_").map(|positive| match positive {
        "color" => "use_colors",
        positive => positive,
    });
    if !matches!(argument.get_action(), ArgAction::SetTrue) {
        if value.is_empty() {
            return argument;
        }
        let many = argument.get_num_args().is_some_and(|range| range.max_values() > 1);
        return if many {
            argument.default_values(value.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        } else {
            argument.default_value(value)
        };
    }
    let other = format!("--{}", negative.map_or_else(|| format!("no_{id}"), str::to_owned)).replace('_', "-");
    if yes == negative.is_some() || typed.iter().any(|word| *word == *other) {
        return argument;
    }
    argument.default_value("true")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::cli::Arguments;
    use crate::cli::arguments::Command as Typed;

    fn read(variables: &[(&str, &str)], typed: &[&str]) -> Arguments {
        let variables: Vec<(String, String)> = variables.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let find = |name: &str| variables.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone());
        let words: Vec<OsString> = typed.iter().map(Into::into).collect();
        let matches = heeded(Arguments::command(), &words, &Told::new(&find))
            .try_get_matches_from(typed)
            .expect("arguments");
        Arguments::from_arg_matches(&matches).expect("arguments")
    }

    #[test]
    fn a_variable_stands_in_for_an_option() {
        let variables = [
            ("DBT_FULL_REFRESH", "true"),
            ("DBT_TARGET_PATH", "out"),
            ("DBT_ENGINE_TARGET_PATH", "elsewhere"),
            ("DBT_RESOURCE_TYPES", "model test"),
            ("DBT_USE_COLORS", "False"),
            ("DBT_QUIET", "0"),
        ];
        let read = read(&variables, &["assay", "build"]);
        let target_path = read.global.target_path.expect("a path");
        assert_eq!(target_path.to_str(), Some("elsewhere"));
        assert!(read.global.no_color && !read.global.quiet);
        let Typed::Build(build) = read.command else {
            panic!("build")
        };
        assert!(build.running.full_refresh);
        assert_eq!(build.selection.resource_type, ["model", "test"]);
    }

    #[test]
    fn every_variable_is_documented() {
        let page = include_str!("../../docs/commands.md");
        let list = page.split("## Environment variables").nth(1).expect("the list");
        let missing: Vec<&str> = NAMES.map(|(_, name)| name).into_iter().collect();
        let missing = missing.iter().filter(|name| !list.contains(&format!("`DBT_{name}`")));
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
        let written = regex::Regex::new("`DBT_([A-Z_]+)`").expect("an expression");
        for found in written.captures_iter(list) {
            let known = ["PROFILES_DIR", "TARGET", "ENGINE_FAIL_FAST", "ENGINE_", ""].contains(&&found[1]);
            assert!(
                known || NAMES.iter().any(|(_, name)| *name == &found[1]),
                "{}",
                &found[1]
            );
        }
    }

    #[test]
    fn what_is_typed_counts_more() {
        let variables = [("DBT_TARGET_PATH", "out"), ("DBT_FAIL_FAST", "1"), ("DBT_PRINT", "1")];
        let words = ["assay", "run", "--target-path", "typed", "--no-fail-fast"];
        let command = |words: &[&str]| {
            let typed: Vec<OsString> = words.iter().map(Into::into).collect();
            let find = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let command = heeded(crate::cli::moot::taken(Arguments::command()), &typed, &Told::new(&find));
            Arguments::from_arg_matches(&command.try_get_matches_from(words).expect("arguments")).expect("arguments")
        };
        let read = command(&words);
        assert_eq!(read.global.target_path.expect("a path").to_str(), Some("typed"));
        assert!(!read.global.fail_fast && !read.global.no_print);
        assert!(command(&["assay", "run"]).global.fail_fast);
    }
}
