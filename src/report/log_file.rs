//! The file that a log is written to: whole messages are appended, and a file that is full is moved aside.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

/// How many full files stay beside the one that is written to, as with dbt.
const KEPT: u32 = 5;

/// What is held back at most before it is written, in bytes and in time: what a killed command may leave unsaid.
const HELD: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_millis(100);

/// Several commands may write to one file at a time. Each write appends whole messages, so they do not mix.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    /// Bytes in the file, as far as this command knows.
    size: u64,
    limit: u64,
    held: Vec<u8>,
    written: Instant,
}

impl LogFile {
    pub const NAME: &'static str = "assay.log";

    /// Makes the folder where it is not there. `limit` is in bytes; with 0 the file grows for ever.
    pub fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(Self::NAME);
        let file = appended(&path)?;
        Ok(Self {
            size: file.metadata()?.len(),
            path,
            file,
            limit,
            held: Vec::new(),
            written: Instant::now(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a message; it is written soon.
    pub fn append(&mut self, message: &[u8]) -> io::Result<()> {
        if message.is_empty() {
            return Ok(());
        }
        if self.is_full(message.len()) {
            self.flush()?;
            if self.is_full(message.len()) {
                // A folder in which nothing may be renamed is no reason to say less.
                if self.turn().is_err() {
                    self.limit = 0;
                }
            }
        }
        self.held.extend_from_slice(message);
        if self.held.len() >= HELD || self.written.elapsed() >= PATIENCE {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is held back.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.written = Instant::now();
        if self.limit > 0 {
            self.follow()?;
        }
        self.size += self.held.len() as u64;
        let written = self.file.write_all(&self.held);
        // What could not be written is not tried again: it might be written twice.
        self.held.clear();
        written
    }

    fn is_full(&self, more: usize) -> bool {
        let size = self.size + self.held.len() as u64;
        self.limit > 0 && size > 0 && size + more as u64 > self.limit
    }

    /// Another command may have moved the file aside, or have written to it.
    fn follow(&mut self) -> io::Result<()> {
        let here = std::fs::metadata(&self.path).ok();
        let own = self.file.metadata()?;
        if here.is_some_and(|here| (here.dev(), here.ino()) == (own.dev(), own.ino())) {
            self.size = own.len();
        } else {
            self.file = appended(&self.path)?;
            self.size = self.file.metadata()?.len();
        }
        Ok(())
    }

    /// Moves the full file aside. Who holds the lock on the file that bears the name does it; others find a new file when
    /// it is their turn.
    fn turn(&mut self) -> io::Result<()> {
        let locked = self.file.try_clone()?;
        flock(&locked, FlockOperation::LockExclusive)?;
        let moved = self.move_aside(locked.metadata()?.ino());
        // Copies of a descriptor share the lock, and it would stay until the last of them is closed.
        flock(&locked, FlockOperation::Unlock)?;
        moved
    }

    /// `assay.log` becomes `assay.log.1`, that `assay.log.2`, and so on; the last one goes.
    fn move_aside(&mut self, locked: u64) -> io::Result<()> {
        self.follow()?;
        if self.file.metadata()?.ino() != locked {
            return Ok(());
        }
        let aside = |number: u32| self.path.with_file_name(format!("{}.{number}", Self::NAME));
        for number in (1..KEPT).rev() {
            if aside(number).exists() {
                std::fs::rename(aside(number), aside(number + 1))?;
            }
        }
        std::fs::rename(&self.path, aside(1))?;
        self.follow()
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

fn appended(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &Path, name: &str) -> String {
        std::fs::read_to_string(folder.join(name)).expect("text")
    }

    #[test]
    fn a_full_file_is_moved_aside_and_five_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("logs");
        for number in 0..8 {
            let mut log = LogFile::open(&folder, 20).expect("a log");
            log.append(format!("line {number} is long\n").as_bytes())
                .expect("taken");
        }
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .expect("a folder")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let expected = ["", ".1", ".2", ".3", ".4", ".5"].map(|end| format!("assay.log{end}"));
        assert_eq!(names, expected);
        assert_eq!(read(&folder, "assay.log"), "line 7 is long\n");
        assert_eq!(read(&folder, "assay.log.5"), "line 2 is long\n");
    }

    #[test]
    fn without_a_limit_it_grows() {
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..3 {
            let mut log = LogFile::open(folder.path(), 0).expect("a log");
            log.append(b"0123456789\n").expect("taken");
        }
        assert_eq!(read(folder.path(), LogFile::NAME).lines().count(), 3);
    }

    #[test]
    fn two_that_write_at_once_lose_nothing() {
        const LINES: usize = 400;
        let folder = tempfile::tempdir().expect("a folder");
        let writer = |name: char| {
            let mut log = LogFile::open(folder.path(), 8_000).expect("a log");
            for number in 0..LINES {
                let line = format!("{name} {number:04} {}\n", "x".repeat(40));
                log.append(line.as_bytes()).expect("taken");
                if number % 7 == 0 {
                    log.flush().expect("written");
                }
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| writer('a'));
            scope.spawn(|| writer('b'));
        });
        // Six files of 8000 bytes hold 975 lines; nothing had to go.
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
            let text = std::fs::read_to_string(entry.path()).expect("text");
            found.extend(text.lines().map(str::to_owned));
        }
        assert!(found.iter().all(|line| line.len() == 47), "{found:#?}");
        for name in ['a', 'b'] {
            let lines = found.iter().filter(|line| line.starts_with(name)).count();
            assert_eq!(lines, LINES, "{name}");
        }
    }
}
