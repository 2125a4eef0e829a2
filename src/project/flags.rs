//! `flags:` of the project file, as far as Assay does nothing about them.

use serde_json::{Value as Json, json};

use super::{Entry, Reader};

/// Flags that would decide something in dbt and decide nothing here. Not listed are
/// those that are heeded (as options: `cli/told.rs`), that only ask for what is always so, and that are about dbt's own cache and usage statistics.
const UNHEEDED: [&str; 9] = [
    "allow_jinja_file_extensions",
    "maximum_seed_size_mib",
    "require_corrected_analysis_fqns",
    "require_ref_searches_node_package_before_root",
    "require_source_and_semantic_model_names_without_spaces",
    "require_unique_project_resource_names",
    "require_valid_schema_from_generate_schema_name",
    "support_custom_ref_kwargs",
    "use_catalogs_v2",
];

/// What asks for no more than happens anyway.
fn asks_for_nothing(name: &str, value: &Json) -> bool {
    let usual = match name {
        "maximum_seed_size_mib" => json!(1),
        _ => json!(false),
    };
    value.is_null() || *value == usual
}

/// A flag of Assay's own: a test that fails stops what is below any of its parents, not only what is below all.
pub const HOLD: &str = "skip_nodes_if_test_of_any_parent_fails";

/// Names each flag that is set and has no effect.
pub(super) fn warn(flags: &[Entry], reader: &mut Reader) {
    for flag in flags {
        if flag.key == HOLD && !flag.value.to_json().is_boolean() {
            reader.wrong_type(HOLD, "true or false", &flag.value);
        }
        let known = UNHEEDED.contains(&flag.key.as_str());
        if known && !asks_for_nothing(&flag.key, &flag.value.to_json()) {
            reader.unsupported(&format!("`{}` in `flags`", flag.key), &flag.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_needs_no_word() {
        assert!(asks_for_nothing("maximum_seed_size_mib", &json!(1)));
        assert!(!asks_for_nothing("maximum_seed_size_mib", &json!(5)));
        assert!(!asks_for_nothing("use_catalogs_v2", &json!(true)));
    }
}
