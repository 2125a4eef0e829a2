//! What was typed, as templates and artifacts are told of it.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches};
use serde_json::{Map, Value as Json};

use crate::jinja::{flag_defaults, shown_flags};
use crate::project::profile::SECRET_PREFIX;

use super::told::Told;
use super::variable;

/// One call of the program, for `flags`, `invocation_args_dict` and the `args` of `run_results.json`.
#[derive(Clone, Debug, Default)]
pub(super) struct Invoked {
    /// Options in force, in lower case.
    options: Map<String, Json>,
}

impl Invoked {
    pub fn of(command: &clap::Command, matches: &ArgMatches, told: &Told<'_>) -> Self {
        let mut options = flag_defaults();
        let typed: Vec<String> = std::env::args().skip(1).collect();
        options.insert(
            "invocation_command".to_owned(),
            format!("assay {}", typed.join(" ")).into(),
        );
        options.insert("print".to_owned(), true.into());
        add(&mut options, command, matches, told);
        // Who was erased is told to nobody.
        let whom = ["subject", "where"].map(|option| options.remove(option));
        if whom.iter().any(Option::is_some) {
            options.insert("invocation_command".to_owned(), "assay erase".into());
        }
        Self { options }
    }

    /// Where the project, its profiles and its log are, for templates and artifacts, unless somebody said it.
    pub fn found_at(&mut self, root: &Path, profiles: Option<&Path>, log: Option<&Path>) {
        for (name, place) in [
            ("project_dir", Some(root)),
            ("profiles_dir", profiles),
            ("log_path", log),
        ] {
            let said = self.options.get(name).is_some_and(|value| !value.is_null());
            if (!said || name == "log_path")
                && let Some(place) = place.and_then(|place| std::path::absolute(place).ok())
            {
                self.options.insert(name.to_owned(), place.display().to_string().into());
            }
        }
    }

    /// The command's name.
    pub fn which(&self) -> &str {
        self.options.get("which").and_then(Json::as_str).unwrap_or_default()
    }

    /// `flags`
    pub fn flags(&self, which: &str) -> Map<String, Json> {
        let mut options = self.options.clone();
        options.insert("which".to_owned(), which.into());
        shown_flags(&options)
    }

    /// What is not as it is where nothing is said.
    pub fn unusual(&self) -> Map<String, Json> {
        let usual = flag_defaults();
        let mut args = self.args(self.which());
        args.retain(|name, value| {
            let says_nothing = matches!(value, Json::Bool(false)) || value.as_array().is_some_and(Vec::is_empty);
            !says_nothing && usual.get(name) != Some(value)
        });
        args
    }

    /// `invocation_args_dict`: like dbt's, without what is not set or simply off, and without secrets.
    pub fn args(&self, which: &str) -> Map<String, Json> {
        let mut args = self.options.clone();
        args.insert("which".to_owned(), which.into());
        args.retain(|name, value| match value {
            Json::Null => false,
            Json::Bool(false) => !UNTOLD.contains(&name.as_str()),
            _ => true,
        });
        let mut hidden = Vec::new();
        if let Some(Json::Object(vars)) = args.get_mut("vars") {
            for (_, value) in vars.iter_mut().filter(|(name, _)| name.starts_with(SECRET_PREFIX)) {
                hidden.push(std::mem::replace(value, "*****".into()));
            }
        }
        if let Some(Json::String(command)) = args.get_mut("invocation_command") {
            for value in hidden {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if !text.is_empty() {
                    *command = command.replace(&text, "*****");
                }
            }
        }
        args
    }
}

/// Options that dbt leaves out of the dict while they are off.
const UNTOLD: [&str; 8] = [
    "debug",
    "full_refresh",
    "fail_fast",
    "warn_error",
    "single_threaded",
    "log_cache_events",
    "store_failures",
    "use_experimental_parser",
];

fn add(options: &mut Map<String, Json>, command: &clap::Command, matches: &ArgMatches, told: &Told<'_>) {
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        let known = matches.try_contains_id(id).unwrap_or(false);
        if !known
            || !matches!(
                argument.get_action(),
                ArgAction::Set | ArgAction::Append | ArgAction::SetTrue
            )
        {
            continue;
        }
        let name = match id {
            "resource_type" => "resource_types",
            "exclude_resource_type" => "exclude_resource_types",
            "no_color" => "use_colors",
            "no_print" => "print",
            "no_version_check" => "version_check",
            "no_write_json" => "write_json",
            id => id,
        };
        let value = if matches!(argument.get_action(), ArgAction::SetTrue) {
            Json::Bool(matches.get_flag(id) != id.starts_with("no_"))
        } else {
            let raw: Vec<String> = matches
                .get_raw(id)
                .into_iter()
                .flatten()
                .map(|value| value.to_string_lossy().into_owned())
                .collect();
            let many = argument.get_num_args().is_some_and(|range| range.max_values() > 1)
                || matches!(argument.get_action(), ArgAction::Append);
            match (&raw[..], many) {
                (_, true) => raw.into(),
                ([one], false) if matches!(id, "vars" | "args" | "warn_error_options") => {
                    serde_yaml::from_str(one).unwrap_or_default()
                }
                ([one], false) => one.parse::<i64>().map_or_else(|_| Json::from(one.as_str()), Json::from),
                _ => continue,
            }
        };
        // What is taken both ways is told once, under the name without `no_`.
        if id.starts_with("no_") && name == id {
            continue;
        }
        // A default of ours does not hide what dbt says by default.
        let ours = matches.value_source(id) == Some(ValueSource::DefaultValue) && !variable::tells(id, told);
        let off = matches!(argument.get_action(), ArgAction::SetTrue) || name == "lock_wait";
        // Nor is a switch of ours told that nobody has turned on.
        if ours && (off || options.contains_key(name)) {
            continue;
        }
        options.insert(name.to_owned(), value);
    }
    if let Some((name, inner)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        options.insert("which".to_owned(), name.into());
        add(options, command, inner, told);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use serde_json::json;

    use super::*;
    use crate::cli::Arguments;

    #[test]
    fn options_are_told_under_dbts_names() {
        let command = Arguments::command();
        let typed = [
            "assay",
            "build",
            "-s",
            "a",
            "+b",
            "--full-refresh",
            "--vars",
            "{x: 1, DBT_ENV_SECRET_y: z}",
            "--threads",
            "3",
            "-t",
            "ci",
        ];
        let matches = command.clone().try_get_matches_from(typed).expect("arguments");
        let mut invoked = Invoked::of(&command, &matches, &Told::new(&|_| None));
        let (root, logs) = (Path::new("/shop"), Path::new("/shop/logs"));
        invoked.found_at(root, Some(root), Some(logs));
        let flags = invoked.flags("build");
        let found = ["FULL_REFRESH", "WHICH", "STORE_FAILURES", "WRITE_JSON"].map(|name| &flags[name]);
        assert_eq!(json!(found), json!([true, "build", false, true]));
        let args = invoked.args("build");
        let found = ["exclude", "select", "threads", "target", "vars"].map(|name| &args[name]);
        assert_eq!(
            json!(found),
            json!([[], ["a", "+b"], 3, "ci", { "x": 1, "DBT_ENV_SECRET_y": "*****" }])
        );
        assert_eq!(
            json!([args["project_dir"], args["log_path"], flags["LOG_PATH"]]),
            json!(["/shop", "/shop/logs", "/shop/logs"])
        );
        // Switches of Assay's own are told where they are on.
        assert!(!args.contains_key("allow_empty") && !args.contains_key("lock_wait"));
        assert!(args.contains_key("full_refresh") && !args.contains_key("fail_fast") && !args.contains_key("selector"));
    }
}
