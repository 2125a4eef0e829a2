//! Which code builds a node: Rust, or a materialization written in Jinja.

use crate::graph::{Materialization, Node, ResourceType};
use crate::jinja::{Engine, MacroInfo, MacroKind};

/// The packages of the macros that Assay brings.
const BUILTIN: [&str; 2] = ["dbt", "dbt_postgres"];

/// What every materialization calls.
const EVERY: [&str; 30] = [
    "alter_column_comment",
    "alter_relation_comment",
    "apply_grants",
    "call_dcl_statements",
    "copy_grants",
    "create_indexes",
    "drop_materialized_view",
    "drop_relation",
    "drop_relation_if_exists",
    "drop_table",
    "drop_view",
    "get_columns_in_relation",
    "get_create_index_sql",
    "get_dcl_statement_list",
    "get_drop_sql",
    "get_grant_sql",
    "get_revoke_sql",
    "get_show_grant_sql",
    "load_cached_relation",
    "make_backup_relation",
    "make_intermediate_relation",
    "make_relation_with_suffix",
    "make_temp_relation",
    "noop_statement",
    "persist_docs",
    "rename_relation",
    "run_hooks",
    "should_revoke",
    "statement",
    "validate_doc_columns",
];

const CONTRACT: [&str; 8] = [
    "assert_columns_equivalent",
    "get_assert_columns_equivalent",
    "get_column_names",
    "get_column_schema_from_query",
    "get_empty_schema_sql",
    "get_empty_subquery_sql",
    "get_select_subquery",
    "get_table_columns_and_constraints",
];

const VIEW: [&str; 2] = ["create_view_as", "get_create_view_as_sql"];

const TABLE: [&str; 2] = ["create_table_as", "get_create_table_as_sql"];

const INCREMENTAL: [&str; 23] = [
    "alter_column_type",
    "alter_relation_add_remove_columns",
    "check_for_schema_changes",
    "diff_column_data_types",
    "diff_columns",
    "get_delete_insert_merge_sql",
    "get_incremental_append_sql",
    "get_incremental_default_sql",
    "get_incremental_delete_insert_sql",
    "get_incremental_merge_sql",
    MICROBATCH,
    "get_insert_into_sql",
    "get_merge_sql",
    "get_merge_unique_key_match",
    "get_merge_update_columns",
    "get_merge_update_set",
    "get_quoted_csv",
    "incremental_validate_on_schema_change",
    "process_schema_changes",
    "should_full_refresh",
    "sync_column_schemas",
    "truncate_relation",
    "update_incremental_table",
];

/// The macro that adds a batch of a microbatch model.
const MICROBATCH: &str = "get_incremental_microbatch_sql";

const SEED: [&str; 9] = [
    "create_csv_table",
    "get_batch_size",
    "get_binding_char",
    "get_csv_sql",
    "get_seed_column_quoted_csv",
    "load_csv_rows",
    "reset_csv_table",
    "should_full_refresh",
    "truncate_relation",
];

/// Materializations that are there without a macro of the project.
const BUILT_IN: [&str; 8] = [
    "view",
    "table",
    "incremental",
    "seed",
    "snapshot",
    "materialized_view",
    "test",
    "function",
];

/// Who builds a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Builder {
    Rust,
    /// The materialization of this macro id.
    Jinja {
        id: String,
        why: Reason,
    },
    /// No macro of that name.
    Missing,
    /// No macro of the project knows the incremental strategy.
    MissingStrategy(String),
}

/// Why a node is built by a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The project or a package defines the materialization.
    Defined,
    /// There is no other: snapshots, materialized views, incremental strategies of the project's own.
    OnlyThere,
    /// This macro takes the place of one that the materialization calls.
    Overridden(String),
}

/// Finds who builds a node. `packages_may_override` lets installed packages redefine what is built in
/// (`require_explicit_package_overrides_for_builtin_materializations: false`).
#[must_use]
pub fn builder(engine: &Engine, root: &str, packages_may_override: bool, node: &Node) -> Builder {
    let name = match node.resource_type {
        ResourceType::Model | ResourceType::Seed => node.config.materialized_name.as_str(),
        ResourceType::Snapshot => "snapshot",
        ResourceType::Function => "function",
        _ => return Builder::Rust,
    };
    if node.config.materialized == Materialization::Ephemeral {
        return Builder::Rust;
    }
    let found = find(engine, root, packages_may_override, name);
    let defined = found.filter(|found| !BUILTIN.contains(&found.package.as_str()));
    if let Some(found) = defined {
        return Builder::Jinja {
            id: found.id.clone(),
            why: Reason::Defined,
        };
    }
    let rust = matches!(
        node.config.materialized,
        Materialization::View | Materialization::Table | Materialization::Incremental | Materialization::Seed
    );
    if let Some(strategy) = strategy_of_its_own(node) {
        let wanted = format!("get_incremental_{}_sql", strategy.replace('+', "_"));
        if !engine.has_macro_for(&node.package, &wanted) {
            return Builder::MissingStrategy(strategy);
        }
    }
    let why = match overriding(engine, node, name) {
        Some(id) => Reason::Overridden(id),
        None if rust && !needs_macro(node) => return Builder::Rust,
        None => Reason::OnlyThere,
    };
    match found {
        Some(found) => Builder::Jinja {
            id: found.id.clone(),
            why,
        },
        None if rust && !needs_macro(node) => Builder::Rust,
        None => Builder::Missing,
    }
}

/// Whether the project builds its microbatch models with a macro of its own, which dbt calls once for all batches.
#[must_use]
pub fn has_microbatch_of_its_own(engine: &Engine, node: &Node) -> bool {
    engine.overriding(&node.package, MICROBATCH).is_some()
}

/// What only a macro knows how to do.
fn needs_macro(node: &Node) -> bool {
    let has_header = node
        .config
        .raw
        .get("sql_header")
        .is_some_and(|header| !header.is_null());
    has_header || strategy_of_its_own(node).is_some()
}

fn strategy_of_its_own(node: &Node) -> Option<String> {
    let wanted = node.config.materialized == Materialization::Incremental && node.config.incremental_strategy.is_none();
    let name = node.config.raw.get("incremental_strategy")?.as_str()?;
    wanted.then(|| name.to_owned())
}

/// dbt's order: a materialization for PostgreSQL before one for any adapter, then the root project, packages, built-in.
fn find<'e>(engine: &'e Engine, root: &str, packages_may_override: bool, name: &str) -> Option<&'e MacroInfo> {
    let rank = |found: &MacroInfo| {
        let specific = found.adapter.as_deref() == Some("postgres");
        let locality = match found.package.as_str() {
            package if package == root => 2,
            package if BUILTIN.contains(&package) => 0,
            _ => 1,
        };
        (specific, locality)
    };
    let guarded = BUILT_IN.contains(&name) && !packages_may_override;
    engine
        .macros()
        .filter(|found| found.kind == MacroKind::Materialization && found.written_name == name)
        .filter(|found| matches!(found.adapter.as_deref(), Some("postgres" | "default")))
        .filter(|found| !guarded || rank(found).1 != 1)
        .max_by_key(|found| rank(found))
}

/// The macro of the project or of a package that one of a built-in materialization's calls would reach.
fn overriding(engine: &Engine, node: &Node, name: &str) -> Option<String> {
    let lists: &[&[&str]] = match name {
        "view" => &[&EVERY, &VIEW, &CONTRACT],
        "table" => &[&EVERY, &TABLE, &CONTRACT],
        "incremental" => &[&EVERY, &TABLE, &CONTRACT, &INCREMENTAL],
        "seed" => &[&EVERY, &SEED],
        // These run through macros in any case.
        _ => &[],
    };
    lists
        .iter()
        .flat_map(|list| list.iter())
        .find_map(|called| engine.overriding(&node.package, called))
}
