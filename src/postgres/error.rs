//! What went wrong on the server or on the way to it.

use std::error::Error as _;
use std::fmt;

use tokio_postgres::error::{DbError, ErrorPosition};

use crate::diagnostic::Diagnostic;
use crate::project::profile::Target;

/// An error that may not come again when the same work is done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// Another session was in the way: a deadlock, a serialization failure, the same relation made at the same time.
    Conflict,
    /// The connection is gone, and perhaps the server for a moment.
    Lost,
}

/// An error of one statement or connection, as the server told it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlError {
    /// Five characters (PostgreSQL, appendix A); `None` where the error is not the server's.
    pub sqlstate: Option<String>,
    pub severity: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// 1-based, in characters, into the text that was sent.
    pub position: Option<usize>,
    /// The call stack inside the server.
    pub context: Option<String>,
    pub schema: Option<String>,
    pub table: Option<String>,
    pub column: Option<String>,
    pub constraint: Option<String>,
    /// The connection is of no further use.
    pub lost: bool,
    /// Whether TLS failed before the server could say anything.
    pub tls: bool,
}

impl SqlError {
    /// An error of our own making, not of the server.
    pub fn client(message: impl Into<String>) -> Self {
        Self {
            severity: "ERROR".to_owned(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// The connection broke, for a reason where one is known.
    pub(super) fn gone(reason: Option<Self>) -> Self {
        let mut error = reason.unwrap_or_else(|| Self::client("the server closed the connection"));
        error.lost = true;
        error
    }

    pub(super) fn of(error: &tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return Self::of_server(db);
        }
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = inner.source();
        }
        // The driver tells its kinds of errors apart only in their first words.
        let tls = message.starts_with("error performing TLS");
        let lost = error.is_closed()
            || ["error communicating", "unexpected message", "error parsing response"]
                .iter()
                .any(|start| message.starts_with(start));
        Self {
            lost,
            tls,
            ..Self::client(message)
        }
    }

    fn of_server(db: &DbError) -> Self {
        let sqlstate = db.code().code();
        Self {
            sqlstate: Some(sqlstate.to_owned()),
            severity: db.severity().to_owned(),
            message: db.message().to_owned(),
            detail: db.detail().map(str::to_owned),
            hint: db.hint().map(str::to_owned),
            position: match db.position() {
                Some(ErrorPosition::Original(position)) => usize::try_from(*position).ok(),
                _ => None,
            },
            context: db.where_().map(str::to_owned),
            schema: db.schema().map(str::to_owned),
            table: db.table().map(str::to_owned),
            column: db.column().map(str::to_owned),
            constraint: db.constraint().map(str::to_owned),
            lost: matches!(db.severity(), "FATAL" | "PANIC") || matches!(sqlstate, "57P01" | "57P02" | "57P03"),
            tls: false,
        }
    }

    #[must_use]
    pub fn is(&self, sqlstate: &str) -> bool {
        self.sqlstate.as_deref() == Some(sqlstate)
    }

    /// Whether the statement was stopped by a request to cancel it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.is("57014") && !self.is_out_of_time()
    }

    /// Whether waiting a little may help: nobody listens yet, the server is starting, or is full.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self.sqlstate.as_deref() {
            Some(state) => matches!(state, "57P03" | "53300") || state.starts_with("08"),
            None => !self.tls && !self.message.starts_with("invalid"),
        }
    }

    /// Whether the same work, all of it, may end better when it is done again.
    #[must_use]
    pub fn passing(&self) -> Option<Passing> {
        if self.lost {
            return Some(Passing::Lost);
        }
        let says = |words: &[&str]| words.iter().any(|words| self.message.contains(words));
        let conflict = match self.sqlstate.as_deref()? {
            // Two sessions that make the same relation, type or schema meet in its name, or in the catalogue.
            "40001" | "40P01" | "42P06" | "42P07" => true,
            "23505" => self.schema.as_deref() == Some("pg_catalog"),
            // What stood when the work began has been replaced: only names that we or dbt give come and go like that.
            "42P01" => says(&["__assay_", "__dbt_"]),
            // A view that another session made on what is being replaced: those that were there have been taken down.
            "2BP01" => self.only_views_depend(),
            "0A000" => says(&["cannot alter type of a column used by a view or rule"]),
            "XX000" => says(&[
                "tuple concurrently",
                "could not open relation with OID",
                "cache lookup failed",
            ]),
            _ => false,
        };
        conflict.then_some(Passing::Conflict)
    }

    /// Whether views are all that holds what was to be dropped, a line each in the detail: `view a.v depends on table a.t`.
    fn only_views_depend(&self) -> bool {
        let views = |detail: &String| {
            let mut lines = detail.lines();
            lines.all(|line| line.starts_with("view ") || line.starts_with("materialized view "))
        };
        self.detail.as_ref().is_some_and(views)
    }

    /// Whether a limit on the time of a statement or transaction ended it, and not somebody's wish.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        self.is("57014") && self.message.contains("timeout")
    }

    /// As a diagnostic of a statement; the caller adds the place.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.code(), self.message.clone());
        let mut causes: Vec<String> = Vec::new();
        if let Some(state) = &self.sqlstate {
            causes.push(format!("the server reports SQLSTATE {state}"));
        }
        causes.extend(self.detail.clone());
        causes.extend(self.context.clone());
        let diagnostic = if causes.is_empty() {
            diagnostic
        } else {
            diagnostic.because(causes.join("\n"))
        };
        // "Check free disk space", says the server.
        let hint = self.hint.clone().filter(|_| !self.is("53100"));
        match hint.or_else(|| self.next_step()) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    fn code(&self) -> &'static str {
        if self.is_cancelled() {
            "cancelled"
        } else if self.is_out_of_time() {
            "statement-timeout"
        } else if self.is("55P03") {
            "lock-timeout"
        } else if self.lost {
            "connection-lost"
        } else {
            "database-error"
        }
    }

    fn next_step(&self) -> Option<String> {
        let step = match self.sqlstate.as_deref() {
            Some("42501") => "grant the privilege to the user of the profile, or set `role:` to one that has it",
            Some("57014") if self.is_out_of_time() => {
                "raise statement_timeout (`options` in the profile, or the role's own setting), or make the statement cheaper"
            }
            Some("53400") => "raise the limit that is named (such as temp_file_limit), or make the statement smaller",
            Some("53100") => "free space on the server's disk, then run the command again",
            Some("42601") => {
                "correct the SQL at the mark; where a macro or a variable wrote it, the compiled file shows what it became"
            }
            Some("42P01") => {
                "name it with ref() or source(), so that it is there before this runs, or correct its name and schema"
            }
            Some("42703") => "correct the name, or give what is read such a column",
            Some("42702") => "write the alias of the relation that is meant before the column",
            Some("42803") => "group by the column as well, or aggregate it",
            Some("3F000") => "create the schema, or correct its name",
            Some("22012") => "divide by nullif(.., 0), or leave out the rows that have none",
            Some(state) if state.starts_with("22") => {
                "the value is in the data: look for its rows, and correct them or convert only what fits"
            }
            Some("23505") => "find the rows that share the key, and keep one of each or widen the key",
            Some("23502") => "find the rows without a value, and fill them or leave them out",
            Some("55P03" | "40P01") => "another session holds the lock; run the command again once it is done",
            _ if self.lost => "see the server's log for the reason, then run the command again",
            _ => return None,
        };
        Some(step.to_owned())
    }

    /// As a diagnostic of the attempt to connect to a target.
    #[must_use]
    pub fn connecting(&self, target: &Target) -> Diagnostic {
        let address = target.address();
        let origin = &target.origin;
        // The driver's own words where the server wants a password and there is none to send.
        let wants_password = self.sqlstate.is_none() && self.message.contains("password missing");
        let (code, message, help) = match self.sqlstate.as_deref() {
            _ if wants_password => (
                "login-refused",
                format!(
                    "the server at {}:{} wants a password for user `{}`",
                    target.host, target.port, target.user
                ),
                NO_PASSWORD.to_owned(),
            ),
            Some("28P01" | "28000") => (
                "login-refused",
                format!(
                    "the server refuses user `{}` at {}:{}",
                    target.user, target.host, target.port
                ),
                match &target.password {
                    Some(password) => format!("the password came from {}; correct it there", password.source),
                    None => NO_PASSWORD.to_owned(),
                },
            ),
            Some("3D000") => (
                "no-database",
                format!(
                    "there is no database `{}` at {}:{}",
                    target.dbname, target.host, target.port
                ),
                format!(
                    "create it (`createdb {}`) or correct the name in {origin}",
                    target.dbname
                ),
            ),
            Some("53300") => (
                "too-many-connections",
                format!("the server has no connection left for {address}"),
                "use fewer threads (`--threads`), or raise max_connections on the server".to_owned(),
            ),
            Some(_) => (
                "connection-refused",
                format!("the server does not let {address} in"),
                self.hint
                    .clone()
                    .unwrap_or_else(|| format!("check the settings in {origin}")),
            ),
            None if self.tls => (
                "tls-failed",
                format!("no TLS connection to {address} (sslmode {})", target.sslmode.name()),
                tls_help(&self.message, target),
            ),
            None => (
                "server-unreachable",
                format!("cannot reach the server at {address}"),
                format!("check that it runs and that host and port in {origin} are right"),
            ),
        };
        let mut cause = self.message.clone();
        if let Some(detail) = &self.detail {
            cause = format!("{cause}\n{detail}");
        }
        Diagnostic::error(code, message).because(target.mask(&cause)).help(help)
    }
}

const NO_PASSWORD: &str =
    "no password was found: set `password:` in the profile (through `env_var`), PGPASSWORD, or a line in ~/.pgpass";

fn tls_help(message: &str, target: &Target) -> String {
    if message.contains("does not support TLS") {
        "the server speaks no TLS: turn it on there (`ssl = on`), or set `sslmode: disable` if the network is trusted"
            .to_owned()
    } else if message.contains("UnknownIssuer") {
        "the server's certificate is not signed by a certificate in `sslrootcert`; name the right file, or `system` for \
         the operating system's own"
            .to_owned()
    } else if message.contains("NotValidForName") || message.contains("not valid for") {
        format!(
            "the certificate is for another host than `{}`: connect by the name in the certificate, or use \
             `sslmode: verify-ca`",
            target.host
        )
    } else if message.contains("Expired") {
        "the certificate has expired; renew it on the server".to_owned()
    } else {
        format!("check sslmode, sslrootcert, sslcert and sslkey in {}", target.origin)
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(state) = &self.sqlstate {
            write!(f, " (SQLSTATE {state})")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, "\n{detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n{hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SqlError {}

impl From<SqlError> for Diagnostic {
    fn from(error: SqlError) -> Self {
        error.diagnostic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::profile::{Password, PasswordSource, Secret};

    #[test]
    fn a_refused_password_names_its_source_and_not_itself() {
        let mut target = Target::local("shop", "profiles.yml:3:7");
        "db.example".clone_into(&mut target.host);
        target.password = Some(Password {
            secret: Secret::new("hunter2"),
            source: PasswordSource::Variable("PGPASSWORD".into()),
        });
        let error = SqlError {
            sqlstate: Some("28P01".into()),
            ..SqlError::client("password authentication failed for user \"assay\"")
        };
        let shown = error.connecting(&target).to_string();
        assert!(
            shown.contains("error[login-refused]") && shown.contains("PGPASSWORD"),
            "{shown}"
        );
        assert!(
            shown.contains("`assay` at db.example:5432") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn the_servers_hint_is_the_next_step_and_ours_stands_in() {
        let mut error = SqlError {
            sqlstate: Some("22P02".into()),
            ..SqlError::client("invalid input syntax for type integer: \"n/a\"")
        };
        assert!(
            error
                .diagnostic()
                .to_string()
                .contains("help: the value is in the data")
        );
        error.hint = Some("Look here.".into());
        assert!(error.diagnostic().to_string().contains("help: Look here."));
    }

    #[test]
    fn a_view_that_came_meanwhile_passes_and_what_else_hangs_there_does_not() {
        let refused = |detail: &str| SqlError {
            sqlstate: Some("2BP01".into()),
            detail: Some(detail.into()),
            ..SqlError::client("cannot drop table dev.t because other objects depend on it")
        };
        let views = "view dev.v depends on table dev.t\nmaterialized view dev.m depends on view dev.v";
        assert_eq!(refused(views).passing(), Some(Passing::Conflict));
        let key = "view dev.v depends on table dev.t\nconstraint k on table dev.u depends on table dev.t";
        assert_eq!(refused(key).passing(), None);
    }

    #[test]
    fn what_may_pass() {
        assert!(SqlError::client("error connecting to server: Connection refused").may_pass());
        let wrong = SqlError {
            sqlstate: Some("28P01".into()),
            ..SqlError::default()
        };
        assert!(!wrong.may_pass());
    }
}
