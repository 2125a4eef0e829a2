//! Which processes belong to a server.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::account::Account;

/// What `postmaster.pid` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: i32,
    /// `starting`, `stopping`, `ready`, `standby`; empty early in a start.
    pub(super) status: String,
}

impl PidFile {
    pub(super) fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        Some(Self {
            pid,
            status: lines.nth(6).unwrap_or_default().trim().to_owned(),
        })
    }

    /// Puts another process number into the file, which keeps its owner; the rest stays, above all the key by which
    /// PostgreSQL finds shared memory that is still in use.
    pub(super) fn replace_pid(data: &Path, pid: u32) -> io::Result<()> {
        let path = data.join("postmaster.pid");
        let text = fs::read_to_string(&path)?;
        let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
        fs::write(&path, format!("{pid}\n{rest}"))
    }
}

/// The live processes whose working directory is the data directory: the server's, all of them, and nobody else's.
pub(super) fn in_directory(data: &Path, account: &Account) -> Vec<i32> {
    let Ok(wanted) = fs::metadata(data) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir("/proc") else {
        return by_command_line(data);
    };
    let mut denied = false;
    let mut seen_any = false;
    let mut found = Vec::new();
    for pid in entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
    {
        seen_any = true;
        match fs::metadata(format!("/proc/{pid}/cwd")) {
            Ok(directory) if directory.dev() == wanted.dev() && directory.ino() == wanted.ino() => found.push(pid),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => denied = true,
            _ => {}
        }
    }
    if !seen_any {
        return by_command_line(data);
    }
    if found.is_empty() && denied && account.foreign {
        // Root in a container often may not look at other users' processes; they may look at their own.
        found = as_account(data, account);
    }
    found
}

fn as_account(data: &Path, account: &Account) -> Vec<i32> {
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg("for p in /proc/[0-9]*; do if [ \"$p/cwd\" -ef \"$1\" ]; then echo \"${p#/proc/}\"; fi; done")
        .arg("sh")
        .arg(data)
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    account.apply(&mut command);
    let Ok(output) = command.output() else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect()
}

/// Where there is no /proc: only the first process of a server names its directory.
fn by_command_line(data: &Path) -> Vec<i32> {
    let Ok(output) = Command::new("ps").args(["-A", "-o", "pid=,args="]).output() else {
        return Vec::new();
    };
    let wanted = format!("-D {}", data.display());
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.contains("postgres") && line.contains(&wanted))
        .filter_map(|line| line.trim().split(' ').next()?.parse().ok())
        .collect()
}

/// Sends a signal; whether somebody was there to get it.
pub(super) fn signal(pid: i32, signal: Signal) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, signal).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_pid_file() {
        let text = "4242\n/data\n1700000000\n5432\n/tmp/assay-x\n\n  7 9\nready   \n";
        let file = PidFile::parse(text).expect("parsed");
        assert_eq!((file.pid, file.status.as_str()), (4242, "ready"));
        assert_eq!(PidFile::parse("12\n").expect("parsed").status, "");
        assert_eq!(PidFile::parse(""), None);
    }

    #[test]
    fn finds_a_process_by_its_directory() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = Command::new("sleep")
            .arg("60")
            .current_dir(directory.path())
            .spawn()
            .expect("started");
        let pid = i32::try_from(child.id()).expect("a pid");
        if Path::new("/proc/self").exists() {
            let found = in_directory(directory.path(), &Account::own());
            assert_eq!(found, vec![pid]);
        }
        assert!(signal(pid, Signal::KILL));
        child.wait().expect("ended");
    }
}
