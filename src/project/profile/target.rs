//! Where a command builds: one output of a profile, or what stands in for it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::Secret;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A server that somebody else runs.
    Postgres,
    /// The project's own server, which Assay runs; host, port, user and database are filled in once it is up.
    Local,
}

/// As PostgreSQL's client library means them: <https://www.postgresql.org/docs/current/libpq-ssl.html>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    Allow,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    pub const NAMES: [&'static str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// Where a password was found; told to a user whose password is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// The profile, as `path:line:column`.
    Profile(String),
    /// An environment variable, by name.
    Variable(String),
    /// A password file, by path.
    File(String),
}

impl std::fmt::Display for PasswordSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Profile(place) => write!(f, "the profile at {place}"),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the password file {path}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    pub secret: Secret,
    pub source: PasswordSource,
}

/// A resolved target. Prints without secrets.
#[derive(Clone, Debug)]
pub struct Target {
    pub profile_name: String,
    /// `dev`, `prod`; what `target.name` says.
    pub name: String,
    pub kind: TargetKind,
    /// Where this came from, for messages: `profiles.yml:4:7`, `DATABASE_URL`, `no configuration`.
    pub origin: String,
    /// A host name, an address, or the absolute path of a directory with a unix socket.
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<Password>,
    pub dbname: String,
    /// The schema that models are built in unless they say otherwise.
    pub schema: String,
    pub threads: usize,
    pub role: Option<String>,
    pub search_path: Option<String>,
    pub sslmode: SslMode,
    pub sslcert: Option<PathBuf>,
    pub sslkey: Option<PathBuf>,
    /// A file of certificates, or `system`.
    pub sslrootcert: Option<PathBuf>,
    /// Zero means that there is no limit.
    pub connect_timeout: Duration,
    /// Zero means the system's default.
    pub keepalives_idle: Duration,
    /// How often to try again to connect after a failure that may pass.
    pub retries: u32,
    pub application_name: String,
    /// Settings that the server is given at the start, such as `-c work_mem=64MB`.
    pub options: Option<String>,
    /// Refuse to log in unless the password exchange is bound to the TLS connection.
    pub channel_binding_required: bool,
    /// Every text that must be masked wherever text is shown.
    pub secrets: Vec<Secret>,
}

impl Target {
    /// The project's own server, before it is up.
    #[must_use]
    pub fn local(profile_name: &str, origin: &str) -> Self {
        Self {
            profile_name: profile_name.to_owned(),
            name: "local".to_owned(),
            kind: TargetKind::Local,
            origin: origin.to_owned(),
            host: String::new(),
            port: 5432,
            user: "assay".to_owned(),
            password: None,
            dbname: "assay".to_owned(),
            schema: "public".to_owned(),
            threads: 4,
            role: None,
            search_path: None,
            sslmode: SslMode::Disable,
            sslcert: None,
            sslkey: None,
            sslrootcert: None,
            connect_timeout: Duration::from_secs(10),
            keepalives_idle: Duration::ZERO,
            retries: 1,
            application_name: "assay".to_owned(),
            options: None,
            channel_binding_required: false,
            secrets: Vec::new(),
        }
    }

    /// What a template sees as `target`; no secrets. The keys are dbt's
    /// (<https://docs.getdbt.com/reference/dbt-jinja-functions/target>).
    #[must_use]
    pub fn json(&self) -> Json {
        json!({
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "database": self.dbname,
            "schema": self.schema,
            "connect_timeout": self.connect_timeout.as_secs(),
            "role": self.role,
            "search_path": self.search_path,
            "keepalives_idle": self.keepalives_idle.as_secs(),
            "sslmode": self.sslmode.name(),
            "sslcert": self.sslcert,
            "sslkey": self.sslkey,
            "sslrootcert": self.sslrootcert,
            "application_name": self.application_name,
            "autocommit": false,
            "retries": self.retries,
            "dbname": self.dbname,
            "type": "postgres",
            "threads": self.threads,
            "name": self.name,
            "target_name": self.name,
            "profile_name": self.profile_name,
        })
    }

    /// `user@host:port/dbname`, for people.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.starts_with('/') {
            format!("{}@{}/.s.PGSQL.{}/{}", self.user, self.host, self.port, self.dbname)
        } else {
            format!("{}@{}:{}/{}", self.user, self.host, self.port, self.dbname)
        }
    }

    /// The text with every known secret masked.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.secrets
            .iter()
            .chain(self.password.as_ref().map(|password| &password.secret))
            .filter(|secret| !secret.reveal().is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret.reveal(), "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssl_modes_keep_their_names() {
        for name in SslMode::NAMES {
            assert_eq!(SslMode::parse(name).map(SslMode::name), Some(name));
        }
        assert_eq!(SslMode::parse("on"), None);
    }

    #[test]
    fn json_and_debug_hold_no_secret() {
        let mut target = Target::local("shop", "test");
        target.password = Some(Password {
            secret: Secret::new("hunter2"),
            source: PasswordSource::Variable("PGPASSWORD".into()),
        });
        assert!(!target.json().to_string().contains("hunter2"));
        assert!(!format!("{target:?}").contains("hunter2"));
        assert_eq!(target.mask("said hunter2"), "said ***");
    }
}
