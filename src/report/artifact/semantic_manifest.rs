//! `semantic_manifest.json`: what dbt's semantic layer reads. No semantic models are read yet, so it lists none.

use serde_json::{Value as Json, json};

/// The manifest of a project without semantic models.
#[must_use]
pub fn semantic_manifest() -> Json {
    json!({
        "semantic_models": [],
        "metrics": [],
        "project_configuration": {
            "time_spine_table_configurations": [],
            "metadata": null,
            "dsi_package_version": { "major_version": "0", "minor_version": "213", "patch_version": "0" },
            "time_spines": [],
        },
        "saved_queries": [],
    })
}
