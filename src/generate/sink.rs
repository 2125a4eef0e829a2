//! Where generated rows go: a directory of files here, a server in `load`.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Table;
use crate::diagnostic::Diagnostic;

/// Which part of a table comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartName {
    /// Rows that belong to no session, before all others.
    Head,
    /// Rows of the sessions with these indexes.
    Sessions(Range<u64>),
    /// Rows made from all sessions, after all others.
    Tail,
}

/// Takes rows as `COPY` text. Several threads begin parts at the same time; the head is complete before any other
/// part begins.
pub trait Sink: Sync {
    fn begin<'a>(&'a self, table: &'static Table, part: &PartName) -> Result<Box<dyn Part + 'a>, Diagnostic>;
}

/// One part of one table.
pub trait Part {
    fn write(&mut self, copy_text: &[u8]) -> Result<(), Diagnostic>;

    /// Returns when the rows are safe.
    fn end(self: Box<Self>) -> Result<(), Diagnostic>;
}

/// Writes one file for each part, such as `exp.events.0000000000-0000006543.copy`. A file has its name once it is
/// whole, and `manifest.json` is there once all are.
#[derive(Debug)]
pub struct DirectorySink {
    directory: PathBuf,
}

impl DirectorySink {
    /// Makes the directory where it is missing. Files of an earlier generation are refused, since those of another
    /// size would stay beside the new ones.
    pub fn new(directory: impl Into<PathBuf>) -> Result<Self, Diagnostic> {
        let directory = directory.into();
        fs::create_dir_all(&directory).map_err(|error| failed("make", &directory, &error))?;
        let entries = fs::read_dir(&directory).map_err(|error| failed("read", &directory, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| failed("read", &directory, &error))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "copy" || extension == UNFINISHED)
            {
                let message = format!("{} already holds generated rows", directory.display());
                return Err(Diagnostic::error("generate-not-empty", message)
                    .because(format!("{} exists", path.display()))
                    .help("name another directory, or remove its *.copy and *.unfinished files"));
            }
        }
        let sink = Self { directory };
        // That of other rows would vouch for these before they are all there.
        match fs::remove_file(sink.manifest()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", &sink.manifest(), &error)),
            _ => Ok(sink),
        }
    }

    fn manifest(&self) -> PathBuf {
        self.directory.join("manifest.json")
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes what was generated beside it.
    pub fn note(&self, manifest: &str) -> Result<(), Diagnostic> {
        let path = self.manifest();
        fs::write(&path, manifest).map_err(|error| failed("write", &path, &error))
    }
}

impl Sink for DirectorySink {
    fn begin<'a>(&'a self, table: &'static Table, part: &PartName) -> Result<Box<dyn Part + 'a>, Diagnostic> {
        let table = table.plain();
        let name = match part {
            PartName::Head => format!("{table}.copy"),
            PartName::Sessions(range) => format!("{table}.{:010}-{:010}.copy", range.start, range.end),
            PartName::Tail => format!("{table}.tail.copy"),
        };
        let path = self.directory.join(name);
        let unfinished = path.with_extension(UNFINISHED);
        let file = File::create(&unfinished).map_err(|error| failed("create", &unfinished, &error))?;
        Ok(Box::new(FilePart {
            path,
            unfinished,
            out: BufWriter::new(file),
        }))
    }
}

/// The extension of a file that is being written, or whose writing was broken off.
const UNFINISHED: &str = "unfinished";

struct FilePart {
    path: PathBuf,
    unfinished: PathBuf,
    out: BufWriter<File>,
}

impl Part for FilePart {
    fn write(&mut self, copy_text: &[u8]) -> Result<(), Diagnostic> {
        self.out
            .write_all(copy_text)
            .map_err(|error| failed("write", &self.path, &error))
    }

    fn end(mut self: Box<Self>) -> Result<(), Diagnostic> {
        self.out.flush().map_err(|error| failed("write", &self.path, &error))?;
        fs::rename(&self.unfinished, &self.path).map_err(|error| failed("rename", &self.unfinished, &error))
    }
}

fn failed(verb: &str, path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("generate-write", format!("cannot {verb} {}", path.display()))
        .because(error.to_string())
        .help("check that the directory can be written and the disk has room")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_rows_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let sink = DirectorySink::new(directory.path().join("new")).unwrap();
        let table = super::super::main_table(super::super::Domain::Exp);
        let mut part = sink.begin(table, &PartName::Sessions(0..12)).unwrap();
        part.write(b"x\n").unwrap();
        part.end().unwrap();
        let path = sink.directory().join("exp.events.0000000000-0000000012.copy");
        assert_eq!(fs::read(path).unwrap(), b"x\n");
        assert_eq!(fs::read_dir(sink.directory()).unwrap().count(), 1);
        let error = DirectorySink::new(sink.directory()).unwrap_err();
        assert_eq!(error.code, "generate-not-empty");
    }

    /// A generation that was killed leaves files, but none that looks whole, and no manifest, be it another's.
    #[test]
    fn what_was_broken_off_does_not_look_whole() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("manifest.json"), "{}").unwrap();
        let sink = DirectorySink::new(directory.path()).unwrap();
        let mut part = sink
            .begin(super::super::main_table(super::super::Domain::Exp), &PartName::Head)
            .unwrap();
        part.write(b"x\n").unwrap();
        drop(part);
        let names: Vec<_> = fs::read_dir(sink.directory())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["exp.events.unfinished"]);
        assert_eq!(
            DirectorySink::new(sink.directory()).unwrap_err().code,
            "generate-not-empty"
        );
    }
}
