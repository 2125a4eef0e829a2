//! A server that has run out of something.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use super::support::{Project, Server};

fn profile(server: &Server, user: &str, more: &str) -> String {
    format!(
        "it:\n  target: dev\n  outputs:\n    dev: {{type: postgres, host: {}, port: 5432, user: {user}, password: '', \
         dbname: shop, schema: dev, threads: 4{more}}}\n",
        server.socket.display()
    )
}

/// Sessions that somebody else holds.
struct Others<'s>(Vec<Child>, &'s Server);

impl<'s> Others<'s> {
    fn hold(server: &'s Server, count: usize) -> Self {
        let hold = |_| server.spawn_psql("shop", "plain", "select pg_sleep(1200)");
        let mut others = Self((0..count).map(hold).collect(), server);
        let end = Instant::now() + Duration::from_secs(120);
        let there = "select count(*) from pg_stat_activity where query = 'select pg_sleep(1200)'";
        while server.psql("shop", "postgres", there) != count.to_string() {
            let found = "select string_agg(usename || ' ' || query, '; ') from pg_stat_activity where datname = 'shop'";
            assert!(Instant::now() < end, "{}", server.psql("shop", "postgres", found));
            // The one who counts has a connection too: whoever was refused for that tries again.
            for child in &mut others.0 {
                if child.try_wait().expect("a child").is_some() {
                    *child = hold(0);
                }
            }
            thread::sleep(Duration::from_millis(500));
        }
        others
    }
}

impl Drop for Others<'_> {
    fn drop(&mut self) {
        let end = "select pg_terminate_backend(pid, 60000) from pg_stat_activity where query = 'select pg_sleep(1200)'";
        let _ = self.1.try_psql("shop", "postgres", end);
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_server_without_connections() {
    let server = Server::own("full");
    server.psql(
        "postgres",
        "postgres",
        "create role plain login; create database shop owner plain; alter system set superuser_reserved_connections = 3",
    );
    server.restart_with("immediate", "-c max_connections=9");
    let project = Project::with(&[
        (
            "models/a.sql",
            "{{ config(materialized='table') }} select pg_sleep(1)::text as x",
        ),
        (
            "models/b.sql",
            "{{ config(materialized='table') }} select pg_sleep(1)::text as x",
        ),
        (
            "models/c.sql",
            "{{ config(materialized='table') }} select pg_sleep(1)::text as x",
        ),
        (
            "models/d.sql",
            "{{ config(materialized='table') }} select pg_sleep(1)::text as x",
        ),
    ]);
    project.put("profiles.yml", &profile(&server, "plain", ", retries: 0"));
    {
        // Only those that are kept for superusers are left.
        let _others = Others::hold(&server, 6);
        let outcome = project.ends(2, &["run"]);
        assert!(
            outcome
                .stderr
                .contains("error[too-many-connections]: the server has no connection left")
                && outcome.stderr.contains("use fewer threads (`--threads`)"),
            "{}",
            outcome.stderr
        );
    }
    {
        // Fewer than the run has threads: it goes on with what it gets.
        let _others = Others::hold(&server, 4);
        let outcome = project.ok(&["run"]);
        assert!(
            outcome
                .stderr
                .contains("going on with those that are open: use fewer threads"),
            "{}",
            outcome.stderr
        );
    }
    assert_eq!(
        server.psql(
            "shop",
            "postgres",
            "select string_agg(relname, ' ' order by relname) from pg_class where relnamespace = 'dev'::regnamespace"
        ),
        "a b c d"
    );
}

/// A small file system of its own; gone when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn at(path: &Path, size: &str) -> Self {
        std::fs::create_dir_all(path).expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=0777"), "tmpfs"])
            .arg(path)
            .status();
        assert!(mounted.expect("mount runs").success(), "only root may mount");
        Self(path.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root, for a file system that fills up"]
fn a_full_disk() {
    let server = Server::own("disk");
    let disk = Mounted::at(&server.socket.join("small"), "4m");
    let space = server.owned_folder("small/space");
    server.psql("postgres", "postgres", "create database shop");
    server.psql(
        "shop",
        "postgres",
        &format!("create tablespace small location '{}'", space.display()),
    );
    let project = Project::with(&[
        (
            "models/m.sql",
            "{{ config(materialized='table') }} select i, repeat('x', 100) as x from generate_series(1, {{ var('rows') }}) i",
        ),
        (
            "models/added.sql",
            "{{ config(materialized='incremental') }} select i, repeat('x', 100) as x from generate_series(1, {{ var('rows') }}) i
             {% if is_incremental() %} where i > (select max(i) from {{ this }}) {% endif %}",
        ),
    ]);
    project.put(
        "profiles.yml",
        &profile(
            &server,
            "postgres",
            ", options: '-c default_tablespace=small -c temp_tablespaces=small'",
        ),
    );
    let run = |rows: &str| project.run(&["run", "--threads", "1", "--vars", &format!("{{rows: {rows}}}")]);
    let rows = || {
        server.psql(
            "shop",
            "postgres",
            "select (select count(*) from dev.m), (select count(*) from dev.added)",
        )
    };
    let small = run("100");
    assert_eq!(small.status, Some(0), "{}", small.stderr);
    let full = run("100000");
    assert_eq!(full.status, Some(1), "{}", full.stderr);
    assert!(
        full.stderr.contains("No space left on device") && full.stderr.contains("free space on the server's disk"),
        "{}",
        full.stderr
    );
    assert_eq!(rows(), "100|100");
    let again = run("200");
    assert_eq!(again.status, Some(0), "{}", again.stderr);
    assert_eq!(rows(), "200|200");
    drop(disk);
}
