//! The entry of a group.

use serde_json::{Map, Value as Json, json};

#[derive(Clone, Debug)]
pub struct GroupEntry {
    pub package: String,
    pub name: String,
    pub path: String,
    pub original_path: String,
    pub owner: Json,
    pub description: Option<String>,
    pub config: Map<String, Json>,
}

impl GroupEntry {
    pub fn id(&self) -> String {
        format!("group.{}.{}", self.package, self.name)
    }

    pub fn entry(&self) -> Json {
        json!({
            "name": self.name,
            "resource_type": "group",
            "package_name": self.package,
            "path": self.path,
            "original_file_path": self.original_path,
            "unique_id": self.id(),
            "owner": self.owner,
            "description": self.description,
            "config": self.config,
        })
    }
}
