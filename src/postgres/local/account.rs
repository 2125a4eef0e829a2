//! Who the server runs as: PostgreSQL refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

use crate::diagnostic::Diagnostic;

/// A user of the operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The command runs as somebody else and has to change over.
    pub(super) foreign: bool,
}

impl Account {
    /// Whoever runs the command.
    pub(super) fn own() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        Self {
            name: by_uid(uid).map_or_else(|| format!("uid {uid}"), |account| account.name),
            uid,
            gid: rustix::process::getegid().as_raw(),
            foreign: false,
        }
    }

    /// The owner of a file, to whom only root can change over.
    pub(super) fn owner_of(metadata: &fs::Metadata) -> Self {
        let (uid, gid) = (metadata.uid(), metadata.gid());
        Self {
            name: by_uid(uid).map_or_else(|| format!("uid {uid}"), |account| account.name),
            uid,
            gid,
            foreign: uid != rustix::process::geteuid().as_raw(),
        }
    }

    /// For root: `postgres` where there is such a user, else `nobody`.
    pub(super) fn unprivileged() -> Result<Self, Diagnostic> {
        let accounts = passwd();
        ["postgres", "_postgres", "nobody"]
            .iter()
            .find_map(|name| accounts.iter().find(|account| account.name == *name))
            .cloned()
            .ok_or_else(|| {
                Diagnostic::error(
                    "local-server",
                    "PostgreSQL does not run as root, and there is no other user to run it",
                )
                .because("/etc/passwd has neither `postgres` nor `nobody`")
                .help("run the command as a plain user, or add one: `useradd --system postgres`")
            })
    }

    /// The command will run as this user, with none of the caller's other groups.
    pub(super) fn apply(&self, command: &mut std::process::Command) {
        if self.foreign {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Whether this user may walk through the directory and all above it.
    pub(super) fn can_walk(&self, directory: &Path) -> bool {
        directory.ancestors().all(|step| {
            fs::metadata(step).is_ok_and(|metadata| {
                let mode = metadata.mode();
                let bit = if metadata.uid() == self.uid {
                    0o100
                } else if metadata.gid() == self.gid {
                    0o010
                } else {
                    0o001
                };
                mode & bit != 0
            })
        })
    }

    /// Makes a file this user's own.
    pub(super) fn give(&self, path: &Path) -> std::io::Result<()> {
        if self.foreign {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))?;
        }
        Ok(())
    }
}

fn by_uid(uid: u32) -> Option<Account> {
    passwd().into_iter().find(|account| account.uid == uid)
}

fn passwd() -> Vec<Account> {
    parse_passwd(&fs::read_to_string("/etc/passwd").unwrap_or_default())
}

fn parse_passwd(text: &str) -> Vec<Account> {
    let own = rustix::process::geteuid().as_raw();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(Account {
                name,
                uid,
                gid,
                foreign: uid != own,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn reads_passwd_lines() {
        let accounts = parse_passwd("root:x:0:0:root:/root:/bin/sh\n# note\npostgres:x:4294967:104::/:/bin/sh\n");
        assert_eq!(accounts.len(), 2);
        assert_eq!(
            (accounts[1].name.as_str(), accounts[1].uid, accounts[1].gid),
            ("postgres", 4_294_967, 104)
        );
        assert!(accounts[1].foreign);
    }

    #[test]
    fn a_closed_directory_stops_strangers() {
        let directory = tempfile::tempdir().expect("a directory");
        let closed = directory.path().join("closed");
        fs::create_dir(&closed).expect("created");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("closed");
        let stranger = Account {
            name: "stranger".into(),
            uid: 4_294_000,
            gid: 4_294_000,
            foreign: true,
        };
        assert!(stranger.can_walk(Path::new("/")));
        assert!(!stranger.can_walk(&closed));
        assert!(Account::owner_of(&fs::metadata(&closed).expect("there")).uid == Account::own().uid);
    }
}
