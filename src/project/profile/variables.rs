//! A target from connection strings and PG* variables, and what they add to a profile
//! (<https://www.postgresql.org/docs/current/libpq-envars.html>).

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::{Environment, Password, PasswordSource, Secret, SslMode, Target, TargetKind, conninfo};
use crate::diagnostic::{Diagnostic, nearest};

/// Variables that hold a connection string, first come first.
const URL_VARIABLES: [&str; 2] = ["ASSAY_DATABASE_URL", "DATABASE_URL"];

/// Any of these says that there is a server.
const SERVER_VARIABLES: [&str; 3] = ["PGHOST", "PGHOSTADDR", "PGDATABASE"];

/// The parameters that are understood, and the variable that stands in for each.
const PARAMETERS: [(&str, &str); 17] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("dbname", "PGDATABASE"),
    ("sslmode", "PGSSLMODE"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("application_name", "PGAPPNAME"),
    ("options", "PGOPTIONS"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("keepalives_idle", ""),
    ("schema", ""),
    ("search_path", ""),
];

/// The target that the environment names; `None` where it names none.
pub(super) fn target(
    profile: &str,
    name: Option<&str>,
    environment: &Environment,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Option<Target>, Diagnostic> {
    let url = URL_VARIABLES
        .iter()
        .find_map(|variable| Some((*variable, environment.filled(variable)?)));
    let (origin, mut values) = match url {
        Some((variable, text)) => {
            let values = conninfo::parse(text).map_err(|why| {
                Diagnostic::error("wrong-url", format!("{variable} is not a connection string"))
                    .because(why)
                    .help("such as postgresql://user:password@host:5432/database?sslmode=require")
            })?;
            (variable, values)
        }
        None => match SERVER_VARIABLES
            .iter()
            .find(|variable| environment.filled(variable).is_some())
        {
            Some(variable) => (*variable, IndexMap::new()),
            None => return Ok(None),
        },
    };
    let known: Vec<&str> = PARAMETERS.iter().map(|(name, _)| *name).collect();
    for key in values.keys().filter(|key| !known.contains(&key.as_str())) {
        let warning = Diagnostic::warning("unknown-key", format!("`{key}` in {origin} has no effect"));
        warnings.push(match nearest(key, known.iter().copied()) {
            Some(name) => warning.help(format!("did you mean `{name}`?")),
            None => warning,
        });
    }
    let from_url = values.contains_key("password");
    for (parameter, variable) in PARAMETERS {
        if !values.contains_key(parameter)
            && let Some(value) = environment.filled(variable)
        {
            values.insert(parameter.to_owned(), value.to_owned());
        }
    }
    build(profile, name, origin, &values, from_url, environment).map(Some)
}

fn build(
    profile: &str,
    name: Option<&str>,
    origin: &str,
    values: &IndexMap<String, String>,
    password_from_url: bool,
    environment: &Environment,
) -> Result<Target, Diagnostic> {
    let get = |key: &str| values.get(key).filter(|value| !value.is_empty()).cloned();
    let wrong = |key: &str, what: &str| Diagnostic::error("wrong-url", format!("`{key}` of {origin} is not {what}"));
    let whole = |key: &str, most: u64| match get(key) {
        Some(text) => match text.parse::<u64>() {
            Ok(number) if number <= most => Ok(Some(number)),
            _ => Err(wrong(key, &format!("a whole number up to {most}"))),
        },
        None => Ok(None),
    };
    let mut target = Target::local(profile, origin);
    target.kind = TargetKind::Postgres;
    name.unwrap_or("default").clone_into(&mut target.name);
    target.host = get("hostaddr")
        .or_else(|| get("host"))
        .unwrap_or_else(|| "localhost".to_owned());
    if let Some(port) = whole("port", 65_535)? {
        target.port = u16::try_from(port).map_err(|_| wrong("port", "a port"))?;
    }
    let user = get("user").or_else(|| environment.filled("USER").map(str::to_owned));
    target.user = user.ok_or_else(|| {
        Diagnostic::error("wrong-url", format!("{origin} names no user")).help("add it there, or set PGUSER")
    })?;
    target.dbname = get("dbname").unwrap_or_else(|| target.user.clone());
    target.password = get("password").map(|secret| Password {
        secret: Secret::new(secret),
        source: PasswordSource::Variable(if password_from_url { origin } else { "PGPASSWORD" }.to_owned()),
    });
    if let Some(schema) = get("schema") {
        target.schema = schema;
    }
    target.search_path = get("search_path");
    target.sslmode = match get("sslmode") {
        Some(mode) => SslMode::parse(&mode)
            .ok_or_else(|| wrong("sslmode", "an sslmode").help(format!("one of {}", SslMode::NAMES.join(", "))))?,
        // With public authorities nothing weaker makes sense.
        None if get("sslrootcert").as_deref() == Some("system") => SslMode::VerifyFull,
        None => SslMode::default(),
    };
    target.sslcert = get("sslcert").map(PathBuf::from);
    target.sslkey = get("sslkey").map(PathBuf::from);
    target.sslrootcert = get("sslrootcert").map(PathBuf::from);
    if let Some(seconds) = whole("connect_timeout", 86_400)? {
        target.connect_timeout = Duration::from_secs(seconds);
    }
    if let Some(seconds) = whole("keepalives_idle", 86_400)? {
        target.keepalives_idle = Duration::from_secs(seconds);
    }
    if let Some(name) = get("application_name") {
        target.application_name = name;
    }
    target.options = get("options");
    target.channel_binding_required = get("channel_binding").as_deref() == Some("require");
    Ok(target)
}

/// What libpq takes from the environment where a profile is silent.
pub(super) fn complete(target: &mut Target, said_sslmode: bool, environment: &Environment) -> Result<(), Diagnostic> {
    if target.kind == TargetKind::Local {
        return Ok(());
    }
    if let Some(mode) = environment.filled("PGSSLMODE").filter(|_| !said_sslmode) {
        target.sslmode = SslMode::parse(mode).ok_or_else(|| {
            Diagnostic::error("wrong-type", format!("PGSSLMODE: `{mode}` is not an sslmode"))
                .help(format!("one of {}", SslMode::NAMES.join(", ")))
        })?;
    }
    let path = |variable: &str| environment.filled(variable).map(PathBuf::from);
    target.sslcert = target.sslcert.take().or_else(|| path("PGSSLCERT"));
    target.sslkey = target.sslkey.take().or_else(|| path("PGSSLKEY"));
    target.sslrootcert = target.sslrootcert.take().or_else(|| path("PGSSLROOTCERT"));
    Ok(())
}
