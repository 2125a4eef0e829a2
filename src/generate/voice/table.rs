//! The tables of schema `voice_raw`.

use super::super::Table;

const fn table(name: &'static str, columns: &'static [&'static str]) -> Table {
    Table {
        schema: "voice_raw",
        name,
        columns,
        arrival: "ingested_at",
    }
}

pub static USERS: Table = table(
    "users",
    &[
        "user_id",
        "region",
        "disability_flag",
        "first_time_digital_user",
        "ingested_at",
    ],
);
pub static SESSIONS: Table = table(
    "voice_sessions",
    &[
        "session_id",
        "user_id",
        "channel",
        "language",
        "total_duration_sec",
        "total_turns",
        "final_outcome",
        "transfer_reason",
        "created_at",
        "started_at",
        "ended_at",
        "asr_model_version",
        "ingested_at",
    ],
);
pub static TURNS: Table = table(
    "voice_turns",
    &[
        "turn_id",
        "session_id",
        "turn_number",
        "speaker",
        "detected_intent",
        "intent_confidence",
        "asr_confidence",
        "error_type",
        "turn_duration_sec",
        "created_at",
        "started_at",
        "ingested_at",
    ],
);
pub static METRICS: Table = table(
    "voice_ai_metrics",
    &[
        "session_id",
        "avg_asr_confidence",
        "avg_intent_confidence",
        "misunderstanding_rate",
        "silence_rate",
        "recovery_success",
        "escalation_flag",
        "ingested_at",
    ],
);
pub static APPLICATIONS: Table = table(
    "applications",
    &[
        "application_id",
        "session_id",
        "user_id",
        "service_code",
        "channel",
        "status",
        "time_to_submit_sec",
        "submitted_at",
        "ingested_at",
    ],
);

pub static ALL: &[&Table] = &[&USERS, &SESSIONS, &TURNS, &METRICS, &APPLICATIONS];
