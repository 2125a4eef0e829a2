//! `flags`: what the command line and the project file say, under dbt's names.

use minijinja::Value;
use serde_json::{Map, Value as Json, json};

use crate::jinja::value::from_json;

/// Off where nobody sets it.
const OFF: [&str; 38] = [
    "allow_jinja_file_extensions",
    "cache_selected_only",
    "debug",
    "defer",
    "empty",
    "enable_grouped_warn_error_parser_logs",
    "export_saved_queries",
    "fail_fast",
    "favor_state",
    "full_refresh",
    "include_saved_query",
    "latest_version_pointer_enabled_by_default",
    "log_cache_events",
    "macro_debugging",
    "partial_parse",
    "quiet",
    "require_corrected_analysis_fqns",
    "require_ref_searches_node_package_before_root",
    "require_source_and_semantic_model_names_without_spaces",
    "require_sql_header_in_test_configs",
    "require_unique_project_resource_names",
    "require_valid_schema_from_generate_schema_name",
    "send_anonymous_usage_stats",
    "show",
    "show_all_deprecations",
    "show_resource_report",
    "single_threaded",
    "snowflake_projects_otel",
    "state_modified_compare_vars",
    "static_parser",
    "store_failures",
    "strict_mode",
    "support_custom_ref_kwargs",
    "upload_to_artifacts_ingest_api",
    "use_catalogs_v2",
    "use_experimental_parser",
    "use_fast_test_edges",
    "use_v2_parser",
];

/// On where nobody sets it.
const ON: [&str; 20] = [
    "hints_enabled",
    "introspect",
    "partial_parse_file_diff",
    "populate_cache",
    "print",
    "require_all_warnings_handled_by_warn_error",
    "require_batched_execution_for_custom_microbatch_strategy",
    "require_explicit_package_overrides_for_builtin_materializations",
    "require_generic_test_arguments_property",
    "require_nested_cumulative_type_params",
    "require_resource_names_without_spaces",
    "require_yaml_configuration_for_mf_time_spines",
    "skip_nodes_if_on_run_start_fails",
    "source_freshness_run_project_hooks",
    "state_modified_compare_more_unrendered_values",
    "use_colors",
    "use_colors_file",
    "validate_macro_args",
    "version_check",
    "write_json",
];

/// Nothing where nobody sets it.
const UNSET: [&str; 15] = [
    "defer_state",
    "event_time_end",
    "event_time_start",
    "partial_parse_file_path",
    "profile",
    "profiles_dir",
    "project_dir",
    "record_timing_info",
    "sample",
    "selector",
    "state",
    "target",
    "target_path",
    "threads",
    "warn_error",
];

/// Every flag of dbt 1.12 and what it is where nobody sets it, in lower case.
pub fn flag_defaults() -> Map<String, Json> {
    let mut flags: Map<String, Json> = Map::new();
    for (names, value) in [
        (&OFF[..], Json::Bool(false)),
        (&ON[..], Json::Bool(true)),
        (&UNSET[..], Json::Null),
    ] {
        flags.extend(names.iter().map(|name| ((*name).to_owned(), value.clone())));
    }
    if let Json::Object(others) = json!({
        "exclude": [],
        "exclude_resource_types": [],
        "indirect_selection": "eager",
        "invocation_command": "assay",
        "log_file_max_bytes": 10_485_760,
        "log_format": "default",
        "log_format_file": "debug",
        "log_level": "info",
        "log_level_file": "debug",
        "log_path": "logs",
        "maximum_seed_size_mib": 1,
        "printer_width": 80,
        "resource_types": [],
        "select": [],
        "sqlparse": { "MAX_GROUPING_DEPTH": null, "MAX_GROUPING_TOKENS": null },
        "v2_parser": "",
        "vars": {},
        "warn_error_options": { "error": [], "warn": [], "silence": [] },
        "which": "run",
    }) {
        flags.extend(others);
    }
    flags
}

/// What dbt shows of the flags in templates; any other is undefined there.
pub const SHOWN: [&str; 30] = [
    "cache_selected_only",
    "debug",
    "empty",
    "fail_fast",
    "full_refresh",
    "hints_enabled",
    "indirect_selection",
    "introspect",
    "invocation_command",
    "log_cache_events",
    "log_format",
    "log_path",
    "maximum_seed_size_mib",
    "no_print",
    "partial_parse",
    "printer_width",
    "profiles_dir",
    "quiet",
    "require_sql_header_in_test_configs",
    "send_anonymous_usage_stats",
    "static_parser",
    "store_failures",
    "target_path",
    "use_colors",
    "use_experimental_parser",
    "version_check",
    "warn_error",
    "warn_error_options",
    "which",
    "write_json",
];

/// `flags`: the part of the options in force that dbt shows, in upper case.
pub fn shown_flags(options: &Map<String, Json>) -> Map<String, Json> {
    SHOWN
        .iter()
        .map(|name| {
            let value = options.get(*name).cloned().unwrap_or_default();
            (name.to_ascii_uppercase(), value)
        })
        .collect()
}

/// The flags where the caller gives none.
pub fn default_flags() -> Value {
    from_json(&Json::Object(shown_flags(&flag_defaults())))
}
