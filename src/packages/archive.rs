//! Unpacking of archives that others made: nothing of them lands outside the folder that they are unpacked into.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use crate::diagnostic::Diagnostic;

/// Bytes and entries that an archive may unpack to.
const BYTES: u64 = 4 << 30;
const ENTRIES: usize = 500_000;

/// Unpacks a tar.gz into `folder`, which must exist and be empty. Gives the one folder that the archive holds.
pub(super) fn unpack(archive: &Path, folder: &Path, shown: &str) -> Result<PathBuf, Diagnostic> {
    let unsafe_archive = |why: String| {
        Diagnostic::error("package-archive", format!("the archive of {shown} is not unpacked"))
            .because(why)
            .help("its entries must lie in one folder; tell the package's author")
    };
    unpack_into(archive, folder).map_err(unsafe_archive)?;
    let tops: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(|error| unsafe_archive(error.to_string()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    match &tops[..] {
        [top] if top.is_dir() && !top.is_symlink() => Ok(top.clone()),
        _ => Err(unsafe_archive(format!(
            "it holds {} files and folders at its top, not one folder",
            tops.len()
        ))),
    }
}

fn unpack_into(archive: &Path, folder: &Path) -> Result<(), String> {
    let io = |error: io::Error| error.to_string();
    let file = File::open(archive).map_err(io)?;
    let mut archive = Archive::new(MultiGzDecoder::new(io::BufReader::new(file)));
    let mut left = BYTES;
    let mut links: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (count, entry) in archive.entries().map_err(io)?.enumerate() {
        let mut entry = entry.map_err(io)?;
        if count > ENTRIES {
            return Err(format!("it holds more than {ENTRIES} entries"));
        }
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            continue;
        }
        let path = entry.path().map_err(io)?.into_owned();
        let Some(inside) = contained(&path) else {
            return Err(format!("`{}` would land outside of it", path.display()));
        };
        if inside.as_os_str().is_empty() {
            continue;
        }
        match kind {
            EntryType::Directory => make_folders(folder, &inside)?,
            EntryType::Regular | EntryType::Continuous => {
                make_folders(folder, inside.parent().unwrap_or(Path::new("")))?;
                let mode = entry.header().mode().unwrap_or(0o644) & 0o755 | 0o600;
                left = write_file(&mut entry, &folder.join(&inside), mode, left)?;
            }
            EntryType::Symlink => {
                let target = entry.link_name().map_err(io)?.unwrap_or_default().into_owned();
                links.push((inside, target));
            }
            other => return Err(format!("`{}` is a {other:?}", path.display())),
        }
    }
    // Links come last, so that no file is written through one.
    for (link, target) in links {
        if !stays_inside(&link, &target) {
            return Err(format!(
                "the link `{}` leads out of it, to `{}`",
                link.display(),
                target.display()
            ));
        }
        make_folders(folder, link.parent().unwrap_or(Path::new("")))?;
        symlink(&target, folder.join(&link)).map_err(|error| format!("`{}`: {error}", link.display()))?;
    }
    Ok(())
}

/// The path without `.`; `None` where it is absolute or has `..`.
fn contained(path: &Path) -> Option<PathBuf> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect()
}

/// Whether a link's target lies below the folder of the archive. `..` may only come first: behind a name, it would be
/// counted from wherever that name leads.
fn stays_inside(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    let mut named = false;
    for part in target.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if !named && depth > 0 => depth -= 1,
            Component::Normal(_) => named = true,
            _ => return false,
        }
    }
    named || depth > 0
}

/// Makes folders one by one; what is there already must be a real folder.
fn make_folders(root: &Path, inside: &Path) -> Result<(), String> {
    let mut path = root.to_path_buf();
    for part in inside.components() {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(format!("`{}` is a file and a folder", inside.display())),
            Err(_) => fs::create_dir(&path).map_err(|error| format!("`{}`: {error}", inside.display()))?,
        }
    }
    Ok(())
}

fn write_file(entry: &mut impl Read, path: &Path, mode: u32, left: u64) -> Result<u64, String> {
    let shown = |error: io::Error| format!("{}: {error}", path.display());
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        // The last of several entries of a name counts.
        fs::remove_file(path).map_err(shown)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(shown)?;
    let written = io::copy(&mut entry.take(left), &mut file).map_err(shown)?;
    file.flush().map_err(shown)?;
    if written == left {
        return Err("it unpacks to more than 4 GiB".to_owned());
    }
    Ok(left - written)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    enum Item<'a> {
        File(&'a str, &'a str),
        Link(&'a str, &'a str),
        Fifo(&'a str),
    }

    /// The path goes into the header as it is: the crate's own methods refuse what is to be refused here.
    fn packed(items: &[Item]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut builder = Builder::new(GzEncoder::new(file.reopen().unwrap(), Compression::fast()));
        for item in items {
            let mut header = Header::new_old();
            let (path, kind, text) = match item {
                Item::File(path, text) => (path, EntryType::Regular, *text),
                Item::Link(path, to) => {
                    header.as_old_mut().linkname[..to.len()].copy_from_slice(to.as_bytes());
                    (path, EntryType::Symlink, "")
                }
                Item::Fifo(path) => (path, EntryType::Fifo, ""),
            };
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(kind);
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        file
    }

    fn unpacked(items: &[Item]) -> (tempfile::TempDir, Result<PathBuf, String>) {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("in");
        fs::create_dir(&folder).unwrap();
        let result = unpack(packed(items).path(), &folder, "p").map_err(|problem| problem.to_string());
        (outer, result)
    }

    #[test]
    fn one_folder_with_files_and_links() {
        let (_outer, top) = unpacked(&[
            Item::File("p-1/dbt_project.yml", "name: p"),
            Item::File("./p-1/models/a.sql", "select 1"),
            Item::Link("p-1/models/b.sql", "a.sql"),
            Item::Link("p-1/models/c.sql", "../macros/c.sql"),
        ]);
        let top = top.unwrap();
        assert_eq!(fs::read_to_string(top.join("models/b.sql")).unwrap(), "select 1");
        assert_eq!(fs::read_to_string(top.join("dbt_project.yml")).unwrap(), "name: p");
    }

    #[test]
    fn nothing_lands_outside() {
        for items in [
            &[Item::File("../evil", "x")][..],
            &[Item::File("p/../../evil", "x")],
            &[Item::File("/tmp/evil", "x")],
            &[Item::Link("p/a", "../../..")],
            &[Item::Link("p/a", "/etc/passwd")],
            &[Item::Link("p/q/l", ".."), Item::Link("p/e", "q/l/../..")],
            &[Item::Link("p/a", ".."), Item::File("p/a/evil", "x")],
            &[Item::Fifo("p/f")],
            &[Item::File("one", "x"), Item::File("two", "x")],
            &[Item::File("one", "x")],
        ] {
            let (outer, result) = unpacked(items);
            let shown = result.unwrap_err();
            assert!(shown.contains("package-archive"), "{shown}");
            assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1, "{shown}");
            assert!(!outer.path().join("evil").exists());
        }
    }

    #[test]
    fn what_is_no_archive() {
        let folder = tempfile::tempdir().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "<html>").unwrap();
        assert!(unpack(file.path(), folder.path(), "p").is_err());
    }
}
