//! What passes is tried again, where nothing of it can have been committed; and runs that overlap.

use std::process::{Child, Command};
use std::thread;

use super::support::{Brake, Project, Server, wait_until};

/// Fails as PostgreSQL does, so many times; a sequence does not forget what is rolled back.
fn refuses(times: usize, sqlstate: &str) -> String {
    format!(
        "do $$ begin if nextval('public.tries') <= {times} then raise exception 'not now' using errcode = '{sqlstate}'; end if; end $$"
    )
}

fn model(hooks: &str) -> Project {
    let project = Project::with(&[(
        "models/m.sql",
        &format!("{{{{ config(materialized='table', {hooks}) }}}} select 1 as id"),
    )]);
    project.psql("create sequence public.tries; create table public.log (x int)");
    project
}

fn message(project: &Project) -> String {
    let results: serde_json::Value = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    results["results"][0]["message"].as_str().unwrap_or_default().to_owned()
}

fn wait_for(server: &Server, database: &str, query: &str) {
    let busy = format!(
        "select count(*) from pg_stat_activity where datname = '{database}' and query like '%{query}%' \
         and pid <> pg_backend_pid() and state = 'active'"
    );
    wait_until(&format!("`{query}` runs"), || {
        server.psql("postgres", "postgres", &busy) != "0"
    });
}

#[test]
fn a_conflict_is_tried_again_and_told() {
    for sqlstate in ["40001", "40P01"] {
        let project = model(&format!("pre_hook=\"{}\"", refuses(2, sqlstate)));
        let outcome = project.ok(&["run"]);
        let told: Vec<&str> = outcome
            .stderr
            .lines()
            .filter(|line| line.contains("trying again"))
            .collect();
        assert_eq!(
            told,
            [
                "[time]  m: not now; trying again in 0.1 s",
                "[time]  m: not now; trying again in 0.2 s"
            ],
            "{}",
            outcome.stderr
        );
        assert_eq!(message(&project), "SELECT 1 (after 2 retries: not now)");
    }
}

#[test]
fn a_conflict_that_stays_fails_in_the_end() {
    let project = model(&format!("pre_hook=\"{}\"", refuses(100, "40001")));
    let outcome = project.ends(1, &["run"]);
    assert_eq!(
        project.psql("select last_value from public.tries"),
        "6",
        "{}",
        outcome.stderr
    );
    assert_eq!(message(&project), "not now (after 5 retries: not now)");
}

#[test]
fn what_cannot_be_undone_is_not_done_again() {
    let outside = "{'sql': 'insert into public.log values (1)', 'transaction': false}";
    let project = model(&format!("pre_hook=[{outside}, \"{}\"]", refuses(1, "40001")));
    project.ends(1, &["run"]);
    assert_eq!(project.psql("select count(*) from public.log"), "1");
    assert_eq!(message(&project), "not now");
}

#[test]
fn a_lost_connection_is_opened_again() {
    let project = Project::with(&[(
        "models/slow.sql",
        &format!("{{{{ config(materialized='table') }}}} {}", Brake::MODEL),
    )]);
    let brake = Brake::on(&project.database);
    let child = project.spawn(&["run"]);
    project.psql(&format!("select pg_terminate_backend({})", brake.reached()));
    drop(brake);
    let output = child.wait_with_output().expect("ends");
    let outcome = project.outcome(output.status.code(), &output.stdout, &output.stderr);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("slow: terminating connection due to administrator command; trying again in 1 s"),
        "{}",
        outcome.stderr
    );
    assert!(message(&project).starts_with("SELECT 1 (after 1 retry: "));
}

#[test]
fn a_server_that_crashes_and_comes_back() {
    restarted("immediate");
}

#[test]
fn a_server_that_is_restarted() {
    restarted("fast");
}

fn restarted(mode: &str) {
    let server = Server::own(mode);
    server.psql("postgres", "postgres", "create database shop");
    let project = Project::with(&[
        (
            "models/slow.sql",
            "{{ config(materialized='table') }} select pg_sleep(3)::text as x",
        ),
        ("models/after.sql", "select count(*) as n from {{ ref('slow') }}"),
    ]);
    project.put(
        "profiles.yml",
        &format!(
            "it:\n  target: dev\n  outputs:\n    dev: {{type: postgres, host: {}, port: 5432, user: postgres, password: '', \
             dbname: shop, schema: dev, threads: 2}}\n",
            server.socket.display()
        ),
    );
    let child = project.spawn(&["run"]);
    wait_for(&server, "shop", "pg_sleep(3)");
    server.restart(mode);
    let output = child.wait_with_output().expect("ends");
    let outcome = project.outcome(output.status.code(), &output.stdout, &output.stderr);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(server.psql("shop", "postgres", "select n from dev.after"), "1");
    assert_eq!(
        server.psql(
            "shop",
            "postgres",
            "select string_agg(relname, ' ' order by relname) from pg_class where relnamespace = 'dev'::regnamespace"
        ),
        "after slow"
    );
}

#[test]
fn who_holds_a_lock_is_named() {
    let project = Project::with(&[("models/m.sql", "{{ config(materialized='table') }} select 1 as id")]);
    project.ok(&["run"]);
    let profile = project.read("profiles.yml");
    project.put(
        "profiles.yml",
        &profile.replace("threads: 4", "threads: 4\n      options: '-c lock_timeout=300ms'"),
    );
    let name = project.database.name.clone();
    let reader = thread::spawn(move || {
        let read = "set application_name = 'a reader'; begin; select * from dev.m; select pg_sleep(630)";
        // It is ended in the middle.
        let _ = Server::shared().try_psql(&name, "postgres", read);
    });
    wait_for(Server::shared(), &project.database.name, "pg_sleep(630)");
    let outcome = project.ends(1, &["run"]);
    assert!(
        outcome
            .stderr
            .contains("error[lock-timeout]: canceling statement due to lock timeout")
            && outcome.stderr.contains(
                "process [pid] (user postgres, application \"a reader\", active, its query begun [timestamp], in a transaction \
                 since [timestamp]) kept it from AccessExclusiveLock on dev.m"
            ),
        "{}",
        outcome.stderr
    );
    project.psql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'a reader' and datname = current_database()");
    reader.join().expect("ends");
    project.ok(&["run"]);
}

#[test]
fn a_request_to_end_is_heeded_like_ctrl_c() {
    for signal in ["-INT", "-TERM"] {
        let project = Project::with(&[
            (
                "models/slow.sql",
                "{{ config(materialized='table') }} select pg_sleep(610)::text as x",
            ),
            ("models/after.sql", "select * from {{ ref('slow') }}"),
        ]);
        let child = project.spawn(&["run"]);
        wait_for(Server::shared(), &project.database.name, "pg_sleep(610)");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let output = child.wait_with_output().expect("ends");
        let outcome = project.outcome(output.status.code(), &output.stdout, &output.stderr);
        assert_eq!(outcome.status, Some(2), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("trying again"), "{}", outcome.stderr);
        let results = project.read("target/run_results.json");
        assert!(
            results.contains("model.it.slow") && results.contains("model.it.after"),
            "{results}"
        );
        assert_eq!(
            project.psql("select count(*) from pg_class where relnamespace = 'dev'::regnamespace"),
            "0"
        );
    }
}

#[test]
fn a_limit_on_temporary_files_is_told() {
    let project = Project::with(&[(
        "models/big.sql",
        "{{ config(materialized='table', pre_hook=\"set local temp_file_limit = '1MB'; set local work_mem = '64kB'\") }}
         select i from generate_series(1, 500000) i order by md5(i::text)",
    )]);
    let outcome = project.ends(1, &["run"]);
    assert!(
        outcome.stderr.contains("temporary file size exceeds temp_file_limit")
            && outcome.stderr.contains("raise the limit that is named"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        project.psql("select count(*) from pg_class where relnamespace = 'dev'::regnamespace"),
        "0"
    );
}

#[test]
fn a_view_that_somebody_makes_while_its_table_is_rebuilt_stays() {
    let project = Project::with(&[(
        "models/slow.sql",
        &format!("{{{{ config(materialized='table') }}}} {}", Brake::MODEL),
    )]);
    drop(Brake::on(&project.database));
    project.ok(&["run"]);
    let brake = Brake::on(&project.database);
    let child = project.spawn(&["run"]);
    brake.reached();
    project.psql("create view public.of_others as select waited from dev.slow");
    drop(brake);
    let output = child.wait_with_output().expect("ends");
    let outcome = project.outcome(output.status.code(), &output.stdout, &output.stderr);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("trying again"), "{}", outcome.stderr);
    assert_eq!(project.psql("select waited from public.of_others"), "0");
}

#[test]
fn a_view_that_comes_to_light_with_the_swap_has_the_node_done_again() {
    let project = Project::with(&[
        ("models/t.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/v.sql", "select 1 as id"),
        ("seeds/s.csv", "id\n1\n"),
    ]);
    project.ok(&["build"]);
    project.put("models/v.sql", "select 1::bigint as id");
    project.put("seeds/s.csv", "id,colour\n1,red\n");
    let name = project.database.name.clone();
    // Nobody sees the views before they are committed, and the swaps wait for them.
    let brake = Brake::on(&project.database);
    let other = thread::spawn(move || {
        let views: String = ["t", "v", "s"]
            .iter()
            .map(|name| format!("create view public.on_{name} as select id from dev.{name}; "))
            .collect();
        Server::shared().psql(&name, "postgres", &format!("begin; {views} {}; commit", Brake::MODEL));
    });
    brake.reached();
    let child = project.spawn(&["build"]);
    let waiting = "select count(*) from pg_locks where not granted and relation in (select oid from pg_class where
                   relnamespace = 'dev'::regnamespace) and database = (select oid from pg_database where datname = current_database())";
    wait_until("three nodes wait", || project.psql(waiting) == "3");
    drop(brake);
    other.join().expect("ends");
    let output = child.wait_with_output().expect("ends");
    let outcome = project.outcome(output.status.code(), &output.stdout, &output.stderr);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    // `create or replace view` waits before it fails, and sees the view by then.
    for relation in ["table dev.t", "table dev.s"] {
        let told = format!("cannot drop {relation} because other objects depend on it; trying again in 0.1 s");
        assert!(outcome.stderr.contains(&told), "{relation}: {}", outcome.stderr);
    }
    for name in ["t", "v", "s"] {
        assert_eq!(project.psql(&format!("select min(id) from public.on_{name}")), "1");
    }
    assert_eq!(project.psql("select colour from dev.s"), "red");
}

/// Tables, views on them, and incremental models of every strategy, with new rows to take in.
fn shared_project() -> Project {
    let mut project = Project::with(&[
        ("seeds/colours.csv", "id,colour\n1,red\n2,green\n3,blue\n"),
        (
            "models/schema.yml",
            "sources:\n  - name: raw\n    tables: [{name: orders}]\nmodels:\n  - name: added\n    columns:\n      - name: id\n        data_tests: [unique, not_null]\n",
        ),
    ]);
    for number in 0..6 {
        project = project
            .write(
                &format!("models/t{number}.sql"),
                "{{ config(materialized='table', indexes=[{'columns': ['id']}]) }} select * from {{ source('raw', 'orders') }}",
            )
            .write(
                &format!("models/v{number}.sql"),
                &format!("select t.id, c.colour from {{{{ ref('t{number}') }}}} t left join {{{{ ref('colours') }}}} c using (id)"),
            );
    }
    for (name, strategy) in [("added", "append"), ("replaced", "delete+insert"), ("merged", "merge")] {
        project = project.write(
            &format!("models/{name}.sql"),
            &format!(
                "{{{{ config(materialized='incremental', unique_key='id', incremental_strategy='{strategy}') }}}}
                 select * from {{{{ source('raw', 'orders') }}}}
                 {{% if is_incremental() %}} where id > (select coalesce(max(id), 0) from {{{{ this }}}}) {{% endif %}}"
            ),
        );
    }
    project.psql(
        "create schema raw; create table raw.orders (id int); insert into raw.orders select generate_series(1, 100)",
    );
    project
}

fn overlap(rounds: i32, threads: &str) {
    let project = shared_project();
    for round in 1..=rounds {
        let pair: Vec<Child> = ["target", "target2"]
            .iter()
            .map(|target| project.spawn(&["build", "--threads", threads, "--target-path", target]))
            .collect();
        for child in pair {
            let output = child.wait_with_output().expect("ends");
            let outcome = project.outcome(output.status.code(), &output.stdout, &output.stderr);
            assert_eq!(
                outcome.status,
                Some(0),
                "round {round}\n{}{}",
                outcome.stdout,
                outcome.stderr
            );
        }
        let rows = round * 100;
        for name in ["t0", "t5", "v0", "v5", "added", "replaced", "merged"] {
            assert_eq!(
                project.psql(&format!("select count(*) || ' ' || count(distinct id) from dev.{name}")),
                format!("{rows} {rows}"),
                "{name}, round {round}"
            );
        }
        assert_eq!(
            project.psql("select string_agg(relname, ' ') from pg_class where relname ~ '__assay_|__dbt_'"),
            ""
        );
        project.psql(&format!(
            "insert into raw.orders select generate_series({rows} + 1, {rows} + 100)"
        ));
    }
}

#[test]
fn two_runs_that_overlap() {
    overlap(3, "8");
}

#[test]
#[ignore = "two hundred runs: several minutes"]
fn two_runs_that_overlap_a_hundred_times() {
    overlap(100, "16");
}
