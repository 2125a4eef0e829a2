//! One throw-away PostgreSQL for the test process. A watchdog stops it and removes its files when the process is gone,
//! however it went.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub struct Server {
    pub(super) bin: PathBuf,
    pub socket: PathBuf,
    /// Who runs the server where we are root.
    owner: Option<(u32, u32)>,
}

/// A database of its own for one test.
pub struct Database {
    pub name: String,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

impl Server {
    pub fn shared() -> &'static Self {
        SERVER.get_or_init(|| Self::start(""))
    }

    /// One that a test may treat badly.
    pub fn own(name: &str) -> Self {
        Self::start(&format!("-{name}"))
    }

    /// `immediate` is as if it had crashed, `fast` as an administrator does it; answers once it is there again.
    pub fn restart(&self, mode: &str) {
        self.restart_with(mode, "");
    }

    /// The same with other settings than it began with.
    pub fn restart_with(&self, mode: &str, settings: &str) {
        let log = self.socket.join("log-again");
        let ask = || {
            let mut command = self.command("pg_ctl");
            if !settings.is_empty() {
                let all = format!("-k {} -c listen_addresses= {settings}", self.socket.display());
                command.arg("-o").arg(all);
            }
            let command = command.args(["restart", "-w", "-m", mode, "-D"]);
            let command = command.arg(self.socket.join("data"));
            let done = command.arg("-l").arg(&log).stdout(Stdio::null()).status();
            done.expect("pg_ctl runs").success()
        };
        let end = Instant::now() + Duration::from_secs(60);
        let mut there = ask();
        // On a busy machine a process of the crashed server can still hold what the next one needs.
        while !there && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(500));
            there = ask();
        }
        assert!(there, "{}", fs::read_to_string(&log).unwrap_or_default());
    }

    /// A folder below the server's own that it may write to.
    pub fn owned_folder(&self, path: &str) -> PathBuf {
        let folder = self.socket.join(path);
        fs::create_dir_all(&folder).expect("a folder");
        if let Some((uid, gid)) = self.owner {
            chown(&folder, Some(uid), Some(gid)).expect("root may give files away");
        }
        folder
    }

    /// A psql that runs on beside the test.
    pub fn spawn_psql(&self, database: &str, user: &str, sql: &str) -> Child {
        self.program("psql")
            .args(["-X", "-q", "-U", user, "-d", database, "-c", sql, "-h"])
            .arg(&self.socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("psql starts")
    }

    fn start(name: &str) -> Self {
        let bin = programs();
        let directory = PathBuf::from(format!("/tmp/assay-it-{}{name}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory below /tmp");
        let owner = is_root().then(unprivileged);
        if let Some((uid, gid)) = owner {
            chown(&directory, Some(uid), Some(gid)).expect("root may give files away");
        }
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("own directory");
        let server = Self {
            bin,
            socket: directory.clone(),
            owner,
        };
        let data = directory.join("data");
        let made = server
            .command("initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let log = fs::File::create(directory.join("log")).expect("a log file");
        // Its own process group: it outlives this process for a moment, and the watchdog ends it.
        #[expect(clippy::zombie_processes, reason = "the watchdog ends it")]
        let _server = server
            .command("postgres")
            .arg("-D")
            .arg(&data)
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=300",
            ])
            .args(["-c", "autovacuum=off", "-c", "shared_buffers=64MB"])
            .arg("-k")
            .arg(&directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("postgres starts");
        Self::watchdog(&directory, &data);
        let up = format!("the test server is up, see {}", directory.join("log").display());
        super::wait_until(&up, || server.try_psql("postgres", "postgres", "select 1").is_ok());
        server
    }

    fn watchdog(directory: &Path, data: &Path) {
        let script = format!(
            "while kill -0 {parent} 2>/dev/null; do sleep 0.5; done; \
             kill -QUIT $(head -n 1 '{data}/postmaster.pid') 2>/dev/null; sleep 0.5; rm -rf '{directory}'",
            parent = std::process::id(),
            data = data.display(),
            directory = directory.display(),
        );
        #[expect(clippy::zombie_processes, reason = "it outlives this process by design")]
        let _watchdog = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh starts");
    }

    /// A program of PostgreSQL without what the developer's own settings (`PGPORT`, `PGUSER`, ..) would make of it.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        for (setting, _) in std::env::vars_os() {
            if setting.to_string_lossy().starts_with("PG") {
                command.env_remove(setting);
            }
        }
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.program(program);
        command.current_dir("/tmp");
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// A new, empty database.
    pub fn database(&self) -> Database {
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::SeqCst));
        self.psql("postgres", "postgres", &format!("create database {name}"));
        Database { name }
    }

    /// Runs SQL; rows come back as lines, columns separated by `|`, NULL as nothing.
    pub fn psql(&self, database: &str, user: &str, sql: &str) -> String {
        self.try_psql(database, user, sql)
            .unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// Plain rows, nothing of the user's own settings, and an end at the first error.
    pub fn psql_command(&self, database: &str, user: &str) -> Command {
        let mut command = self.program("psql");
        command
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                user,
                "-d",
                database,
                "-h",
            ])
            .arg(&self.socket);
        command
    }

    /// The same; an error comes back with its SQLSTATE in front.
    pub fn try_psql(&self, database: &str, user: &str, sql: &str) -> Result<String, String> {
        let mut command = self.psql_command(database, user);
        command
            .args(["-v", "VERBOSITY=verbose"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        {
            use std::io::Write;
            let mut input = child.stdin.take().expect("piped");
            let _ = input.write_all(sql.as_bytes());
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end_matches('\n')
                .to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Database {
    /// Gives every row of a query as the unescaped fields of `COPY`; only one is held at a time.
    pub fn each_row(&self, query: &str, mut each: impl FnMut(&[Option<String>])) {
        let server = Server::shared();
        let mut psql = server
            .program("psql")
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                &self.name,
                "-h",
            ])
            .arg(&server.socket)
            .args(["-c", &format!("copy ({query}) to stdout")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql starts");
        for line in BufReader::new(psql.stdout.take().expect("piped")).lines() {
            let fields: Vec<Option<String>> = line.expect("text").split('\t').map(unescaped).collect();
            each(&fields);
        }
        assert!(psql.wait().expect("psql ends").success(), "{query}");
    }

    pub fn psql(&self, sql: &str) -> String {
        Server::shared().psql(&self.name, "postgres", sql)
    }

    pub fn try_psql_as(&self, user: &str, sql: &str) -> Result<String, String> {
        Server::shared().try_psql(&self.name, user, sql)
    }
}

/// A field of `COPY` text.
fn unescaped(field: &str) -> Option<String> {
    if field == "\\N" {
        return None;
    }
    let mut plain = String::with_capacity(field.len());
    let mut rest = field.chars();
    while let Some(letter) = rest.next() {
        plain.push(match letter {
            '\\' => match rest.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    Some(plain)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// `postgres`, else `nobody`: a server refuses to run as root.
fn unprivileged() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| {
            let line = passwd.lines().find(|l| l.starts_with(&format!("{name}:")))?;
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .expect("a user to run the server as")
}

/// The newest installed PostgreSQL with psql beside it.
fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = Vec::new();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            found.push(entry.path().join("bin"));
        }
    }
    found.extend(
        std::env::var_os("PATH")
            .iter()
            .flat_map(|path| std::env::split_paths(path).collect::<Vec<_>>()),
    );
    found.retain(|bin| bin.join("initdb").exists() && bin.join("postgres").exists() && bin.join("psql").exists());
    found.sort();
    found
        .pop()
        .expect("PostgreSQL's programs; install PostgreSQL 14 or newer")
}
