//! `assay db start|stop|status|psql|url`: the project's own server, by hand.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::diagnostic::Diagnostic;
use crate::postgres::local::{LocalServer, Options, Say, Status, tool};
use crate::postgres::url;
use crate::project::profile::{Target, TargetKind};

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Start,
    Stop {
        force: bool,
    },
    Status,
    /// Arguments for psql.
    Psql(Vec<String>),
    /// Prints the connection string, without a password.
    Url,
}

/// Carries it out for a target; `out` is the command's standard output. Answers with the exit code.
pub async fn run(
    project: &Path,
    target: &Target,
    action: Action,
    options: &Options,
    out: &mut (dyn Write + Send),
    say: Say<'_>,
) -> Result<i32, Diagnostic> {
    if target.kind == TargetKind::Postgres {
        return configured(target, action, options, out).await;
    }
    // A server that was started by hand stays until it is stopped or idle.
    let options = Options {
        ephemeral: options.ephemeral && !matches!(action, Action::Start),
        ..options.clone()
    };
    match action {
        Action::Start => {
            let server = LocalServer::ensure(project, &options, say).await?;
            say(if server.was_started() {
                "started"
            } else {
                "already running"
            });
            print(out, &server.url())?;
            server.leave().await?;
            Ok(0)
        }
        Action::Stop { force } => {
            let stopped = LocalServer::stop(project, &options.environment, force).await?;
            say(if stopped { "stopped" } else { "no server was running" });
            Ok(0)
        }
        Action::Status => {
            let status = LocalServer::status(project, &options.environment).await?;
            print(out, &describe(&status))?;
            Ok(0)
        }
        Action::Psql(arguments) => {
            let psql = find_psql(&options)?;
            let server = LocalServer::ensure(project, &options, say).await?;
            let mut command = Command::new(&psql);
            command.arg(server.url()).args(arguments);
            let code = wait(&psql, command).await;
            server.leave().await?;
            code
        }
        Action::Url => {
            let server = LocalServer::ensure(project, &options, say).await?;
            print(out, &server.url())?;
            server.leave().await?;
            Ok(0)
        }
    }
}

/// For a server that somebody else runs there is only psql and the address.
async fn configured(
    target: &Target,
    action: Action,
    options: &Options,
    out: &mut (dyn Write + Send),
) -> Result<i32, Diagnostic> {
    match action {
        Action::Start | Action::Stop { .. } => Err(Diagnostic::error(
            "not-local",
            format!("the target `{}` is a server that Assay does not run", target.name),
        )
        .because(format!("{} points to {}", target.origin, target.address()))
        .help("use `type: local` in the profile, or no profile at all, for a server that Assay runs")),
        Action::Status => {
            print(
                out,
                &format!("target {}: {} (not run by Assay)", target.name, target.address()),
            )?;
            Ok(0)
        }
        Action::Url => {
            print(out, &url(target))?;
            Ok(0)
        }
        Action::Psql(arguments) => {
            let psql = find_psql(options)?;
            let mut command = Command::new(&psql);
            command.arg(url(target)).args(arguments);
            if let Some(password) = &target.password {
                // Not an argument, which every user of the machine could read.
                command.env("PGPASSWORD", password.secret.reveal());
            }
            wait(&psql, command).await
        }
    }
}

fn find_psql(options: &Options) -> Result<std::path::PathBuf, Diagnostic> {
    tool(&options.environment, "psql").ok_or_else(|| {
        Diagnostic::error("no-psql", "psql is not installed")
            .because("it is neither on PATH nor beside PostgreSQL's other programs")
            .help("install PostgreSQL's client programs, or give the output of `assay db url` to another client")
    })
}

/// Ctrl-C belongs to the program meanwhile.
async fn wait(program: &Path, command: Command) -> Result<i32, Diagnostic> {
    let cannot = |error: std::io::Error| {
        Diagnostic::error("no-psql", format!("cannot run {}", program.display())).because(error.to_string())
    };
    let mut child = tokio::process::Command::from(command).spawn().map_err(cannot)?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status.map_err(cannot)?.code().unwrap_or(1)),
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}

fn describe(status: &Status) -> String {
    let mut lines = Vec::new();
    let version = status
        .major
        .map_or(String::new(), |major| format!("PostgreSQL {major}, "));
    lines.push(match (status.running, status.pid, status.created) {
        (true, Some(pid), _) => format!("running ({version}process {pid}, user {})", status.user),
        (true, None, _) => format!("running ({version}user {})", status.user),
        (false, _, true) => "stopped".to_owned(),
        (false, _, false) => "not created yet; `assay build` or `assay db start` does so".to_owned(),
    });
    if status.in_use {
        lines.push("in use by a command".to_owned());
    }
    if status.created {
        lines.push(format!("data    {}", status.data.display()));
        lines.push(format!("log     {}", status.log.display()));
    }
    if let Some(socket) = &status.socket {
        lines.push(format!("socket  {}", socket.display()));
    }
    lines.join("\n")
}

fn print(out: &mut (dyn Write + Send), line: &str) -> Result<(), Diagnostic> {
    writeln!(out, "{line}")
        .map_err(|error| Diagnostic::error("output", "cannot write to standard output").because(error.to_string()))
}
