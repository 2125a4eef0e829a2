//! Nothing unaudited is ever visible: candidate, audit, certificate, publish.

mod collect;
mod ledger;
mod lock;
mod outcome;
mod publish;
mod readers;
mod rollback;
mod version;

pub use collect::{Collected, collect, drop_leftovers, leftovers, outdated};
pub use ledger::{
    Certificate, Certified, Changes, CurrentVersion, HistoryEntry, LastAudits, Ledger, NewVersion, RunRecord,
    TestEvidence, VersionState,
};
pub use lock::{Holder, RunLock};
pub use publish::{PublicAction, Publication, PublishError, evidence_sql, publish};
pub use readers::{create_published_schema, grant_readers};
pub use rollback::{RolledBack, rollback};
pub use version::{candidate_relation, fingerprint, gone_relation, stage_relation, version_relation, versions_schema};
