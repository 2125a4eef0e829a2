//! The tables of schemas `rasa_tracker` and `rasa_model`.

use super::super::Table;

pub static EVENTS: Table = Table {
    schema: "rasa_tracker",
    name: "events",
    columns: &[
        "id",
        "sender_id",
        "type_name",
        "timestamp",
        "intent_name",
        "action_name",
        "data",
        "load_id",
        "ingested_at",
    ],
    arrival: "ingested_at",
};
pub static LOADS: Table = Table {
    schema: "rasa_tracker",
    name: "_loads",
    columns: &["load_id", "status", "inserted_at"],
    arrival: "inserted_at",
};
pub static MODELS: Table = Table {
    schema: "rasa_model",
    name: "model",
    columns: &["model_id", "name", "sdk_version", "trained_at", "timestamp"],
    arrival: "timestamp",
};

pub static ALL: &[&Table] = &[&EVENTS, &LOADS, &MODELS];
