//! Repositories, through the `git` program.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::mask::Mask;
use crate::diagnostic::Diagnostic;

/// A checkout without its history.
#[derive(Clone, Debug)]
pub(super) struct Checkout {
    pub folder: PathBuf,
    /// The commit.
    pub commit: String,
}

/// Fetches one revision of a repository into `folder`, which must not exist. Tags win over branches of the same name;
/// without a revision it is the default branch.
pub(super) fn checkout(url: &str, revision: Option<&str>, folder: &Path, mask: &Mask) -> Result<Checkout, Diagnostic> {
    let git = Git { url, folder, mask };
    let wanted = revision.unwrap_or("HEAD");
    let failed = |why: &str| {
        Diagnostic::error(
            "package-git",
            format!("cannot fetch `{}` of {}", mask.all(wanted), mask.all(url)),
        )
        .because(mask.all(why.trim()))
    };
    if url.starts_with('-') || wanted.starts_with('-') {
        return Err(failed("it begins with a hyphen").help("name a repository and a branch, tag or commit"));
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(&error.to_string()))?;
    git.run(&["init", "--quiet", "--template="])?
        .map_err(|why| failed(&why))?;
    let fetched = if is_commit(wanted) {
        match git.fetch(&["--depth", "1"], wanted)? {
            // A server may give out whole branches only.
            Err(_) => git.fetch_all()?,
            done => done,
        }
    } else if wanted == "HEAD" {
        git.fetch(&["--depth", "1"], "HEAD")?
    } else {
        match git.fetch(&["--depth", "1"], &format!("refs/tags/{wanted}"))? {
            Err(_) => git.fetch(&["--depth", "1"], &format!("refs/heads/{wanted}"))?,
            done => done,
        }
    };
    if let Err(why) = fetched {
        let unknown = why.contains("couldn't find remote ref");
        return Err(failed(&why).help(if unknown {
            "name a branch, a tag, or a commit with all its 40 digits"
        } else {
            "check the address, and that `git clone` of it works here"
        }));
    }
    let at = if is_commit(wanted) { wanted } else { "FETCH_HEAD" };
    git.run(&["checkout", "--quiet", "--detach", at])?
        .map_err(|why| failed(&why).help("name a commit that the repository has"))?;
    let commit = git.run(&["rev-parse", "HEAD"])?.map_err(|why| failed(&why))?;
    // What is left is what was asked for, and nothing that knows where it came from.
    std::fs::remove_dir_all(folder.join(".git")).map_err(|error| failed(&error.to_string()))?;
    Ok(Checkout {
        folder: folder.to_owned(),
        commit: commit.trim().to_owned(),
    })
}

fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

struct Git<'a> {
    url: &'a str,
    folder: &'a Path,
    mask: &'a Mask,
}

impl Git<'_> {
    fn fetch(&self, options: &[&str], reference: &str) -> Result<Result<String, String>, Diagnostic> {
        let mut arguments = vec!["fetch", "--quiet", "--no-tags"];
        arguments.extend(options);
        arguments.extend(["origin", reference]);
        self.run(&arguments)
    }

    fn fetch_all(&self) -> Result<Result<String, String>, Diagnostic> {
        self.run(&[
            "fetch",
            "--quiet",
            "--tags",
            "origin",
            "+refs/heads/*:refs/remotes/origin/*",
        ])
    }

    /// Runs git in the folder; the inner error is what it said.
    fn run(&self, arguments: &[&str]) -> Result<Result<String, String>, Diagnostic> {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(self.folder)
            .env("LC_ALL", "C")
            // The address may hold a secret: neither an argument, which others can list, nor a file.
            .env("GIT_CONFIG_COUNT", "4")
            .env("GIT_CONFIG_KEY_0", "remote.origin.url")
            .env("GIT_CONFIG_VALUE_0", self.url)
            .env("GIT_CONFIG_KEY_1", "core.hooksPath")
            .env("GIT_CONFIG_VALUE_1", "/dev/null")
            .env("GIT_CONFIG_KEY_2", "advice.detachedHead")
            .env("GIT_CONFIG_VALUE_2", "false")
            .env("GIT_CONFIG_KEY_3", "gc.auto")
            .env("GIT_CONFIG_VALUE_3", "0")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .stderr(Stdio::piped())
            .stdout(Stdio::piped());
        if !std::io::stdin().is_terminal() {
            command.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
        }
        let Output { status, stdout, stderr } = command.output().map_err(|error| {
            Diagnostic::error("package-git", "the program `git` cannot be run")
                .because(error.to_string())
                .help("install git 2.31 or newer, or take the package from the hub")
        })?;
        let text = |bytes: &[u8]| self.mask.all(&String::from_utf8_lossy(bytes));
        Ok(if status.success() {
            Ok(String::from_utf8_lossy(&stdout).into_owned())
        } else {
            Err(text(&stderr))
        })
    }
}
