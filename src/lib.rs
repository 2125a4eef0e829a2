//! Assay compiles a dbt-style project into a graph of SQL models, runs it incrementally on PostgreSQL, and lets
//! data tests decide what readers may see.
//!
//! A model walks through the stages below from top to bottom; a stage uses only the stages listed above it
//! (`tests/it/house.rs` checks that).

pub mod diagnostic;
pub mod sql;

pub mod project;

pub mod packages;

pub mod jinja;

pub mod graph;

pub mod postgres;

pub mod plan;

pub mod gate;

pub mod run;

pub mod generate;

pub mod report;

pub mod cli;
