//! Where the SQL of a node is written, as dbt lays it out below `target/`.

use super::{Node, ResourceType};

/// The path below the project's root of a node's compiled SQL, such as
/// `target/compiled/shop/models/staging/stg_orders.sql`. A generic test lies below its properties file:
/// `target/compiled/shop/models/staging/staging.yml/unique_stg_orders_order_id.sql`.
pub fn compiled_path(target_path: &str, node: &Node) -> String {
    below(target_path, "compiled", node)
}

/// The same for the SQL that was sent to the server: `target/run/..`.
pub fn run_path(target_path: &str, node: &Node) -> String {
    below(target_path, "run", node)
}

fn below(target_path: &str, folder: &str, node: &Node) -> String {
    let target = target_path.trim_end_matches('/');
    let file = &node.original_path;
    let path = format!("{target}/{folder}/{}/{file}", node.package);
    if node.resource_type == ResourceType::Snapshot {
        // A file may declare several.
        format!("{path}/{}.sql", node.name)
    } else if node.test.as_ref().is_some_and(|test| test.generic.is_some()) {
        let name = node.path.rsplit('/').next().unwrap_or_default();
        format!("{path}/{name}")
    } else if node.resource_type == ResourceType::Operation {
        // A hook of the run lies below the project file that names it.
        format!("{path}/{}", node.path)
    } else if let Some(test) = &node.unit_test {
        format!("{path}/{}.sql", test.full_name())
    } else if let Some(batch) = &node.batch {
        // The files of the batches lie in a folder named for the model.
        let stem = path.strip_suffix(".sql").unwrap_or(&path);
        let name = stem.rsplit('/').next().unwrap_or_default();
        format!("{stem}/{name}_{}.sql", batch.label())
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::select::shop;

    #[test]
    fn where_dbt_puts_them() {
        let manifest = shop::manifest();
        for node in shop::nodes() {
            let entry = &manifest["nodes"][&*node.id];
            if let Some(path) = entry["compiled_path"].as_str() {
                assert_eq!(compiled_path("target", &node), path);
            }
            if let Some(path) = entry["build_path"].as_str() {
                assert_eq!(run_path("target/", &node), path);
            }
        }
    }
}
