//! Nothing unaudited is ever visible: candidate, audit, certificate, publish.

mod collect;
mod erasure;
mod evidence;
mod format;
mod grants;
mod inventory;
mod kept;
mod ledger;
mod lock;
mod outcome;
mod past;
mod privilege;
mod publish;
mod reach;
mod readers;
mod retention;
mod retire;
mod rollback;
mod subject_condition;
mod version;

pub use collect::{Collected, Keep, collect, drop_due, drop_leftovers, leftovers, outdated};
pub use erasure::{Covered, Erased, Erasure, Lookup, Match, StoredTable, Telling, absent_of, erase, stored_tables};
pub use evidence::{Certified, HistoryEntry, SourceEvidence, evidence_sql};
pub use format::LEDGER_FORMAT;
pub use grants::{grantee, redress, revoke_beyond};
pub use inventory::{Inventory, Reason, Stored, inventory};
pub use kept::Kept;
pub use ledger::{
    Certificate, Changes, CurrentVersion, LastAudits, Ledger, NewVersion, RunRecord, TestEvidence, VersionState,
};
pub use lock::{Holder, RunLock};
pub use publish::{PublicAction, Publication, PublishError, publish};
pub use reach::{Asked, Reach, Reached, Weight, reach};
pub use readers::{
    Change, Models, Overreach, SetUp, SetUpError, Standing, Wanted, changes, grant_readers, set_up, standing,
};
pub use retention::{Timings, drop_old_timings, old_timings};
pub use retire::{Orphan, Retired, orphans, retire};
pub use rollback::{Back, GoingBack, roll_back, way_back, went_back};
pub use subject_condition::SubjectCondition;
pub use version::{
    candidate_relation, fingerprint, gone_relation, same_definition, stage_relation, version_relation, versions_schema,
};
