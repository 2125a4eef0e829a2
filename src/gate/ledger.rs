//! Assay's own schema in the target database: runs, versions, certificates, publications, timings.
//!
//! Every row belongs to a published schema, so that several projects or targets can share a database. Rows are never
//! deleted; a version that is gone is in state `dropped`.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::postgres::{Connection, SqlError};
use crate::sql::{Relation, RelationKind, literal};

use super::evidence::SourceEvidence;
use super::version::versions_schema;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    Candidate,
    Certified,
    Published,
    Retired,
    Failed,
    Dropped,
}

impl VersionState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Certified => "certified",
            Self::Published => "published",
            Self::Retired => "retired",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// What is being run, by whom.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// A UUID, dbt's `invocation_id`.
    pub run_id: String,
    pub project: String,
    pub target: String,
    pub command: String,
    pub as_of: Option<String>,
    pub host: String,
    pub pid: u32,
}

/// The version that readers see now.
#[derive(Clone, Debug)]
pub struct CurrentVersion {
    pub version_id: i64,
    pub relation: Relation,
    pub definition: String,
    pub rows: Option<i64>,
}

/// A version about to be made.
#[derive(Clone, Debug)]
pub struct NewVersion<'a> {
    /// The published name.
    pub model: &'a str,
    pub node_id: &'a str,
    pub version: &'a Relation,
    pub kind: RelationKind,
    pub definition: &'a str,
}

/// How one audit ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestEvidence {
    pub test: String,
    pub status: String,
    pub failures: u64,
    /// `delta` where it looked at what the delta touched, else `all`.
    #[serde(default = "everything")]
    pub scope: String,
    /// A fingerprint of what it asked; `None` where that cannot be told from its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Other published models that it looked at: node id to the run that had certified what they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<String, String>,
}

fn everything() -> String {
    "all".to_owned()
}

/// The newest certificate of a published model.
#[derive(Clone, Debug)]
pub struct LastAudits {
    pub relation: Relation,
    pub run_id: String,
    pub tests: Vec<TestEvidence>,
}

/// How rows differ from those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Changes {
    pub added: i64,
    pub changed: i64,
    pub removed: i64,
}

impl std::fmt::Display for Changes {
    /// `+3 ~2 -1`: added, changed, removed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "+{} ~{} -{}", self.added, self.changed, self.removed)
    }
}

/// The record that a version passed its audits.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub scope: &'static str,
    pub tests: Vec<TestEvidence>,
    pub rows: Option<i64>,
    /// The run's `as_of`, where it has one.
    pub data_as_of: Option<String>,
    pub sources: Vec<SourceEvidence>,
    /// How long it holds; `None`: until the next one.
    pub holds_seconds: Option<i64>,
}

/// The ledger of one published schema.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub schema: String,
}

impl Ledger {
    #[must_use]
    pub fn of(published_schema: &str) -> Self {
        Self {
            schema: published_schema.to_owned(),
        }
    }

    pub async fn begin_run(&self, connection: &Connection, run: &RunRecord) -> Result<(), SqlError> {
        let pid = i32::try_from(run.pid).unwrap_or(i32::MAX);
        connection
            .query(
                "with stale as (update assay.runs set status = 'crashed', finished_at = clock_timestamp()
                                where published_schema = $4 and status = 'running')
                 insert into assay.runs (run_id, project, target, published_schema, command, as_of, host, pid)
                 values ($1::text::uuid, $2, $3, $4, $5, $6::text::timestamptz, $7, $8)",
                &[
                    &run.run_id,
                    &run.project,
                    &run.target,
                    &self.schema,
                    &run.command,
                    &run.as_of,
                    &run.host,
                    &pid,
                ],
            )
            .await?;
        Ok(())
    }

    pub async fn end_run(&self, connection: &Connection, run_id: &str, status: &str) -> Result<(), SqlError> {
        connection
            .query(
                "update assay.runs set status = $2, finished_at = clock_timestamp() where run_id = $1::text::uuid",
                &[&run_id, &status],
            )
            .await?;
        Ok(())
    }

    /// Remembers how long each node took, for the next run's critical path.
    pub async fn record_nodes(
        &self,
        connection: &Connection,
        run_id: &str,
        nodes: &[(String, String, f64)],
    ) -> Result<(), SqlError> {
        let ids: Vec<&str> = nodes.iter().map(|n| n.0.as_str()).collect();
        let statuses: Vec<&str> = nodes.iter().map(|n| n.1.as_str()).collect();
        let seconds: Vec<f64> = nodes.iter().map(|n| n.2).collect();
        connection
            .query(
                "insert into assay.node_runs (run_id, node_id, status, seconds)
                 select $1::text::uuid, * from unnest($2::text[], $3::text[], $4::float8[]) on conflict do nothing",
                &[&run_id, &ids, &statuses, &seconds],
            )
            .await?;
        Ok(())
    }

    /// Seconds that each node took when it last succeeded.
    pub async fn timings(&self, connection: &Connection) -> Result<HashMap<String, f64>, SqlError> {
        let rows = connection
            .query(
                "select distinct on (n.node_id) n.node_id, n.seconds
                 from assay.node_runs n join assay.runs r using (run_id)
                 where r.published_schema = $1 and n.status in ('success', 'pass')
                 order by n.node_id, n.finished_at desc",
                &[&self.schema],
            )
            .await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The published version of each model, by published name. Versions whose relation somebody dropped are left out.
    pub async fn current(&self, connection: &Connection) -> Result<HashMap<String, CurrentVersion>, SqlError> {
        let schema = versions_schema(&self.schema);
        let rows = connection
            .query(
                "select v.model, v.version_id, v.version_name, v.definition, v.rows, v.kind
                 from assay.versions v
                 where v.published_schema = $1 and v.state = 'published'
                   and exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                               where n.nspname = $2 and c.relname = v.version_name)",
                &[&self.schema, &schema],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| {
                let name: String = row.get(2);
                let kind = if row.get::<_, String>(5) == "view" {
                    RelationKind::View
                } else {
                    RelationKind::Table
                };
                let version = CurrentVersion {
                    version_id: row.get(1),
                    relation: Relation::new(None, schema.clone(), name).of_kind(kind),
                    definition: row.get(3),
                    rows: row.get(4),
                };
                (row.get(0), version)
            })
            .collect())
    }

    /// When what readers see of each model was certified last, by published name.
    pub async fn standing(&self, connection: &Connection) -> Result<HashMap<String, Timestamp>, SqlError> {
        let rows = connection
            .query(
                "select v.model, max(c.certified_at) from assay.versions v join assay.certificates c using (version_id)
                 where v.published_schema = $1 and v.state = 'published' group by v.model",
                &[&self.schema],
            )
            .await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The statement that records a new candidate; it belongs into the transaction that creates the relation.
    #[must_use]
    pub fn record_candidate_sql(&self, new: &NewVersion<'_>, run_id: &str) -> String {
        let kind = if new.kind == RelationKind::View {
            "view"
        } else {
            "table"
        };
        format!(
            "insert into assay.versions (published_schema, model, node_id, version_name, kind, definition, run_id, state) \
             values ({}, {}, {}, {}, '{kind}', {}, {}::uuid, 'candidate')",
            literal(&self.schema),
            literal(new.model),
            literal(new.node_id),
            literal(&new.version.identifier),
            literal(new.definition),
            literal(run_id),
        )
    }

    /// The statement that lets a transaction go on only while `run_id` holds the run lock. A run whose lock was lost with
    /// its connection fails here, and the next holder, who signs first, waits for a transaction that passed.
    #[must_use]
    pub fn fence_sql(&self, run_id: &str) -> String {
        let block = format!(
            "begin perform from assay.locks where published_schema = {schema} and run_id = {run}::uuid for share; \
             if not found then raise exception 'another run has taken over the published schema %', {schema} \
             using hint = 'the connection that held the run lock was lost; run the command again'; end if; end",
            schema = literal(&self.schema),
            run = literal(run_id),
        );
        format!("do {};\n", literal(&block))
    }

    pub async fn set_rows(&self, connection: &Connection, version: &Relation, rows: i64) -> Result<(), SqlError> {
        connection
            .query(
                "update assay.versions set rows = $3 where published_schema = $1 and version_name = $2",
                &[&self.schema, &version.identifier, &rows],
            )
            .await?;
        Ok(())
    }

    pub async fn set_state(
        &self,
        connection: &Connection,
        version: &Relation,
        state: VersionState,
    ) -> Result<(), SqlError> {
        connection
            .query(
                "update assay.versions set state = $3 where published_schema = $1 and version_name = $2",
                &[&self.schema, &version.identifier, &state.as_str()],
            )
            .await?;
        Ok(())
    }

    /// Writes the certificate of a version; a candidate becomes certified, a published version stays published. A version is
    /// certified once in a run as a whole, however often this is asked for.
    pub async fn certify(
        &self,
        connection: &Connection,
        version: &Relation,
        run_id: &str,
        certificate: &Certificate,
    ) -> Result<(), SqlError> {
        let count = |status: &str| {
            let n = certificate.tests.iter().filter(|t| t.status == status).count();
            i32::try_from(n).unwrap_or(i32::MAX)
        };
        let (passed, warned) = (count("pass"), count("warn"));
        let tests = serde_json::to_value(&certificate.tests).unwrap_or_default();
        let sources = serde_json::to_value(&certificate.sources).unwrap_or_default();
        connection
            .query(
                "with certified as (
                   update assay.versions set state = case state when 'candidate' then 'certified' else state end,
                                             rows = coalesce($5, rows)
                   where published_schema = $1 and version_name = $2
                     and not exists (select from assay.certificates c where c.version_id = versions.version_id
                                     and c.run_id = $3::text::uuid and c.scope = 'version' and $4 = 'version')
                   returning version_id)
                 insert into assay.certificates (version_id, run_id, scope, tests_passed, tests_warned, rows, data_as_of, tests,
                                                 sources, certified_at, expires_at)
                 select version_id, $3::text::uuid, $4, $6, $7, $5, $8::text::timestamptz, $9,
                        $10, clock.at, clock.at + $11::bigint * interval '1 second'
                 from certified, (select clock_timestamp() as at) as clock",
                &[
                    &self.schema,
                    &version.identifier,
                    &run_id,
                    &certificate.scope,
                    &certificate.rows,
                    &passed,
                    &warned,
                    &certificate.data_as_of,
                    &tests,
                    &sources,
                    &certificate.holds_seconds,
                ],
            )
            .await?;
        Ok(())
    }

    /// The newest certificate of each of these published models, by node.
    pub async fn last_audits(
        &self,
        connection: &Connection,
        nodes: &[&str],
    ) -> Result<HashMap<String, LastAudits>, SqlError> {
        let rows = connection
            .query(
                "select v.node_id, v.version_name, c.run_id::text, c.tests
                 from assay.versions v
                 join lateral (select * from assay.certificates c where c.version_id = v.version_id
                               order by c.certificate_id desc limit 1) c on true
                 where v.published_schema = $1 and v.state = 'published' and v.node_id = any ($2::text[])",
                &[&self.schema, &nodes],
            )
            .await?;
        let schema = versions_schema(&self.schema);
        Ok(rows
            .iter()
            .map(|row| {
                let last = LastAudits {
                    relation: Relation::new(None, &schema, row.get::<_, String>(1)),
                    run_id: row.get(2),
                    tests: serde_json::from_value(row.get(3)).unwrap_or_default(),
                };
                (row.get(0), last)
            })
            .collect())
    }

    /// Notes that a published version took in a delta, and what the model was defined as by then.
    pub async fn record_delta(
        &self,
        connection: &Connection,
        version_id: i64,
        run_id: &str,
        definition: &str,
        changes: Option<Changes>,
    ) -> Result<(), SqlError> {
        connection
            .query(
                "with taken as (update assay.versions set definition = $6 where version_id = $1
                                returning published_schema, model, version_id)
                 insert into assay.publications (published_schema, model, version_id, run_id, action,
                                                 rows_added, rows_changed, rows_removed)
                 select published_schema, model, version_id, $2::text::uuid, 'delta', $3, $4, $5 from taken",
                &[
                    &version_id,
                    &run_id,
                    &changes.map(|c| c.added),
                    &changes.map(|c| c.changed),
                    &changes.map(|c| c.removed),
                    &definition,
                ],
            )
            .await?;
        Ok(())
    }
}
