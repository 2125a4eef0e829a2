//! `debug`: does everything that a run needs stand ready?

use crate::diagnostic::Diagnostics;
use crate::postgres::{Connection, Session, SqlError};
use crate::project::profile::{self, Environment, Target};

use super::arguments::{DebugArguments, Global};
use super::connect::{Connected, connect, connect_to};
use super::workspace::{Talk, Workspace, find_root, local_options, target_only};
use super::{Outcome, Status, shown};

pub(super) async fn debug(global: &Global, talk: &Talk, arguments: &DebugArguments) -> Outcome {
    if arguments.config_dir {
        let root = find_root(global)?;
        let folder = profile::folder(&root, global.profiles_dir.as_deref(), &Environment::of_process());
        println!("{}", folder.unwrap_or(root).display());
        return Ok(Status::Success);
    }
    println!("assay {}", env!("CARGO_PKG_VERSION"));
    if arguments.connection {
        return connection_only(global, talk).await;
    }
    let workspace = match Workspace::load(global, talk, "debug") {
        Ok(workspace) => workspace,
        Err(diagnostics) => return Ok(failed("project", &diagnostics)),
    };
    println!(
        "project     {} ({})",
        workspace.project_name(),
        workspace.root.display()
    );
    say_profile(&workspace.target);
    match connect(&workspace, Some(1)).await {
        Ok(connected) => reachable(connected).await,
        Err(diagnostics) => Ok(failed("server", &diagnostics)),
    }
}

/// The profile and the server, whatever is wrong with the project.
async fn connection_only(global: &Global, talk: &Talk) -> Outcome {
    let (root, target) = match target_only(global, talk) {
        Ok(found) => found,
        Err(diagnostics) => return Ok(failed("profile", &diagnostics)),
    };
    say_profile(&target);
    let session = Session::default();
    match connect_to(&root, target, session, Some(1), &local_options(global), talk).await {
        Ok(connected) => reachable(connected).await,
        Err(diagnostics) => Ok(failed("server", &diagnostics)),
    }
}

fn say_profile(target: &Target) {
    println!(
        "profile     {} / {} (from {})",
        target.profile_name, target.name, target.origin
    );
}

async fn reachable(connected: Connected) -> Outcome {
    println!("server      {}", connected.target.address());
    let asked = async {
        let connection = connected.pool.get().await?;
        facts(&connection).await.map_err(|error| error.diagnostic())
    };
    let answer = asked.await;
    connected.leave(answer.is_ok()).await?;
    match answer {
        Ok(lines) => {
            for (name, value) in lines {
                println!("{name:<11} {value}");
            }
            println!("All checks passed.");
            Ok(Status::Success)
        }
        Err(diagnostic) => Ok(failed("connection", &diagnostic.into())),
    }
}

async fn facts(connection: &Connection) -> Result<Vec<(&'static str, String)>, SqlError> {
    let rows = connection
        .query(
            "select current_setting('server_version'), current_user::text, current_database()::text,
                    has_database_privilege(current_database(), 'create'),
                    (select rolsuper or rolcreaterole from pg_roles where rolname = current_user),
                    current_setting('server_version_num')::int",
            &[],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let merge = if row.get::<_, i32>(5) >= 150_000 {
        ""
    } else {
        " (no MERGE before version 15)"
    };
    Ok(vec![
        ("version", format!("{}{merge}", row.get::<_, String>(0))),
        ("user", row.get(1)),
        ("database", row.get(2)),
        ("can create schemas", yes_no(row.get(3))),
        ("can create roles", yes_no(row.get(4))),
    ])
}

fn failed(what: &str, diagnostics: &Diagnostics) -> Status {
    for diagnostic in &diagnostics.0 {
        println!("{}", shown(diagnostic));
    }
    println!("The {what} is not ready.");
    Status::Failed
}
