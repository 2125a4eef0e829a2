//! `debug`: does everything that a run needs stand ready?

use crate::diagnostic::Diagnostics;
use crate::postgres::{Connection, SqlError};

use super::arguments::Global;
use super::connect::connect;
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status, shown};

pub(super) async fn debug(global: &Global, talk: &Talk) -> Outcome {
    println!("assay {}", env!("CARGO_PKG_VERSION"));
    let workspace = match Workspace::load(global, talk, "debug") {
        Ok(workspace) => workspace,
        Err(diagnostics) => return Ok(failed("project", &diagnostics)),
    };
    println!(
        "project     {} ({})",
        workspace.project_name(),
        workspace.root.display()
    );
    let target = &workspace.target;
    println!(
        "profile     {} / {} (from {})",
        target.profile_name, target.name, target.origin
    );
    let connected = match connect(&workspace, Some(1)).await {
        Ok(connected) => connected,
        Err(diagnostics) => return Ok(failed("server", &diagnostics)),
    };
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
