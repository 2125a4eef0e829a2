//! The tables of schema `exp`.

use super::super::Table;

const fn table(name: &'static str, columns: &'static [&'static str]) -> Table {
    Table {
        schema: "exp",
        name,
        columns,
        arrival: "created_at",
    }
}

pub static EXPERIMENTS: Table = table(
    "experiments",
    &[
        "id",
        "name",
        "description",
        "status",
        "unit_type",
        "start_at",
        "end_at",
        "created_at",
        "updated_at",
    ],
);
pub static VARIANTS: Table = table(
    "variants",
    &[
        "id",
        "experiment_id",
        "name",
        "description",
        "allocation",
        "config",
        "created_at",
    ],
);
pub static POLICIES: Table = table("policies", &["id", "name", "description", "created_at"]);
pub static POLICY_VERSIONS: Table = table(
    "policy_versions",
    &[
        "id",
        "policy_id",
        "version",
        "mlflow_model_name",
        "mlflow_model_version",
        "config_defaults",
        "status",
        "created_at",
    ],
);
pub static PROMPTS: Table = table("prompts", &["id", "name", "description", "created_at"]);
pub static PROMPT_VERSIONS: Table = table(
    "prompt_versions",
    &[
        "id",
        "prompt_id",
        "version",
        "file_path",
        "model_provider",
        "model_name",
        "config_defaults",
        "status",
        "created_at",
    ],
);
pub static MCP_TOOLS: Table = table(
    "mcp_tools",
    &[
        "id",
        "name",
        "description",
        "server_name",
        "tool_schema",
        "capabilities",
        "status",
        "created_at",
        "updated_at",
    ],
);
pub static VARIANT_TOOLS: Table = table(
    "variant_tools",
    &["id", "variant_id", "tool_id", "enabled", "priority", "created_at"],
);
pub static OFFLINE_REPLAY_RESULTS: Table = table(
    "offline_replay_results",
    &[
        "id",
        "policy_version_id",
        "dataset_version",
        "mlflow_run_id",
        "plan_alignment_score",
        "constraint_respect_score",
        "edit_distance_score",
        "diversity_score",
        "leftovers_score",
        "baseline_version_id",
        "is_better_than_baseline",
        "status",
        "error_message",
        "created_at",
    ],
);
pub static ASSIGNMENTS: Table = table(
    "assignments",
    &[
        "id",
        "experiment_id",
        "variant_id",
        "unit_type",
        "unit_id",
        "assigned_at",
        "created_at",
    ],
);
pub static EVENTS: Table = table(
    "events",
    &[
        "id",
        "event_type",
        "unit_type",
        "unit_id",
        "experiments",
        "context",
        "metrics",
        "payload",
        "timestamp",
        "created_at",
    ],
);
pub static METRIC_AGGREGATES: Table = table(
    "metric_aggregates",
    &[
        "id",
        "experiment_id",
        "variant_id",
        "metric_name",
        "bucket_type",
        "bucket_start",
        "count",
        "sum",
        "mean",
        "min",
        "max",
        "stddev",
        "created_at",
    ],
);

pub static ALL: &[&Table] = &[
    &EXPERIMENTS,
    &VARIANTS,
    &POLICIES,
    &POLICY_VERSIONS,
    &PROMPTS,
    &PROMPT_VERSIONS,
    &MCP_TOOLS,
    &VARIANT_TOOLS,
    &OFFLINE_REPLAY_RESULTS,
    &ASSIGNMENTS,
    &EVENTS,
    &METRIC_AGGREGATES,
];
