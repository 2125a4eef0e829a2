//! The integration tests: whole commands on a private PostgreSQL, one file a feature.

mod bad_input;
mod building;
mod connection;
mod db;
mod docs;
mod gate;
mod handoff;
mod house;
mod local_server;
mod materialization;
mod microbatch;
mod operation;
mod packages;
mod parity;
mod plan;
mod profiles;
mod query_comment;
mod resources;
mod rules;
mod semantic_layer;
mod server;
mod shipped;
mod shop;
mod support;
mod tls;
mod unit_test;
