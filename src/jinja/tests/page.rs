//! `docs/jinja.md` and what it says: its tables are made from the lists below, and each line of them is tried.
//! `ASSAY_WRITE_DOCS=1 cargo test --lib jinja::tests::page` writes the page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::json;

use super::{Global, Project};
use crate::jinja::Engine;
use crate::project::{CONFIG_KEYS, FUNCTION_KEYS};
use crate::sql::Relation;

#[derive(Clone, Copy, PartialEq)]
enum Is {
    Supported,
    Differs,
    NotSupported,
}

use Is::{Differs, NotSupported, Supported};

impl Is {
    fn word(self) -> &'static str {
        match self {
            Supported => "supported",
            Differs => "differs",
            NotSupported => "not supported",
        }
    }
}

type Line = (&'static str, Is, &'static str);

/// What templates see beside macros.
const MEMBERS: &[Line] = &[
    (
        "adapter",
        Supported,
        "in PostgreSQL's words; while parsing it answers without a database, as dbt's",
    ),
    (
        "adapter_macro",
        NotSupported,
        "dbt refuses it too; write `adapter.dispatch`",
    ),
    ("api", Supported, "`api.Relation`, `api.Column`"),
    (
        "builtins",
        Supported,
        "dbt's own `ref`, `source`, `config` and so on, for macros that hide them; its Python internals (`builtins.ref.config`) are not there",
    ),
    ("column", Supported, "the class of columns"),
    (
        "compiled_code",
        Supported,
        "in materializations written in Jinja; else none",
    ),
    (
        "config",
        Supported,
        "`config(..)`, `get`, `require`, `meta_get`, `meta_require`, `set`, `persist_relation_docs`, `persist_column_docs`; empty while parsing; a key that dbt knows and nobody set is none, whatever the default",
    ),
    (
        "context",
        Supported,
        "by name, by `get`, `keys`, `values`, `items`; it cannot be changed",
    ),
    (
        "context_macro_stack",
        Differs,
        "an empty list: errors show the stack of macros themselves",
    ),
    ("cycler", Supported, "Jinja's own"),
    ("database", Supported, "of the node, else of the target"),
    ("database_schemas", Supported, "in `on-run-end` hooks"),
    (
        "dbt_metadata_envs",
        Supported,
        "variables whose names begin with `DBT_ENV_CUSTOM_ENV_`, without that",
    ),
    (
        "dbt_version",
        Differs,
        "the release of dbt whose behaviour holds: 1.12.6",
    ),
    (
        "debug",
        Differs,
        "Python's debugger is not there: it says so and goes on",
    ),
    (
        "defer_relation",
        Supported,
        "with `--defer`, the relation of the other run; else none",
    ),
    (
        "dict",
        Supported,
        "Jinja's own; dicts and lists change in place, as in Python",
    ),
    ("diff_of_two_dicts", Supported, ""),
    ("doc", NotSupported, "in templates; descriptions use it"),
    ("env", Supported, "the same as `target`"),
    (
        "env_var",
        Supported,
        "names that begin with `DBT_ENV_SECRET` are refused outside profiles and packages",
    ),
    (
        "exceptions",
        Supported,
        "all of dbt's functions, with sentences of Assay's own",
    ),
    ("execute", Supported, "false while parsing"),
    (
        "flags",
        Supported,
        "the flags that dbt shows; `flags.WHICH` and the like in capitals",
    ),
    ("fromjson", Supported, ""),
    (
        "fromyaml",
        Supported,
        "with PyYAML's types: `yes` is true, dates are dates",
    ),
    ("function", Supported, "its dependency is part of the graph"),
    (
        "graph",
        Supported,
        "empty while parsing; entries are made when a template looks at them, each reader's own; what a package puts into `graph` itself stays for the run",
    ),
    (
        "invocation_args_dict",
        Supported,
        "with Assay's options and dbt's defaults for those it does not have; lists where dbt has tuples",
    ),
    ("invocation_id", Supported, ""),
    ("is_incremental", Supported, "a macro"),
    ("joiner", Supported, "Jinja's own"),
    ("load_agate_table", Supported, "the rows of the seed that runs"),
    ("load_result", Differs, "a result can be loaded more than once"),
    ("local_md5", Supported, ""),
    (
        "log",
        Supported,
        "`info=false` goes to the log file, and shows with `--log-level debug`",
    ),
    (
        "metric",
        Differs,
        "the metric's name as text; its dependency is part of the graph",
    ),
    (
        "model",
        Supported,
        "the whole node while it runs, and what is known before anything is resolved while parsing",
    ),
    ("modules", Supported, "`datetime`, `pytz`, `re`, `itertools`; see below"),
    ("namespace", Supported, "Jinja's own"),
    ("otel_span_id", Supported, "zeros, as dbt's where OpenTelemetry is off"),
    ("otel_trace_id", Supported, "zeros, as dbt's where OpenTelemetry is off"),
    ("post_hooks", Supported, ""),
    ("pre_hooks", Supported, ""),
    ("print", Supported, "to standard output, while parsing too"),
    ("project_name", Supported, ""),
    ("range", Supported, "Jinja's own"),
    ("ref", Supported, "one or two names, `v` or `version`"),
    ("render", Supported, ""),
    ("results", Supported, "in `on-run-end` hooks"),
    ("return", Supported, "in macros"),
    ("run_started_at", Supported, "a `datetime` in UTC"),
    ("schema", Supported, "of the node, else of the target"),
    ("schemas", Supported, "in `on-run-end` hooks"),
    (
        "selected_resources",
        Supported,
        "empty while parsing and in `run-operation`, as in dbt",
    ),
    ("set", Supported, ""),
    ("set_strict", Supported, ""),
    ("source", Supported, ""),
    ("sql", Supported, "in materializations written in Jinja; else none"),
    ("sql_now", Supported, ""),
    ("store_raw_result", Supported, ""),
    ("store_result", Supported, ""),
    (
        "submit_python_job",
        NotSupported,
        "PostgreSQL runs no Python models; dbt refuses them too",
    ),
    (
        "target",
        Supported,
        "without passwords; `application_name` and `sslmode` are those in force",
    ),
    ("this", Supported, ""),
    (
        "thread_id",
        Supported,
        "`Thread-1` and so on; `MainThread` outside of nodes",
    ),
    ("tojson", Supported, ""),
    ("toyaml", Supported, ""),
    ("try_or_compiler_error", Supported, ""),
    (
        "validation",
        Differs,
        "`validation.any(..)` compares values; Python's types are not known",
    ),
    (
        "var",
        Supported,
        "`var(name, default)`, `var.has_var`; a text that is a template is rendered",
    ),
    ("write", Supported, "below `target/run`"),
    ("zip", Supported, "a list"),
    ("zip_strict", Supported, "a list"),
];

/// dbt's macros that do nothing here, and why.
const MACROS: &[Line] = &[
    (
        "test_accepted_values",
        Differs,
        "a test of the name `accepted_values`, overridden as in dbt",
    ),
    (
        "test_not_null",
        Differs,
        "a test of the name `not_null`, overridden as in dbt",
    ),
    (
        "test_relationships",
        Differs,
        "a test of the name `relationships`, overridden as in dbt",
    ),
    (
        "test_unique",
        Differs,
        "a test of the name `unique`, overridden as in dbt",
    ),
    (
        "build_config_dict",
        Differs,
        "for Python models, which PostgreSQL does not run",
    ),
    (
        "build_ref_function",
        Differs,
        "for Python models, which PostgreSQL does not run",
    ),
    (
        "build_source_function",
        Differs,
        "for Python models, which PostgreSQL does not run",
    ),
    (
        "py_script_comment",
        Differs,
        "for Python models, which PostgreSQL does not run",
    ),
    (
        "py_script_postfix",
        Differs,
        "for Python models, which PostgreSQL does not run",
    ),
];

/// Keys of a node's configuration.
const CONFIG: &[Line] = &[
    (
        "access",
        Supported,
        "`public` models are guarded by the [gate](gate.md)",
    ),
    ("alias", Supported, ""),
    (
        "audit_keys",
        Supported,
        "Assay's own: the columns of a test with `audit_scope: keys`, see [the gate](gate.md)",
    ),
    (
        "audit_scope",
        Supported,
        "Assay's own: what a test looks at after a delta, see [the gate](gate.md)",
    ),
    ("batch_size", Supported, ""),
    ("begin", Supported, ""),
    (
        "certify_within",
        Supported,
        "Assay's own: how long a certificate holds, see [the gate](gate.md#fresh-enough)",
    ),
    ("check_cols", Supported, ""),
    ("column_types", Supported, ""),
    (
        "concurrent_batches",
        Supported,
        "batches run one after the other all the same, as in dbt on PostgreSQL",
    ),
    ("contract", Supported, ""),
    ("database", Supported, ""),
    ("dbt_valid_to_current", Supported, ""),
    ("delimiter", Supported, ""),
    ("docs", Differs, "kept in the manifest; there is no site"),
    ("enabled", Supported, ""),
    ("error_if", Supported, ""),
    (
        "entry_point",
        Differs,
        "of functions in Python, which PostgreSQL does not run",
    ),
    ("event_time", Supported, ""),
    ("fail_calc", Supported, ""),
    (
        "freshness",
        Supported,
        "of a source; a model's is only kept in the manifest, as in dbt",
    ),
    ("full_refresh", Supported, ""),
    ("grants", Supported, ""),
    ("group", Supported, ""),
    ("hard_deletes", Supported, ""),
    ("incremental_predicates", Supported, ""),
    (
        "incremental_strategy",
        Supported,
        "`append`, `delete+insert`, `merge`, `microbatch`, and those of a project's own",
    ),
    ("indexes", Supported, "their names stay the same from run to run"),
    ("invalidate_hard_deletes", Supported, ""),
    ("latest_version_pointer", Supported, "refused for a published model"),
    ("limit", Supported, ""),
    ("loaded_at_field", Supported, ""),
    ("loaded_at_query", Differs, "kept in the manifest"),
    ("lookback", Supported, ""),
    ("materialized", Supported, "also materializations of a project's own"),
    ("merge_exclude_columns", Supported, ""),
    ("merge_update_columns", Supported, ""),
    ("meta", Supported, ""),
    ("on_configuration_change", Supported, ""),
    ("on_error", Supported, "`continue` is refused for a published model"),
    ("on_schema_change", Supported, ""),
    (
        "packages",
        NotSupported,
        "for Python models, which PostgreSQL does not run",
    ),
    (
        "partition_by",
        Supported,
        "Assay's own on PostgreSQL: [Partitions](partitions.md)",
    ),
    ("persist_docs", Supported, ""),
    ("post_hook", Supported, ""),
    ("pre_hook", Supported, ""),
    ("predicates", Supported, "the older name of `incremental_predicates`"),
    ("project", NotSupported, "another warehouse's word for `database`"),
    (
        "publish_set",
        Supported,
        "Assay's own: what is published together, see [the gate](gate.md)",
    ),
    ("quote_columns", Supported, ""),
    ("quoting", Supported, ""),
    (
        "require_fresh",
        Supported,
        "Assay's own: a stale source blocks certification, see [the gate](gate.md#fresh-enough)",
    ),
    (
        "runtime_version",
        Differs,
        "of functions in Python, which PostgreSQL does not run",
    ),
    ("schema", Supported, ""),
    ("severity", Supported, ""),
    ("snapshot_meta_column_names", Supported, ""),
    ("snowflake", Differs, "of functions; kept in the manifest"),
    ("sql_header", Differs, "in materializations written in Jinja"),
    ("static_analysis", NotSupported, "dbt 1.12 itself does not act on it"),
    ("store_failures", Supported, ""),
    ("store_failures_as", Supported, ""),
    ("strategy", Supported, ""),
    ("tags", Supported, ""),
    ("target_database", Supported, ""),
    ("target_schema", Supported, ""),
    (
        "type",
        Supported,
        "of functions; `aggregate` and `table` need a macro of the project",
    ),
    ("unique_key", Supported, ""),
    ("unlogged", Supported, ""),
    ("updated_at", Supported, ""),
    ("warn_if", Supported, ""),
    ("volatility", Supported, "of functions"),
    ("where", Supported, ""),
];

/// Members that only the hooks after a run see.
const AFTER: [&str; 3] = ["results", "schemas", "database_schemas"];

/// The names of dbt 1.12's context, its macros left out.
const DBT: &str = "context builtins dbt_version var env_var return fromjson tojson fromyaml toyaml set set_strict zip zip_strict log \
    run_started_at invocation_id thread_id otel_trace_id otel_span_id modules flags print diff_of_two_dicts local_md5 target \
    project_name context_macro_stack dbt_metadata_envs invocation_args_dict load_result store_result store_raw_result \
    validation write render try_or_compiler_error load_agate_table ref source metric function config execute exceptions \
    database schema adapter api column env graph model pre_hooks post_hooks sql sql_now adapter_macro selected_resources \
    submit_python_job compiled_code this defer_relation doc debug";

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/jinja.md");

/// Everything before the tables is written by hand.
const FIRST_TABLE: &str = "## Context\n";

fn with_everything() -> Project {
    let mut project = Project::new();
    let globals = &mut project.globals;
    globals.insert("this".to_owned(), Relation::new(None, "s", "me").into());
    for name in ["model", "schema", "database"].into_iter().chain(AFTER) {
        globals.insert(name.to_owned(), Global::from(json!({ "name": "m" })));
    }
    project
}

fn builtin_macros() -> BTreeSet<String> {
    let engine = Engine::new("shop", &[], &[], &[]).expect("the built-in macros");
    let prefixed = |name: &str| {
        ["default__", "postgres__", "materialization_", "_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    engine
        .macros()
        .map(|m| m.name.clone())
        .filter(|name| !prefixed(name))
        .collect()
}

fn table(lines: impl IntoIterator<Item = (String, Is, String)>) -> String {
    let mut table = "\n| name | | |\n|---|---|---|\n".to_owned();
    for (name, is, note) in lines {
        let _ = writeln!(table, "| `{name}` | {} | {note} |", is.word());
    }
    table
}

fn owned(lines: &[Line]) -> Vec<(String, Is, String)> {
    lines
        .iter()
        .map(|(name, is, note)| ((*name).to_owned(), *is, (*note).to_owned()))
        .collect()
}

fn macro_lines() -> Vec<(String, Is, String)> {
    let ours = builtin_macros();
    let dbts: BTreeSet<String> = include_str!("dbt_macros.txt").lines().map(str::to_owned).collect();
    ours.union(&dbts)
        .map(|name| {
            let noted = MACROS.iter().find(|(known, ..)| known == name);
            match (ours.contains(name), noted) {
                (true, None) if dbts.contains(name) => (name.clone(), Supported, String::new()),
                (true, None) => (name.clone(), Supported, "Assay's own".to_owned()),
                (_, Some((_, is, note))) => (name.clone(), *is, (*note).to_owned()),
                (false, None) => panic!("dbt's macro `{name}` is not there, and nothing says why"),
            }
        })
        .collect()
}

#[test]
fn the_page_says_what_the_lists_say() {
    let page = std::fs::read_to_string(PAGE).expect("docs/jinja.md");
    let (by_hand, _) = page.split_once(FIRST_TABLE).expect("the first table");
    let tables = format!(
        "{by_hand}{FIRST_TABLE}{}\n## Macros\n{}\n## Configuration\n{}",
        table(owned(MEMBERS)),
        table(macro_lines()),
        table(owned(CONFIG)),
    );
    if std::env::var_os("ASSAY_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, &tables).expect("the page is written");
    } else {
        assert!(
            page == tables,
            "docs/jinja.md is old: run this test with ASSAY_WRITE_DOCS=1"
        );
    }
}

#[test]
fn every_member_is_listed_and_there() {
    let listed: BTreeSet<&str> = MEMBERS.iter().map(|(name, ..)| *name).collect();
    for name in DBT.split_whitespace() {
        assert!(listed.contains(name), "dbt's `{name}` is not listed");
    }
    let known = with_everything().render("{{ builtins.keys() | join(' ') }}");
    let known: BTreeSet<&str> = known.split(' ').collect();
    let unlisted: Vec<_> = known.difference(&listed).collect();
    assert!(unlisted.is_empty(), "not listed: {unlisted:?}");
    for (name, is, _) in MEMBERS {
        if *is == NotSupported {
            let refused = with_everything().try_render(&format!("{{{{ {name}('a') }}}}"));
            let code = refused.map_err(|diagnostic| diagnostic.code);
            assert!(matches!(code, Err("not-supported" | "doc")), "{name}: {code:?}");
        } else {
            let there = with_everything().render(&format!("{{{{ {name} is defined }}}}"));
            assert_eq!(there, "True", "{name}");
        }
    }
}

#[test]
fn every_configuration_key_is_listed() {
    let listed: BTreeSet<&str> = CONFIG.iter().map(|(name, ..)| *name).collect();
    let known: BTreeSet<&str> = CONFIG_KEYS.iter().chain(FUNCTION_KEYS).copied().collect();
    assert_eq!(listed, known);
}

#[test]
fn every_exception_of_dbt_is_there() {
    let names = "column_type_missing missing_config missing_materialization missing_relation raise_ambiguous_alias \
        raise_ambiguous_catalog_match raise_cache_inconsistent raise_compiler_error raise_contract_error raise_database_error \
        raise_dataclass_not_dict raise_dep_not_found raise_dependency_error raise_duplicate_patch_name \
        raise_duplicate_resource_name raise_fail_fast_error raise_invalid_property_yml_version raise_not_implemented \
        relation_wrong_type warn warn_snapshot_timestamp_data_types";
    assert_eq!(
        Project::new().render("{{ exceptions.keys() | sort | join(' ') }}"),
        names
    );
    for name in names.split(' ').filter(|name| !name.starts_with("warn")) {
        let error = Project::new().try_render(&format!("{{% do exceptions.{name}('one', 'two', 'three') %}}"));
        let error = error.expect_err(name);
        assert_eq!(error.code, "raised-by-project", "{name}");
        assert!(error.message.contains("one"), "{name}: {}", error.message);
    }
}
