//! The walls of the house: a stage uses only the stages above it, and the documents name what the code has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From top to bottom.
const STAGES: [&str; 13] = [
    "diagnostic",
    "sql",
    "project",
    "packages",
    "jinja",
    "graph",
    "postgres",
    "plan",
    "gate",
    "run",
    "generate",
    "report",
    "cli",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of src").flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            sources(&path, into);
        } else if path
            .file_name()
            .is_some_and(|name| name == "tests.rs" || name == "story.rs")
        {
            // Unit tests in a file of their own.
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The text of a file without its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_stage_uses_only_the_stages_above_it() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mentioned = regex::Regex::new(r"\bcrate::([a-z_]+)").expect("a regular expression");
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(root().join("src")).expect("below src").to_owned();
        let stage = relative
            .iter()
            .next()
            .and_then(|s| s.to_str())
            .unwrap_or_default()
            .trim_end_matches(".rs")
            .to_owned();
        let Some(own) = STAGES.iter().position(|s| *s == stage) else {
            continue;
        };
        for found in mentioned.captures_iter(&code(&file)) {
            let used = STAGES.iter().position(|s| *s == &found[1]);
            if used.is_some_and(|used| used > own) {
                wrong.push(format!("{}: crate::{}", relative.display(), &found[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "stages that look down:\n{}", wrong.join("\n"));
}

#[test]
fn files_hold_one_noun() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let long: Vec<String> = files
        .iter()
        .filter_map(|file| {
            let lines = fs::read_to_string(file).expect("a source file").lines().count();
            (lines > 600).then(|| format!("{} {lines}", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "files of more than 600 lines:\n{}", long.join("\n"));
}

#[test]
fn every_error_code_is_documented() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let made =
        regex::Regex::new(r#"(?:Diagnostic::(?:error|warning)|Refusal::new|self\.warn|code = )\(?\s*"([a-z-]+)""#)
            .expect("a regular expression");
    let mut codes = BTreeSet::new();
    for file in files {
        for found in made.captures_iter(&code(&file)) {
            codes.insert(found[1].to_owned());
        }
    }
    codes.remove("internal");
    let page = fs::read_to_string(root().join("docs/errors.md")).expect("docs/errors.md");
    let listed = regex::Regex::new(r"(?m)^\| `([a-z-]+)`").expect("a regular expression");
    let documented: BTreeSet<String> = listed.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    let missing: Vec<_> = codes.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&codes).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not in docs/errors.md: {missing:?}; no longer in the code: {gone:?}"
    );
}
