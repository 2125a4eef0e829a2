//! A wire between Assay and PostgreSQL that breaks where it is told to.

use std::fmt;
use std::io::{Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use super::Server;

/// What happens at a statement. Of a message that is `Sent`, the server hears and the answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Kill,
    KillSent,
    Cut,
    CutSent,
    Terminate,
    /// The same as `CutSent`, and from then on nobody is let in.
    GoneSent,
}

impl Fault {
    pub const ALL: [Self; 5] = [Self::Kill, Self::KillSent, Self::Cut, Self::CutSent, Self::Terminate];
}

/// Which statement of a run, counted from 1 over all its connections, and what happens there. Where `of` is a text only
/// statements that hold it are counted.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub at: usize,
    pub of: &'static str,
    pub fault: Fault,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at statement {}{}", self.fault, self.at, self.of)
    }
}

pub struct Proxy {
    pub port: u16,
    wire: Arc<Wire>,
}

struct Wire {
    server: &'static Server,
    state: Mutex<State>,
    named: Condvar,
}

#[derive(Default)]
struct State {
    plan: Option<Plan>,
    /// The process to kill.
    victim: Option<u32>,
    statements: Vec<String>,
    /// How many of them the plan counts.
    counted: usize,
    /// Whether new connections are refused.
    closed: bool,
}

impl Proxy {
    pub fn start(server: &'static Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let wire = Arc::new(Wire {
            server,
            state: Mutex::default(),
            named: Condvar::new(),
        });
        let shared = Arc::clone(&wire);
        // Ends with the test process; it holds nothing but its port.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let wire = Arc::clone(&shared);
                thread::spawn(move || {
                    // A connection that is refused or breaks is what the other side makes of it.
                    let _ = wire.serve(&client);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { port, wire }
    }

    /// Counts from the beginning again.
    pub fn arm(&self, plan: Option<Plan>) {
        let mut state = self.wire.state.lock().expect("no poison");
        *state = State {
            plan,
            ..State::default()
        };
    }

    pub fn victim(&self, process: u32) {
        self.wire.state.lock().expect("no poison").victim = Some(process);
        self.wire.named.notify_all();
    }

    /// What was sent since the counting began.
    pub fn statements(&self) -> Vec<String> {
        self.wire.state.lock().expect("no poison").statements.clone()
    }
}

impl Wire {
    fn serve(&self, client: &TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        if self.state.lock().expect("no poison").closed {
            return Ok(());
        }
        let server = UnixStream::connect(self.server.socket.join(".s.PGSQL.5432"))?;
        let backend = Arc::new(Mutex::new(None));
        let (from, to, heard) = (server.try_clone()?, client.try_clone()?, Arc::clone(&backend));
        let answers = thread::spawn(move || {
            let _ = answer(from, &to, &heard);
            let _ = to.shutdown(Shutdown::Both);
        });
        let done = self.forward(client, &server, &backend);
        let _ = server.shutdown(Shutdown::Both);
        let _ = answers.join();
        done
    }

    fn forward(
        &self,
        mut client: &TcpStream,
        mut server: &UnixStream,
        backend: &Mutex<Option<u32>>,
    ) -> std::io::Result<()> {
        // The first message has no type.
        let body = message(client)?;
        server.write_all(&body)?;
        let mut pulse = false;
        loop {
            let mut kind = [0];
            client.read_exact(&mut kind)?;
            let body = message(client)?;
            if kind[0] == b'P' {
                // The look after the run lock comes as often as the clock says; what is counted must not.
                pulse = String::from_utf8_lossy(&body).contains("select 1 from assay.locks");
            }
            let due = match kind[0] {
                b'P' | b'E' if pulse => None,
                b'Q' | b'P' | b'E' | b'd' => self.count(kind[0], &body),
                _ => None,
            };
            let send = |mut server: &UnixStream| server.write_all(&[&kind[..], &body].concat());
            match due {
                None => send(server)?,
                Some(Fault::Kill) => {
                    self.kill();
                    return Ok(());
                }
                Some(Fault::KillSent) => {
                    send(server)?;
                    self.kill();
                    return Ok(());
                }
                Some(Fault::Cut) => return Ok(()),
                Some(Fault::CutSent | Fault::GoneSent) => {
                    client.shutdown(Shutdown::Both)?;
                    send(server)?;
                    // A moment for the server to do it, and to find nobody to tell.
                    thread::sleep(Duration::from_millis(30));
                    return Ok(());
                }
                Some(Fault::Terminate) => {
                    let process = backend
                        .lock()
                        .expect("no poison")
                        .expect("the backend has told who it is");
                    self.server.psql(
                        "postgres",
                        "postgres",
                        &format!("select pg_terminate_backend({process}, 5000)"),
                    );
                    // The answer is on its way; nobody listens to this message any more.
                    let _ = send(server);
                    let mut rest = Vec::new();
                    let _ = client.read_to_end(&mut rest);
                    return Ok(());
                }
            }
        }
    }

    fn count(&self, kind: u8, body: &[u8]) -> Option<Fault> {
        let mut state = self.state.lock().expect("no poison");
        let text: Vec<u8> = body[4..].iter().copied().filter(|byte| *byte != 0).collect();
        let text = String::from_utf8_lossy(&text).into_owned();
        let counts = state.plan.is_some_and(|plan| text.contains(plan.of));
        state.statements.push(format!("{} {text}", char::from(kind)));
        state.counted += usize::from(counts);
        let reached = state.counted;
        let due = state
            .plan
            .filter(|plan| counts && plan.at == reached)
            .map(|plan| plan.fault);
        state.closed |= due == Some(Fault::GoneSent);
        due
    }

    fn kill(&self) {
        let mut state = self.state.lock().expect("no poison");
        while state.victim.is_none() {
            state = self.named.wait(state).expect("no poison");
        }
        let process = state.victim.expect("named").to_string();
        let killed = Command::new("kill")
            .args(["-KILL", &process])
            .status()
            .expect("kill runs");
        assert!(killed.success());
    }
}

/// Length and what it counts.
fn message(mut from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut body = length.to_vec();
    body.resize(usize::try_from(u32::from_be_bytes(length)).expect("64 bits"), 0);
    from.read_exact(&mut body[4..])?;
    Ok(body)
}

/// Passes on what the server says; hears the number of its process on the way.
fn answer(mut from: UnixStream, mut to: &TcpStream, backend: &Mutex<Option<u32>>) -> std::io::Result<()> {
    loop {
        let mut kind = [0];
        from.read_exact(&mut kind)?;
        let body = message(&from)?;
        if kind[0] == b'K' {
            let process = body[4..8].try_into().expect("four bytes");
            *backend.lock().expect("no poison") = Some(u32::from_be_bytes(process));
        }
        to.write_all(&[&kind[..], &body].concat())?;
        if kind[0] == b'K' {
            return copy(&mut from, &mut to).map(|_| ());
        }
    }
}
