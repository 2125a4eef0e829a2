//! `.dbtignore`: files that are no part of a package, in the patterns of `.gitignore`.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::read_text;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The patterns of a package, in their order; the last that fits decides.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    patterns: Vec<(GlobSet, bool)>,
}

impl Ignored {
    /// Reads the file below a package's root; none is an empty one.
    pub(super) fn read(root: &Path, prefix: &str, problems: &mut Diagnostics) -> Self {
        let path = root.join(".dbtignore");
        if !path.is_file() {
            return Self::default();
        }
        let name = format!("{prefix}.dbtignore");
        match read_text(&path, &name) {
            Ok(file) => Self::parse(&file.text, &name, problems),
            Err(problem) => {
                problems.push(problem);
                Self::default()
            }
        }
    }

    fn parse(text: &str, name: &str, problems: &mut Diagnostics) -> Self {
        let mut patterns = Vec::new();
        for line in text.lines().map(str::trim_end) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (line, ignored) = match line.strip_prefix('!') {
                Some(rest) => (rest, false),
                None => (line, true),
            };
            match set(line) {
                Ok(set) => patterns.push((set, ignored)),
                Err(error) => problems.push(
                    Diagnostic::warning(
                        "unreadable-file",
                        format!("{name} has a pattern that cannot be read: {line}"),
                    )
                    .because(error.to_string()),
                ),
            }
        }
        Self { patterns }
    }

    /// Whether a file is left out, by its path below the package's root.
    pub(super) fn contains(&self, path: &str) -> bool {
        let last = self.patterns.iter().rev().find(|(set, _)| set.is_match(path));
        last.is_some_and(|(_, ignored)| *ignored)
    }
}

/// What one line fits: files and, with all that is in them, folders.
fn set(line: &str) -> Result<GlobSet, globset::Error> {
    let folder_only = line.ends_with('/');
    let plain = line.trim_end_matches('/');
    let anchored = plain.contains('/');
    let plain = plain.trim_start_matches('/');
    let base = if anchored {
        plain.to_owned()
    } else {
        format!("**/{plain}")
    };
    let mut globs = GlobSetBuilder::new();
    let mut add = |text: &str| -> Result<(), globset::Error> {
        globs.add(
            GlobBuilder::new(text)
                .literal_separator(true)
                .backslash_escape(true)
                .build()?,
        );
        Ok(())
    };
    add(&format!("{base}/**"))?;
    if !folder_only {
        add(&base)?;
    }
    globs.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each checked with git.
    #[test]
    fn as_git_ignores() {
        let mut problems = Diagnostics::default();
        let text = "# a comment\n*.bak.sql\nold/\n/models/draft\nmodels/x/*.yml\n!models/x/keep.yml\nnotes?.md\n";
        let ignored = Ignored::parse(text, ".dbtignore", &mut problems);
        for (path, expected) in [
            ("models/a.sql", false),
            ("models/a.bak.sql", true),
            ("models/deep/old/a.sql", true),
            ("models/old", false),
            ("models/draft/deep/a.sql", true),
            ("other/models/draft/a.sql", false),
            ("models/x/a.yml", true),
            ("models/x/keep.yml", false),
            ("models/x/y/a.yml", false),
            ("docs/notes1.md", true),
        ] {
            assert_eq!(ignored.contains(path), expected, "{path}");
        }
        assert!(problems.0.is_empty());
    }
}
