//! What the configuration of a snapshot says (<https://docs.getdbt.com/reference/snapshot-configs>).

use super::Owner;
use super::typer::{Typer, truth};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::graph::{CheckColumns, HardDeletes, SnapshotColumns, SnapshotSpec, SnapshotStrategy};
use crate::project::{Setting, Settings};

/// The names that a snapshot's columns have where nobody renames them.
const COLUMNS: [&str; 5] = [
    "dbt_valid_from",
    "dbt_valid_to",
    "dbt_scd_id",
    "dbt_updated_at",
    "dbt_is_deleted",
];

impl SnapshotSpec {
    /// Checks the configuration as dbt does. `None`, and a report, where the snapshot could not run.
    pub(in crate::graph) fn of(
        settings: &Settings,
        owner: &Owner,
        declared: &Place,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let mut typer = Typer {
            settings,
            owner,
            problems,
        };
        let strategy = typer.snapshot_strategy(declared);
        let hard_deletes = typer.hard_deletes();
        let columns = typer.snapshot_columns();
        Some(Self {
            strategy: strategy?,
            hard_deletes,
            valid_to_current: typer.text("dbt_valid_to_current"),
            columns,
        })
    }
}

impl Typer<'_> {
    fn lacks(&mut self, key: &str, why: &str, place: &Place, help: &str) {
        self.problems.push(
            Diagnostic::error("missing-key", format!("{} has no `{key}`", self.owner.what))
                .at(place.clone())
                .because(why)
                .help(help),
        );
    }

    fn snapshot_strategy(&mut self, declared: &Place) -> Option<SnapshotStrategy> {
        if let Some(setting) = self.get("materialized")
            && setting.value != "snapshot"
        {
            let shown = setting.value.to_string();
            self.unknown(&setting, "materialized", shown.trim_matches('"'), ["snapshot"]);
        }
        let strategy = self.text("strategy").filter(|name| !name.is_empty());
        let has_key = self
            .strings("unique_key")
            .is_some_and(|keys| keys.iter().any(|key| !key.is_empty()));
        if !has_key {
            self.lacks(
                "unique_key",
                "rows are followed by their key",
                declared,
                "name the column, the columns or the expression that tells rows apart",
            );
        }
        let Some(strategy) = strategy else {
            self.lacks(
                "strategy",
                "it says how a change is found",
                declared,
                "set `strategy: timestamp` with `updated_at`, or `strategy: check` with `check_cols`",
            );
            return None;
        };
        let place = self
            .get("strategy")
            .map_or_else(|| declared.clone(), |setting| setting.place);
        let updated_at = self.text("updated_at").filter(|name| !name.is_empty());
        let check = self.get("check_cols").filter(|setting| !is_empty(setting));
        match strategy.as_str() {
            "timestamp" => {
                if let Some(setting) = check {
                    self.problems.push(
                        Diagnostic::error(
                            "wrong-value",
                            format!("{} has `check_cols`, and its strategy is `timestamp`", self.owner.what),
                        )
                        .at(setting.place)
                        .help("take `check_cols` out, or set `strategy: check`"),
                    );
                }
                let Some(updated_at) = updated_at else {
                    self.lacks(
                        "updated_at",
                        "the strategy `timestamp` finds changes by it",
                        &place,
                        "name the column that says when a row was changed last",
                    );
                    return None;
                };
                Some(SnapshotStrategy::Timestamp { updated_at })
            }
            "check" => {
                let Some(setting) = check else {
                    self.lacks(
                        "check_cols",
                        "the strategy `check` compares them",
                        &place,
                        "list the columns to compare, or write `check_cols: all`",
                    );
                    return None;
                };
                let columns = match setting.value.as_str() {
                    Some("all") => CheckColumns::All,
                    Some(_) => {
                        self.bad(&setting, "check_cols", "`all`, or a list of columns");
                        return None;
                    }
                    None => CheckColumns::Listed(self.strings("check_cols")?),
                };
                Some(SnapshotStrategy::Check { columns, updated_at })
            }
            _ => Some(SnapshotStrategy::Custom(strategy)),
        }
    }

    fn hard_deletes(&mut self) -> HardDeletes {
        let old = self.get("invalidate_hard_deletes");
        let Some(setting) = self.get("hard_deletes") else {
            return match old.and_then(|setting| truth(&setting.value)) {
                Some(true) => HardDeletes::Invalidate,
                _ => HardDeletes::Ignore,
            };
        };
        if let Some(old) = old {
            self.problems.push(
                Diagnostic::error(
                    "wrong-value",
                    format!(
                        "{} has both `hard_deletes` and `invalidate_hard_deletes`",
                        self.owner.what
                    ),
                )
                .at(old.place)
                .help("keep `hard_deletes`"),
            );
        }
        match setting.value.as_str() {
            Some("ignore") => HardDeletes::Ignore,
            Some("invalidate") => HardDeletes::Invalidate,
            Some("new_record") => HardDeletes::NewRecord,
            _ => {
                let shown = setting.value.to_string();
                let known = ["ignore", "invalidate", "new_record"];
                self.unknown(&setting, "hard_deletes", shown.trim_matches('"'), known);
                HardDeletes::Ignore
            }
        }
    }

    fn snapshot_columns(&mut self) -> SnapshotColumns {
        let setting = self.get("snapshot_meta_column_names");
        let names = self.mapping("snapshot_meta_column_names");
        let mut name = |key: &str| match names.get(key) {
            None => key.to_owned(),
            Some(value) if value.is_null() => key.to_owned(),
            Some(value) => value.as_str().map_or_else(
                || {
                    if let Some(setting) = &setting {
                        self.bad(setting, "snapshot_meta_column_names", "names of columns");
                    }
                    key.to_owned()
                },
                |name| {
                    if name.is_empty() {
                        key.to_owned()
                    } else {
                        name.to_owned()
                    }
                },
            ),
        };
        let [valid_from, valid_to, scd_id, updated_at, is_deleted] = COLUMNS;
        let columns = SnapshotColumns {
            dbt_valid_from: name(valid_from),
            dbt_valid_to: name(valid_to),
            dbt_scd_id: name(scd_id),
            dbt_updated_at: name(updated_at),
            dbt_is_deleted: name(is_deleted),
        };
        if let (Some(setting), Some(key)) = (&setting, names.keys().find(|key| !COLUMNS.contains(&key.as_str()))) {
            self.unknown(setting, "snapshot_meta_column_names", key, COLUMNS);
        }
        columns
    }
}

fn is_empty(setting: &Setting) -> bool {
    setting.value.as_str() == Some("") || setting.value.as_array().is_some_and(Vec::is_empty)
}
