//! Where compiled and executed SQL is written.

use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::graph::{Node, compiled_path, run_path};

#[derive(Clone, Debug)]
pub struct Layout {
    /// The project's folder, absolute.
    pub root: PathBuf,
    /// `target`, below the root or absolute.
    pub target_path: String,
}

impl Layout {
    /// As a user would type it from the project's root: `target/compiled/<package>/<path>`.
    #[must_use]
    pub fn compiled(&self, node: &Node) -> String {
        compiled_path(&self.target_path, node)
    }

    /// `target/run/<package>/<path>`.
    #[must_use]
    pub fn run(&self, node: &Node) -> String {
        run_path(&self.target_path, node)
    }

    /// Writes a file below the root, making its folders.
    pub fn write(&self, path: &str, text: &str) -> Result<(), Diagnostic> {
        let file = self.root.join(path);
        let written = file
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&file, text));
        written.map_err(|error| {
            Diagnostic::error("file-not-written", format!("cannot write {path}"))
                .because(error.to_string())
                .help("check that the folder may be written to and that the disk has room")
        })
    }
}
