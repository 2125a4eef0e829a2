//! Files of public packages, from a directory that the environment names.

use std::fs;
use std::path::Path;

use super::super::syntax::{blocks, rewrite_template, segments};
use super::super::{Engine, MacroFile};
use crate::diagnostic::SourceFile;

fn sql_files(below: &Path, found: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(below) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            sql_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "sql") {
            found.extend(fs::read_to_string(&path).map(|text| (path.display().to_string(), text)));
        }
    }
}

/// `ASSAY_JINJA_CORPUS=/some/directory cargo test corpus -- --ignored`
#[test]
#[ignore = "needs a directory of public projects"]
fn every_file_scans_rewrites_and_compiles() {
    let directory = std::env::var("ASSAY_JINJA_CORPUS").unwrap();
    let mut files = Vec::new();
    sql_files(Path::new(&directory), &mut files);
    assert!(!files.is_empty());
    let mut wrong = Vec::new();
    for (path, text) in &files {
        // Each file by itself: packages at several versions define the same names.
        let file = SourceFile::new(path.clone(), text.clone());
        let is_macros = blocks(text).is_ok_and(|found| !found.is_empty());
        if is_macros {
            let file = MacroFile {
                package: "shop".to_owned(),
                file,
            };
            if let Err(errors) = Engine::new("shop", &[], &[file], &[]) {
                wrong.push(errors.to_string());
            }
            continue;
        }
        match segments(text, 0..text.len()) {
            Ok(found) => {
                let rewritten = rewrite_template(text, 0..text.len(), &found);
                if let Err(error) = minijinja::Environment::new().template_from_str(&rewritten.text) {
                    wrong.push(format!("{path}: {error}\n{}", rewritten.text));
                }
            }
            Err(fault) => wrong.push(format!("{path}: {fault:?}")),
        }
    }
    println!("{} files, {} wrong", files.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
