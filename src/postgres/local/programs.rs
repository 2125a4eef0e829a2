//! PostgreSQL's programs on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::diagnostic::Diagnostic;
use crate::project::profile::Environment;

/// The oldest version that notices a killed client.
pub(super) const OLDEST: u32 = 14;

/// Names the directory of the programs to use; `none` hides all that are installed.
pub(super) const VARIABLE: &str = "ASSAY_PG_BIN";

/// A directory with `postgres` and `initdb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Programs {
    pub(super) directory: PathBuf,
    /// 15 for 15.4.
    pub(super) major: u32,
    /// 4 for 15.4.
    minor: u32,
}

impl Programs {
    pub(super) fn of_directory(directory: &Path) -> Option<Self> {
        // The links of a PATH directory lead to where the programs' own files are.
        let postgres = directory.join("postgres").canonicalize().ok()?;
        let directory = postgres.parent()?.to_owned();
        if !directory.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(&postgres)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let (major, minor) = parse_version(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self {
            directory,
            major,
            minor,
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The newest programs, or those of one major version. Runs each `postgres --version` found, about 20 ms in all.
pub(super) fn find(environment: &Environment, major: Option<u32>) -> Result<Option<Programs>, Diagnostic> {
    let fits = |programs: &Programs| programs.major >= OLDEST && major.is_none_or(|major| programs.major == major);
    match environment.filled(VARIABLE) {
        Some("none") => Ok(None),
        Some(named) => {
            let programs = Programs::of_directory(Path::new(named)).ok_or_else(|| {
                Diagnostic::error(
                    "local-server",
                    format!("{VARIABLE} names no directory with PostgreSQL's programs"),
                )
                .because(format!("{named} has no working `postgres` and `initdb`"))
                .help(format!("correct {VARIABLE}, or remove it"))
            })?;
            Ok(Some(programs).filter(fits))
        }
        None => Ok(candidates(environment)
            .iter()
            .filter_map(|directory| Programs::of_directory(directory))
            .filter(fits)
            .max_by_key(|programs| (programs.major, programs.minor))),
    }
}

/// A program such as `psql` wherever it is found first.
pub(super) fn find_tool(environment: &Environment, name: &str) -> Option<PathBuf> {
    candidates(environment)
        .into_iter()
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}

/// Every directory that may hold the programs, without repetition.
fn candidates(environment: &Environment) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut add = |directory: PathBuf| {
        if let Ok(real) = directory.join("postgres").canonicalize()
            && let Some(parent) = real.parent()
            && !found.iter().any(|known| known == parent)
        {
            found.push(parent.to_owned());
        }
    };
    let path: Vec<PathBuf> = environment
        .get("PATH")
        .map(std::env::split_paths)
        .into_iter()
        .flatten()
        .collect();
    for directory in &path {
        add(directory.clone());
    }
    if let Some(pg_config) = path
        .iter()
        .map(|directory| directory.join("pg_config"))
        .find(|path| path.is_file())
        && let Ok(output) = Command::new(pg_config).arg("--bindir").stdin(Stdio::null()).output()
    {
        add(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, prefix, below) in FAMILIES {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                add(entry.path().join(below));
            }
        }
    }
    found
}

/// Directories with one directory a version: where, how its name begins, where in it the programs are.
const FAMILIES: [(&str, &str, &str); 8] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/local", "pgsql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/opt/local/lib", "postgresql", "bin"),
];

/// From `postgres (PostgreSQL) 15.4 (Debian 15.4-1)`, `18beta1` and the like.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let version = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next().and_then(Result::ok).unwrap_or(0);
    Some((major, minor))
}

/// The line that installs PostgreSQL here.
pub(super) fn install_line(environment: &Environment) -> &'static str {
    let has = |name: &str| {
        environment
            .get("PATH")
            .is_some_and(|path| std::env::split_paths(path).any(|directory| directory.join(name).is_file()))
    };
    let known = [
        ("apt-get", "apt-get install postgresql"),
        ("dnf", "dnf install postgresql-server"),
        ("yum", "yum install postgresql-server"),
        ("zypper", "zypper install postgresql-server"),
        ("pacman", "pacman -S postgresql"),
        ("apk", "apk add postgresql"),
        ("brew", "brew install postgresql@17"),
        ("port", "port install postgresql17-server"),
    ];
    known.iter().find(|(program, _)| has(program)).map_or(
        "install PostgreSQL 14 or newer: https://www.postgresql.org/download/",
        |(_, line)| line,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"),
            Some((15, 20))
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 19beta1"), Some((19, 0)));
        assert_eq!(parse_version("no"), None);
    }

    #[test]
    fn hidden_and_wrong_programs() {
        let hidden: Environment = [(VARIABLE, "none")].into_iter().collect();
        assert_eq!(find(&hidden, None).expect("no error"), None);
        let wrong: Environment = [(VARIABLE, "/nonexistent")].into_iter().collect();
        assert!(find(&wrong, None).is_err());
    }
}
