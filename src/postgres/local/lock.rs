//! Locks that the kernel lets go of when their holder dies.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Shared,
    Exclusive,
}

/// A lock on a file; given back when the last process that inherited the open file has closed it.
#[derive(Debug)]
pub(super) struct FileLock(File);

impl FileLock {
    /// `None` where somebody else holds it.
    pub(super) fn attempt(path: &Path, hold: Hold) -> io::Result<Option<Self>> {
        let lock = Self(open(path)?);
        Ok(lock.change(hold)?.then_some(lock))
    }

    /// Waits for it; tells after a while that it does.
    pub(super) async fn wait(path: &Path, hold: Hold, mut waiting: impl FnMut()) -> io::Result<Self> {
        let lock = Self(open(path)?);
        let mut told = false;
        let started = std::time::Instant::now();
        while !lock.change(hold)? {
            if !told && started.elapsed() > Duration::from_secs(3) {
                told = true;
                waiting();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(lock)
    }

    /// From shared to exclusive or back; false where somebody else is in the way. The lock may be lost in between.
    pub(super) fn change(&self, hold: Hold) -> io::Result<bool> {
        let operation = match hold {
            Hold::Shared => FlockOperation::NonBlockingLockShared,
            Hold::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        match flock(&self.0, operation) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that something happened just now, for who asks how long nothing did.
    pub(super) fn touch(&self) {
        let _ = self.0.set_modified(std::time::SystemTime::now());
    }

    /// The same open file, to be inherited by a child: the lock lives until the child and its children are gone.
    pub(super) fn inherit(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_and_exclusive_holders() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let first = FileLock::attempt(&path, Hold::Shared).expect("io").expect("free");
        let second = FileLock::attempt(&path, Hold::Shared).expect("io").expect("shared");
        assert!(!first.change(Hold::Exclusive).expect("io"));
        drop(second);
        assert!(first.change(Hold::Exclusive).expect("io"));
        assert!(FileLock::attempt(&path, Hold::Shared).expect("io").is_none());
    }
}
