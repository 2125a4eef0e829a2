//! A project in a directory of its own, and commands run on it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Database, Server};

pub struct Project {
    directory: tempfile::TempDir,
    pub database: Database,
    environment: BTreeMap<String, String>,
}

/// What a command left: its exit status and both its outputs, with what differs from run to run replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Project {
    /// An empty project with a database of its own and a profile `it` that points at it.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database = Server::shared().database();
        let profile = format!(
            "it:\n  target: dev\n  outputs:\n    dev:\n      type: postgres\n      host: {}\n      user: postgres\n      \
             password: ''\n      port: 5432\n      dbname: {}\n      schema: dev\n      threads: 4\n",
            Server::shared().socket.display(),
            database.name
        );
        let project = Self {
            directory,
            database,
            environment: BTreeMap::new(),
        };
        project.write("profiles.yml", &profile)
    }

    /// A project with a minimal project.yml and the given files.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let mut project = Self::new().write("project.yml", "name: it\nprofile: it\n");
        for (path, text) in files {
            project = project.write(path, text);
        }
        project
    }

    /// A copy of a folder below `tests/it/fixtures`, or of the repository's own project.
    pub fn copy_of(folder: &Path) -> Self {
        let project = Self::new();
        project.lay_over(folder, "");
        project
    }

    /// Copies what is in a folder into one of the project's.
    pub fn lay_over(&self, from: &Path, to: &str) {
        copy(from, &self.path().join(to));
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file, making its folders.
    pub fn write(self, path: &str, text: &str) -> Self {
        self.put(path, text);
        self
    }

    pub fn put(&self, path: &str, text: &str) {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().expect("below the project")).expect("folders");
        fs::write(file, text).expect("a file");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("NO_COLOR", "1")
            .env("ASSAY_PSEUDONYM_SECRET", "it")
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("assay starts")
    }

    /// Does something as soon as a program has said these words; gives all that it says.
    pub fn told(child: &mut Child, words: &str, then: impl FnOnce()) -> String {
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut told = String::new();
        for line in lines.by_ref() {
            let line = line.expect("text");
            told.push_str(&line);
            told.push('\n');
            if line.contains(words) {
                break;
            }
        }
        then();
        for line in lines {
            told.push_str(&line.expect("text"));
            told.push('\n');
        }
        told
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().expect("assay runs");
        self.outcome(output.status.code(), &output.stdout, &output.stderr)
    }

    pub fn outcome(&self, status: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Outcome {
        Outcome {
            status,
            stdout: self.plain(&String::from_utf8_lossy(stdout)),
            stderr: self.plain(&String::from_utf8_lossy(stderr)),
        }
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, arguments: &[&str]) -> Outcome {
        let outcome = self.run(arguments);
        assert_eq!(
            outcome.status,
            Some(0),
            "assay {}\n{}\n{}",
            arguments.join(" "),
            outcome.stdout,
            outcome.stderr
        );
        outcome
    }

    /// Runs a command that must end with `status`.
    pub fn ends(&self, status: i32, arguments: &[&str]) -> Outcome {
        let outcome = self.run(arguments);
        assert_eq!(
            outcome.status,
            Some(status),
            "assay {}\n{}\n{}",
            arguments.join(" "),
            outcome.stdout,
            outcome.stderr
        );
        outcome
    }

    pub fn psql(&self, sql: &str) -> String {
        self.database.psql(sql)
    }

    /// Times, durations, ids and paths are not what a test is about.
    fn plain(&self, text: &str) -> String {
        let mut plain = text
            .replace(&self.path().display().to_string(), "[project]")
            .replace(&Server::shared().socket.display().to_string(), "[socket]")
            .replace(&format!("\"{}\"", self.database.name), "\"[db]\"");
        for (pattern, replacement) in [
            (r"(?m)^\d\d:\d\d:\d\d", "[time]"),
            (r"\d+\.\d\d ?s\b", "[s]"),
            (r"in \d+ hours \d+ minutes and \d+\.\d+ seconds", "in [duration]"),
            (
                r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
                "[uuid]",
            ),
            (r"__[0-9a-f]{8}_[0-9a-f]{8}\b", "__[version]"),
            (
                r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z|\+00(:?00)?)?",
                "[timestamp]",
            ),
            (r"process \d+", "process [pid]"),
            (r" on host \S+,", " on host [host],"),
        ] {
            let regex = regex::Regex::new(pattern).expect("a regular expression");
            plain = regex.replace_all(&plain, replacement).into_owned();
        }
        plain
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder to copy").flatten() {
        let (source, target): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            fs::copy(&source, &target).expect("a file");
        }
    }
}
