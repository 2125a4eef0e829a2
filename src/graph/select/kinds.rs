//! Which kinds of nodes each command works on, as in dbt.

use crate::graph::ResourceType;

pub const RUN: [ResourceType; 1] = [ResourceType::Model];

pub const TEST: [ResourceType; 2] = [ResourceType::Test, ResourceType::UnitTest];

pub const SEED: [ResourceType; 1] = [ResourceType::Seed];

pub const SNAPSHOT: [ResourceType; 1] = [ResourceType::Snapshot];

/// Of these, the sources with a limit for their age.
pub const FRESHNESS: [ResourceType; 1] = [ResourceType::Source];

/// Exposures and saved queries only end with `no-op`, after everything that they stand on.
pub const BUILD: [ResourceType; 8] = [
    ResourceType::UnitTest,
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Test,
    ResourceType::Exposure,
    ResourceType::SavedQuery,
    ResourceType::Function,
];

/// Everything that is a template.
pub const COMPILE: [ResourceType; 5] = [
    ResourceType::Model,
    ResourceType::Snapshot,
    ResourceType::Test,
    ResourceType::Analysis,
    ResourceType::Function,
];

/// Analyses are only listed when `--resource-type` asks for them.
pub const LIST: [ResourceType; 11] = [
    ResourceType::UnitTest,
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Source,
    ResourceType::Test,
    ResourceType::Exposure,
    ResourceType::Metric,
    ResourceType::SavedQuery,
    ResourceType::SemanticModel,
    ResourceType::Function,
];

/// `--resource-type all`.
pub const ALL: [ResourceType; 12] = [
    ResourceType::UnitTest,
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Source,
    ResourceType::Test,
    ResourceType::Exposure,
    ResourceType::Metric,
    ResourceType::SavedQuery,
    ResourceType::SemanticModel,
    ResourceType::Analysis,
    ResourceType::Function,
];
