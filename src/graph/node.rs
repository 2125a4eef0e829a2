//! One thing that can be selected, built or tested.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Constraint;
use crate::diagnostic::{Place, SourceFile};
use crate::project::{ColumnSemantics, Freshness, ModelVersion, Setting, Threshold};
use crate::sql::Relation;

use super::{Batch, Functions, MicrobatchSpec, PartitionBy, Semantics, UnitTestSpec};

/// dbt's `unique_id`, such as `model.shop.stg_orders`.
pub type NodeId = Arc<str>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    Model,
    Seed,
    Snapshot,
    Source,
    Test,
    Analysis,
    Operation,
    Exposure,
    UnitTest,
    SemanticModel,
    Metric,
    SavedQuery,
    Function,
}

impl ResourceType {
    /// As ids and artifacts write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Source => "source",
            Self::Test => "test",
            Self::Analysis => "analysis",
            Self::Operation => "operation",
            Self::Exposure => "exposure",
            Self::UnitTest => "unit_test",
            Self::SemanticModel => "semantic_model",
            Self::Metric => "metric",
            Self::SavedQuery => "saved_query",
            Self::Function => "function",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Materialization {
    View,
    Table,
    Incremental,
    Ephemeral,
    Seed,
    Snapshot,
    Test,
    Other,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    Private,
    #[default]
    Protected,
    /// Published: what readers may see, where the project has a gate.
    Public,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Warn,
    #[default]
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IncrementalStrategy {
    #[serde(rename = "append")]
    Append,
    #[serde(rename = "delete+insert")]
    DeleteInsert,
    #[serde(rename = "merge")]
    Merge,
    /// Batch by batch over time; each is merged.
    #[serde(rename = "microbatch")]
    Microbatch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSchemaChange {
    #[default]
    Ignore,
    Fail,
    AppendNewColumns,
    SyncAllColumns,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub columns: Vec<String>,
    #[serde(default)]
    pub unique: bool,
    /// The access method, `btree` where not given.
    #[serde(default, rename = "type")]
    pub method: Option<String>,
}

/// SQL around a node; a template, rendered when it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    pub sql: String,
    /// Inside the node's transaction.
    #[serde(default = "yes")]
    pub transaction: bool,
}

fn yes() -> bool {
    true
}

/// The configuration in force for a node, typed, after dbt's precedence. `raw` holds every key as written
/// (for the manifest and for `config.get`), the typed fields what the engine acts on.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct NodeConfig {
    pub enabled: bool,
    pub materialized: Materialization,
    /// As written: names a custom materialization where `materialized` is `Other`.
    pub materialized_name: String,
    pub tags: Vec<String>,
    pub unique_key: Vec<String>,
    pub incremental_strategy: Option<IncrementalStrategy>,
    pub on_schema_change: OnSchemaChange,
    /// SQL conditions added to the incremental statement; the target is `DBT_INTERNAL_DEST` there, as in dbt.
    pub incremental_predicates: Vec<String>,
    pub merge_update_columns: Option<Vec<String>>,
    pub merge_exclude_columns: Option<Vec<String>>,
    pub full_refresh: Option<bool>,
    /// Of a microbatch model.
    pub microbatch: Option<MicrobatchSpec>,
    pub indexes: Vec<Index>,
    pub partition_by: Option<PartitionBy>,
    /// Of a published model: a source beyond its `error_after` blocks it. `None`: as the gate says.
    pub require_fresh: Option<bool>,
    /// Of a published model: how long its certificate holds. `None`: as the gate says.
    pub certify_within: Option<Threshold>,
    pub unlogged: bool,
    /// The name of the publish set that the model belongs to, and where that is said.
    pub publish_set: Option<Setting>,
    /// The view that always shows the latest version, where this node is that version.
    pub pointer: Option<String>,
    pub pre_hooks: Vec<Hook>,
    pub post_hooks: Vec<Hook>,
    /// Privilege to grantees, such as `select: [reporter]`.
    pub grants: IndexMap<String, Vec<String>>,
    pub persist_docs_relation: bool,
    pub persist_docs_columns: bool,
    pub contract_enforced: bool,
    /// Seeds: column name to `PostgreSQL` type.
    pub column_types: IndexMap<String, String>,
    /// Seeds: what separates values; one character, where it is right.
    pub delimiter: String,
    pub quote_columns: bool,
    pub raw: IndexMap<String, Json>,
    /// What was set, as it was written: neither rendered nor merged.
    pub unrendered: IndexMap<String, Json>,
}

impl NodeConfig {
    /// The type that a contract promises for a column. dbt's `string` is `TEXT`, but where `alias_types: false` says
    /// that types are meant as they are written.
    #[must_use]
    pub fn promised_type<'t>(&self, written: &'t str) -> &'t str {
        let contract = self.raw.get("contract");
        let aliased = contract.and_then(|contract| contract.get("alias_types")) != Some(&Json::Bool(false));
        if aliased && written.eq_ignore_ascii_case("string") {
            "TEXT"
        } else {
            written
        }
    }
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct NodeColumn {
    pub name: String,
    pub description: String,
    pub data_type: Option<String>,
    pub quote: bool,
    pub tags: Vec<String>,
    pub meta: IndexMap<String, Json>,
    pub constraints: Vec<Constraint>,
    /// The docs blocks that its description is made of, as `doc.package.name`.
    pub doc_blocks: Vec<String>,
    #[serde(skip)]
    pub semantics: ColumnSemantics,
}

/// What a test node asks.
#[derive(Clone, Debug)]
pub struct TestSpec {
    /// `None` for a singular test.
    pub generic: Option<GenericTest>,
    pub severity: Severity,
    pub warn_if: String,
    pub error_if: String,
    pub fail_calc: String,
    pub limit: Option<u64>,
    pub where_: Option<String>,
    pub store_failures: Option<bool>,
    /// Failing rows that are kept are a view, which follows the data.
    pub stored_as_view: bool,
    /// How much it looks at after a delta, where the project says so.
    pub audit_scope: Option<AuditScope>,
    /// The columns whose values tell apart what it judges, where `audit_scope` is `keys`.
    pub audit_keys: Vec<String>,
}

/// What a test judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditScope {
    /// Rows, one by one.
    Rows,
    /// Rows that share the values of some columns.
    Keys,
    /// The relation as a whole.
    All,
}

#[derive(Clone, Debug)]
pub struct GenericTest {
    /// Macro name without its `test_` prefix.
    pub name: String,
    /// The package written before the name, as in `dbt_utils.expression_is_true`.
    pub namespace: Option<String>,
    /// As dbt writes them into `test_metadata.kwargs`: `model` is the `get_where_subquery(ref(..))` template.
    pub kwargs: IndexMap<String, Json>,
    pub column: Option<String>,
    /// The node that the test is written below.
    pub attached: Option<NodeId>,
    /// The call of `config` that dbt adds to the code, or nothing.
    pub config_call: String,
    /// The tags in that call where dbt renders it; its manifest counts them twice.
    pub config_tags: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct SourceSpec {
    pub source_name: String,
    pub loaded_at_field: Option<String>,
    /// A query for the time of the last load, as a template.
    pub loaded_at_query: Option<String>,
    /// `None` where it is switched off.
    pub freshness: Option<Freshness>,
    pub loader: String,
    /// What was written of quoting, the table's over the source's.
    pub quoting: IndexMap<String, Json>,
    pub source_description: String,
    /// Database and schema before their Jinja was rendered.
    pub written: [Option<Json>; 2],
}

impl SourceSpec {
    /// Whether `source freshness` looks at it.
    #[must_use]
    pub fn has_freshness(&self) -> bool {
        self.freshness.as_ref().is_some_and(Freshness::is_asked_for)
    }
}

/// How a snapshot tells that a row has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotStrategy {
    /// By a column that says when the row was changed last.
    Timestamp { updated_at: String },
    /// By comparing columns; `updated_at` dates the change where it is given.
    Check {
        columns: CheckColumns,
        updated_at: Option<String>,
    },
    /// By a macro of the project, `snapshot_<name>_strategy`.
    Custom(String),
}

/// The columns that a snapshot compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckColumns {
    All,
    Listed(Vec<String>),
}

/// What a snapshot does about rows that are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HardDeletes {
    #[default]
    Ignore,
    /// `dbt_valid_to` is set.
    Invalidate,
    /// The same, and a row is added that says it is deleted.
    NewRecord,
}

/// Names of the columns that a snapshot adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotColumns {
    pub dbt_valid_from: String,
    pub dbt_valid_to: String,
    pub dbt_scd_id: String,
    pub dbt_updated_at: String,
    pub dbt_is_deleted: String,
}

/// What is particular to a snapshot. Its key is [`NodeConfig::unique_key`]: columns, or one expression.
#[derive(Clone, Debug)]
pub struct SnapshotSpec {
    pub strategy: SnapshotStrategy,
    pub hard_deletes: HardDeletes,
    /// The expression that stands in `dbt_valid_to` of current rows; NULL where there is none.
    pub valid_to_current: Option<String>,
    pub columns: SnapshotColumns,
}

/// Where a node stands that is a part of its file.
#[derive(Clone, Debug)]
pub struct Part {
    /// The whole file: it may declare others beside.
    pub file: Arc<SourceFile>,
    /// Where the node's own text begins in [`Node::source`]; there is nothing but white space before.
    pub body: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Ref {
    pub package: Option<String>,
    pub name: String,
    /// Text or a number, as it was written.
    pub version: Option<Json>,
}

impl Ref {
    /// As [`Node::ref_names`] has it.
    #[must_use]
    pub fn wanted(&self) -> String {
        match &self.version {
            Some(version) => format!("{}.v{}", self.name, version_text(version)),
            None => self.name.clone(),
        }
    }

    /// A version cut out of a text with its quotes, if it has any.
    pub(super) fn written_version(written: &str) -> Json {
        let bare = written.trim_matches(['\'', '"']);
        if bare.len() < written.len() {
            return bare.into();
        }
        let whole = bare.parse::<i64>().map(Json::from);
        whole
            .or_else(|_| bare.parse::<f64>().map(Json::from))
            .unwrap_or_else(|_| bare.into())
    }
}

/// A version without its quotes.
#[must_use]
pub fn version_text(version: &Json) -> String {
    version.as_str().map_or_else(|| version.to_string(), str::to_owned)
}

#[derive(Clone, Debug)]
pub struct Node {
    pub id: NodeId,
    pub resource_type: ResourceType,
    pub package: String,
    pub name: String,
    pub alias: String,
    /// Where it is (or would be) in the database. Tests have the schema of stored failures.
    pub relation: Relation,
    /// Below the resource folder, such as `staging/stg_orders.sql`.
    pub path: String,
    /// Below the project's root, such as `models/staging/stg_orders.sql`.
    pub original_path: String,
    pub fqn: Vec<String>,
    /// The template, whole. For a generic test, the call that was made for it; for a seed, nothing.
    pub source: Arc<SourceFile>,
    /// What an error about the node as a whole points at: the properties entry of a generic test, else the file.
    pub declared: Place,
    /// The properties file that describes it: `package://path`.
    pub patch_path: Option<String>,
    pub config: NodeConfig,
    pub description: String,
    /// The docs blocks that the description is made of, as `doc.package.name`.
    pub doc_blocks: Vec<String>,
    pub columns: IndexMap<String, NodeColumn>,
    pub meta: IndexMap<String, Json>,
    pub access: Access,
    pub group: Option<String>,
    pub refs: Vec<Ref>,
    /// `[source, table]` pairs.
    pub sources: Vec<(String, String)>,
    /// Parents, in order of first mention, without repeats.
    pub depends_on: Vec<NodeId>,
    /// Macros called while parsing, as `macro.package.name`.
    pub macros: Vec<String>,
    pub test: Option<TestSpec>,
    pub source_spec: Option<SourceSpec>,
    /// Of a whole model; those of columns are with the columns.
    pub constraints: Vec<Constraint>,
    /// Of a model that has versions.
    pub version: Option<ModelVersion>,
    /// After this moment the model should not be used any more.
    pub deprecation_date: Option<String>,
    pub snapshot: Option<SnapshotSpec>,
    /// Of a snapshot.
    pub part: Option<Part>,
    pub unit_test: Option<Arc<UnitTestSpec>>,
    /// The batch that is built, where the node stands for one batch of a microbatch model.
    pub batch: Option<Batch>,
    pub semantics: Semantics,
    pub functions: Functions,
}

impl Node {
    /// The template as it is written: of a snapshot, what stands between its tags.
    #[must_use]
    pub fn raw_code(&self) -> &str {
        let start = self.part.as_ref().map_or(0, |part| part.body);
        &self.source.text[start..]
    }

    /// A model, snapshot, analysis or singular test whose file says nothing.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let written = match self.resource_type {
            ResourceType::Model | ResourceType::Snapshot | ResourceType::Analysis => true,
            ResourceType::Test => self.test.is_none(),
            _ => false,
        };
        written && self.raw_code().trim().is_empty()
    }

    /// The names that `ref` knows it by: of a version `orders.v2`, and `orders` too where it is the latest.
    #[must_use]
    pub fn ref_names(&self) -> Vec<String> {
        match &self.version {
            None => vec![self.name.clone()],
            Some(version) => {
                let mut names = vec![format!("{}.v{}", self.name, version.name)];
                if version.is_latest() {
                    names.push(self.name.clone());
                }
                names
            }
        }
    }

    /// Written in Python, which no `PostgreSQL` runs.
    #[must_use]
    pub fn is_python(&self) -> bool {
        matches!(self.resource_type, ResourceType::Model | ResourceType::Function)
            && super::build::python::is_python(&self.path)
    }

    /// A model whose failure holds up nothing that reads it.
    #[must_use]
    pub fn continues_on_error(&self) -> bool {
        let on_error = self.config.raw.get("on_error").and_then(Json::as_str);
        self.resource_type == ResourceType::Model && on_error == Some("continue")
    }

    #[must_use]
    pub fn is_published(&self) -> bool {
        self.access == Access::Public && self.resource_type == ResourceType::Model
    }
}
