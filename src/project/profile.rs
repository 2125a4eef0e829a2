//! Which database a command works on: a profile as dbt reads it, else a connection string, else the environment, else the
//! project's own server.

mod conninfo;
mod environment;
mod file;
mod output;
mod pgpass;
mod secret;
mod target;
mod template;
mod variables;

use std::path::Path;

use serde_json::{Map, Value as Json};

pub use environment::{Environment, SECRET_PREFIX};
pub use file::folder;
pub use secret::Secret;
pub use target::{Password, PasswordSource, SslMode, Target, TargetKind};
pub use template::{RenderError, Template};

use self::file::ProfilesFile;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub project_dir: &'a Path,
    /// `--profile`, else the project's `profile:`; without one no profiles file is read.
    pub profile: Option<&'a str>,
    /// `--target`.
    pub target: Option<&'a str>,
    /// `--profiles-dir`.
    pub profiles_dir: Option<&'a Path>,
    /// `--threads`.
    pub threads: Option<usize>,
    /// `--vars`, for `var()` in the profile.
    pub vars: &'a Map<String, Json>,
}

/// A target, and what is odd about where it was found.
#[derive(Debug)]
pub struct Resolved {
    pub target: Target,
    pub warnings: Vec<Diagnostic>,
}

/// Finds the target. A profile that is named and exists always wins; `DATABASE_URL` and PG* variables stand in where there
/// is none; without any of them it is the project's own server.
pub fn resolve(request: &Request<'_>, environment: &Environment) -> Result<Resolved, Diagnostics> {
    let mut warnings = Vec::new();
    let name = request
        .target
        .or_else(|| environment.filled("ASSAY_TARGET"))
        .or_else(|| environment.filled("DBT_TARGET"));
    let mut found = profile_target(request, name, environment, &mut warnings)?;
    let profile = request.profile.unwrap_or("default");
    let missing = match &found {
        Found::Missing(error) => Some((**error).clone()),
        _ => None,
    };
    if !matches!(found, Found::Target(_))
        && let Some(target) = variables::target(profile, name, environment, &mut warnings)?
    {
        found = Found::Target(Box::new(target));
    }
    let mut target = match found {
        Found::Target(target) => *target,
        Found::Missing(_) | Found::Nothing => {
            if let Some(error) = missing {
                return Err(error.into());
            }
            if let Some(name) = name.filter(|name| *name != "local") {
                return Err(Diagnostic::error("no-target", format!("there is no target `{name}`"))
                    .because("no profile was found, and without one there is only the project's own server, `local`")
                    .help("create profiles.yml, set DATABASE_URL, or leave out `--target`")
                    .into());
            }
            Target::local(profile, "no configuration")
        }
    };
    if target.kind == TargetKind::Postgres && target.password.is_none() {
        target.password = environment
            .filled("PGPASSWORD")
            .map(|secret| Password {
                secret: Secret::new(secret),
                source: PasswordSource::Variable("PGPASSWORD".to_owned()),
            })
            .or_else(|| pgpass::find(&target, environment, &mut warnings));
    }
    if let Some(threads) = request.threads {
        target.threads = threads.max(1);
    }
    target.secrets = environment.secrets();
    Ok(Resolved { target, warnings })
}

enum Found {
    Target(Box<Target>),
    /// There is a profiles file, without the profile.
    Missing(Box<Diagnostic>),
    /// No profile is named, or no file was found.
    Nothing,
}

fn profile_target(
    request: &Request<'_>,
    name: Option<&str>,
    environment: &Environment,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Found, Diagnostics> {
    let Some(profile) = request.profile else {
        return Ok(Found::Nothing);
    };
    let Some(path) = file::find(request, environment)? else {
        return Ok(Found::Nothing);
    };
    let profiles = ProfilesFile::read(&path, request.project_dir)?;
    if !profiles.has(profile) {
        return Ok(Found::Missing(Box::new(profiles.no_profile(profile))));
    }
    let renderer = Template::new(environment, request.vars);
    let output = profiles.output(profile, name, |value, place| {
        let text = value.as_str().unwrap_or_default();
        match renderer.render(text) {
            Ok(Json::String(text)) => Ok(text),
            Ok(other) => Ok(other.to_string()),
            Err(error) => Err(Diagnostic::error(
                "profile-jinja",
                format!("`target` cannot be rendered: {}", error.message),
            )
            .at(place.clone())),
        }
    })?;
    let said_sslmode = output.values.contains_key("sslmode");
    let mut target = output::target(profile, &profiles, &output, &renderer, warnings)?;
    variables::complete(&mut target, said_sslmode, environment)?;
    Ok(Found::Target(Box::new(target)))
}
