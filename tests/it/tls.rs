//! `sslmode` in its meanings, passwords and client certificates, on a server with certificates made for the test.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use assay::postgres::local::LocalServer;
use assay::postgres::{Connection, Pool, Session};
use assay::project::profile::{Password, PasswordSource, Secret, SslMode, Target, TargetKind};

use crate::server::{Project, connect, number};
use crate::support::wait_until;

/// A server on a port of this machine, ended with the test.
struct TlsServer {
    child: Child,
    port: u16,
    certificates: PathBuf,
    /// Last, since the server runs in it.
    _project: Project,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        crate::server::kill(
            i32::try_from(self.child.id()).expect("a pid"),
            rustix::process::Signal::QUIT,
        );
        let _ = self.child.wait();
    }
}

impl TlsServer {
    fn target(&self, mode: SslMode) -> Target {
        let mut target = Target::local("test", "the test");
        target.kind = TargetKind::Postgres;
        "localhost".clone_into(&mut target.host);
        target.port = self.port;
        target.sslmode = mode;
        target.retries = 0;
        target
    }

    fn trusting(&self, mode: SslMode, file: &str) -> Target {
        Target {
            sslrootcert: Some(self.certificates.join(file)),
            ..self.target(mode)
        }
    }
}

fn openssl(directory: &Path, arguments: &str) -> bool {
    Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// An authority, a server signed by it for `localhost`, a server of its own for `elsewhere`, and a client.
fn make_certificates(directory: &Path) -> bool {
    fs::write(directory.join("san.txt"), "subjectAltName=DNS:localhost\n").expect("written");
    fs::write(directory.join("client.txt"), "extendedKeyUsage=clientAuth\n").expect("written");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(
        directory,
        &format!("req -x509 {key} -days 2 -subj /CN=ca -keyout ca.key -out ca.crt"),
    ) && openssl(
        directory,
        &format!("req -x509 {key} -days 2 -subj /CN=other -keyout other.key -out other.crt"),
    ) && openssl(
        directory,
        &format!("req {key} -subj /CN=x -keyout server.key -out server.csr"),
    ) && openssl(
        directory,
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san.txt -out server.crt",
    ) && openssl(
        directory,
        &format!("req -x509 {key} -days 2 -subj /CN=localhost -keyout self.key -out self.crt"),
    ) && openssl(
        directory,
        &format!("req -x509 {key} -days 2 -subj /CN=elsewhere -keyout away.key -out away.crt"),
    ) && openssl(
        directory,
        &format!("req {key} -subj /CN=carol -keyout client.key -out client.csr"),
    ) && openssl(
        directory,
        "x509 -req -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile client.txt -out client.crt",
    )
}

/// `None` where the machine lacks openssl.
async fn start(certificate: &str) -> Option<TlsServer> {
    let project = Project::new();
    let certificates = project.path().join("certificates");
    fs::create_dir(&certificates).expect("created");
    if !make_certificates(&certificates) {
        eprintln!("skipped: openssl is not there to make certificates");
        return None;
    }
    let server = project.ensure().await;
    connect(&server)
        .await
        .batch(
            "set password_encryption = 'scram-sha-256'; create role alice login password 'wonder:land'; \
             create role carol login; create role plain login; create role secure login",
        )
        .await
        .expect("created");
    drop(server);
    LocalServer::stop(project.path(), &project.options.environment, false)
        .await
        .expect("stopped");

    let data = project.data();
    let owner = fs::metadata(&data).expect("data");
    for (from, to) in [
        (format!("{certificate}.crt"), "tls.crt"),
        (format!("{certificate}.key"), "tls.key"),
        ("ca.crt".into(), "ca.crt"),
    ] {
        let to = data.join(to);
        fs::copy(certificates.join(from), &to).expect("copied");
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("mode");
        chown(&to, Some(owner.uid()), Some(owner.gid())).expect("handed over");
    }
    fs::write(
        data.join("pg_hba.conf"),
        "hostssl all alice all scram-sha-256\nhostssl all carol all cert\nhostnossl all plain all trust\n\
         hostssl all secure all trust\nhost all assay all trust\n",
    )
    .expect("written");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .port();
    let options = fs::read_to_string(data.join("postmaster.opts")).expect("how it was started");
    let program = options.split(' ').next().expect("a program");
    let mut command = Command::new(program);
    command
        .arg("-F")
        .arg("-D")
        .arg(&data)
        .args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=localhost",
            "-c",
            "unix_socket_directories=",
        ])
        .args([
            "-c",
            "ssl=on",
            "-c",
            "ssl_cert_file=tls.crt",
            "-c",
            "ssl_key_file=tls.key",
            "-c",
            "ssl_ca_file=ca.crt",
        ])
        .current_dir("/")
        .stderr(Stdio::null());
    if rustix::process::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let child = command.spawn().expect("started");
    let ready = data.join("postmaster.pid");
    wait_until("the server is ready", || {
        fs::read_to_string(&ready).is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.starts_with("ready")))
    });
    Some(TlsServer {
        child,
        port,
        certificates,
        _project: project,
    })
}

async fn encrypted(target: &Target) -> Result<bool, String> {
    let connection = Connection::open(target, &Session::default())
        .await
        .map_err(|error| error.to_string())?;
    let rows = connection
        .query("select ssl from pg_stat_ssl where pid = pg_backend_pid()", &[])
        .await;
    Ok(rows.expect("a row")[0].get(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn sslmode_means_what_it_means_in_postgres() {
    let Some(server) = start("server").await else { return };
    assert_eq!(encrypted(&server.target(SslMode::Disable)).await, Ok(false));
    assert_eq!(encrypted(&server.target(SslMode::Allow)).await, Ok(false));
    assert_eq!(encrypted(&server.target(SslMode::Prefer)).await, Ok(true));
    assert_eq!(encrypted(&server.target(SslMode::Require)).await, Ok(true));
    for mode in [SslMode::VerifyCa, SslMode::VerifyFull] {
        assert_eq!(encrypted(&server.trusting(mode, "ca.crt")).await, Ok(true));
        let error = encrypted(&server.trusting(mode, "other.crt"))
            .await
            .expect_err("another authority");
        assert!(
            error.contains("error[tls-failed]") && error.contains("sslrootcert"),
            "{error}"
        );
    }
    // With an authority at hand, `require` checks against it.
    assert!(
        encrypted(&server.trusting(SslMode::Require, "other.crt"))
            .await
            .is_err()
    );

    let mut by_address = server.trusting(SslMode::VerifyFull, "ca.crt");
    "127.0.0.1".clone_into(&mut by_address.host);
    let error = encrypted(&by_address).await.expect_err("another name");
    assert!(error.contains("verify-ca"), "{error}");
    by_address.sslmode = SslMode::VerifyCa;
    assert_eq!(encrypted(&by_address).await, Ok(true));

    // A server that takes a user only one way is asked the other way too.
    let as_user = |mode, user: &str| Target {
        user: user.to_owned(),
        ..server.target(mode)
    };
    assert_eq!(encrypted(&as_user(SslMode::Prefer, "plain")).await, Ok(false));
    assert_eq!(encrypted(&as_user(SslMode::Allow, "secure")).await, Ok(true));
    assert!(encrypted(&as_user(SslMode::Require, "plain")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_client_certificates_and_cancelling() {
    let Some(server) = start("server").await else { return };
    let mut alice = server.target(SslMode::Require);
    "alice".clone_into(&mut alice.user);
    let error = encrypted(&alice).await.expect_err("no password");
    assert!(
        error.contains("error[login-refused]") && error.contains("no password was found"),
        "{error}"
    );
    let password = |text: &str| {
        Some(Password {
            secret: Secret::new(text),
            source: PasswordSource::File("/home/me/.pgpass".into()),
        })
    };
    alice.password = password("looking-glass");
    let error = encrypted(&alice).await.expect_err("wrong password");
    assert!(
        error.contains("/home/me/.pgpass") && error.contains("`alice` at localhost"),
        "{error}"
    );
    assert!(!error.contains("looking-glass"), "{error}");
    alice.password = password("wonder:land");
    alice.channel_binding_required = true;
    assert_eq!(encrypted(&alice).await, Ok(true));
    "nowhere".clone_into(&mut alice.dbname);
    let error = encrypted(&alice).await.expect_err("no database");
    assert!(
        error.contains("error[no-database]") && error.contains("createdb nowhere"),
        "{error}"
    );

    let mut carol = server.target(SslMode::Require);
    "carol".clone_into(&mut carol.user);
    assert!(encrypted(&carol).await.is_err());
    let key = server.certificates.join("client.key");
    carol.sslcert = Some(server.certificates.join("client.crt"));
    carol.sslkey = Some(key.clone());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("mode");
    let error = encrypted(&carol).await.expect_err("an open key");
    assert!(error.contains("can be read by others"), "{error}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("mode");
    assert_eq!(encrypted(&carol).await, Ok(true));

    let pool = Pool::new(server.target(SslMode::Require), Session::default(), 1);
    let connection = pool.get().await.expect("a connection");
    let slow = tokio::spawn(async move { connection.batch("select pg_sleep(600)").await.map(|_| ()) });
    let watcher = Connection::open(&server.target(SslMode::Require), &Session::default()).await;
    let watcher = watcher.expect("a second connection");
    let running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'";
    while number(&watcher, running).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(pool.cancel_all().await, []);
    assert!(slow.await.expect("joined").expect_err("cancelled").is_cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_signed_itself_can_be_trusted() {
    let Some(server) = start("self").await else { return };
    assert_eq!(
        encrypted(&server.trusting(SslMode::VerifyFull, "self.crt")).await,
        Ok(true)
    );
    assert!(
        encrypted(&server.trusting(SslMode::VerifyFull, "ca.crt"))
            .await
            .is_err()
    );
    let Some(server) = start("away").await else { return };
    assert_eq!(
        encrypted(&server.trusting(SslMode::VerifyCa, "away.crt")).await,
        Ok(true)
    );
    let error = encrypted(&server.trusting(SslMode::VerifyFull, "away.crt"))
        .await
        .expect_err("another name");
    assert!(error.contains("error[tls-failed]"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_and_no_server() {
    let project = Project::new();
    let mut target = Target::local("test", "the test");
    target.kind = TargetKind::Postgres;
    "localhost".clone_into(&mut target.host);
    target.port = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .port();
    target.retries = 0;
    let error = encrypted(&target).await.expect_err("nobody listens");
    assert!(
        error.contains("error[server-unreachable]") && error.contains("the test"),
        "{error}"
    );
    // The unix socket needs no TLS, whatever the mode says.
    let server = project.ensure().await;
    let mut local = crate::server::target(&server);
    local.sslmode = SslMode::VerifyFull;
    let connection = Connection::open(&local, &Session::default())
        .await
        .expect("a connection");
    assert_eq!(number(&connection, "select 1::int8").await, 1);
}
