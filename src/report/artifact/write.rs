//! Files that are whole or as they were before: written beside their place and moved into it.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;

/// Writes JSON, making the folders on the way. Fails with `file-not-written`.
pub fn write_json(path: &Path, value: &Json) -> Result<(), Diagnostic> {
    write(path, |out| serde_json::to_writer(out, value).map_err(io::Error::from))
}

/// Writes text, making the folders on the way. Fails with `file-not-written`.
pub fn write_text(path: &Path, text: &str) -> Result<(), Diagnostic> {
    write(path, |out| out.write_all(text.as_bytes()))
}

fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Diagnostic> {
    whole(path, fill).map_err(|error| {
        Diagnostic::error("file-not-written", format!("cannot write {}", path.display()))
            .because(error.to_string())
            .help("check that the folder may be written to and that the disk has room")
    })
}

fn whole(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = tempfile::Builder::new()
        .prefix(".assay-")
        // Like any new file; the umask takes away what the user does not want.
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    let mut out = BufWriter::new(beside);
    fill(&mut out)?;
    out.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_the_file_alone_when_it_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("target/run_results.json");
        write_text(&path, "old").expect("written");
        let failed = write(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        });
        assert_eq!(
            failed.expect_err("it failed").cause.as_deref(),
            Some("the disk is full")
        );
        assert_eq!(fs::read_to_string(&path).expect("readable"), "old");
        let left = fs::read_dir(path.parent().expect("a folder"))
            .expect("readable")
            .count();
        assert_eq!(left, 1);
    }
}
