//! Requests to end, as a terminal or a service manager sends them.

use std::process::{Child, Command, ExitStatus};

use super::support::{Project, wait_until};

/// Does not let itself be cancelled, and takes note of who tries.
const STUBBORN: &str = "{{ config(materialized='table', pre_hook=\"do $$ begin loop begin perform pg_sleep(620); exception when \
                        query_canceled then perform nextval('public.heard'); end; end loop; end $$\") }} select 1 as id";

fn sessions(project: &Project) -> String {
    project.psql(
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
         and backend_type = 'client backend' and query like '%pg_sleep(620)%'",
    )
}

fn wait_for_sessions(project: &Project, wanted: &str) {
    wait_until(&format!("{wanted} session(s)"), || sessions(project) == wanted);
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

fn ends(mut child: Child) -> ExitStatus {
    let mut status = None;
    wait_until("it ends", || {
        status = child.try_wait().expect("a child");
        status.is_some()
    });
    status.expect("it has ended")
}

#[test]
fn the_second_request_ends_at_once() {
    for (first, second) in [("-INT", "-INT"), ("-TERM", "-INT")] {
        let project = Project::with(&[("models/m.sql", STUBBORN)]);
        project.psql("create sequence public.heard");
        let child = project.spawn(&["run"]);
        wait_for_sessions(&project, "1");
        send(&child, first);
        wait_until("the statement was asked to end", || {
            project.psql("select is_called from public.heard") == "t"
        });
        assert_eq!(sessions(&project), "1", "the statement does not heed the first");
        send(&child, second);
        assert_eq!(ends(child).code(), Some(130));
        // The server finds that the client is gone.
        wait_for_sessions(&project, "0");
    }
}

/// What is ignored stays so in the programs that one starts.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}

/// The terminal is gone: nobody reads what could still be said. `nohup` keeps a run alive, as it does any program.
#[test]
fn a_hangup_ends_at_once_and_leaves_nothing() {
    if ignores_hangups() {
        eprintln!("not tried: the tests run under nohup, which what they start inherits");
        return;
    }
    let project = Project::with(&[(
        "models/m.sql",
        "{{ config(materialized='table') }} select pg_sleep(620)::text as x",
    )]);
    let child = project.spawn(&["run"]);
    wait_for_sessions(&project, "1");
    send(&child, "-HUP");
    assert_eq!(ends(child).code(), None);
    wait_for_sessions(&project, "0");
    assert_eq!(
        project.psql("select count(*) from pg_class where relnamespace = to_regnamespace('dev')"),
        "0"
    );
}

#[test]
fn a_limit_on_a_statement_is_told() {
    let project = Project::with(&[(
        "models/m.sql",
        "{{ config(materialized='table') }} select pg_sleep(620)::text as x",
    )]);
    let profile = project.read("profiles.yml");
    project.put(
        "profiles.yml",
        &profile.replace("threads: 4", "threads: 4\n      options: '-c statement_timeout=300ms'"),
    );
    let outcome = project.ends(1, &["run"]);
    assert!(
        outcome
            .stderr
            .contains("error[statement-timeout]: canceling statement due to statement timeout")
            && outcome
                .stderr
                .contains("raise statement_timeout (`options` in the profile"),
        "{}",
        outcome.stderr
    );
}
