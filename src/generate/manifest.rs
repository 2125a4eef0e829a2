//! What was generated: rows, hashes, injected defects, and what the models must find.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ExpTruth, GENERATOR_VERSION, RasaTruth, Spec, Tier, VoiceTruth};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub generator_version: String,
    pub seed: u64,
    pub tier: Tier,
    /// About how many rows of the main raw table were asked for.
    pub target_rows: u64,
    /// Rows that had arrived by then count.
    pub until: Timestamp,
    /// Rows that had arrived by then count in defects and truth but were not written.
    pub after: Option<Timestamp>,
    pub exp: Option<DomainManifest<ExpTruth>>,
    pub voice: Option<DomainManifest<VoiceTruth>>,
    pub rasa: Option<DomainManifest<RasaTruth>>,
}

impl Manifest {
    pub(super) fn of(spec: &Spec) -> Self {
        Self {
            generator_version: GENERATOR_VERSION.to_owned(),
            seed: spec.seed,
            tier: spec.tier,
            target_rows: spec.target_rows(),
            until: spec.arrived_by(),
            after: spec.after,
            exp: None,
            voice: None,
            rasa: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainManifest<Truth> {
    pub profile: String,
    /// By `schema.table`, in the order of loading.
    pub tables: IndexMap<String, TableManifest>,
    pub defects: BTreeMap<String, DefectCount>,
    /// The true value of each headline metric.
    pub truth: Truth,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableManifest {
    pub rows: u64,
    pub bytes: u64,
    /// Of all parts one after another, as `COPY` text.
    pub sha256: String,
}

/// How often a defect was injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DefectCount {
    pub injected: u64,
    /// How many rows or sessions could have had it.
    pub eligible: u64,
    /// The stated share of the eligible ones.
    pub rate: f64,
}
