//! What tells one text of a node from another.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::graph::{Node, ResourceType};

/// Seeds larger than this are told apart by their path alone, as in dbt. Bytes.
const LARGE_SEED: u64 = 1024 * 1024;

/// SHA-256 in hex of what the node's file says, each run of white space taken as one space; `None` where the node has no
/// file of its own or the file is a seed.
pub fn checksum(node: &Node) -> Option<String> {
    let own = match node.resource_type {
        ResourceType::Seed
        | ResourceType::Source
        | ResourceType::Exposure
        | ResourceType::Metric
        | ResourceType::SemanticModel
        | ResourceType::SavedQuery => false,
        ResourceType::Test => node.test.as_ref().is_some_and(|test| test.generic.is_none()),
        _ => true,
    };
    own.then(|| {
        let file = match (&node.part, node.resource_type) {
            (Some(part), _) => &part.file,
            // Hooks of a run stand in the project file.
            (None, ResourceType::Operation) => &node.declared.file,
            (None, _) => &node.source,
        };
        let words: Vec<&str> = file.text.split_whitespace().collect();
        sha256(words.join(" ").as_bytes())
    })
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The text with one kind of line ends, as Python reads files.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// A file that cannot be read any more has no checksum; loading it is what reports that.
pub fn seed_checksum(node: &Node, root: &Path) -> Json {
    let path = root.join(&node.source.path);
    match fs::metadata(&path) {
        Ok(found) if found.len() > LARGE_SEED => json!({ "name": "path", "checksum": node.original_path }),
        Ok(_) => match fs::read_to_string(&path) {
            Ok(text) => json!({ "name": "sha256", "checksum": sha256(lines(&text).trim().as_bytes()) }),
            Err(_) => json!({ "name": "none", "checksum": "" }),
        },
        Err(_) => json!({ "name": "none", "checksum": "" }),
    }
}
