//! What tells one text of a node from another.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::graph::{Node, ResourceType};

/// SHA-256 in hex of what the node's file says, each run of white space taken as one space; `None` where the node has no
/// file of its own or the file is a seed.
pub fn checksum(node: &Node) -> Option<String> {
    let own = match node.resource_type {
        ResourceType::Seed | ResourceType::Source | ResourceType::Exposure => false,
        ResourceType::Test => node.test.as_ref().is_some_and(|test| test.generic.is_none()),
        _ => true,
    };
    own.then(|| {
        let file = node.part.as_ref().map_or(&node.source, |part| &part.file);
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
