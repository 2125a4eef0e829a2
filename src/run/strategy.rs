//! How the rows of a batch get into an incremental table.

use crate::graph::{IncrementalStrategy, NodeConfig};
use crate::sql::{Relation, bare_name, ident};

use super::key::Key;

/// What a delta is applied with: the table, the batch, and the columns that both have.
pub struct Batch<'a> {
    pub target: &'a Relation,
    /// As it is named in a FROM clause.
    pub source: &'a str,
    pub columns: &'a [String],
    pub config: &'a NodeConfig,
    /// Which parts of the key are NULL in rows of the batch, by [`null_keys_query`]; most batches have no such row.
    pub null_keys: &'a [Vec<bool>],
}

/// Asks which parts of the key are NULL together in rows of the batch; `None` where no key is compared.
#[must_use]
pub fn null_keys_query(source: &str, config: &NodeConfig) -> Option<String> {
    if config.unique_key.is_empty() || strategy_of(config) == IncrementalStrategy::Append {
        return None;
    }
    let parts = Key::all(config);
    let tests: Vec<String> = parts.iter().map(|key| format!("{} is null", key.within(""))).collect();
    Some(format!(
        "select distinct array[{}] from {source} where {} order by 1",
        tests.join(", "),
        tests.join(" or ")
    ))
}

/// dbt's default: `delete+insert` where there is a key, else `append`.
#[must_use]
pub fn strategy_of(config: &NodeConfig) -> IncrementalStrategy {
    config.incremental_strategy.unwrap_or(if config.unique_key.is_empty() {
        IncrementalStrategy::Append
    } else {
        IncrementalStrategy::DeleteInsert
    })
}

impl Batch<'_> {
    /// The statements, in order. Rows whose key holds a NULL meet the row with the same NULL: `=` would never find it,
    /// and each run would add the row once more. They have statements of their own, one for each way in which parts are
    /// NULL, since only `=` and `is null` find rows by an index or a hash; `is not distinct from` compares all with all.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        let keyed = !self.config.unique_key.is_empty();
        let complete = vec![false; Key::all(self.config).len()];
        let ways = std::iter::once(&complete).chain(self.null_keys);
        match strategy_of(self.config) {
            IncrementalStrategy::DeleteInsert if keyed => {
                ways.map(|nulls| self.delete(nulls)).chain([self.insert()]).collect()
            }
            IncrementalStrategy::Merge | IncrementalStrategy::Microbatch if keyed => {
                ways.map(|nulls| self.merge(nulls)).collect()
            }
            _ => vec![self.insert()],
        }
    }

    /// What is wrong with the configuration for this batch, as cause and next step.
    #[must_use]
    pub fn problem(&self) -> Option<(String, &'static str)> {
        let merges = matches!(
            strategy_of(self.config),
            IncrementalStrategy::Merge | IncrementalStrategy::Microbatch
        );
        if !merges || self.config.unique_key.is_empty() {
            return None;
        }
        let (update, exclude) = (
            named(self.config.merge_update_columns.as_ref()),
            named(self.config.merge_exclude_columns.as_ref()),
        );
        if update.is_some() && exclude.is_some() {
            return Some((
                "it has both `merge_update_columns` and `merge_exclude_columns`".to_owned(),
                "keep one of them",
            ));
        }
        let there = |name: &String| self.columns.iter().any(|column| same_column(column, name));
        if let Some(name) = update.and_then(|names| names.iter().find(|name| !there(name))) {
            return Some((
                format!("`merge_update_columns` names `{name}`, and the model has no such column"),
                "correct the name",
            ));
        }
        let expression = Key::all(self.config).into_iter().find_map(|key| match key {
            Key::Expression(text) => Some(text),
            Key::Column(_) => None,
        })?;
        Some((
            format!("rows are merged on columns, and `{expression}` in its `unique_key` is none"),
            "make it a column of the model, or use `incremental_strategy: delete+insert`",
        ))
    }

    fn insert(&self) -> String {
        let columns = list(self.columns, "");
        format!(
            "insert into {} ({columns})\n(\nselect {columns} from {}\n);\n",
            self.target, self.source
        )
    }

    /// Which rows of the table have a key of the batch; of the batch, those rows count whose key is NULL where `nulls` says so.
    fn among(&self, nulls: &[bool]) -> String {
        let keys = Key::all(self.config);
        let (mut wanted, mut picked, mut gone, mut theirs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (key, null) in keys.iter().zip(nulls) {
            let (here, there) = (key.within(DESTINATION), key.within(SOURCE));
            if *null {
                gone.push(format!("{here} is null"));
                theirs.push(format!("{there} is null"));
            } else {
                wanted.push(here);
                picked.push(there);
            }
        }
        if !wanted.is_empty() {
            let among = if theirs.is_empty() {
                String::new()
            } else {
                format!(" where {}", theirs.join(" and "))
            };
            gone.push(format!(
                "({}) in (select {} from {} as DBT_INTERNAL_SOURCE{among})",
                wanted.join(", "),
                picked.join(", "),
                self.source
            ));
        }
        gone.join("\nand ")
    }

    /// Takes away the rows whose key is in the batch.
    fn delete(&self, nulls: &[bool]) -> String {
        format!(
            "delete from {} as DBT_INTERNAL_DEST\nwhere {}{};\n",
            self.target,
            self.among(nulls),
            self.predicates()
        )
    }

    /// The rows of the table that have a key of the batch; `None` where no key is compared.
    #[must_use]
    pub fn matched(&self) -> Option<String> {
        if self.config.unique_key.is_empty() || strategy_of(self.config) == IncrementalStrategy::Append {
            return None;
        }
        let complete = vec![false; Key::all(self.config).len()];
        let ways: Vec<String> = std::iter::once(&complete)
            .chain(self.null_keys)
            .map(|nulls| {
                format!(
                    "select DBT_INTERNAL_DEST.* from {} as DBT_INTERNAL_DEST\nwhere {}",
                    self.target,
                    self.among(nulls)
                )
            })
            .collect();
        Some(ways.join("\nunion all\n"))
    }

    /// Whether the rows of the batch stand in the table afterwards just as they came, and no others changed.
    #[must_use]
    pub fn arrives_whole(&self) -> bool {
        match strategy_of(self.config) {
            IncrementalStrategy::Append => true,
            IncrementalStrategy::DeleteInsert => self.config.incremental_predicates.is_empty(),
            IncrementalStrategy::Merge | IncrementalStrategy::Microbatch => self.config.unique_key.is_empty(),
        }
    }

    fn merge(&self, nulls: &[bool]) -> String {
        let keys = Key::all(self.config);
        let mut filter = Vec::new();
        let mut same = Vec::new();
        for (key, null) in keys.iter().zip(nulls) {
            let (here, there) = (key.within(DESTINATION), key.within(SOURCE));
            filter.push(format!("{} is {}null", key.within(""), if *null { "" } else { "not " }));
            same.push(if *null {
                format!("{here} is null")
            } else {
                format!("{here} = {there}")
            });
        }
        let using = if self.null_keys.is_empty() {
            self.source.to_owned()
        } else {
            format!("(select * from {} where {})", self.source, filter.join(" and "))
        };
        let updated: Vec<String> = self
            .updated_columns()
            .iter()
            .map(|c| format!("{0} = DBT_INTERNAL_SOURCE.{0}", ident(c)))
            .collect();
        let update = if updated.is_empty() {
            String::new()
        } else {
            format!("when matched then update set {}\n", updated.join(", "))
        };
        format!(
            "merge into {} as DBT_INTERNAL_DEST\nusing {using} as DBT_INTERNAL_SOURCE\n\
             on ({}){}\n{update}when not matched then insert ({})\nvalues ({});\n",
            self.target,
            same.join(" and "),
            self.predicates(),
            list(self.columns, ""),
            list(self.columns, SOURCE),
        )
    }

    fn updated_columns(&self) -> Vec<&String> {
        let is_in = |list: &[String], column: &String| list.iter().any(|name| same_column(column, name));
        let (update, exclude) = (
            named(self.config.merge_update_columns.as_ref()),
            named(self.config.merge_exclude_columns.as_ref()),
        );
        self.columns
            .iter()
            .filter(|column| match (update, exclude) {
                (Some(update), _) => is_in(update, column),
                (None, Some(exclude)) => !is_in(exclude, column),
                (None, None) => true,
            })
            .collect()
    }

    fn predicates(&self) -> String {
        self.config
            .incremental_predicates
            .iter()
            .map(|predicate| format!("\nand {predicate}"))
            .collect()
    }
}

const DESTINATION: &str = "DBT_INTERNAL_DEST.";
const SOURCE: &str = "DBT_INTERNAL_SOURCE.";

/// An empty list says nothing, as in dbt.
fn named(columns: Option<&Vec<String>>) -> Option<&Vec<String>> {
    columns.filter(|names| !names.is_empty())
}

/// Whether a name as the project writes it, perhaps in quotes, means the column.
fn same_column(column: &str, written: &str) -> bool {
    if written.starts_with('"') {
        column == bare_name(written)
    } else {
        column.eq_ignore_ascii_case(written)
    }
}

fn list(columns: &[String], prefix: &str) -> String {
    let quoted: Vec<String> = columns.iter().map(|c| format!("{prefix}{}", ident(c))).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::test_node;

    fn sql(null_keys: &[Vec<bool>], change: impl FnOnce(&mut NodeConfig)) -> String {
        let mut config = test_node("orders", &[]).config;
        change(&mut config);
        let target = Relation::new(None, "marts", "orders");
        let columns = ["id".to_owned(), "day".to_owned(), "amount".to_owned()];
        Batch {
            target: &target,
            source: "\"orders__delta\"",
            columns: &columns,
            config: &config,
            null_keys,
        }
        .statements()
        .concat()
    }

    #[test]
    fn append() {
        insta::assert_snapshot!(sql(&[], |_| {}));
    }

    #[test]
    fn delete_insert_on_two_columns() {
        insta::assert_snapshot!(sql(&[], |c| {
            c.unique_key = vec!["id".into(), "day".into()];
            c.incremental_predicates = vec!["DBT_INTERNAL_DEST.day > '2025-01-01'".into()];
        }));
    }

    #[test]
    fn merge_some_columns() {
        insta::assert_snapshot!(sql(&[], |c| {
            c.unique_key = vec!["id".into()];
            c.incremental_strategy = Some(IncrementalStrategy::Merge);
            c.merge_exclude_columns = Some(vec!["day".into()]);
        }));
    }

    #[test]
    fn keys_that_hold_a_null() {
        let nulls = [vec![false, true], vec![true, true]];
        let key = |c: &mut NodeConfig| c.unique_key = vec!["id".into(), "\"Day\"".into()];
        let replaced = sql(&nulls, key);
        let merged = sql(&nulls, |c| {
            key(c);
            c.incremental_strategy = Some(IncrementalStrategy::Merge);
            c.incremental_predicates = vec!["DBT_INTERNAL_DEST.amount > 0".into()];
            c.merge_update_columns = Some(vec!["Amount".into()]);
        });
        insta::assert_snapshot!([replaced, merged].concat());
    }

    #[test]
    fn a_key_of_expressions_in_one_text() {
        insta::assert_snapshot!(sql(&[], |c| c.unique_key = vec!["id, date_trunc('day, or so', day)".into()]));
    }

    #[test]
    fn the_query_for_null_keys() {
        let mut config = test_node("orders", &[]).config;
        assert_eq!(null_keys_query("d", &config), None);
        config.unique_key = vec!["Id".into(), "day".into()];
        assert_eq!(
            null_keys_query("d", &config).as_deref(),
            Some(
                "select distinct array[\"id\" is null, \"day\" is null] from d where \"id\" is null or \"day\" is null order by 1"
            )
        );
        config.incremental_strategy = Some(IncrementalStrategy::Append);
        assert_eq!(null_keys_query("d", &config), None);
    }

    #[test]
    fn what_a_merge_cannot_do() {
        let problem = |change: fn(&mut NodeConfig)| {
            let mut config = test_node("orders", &[]).config;
            config.unique_key = vec!["id".into()];
            config.incremental_strategy = Some(IncrementalStrategy::Merge);
            change(&mut config);
            let target = Relation::new(None, "marts", "orders");
            let columns = ["id".to_owned(), "Day".to_owned()];
            let batch = Batch {
                target: &target,
                source: "d",
                columns: &columns,
                config: &config,
                null_keys: &[],
            };
            batch.problem().map_or_else(String::new, |(cause, _)| cause)
        };
        assert_eq!(problem(|c| c.merge_update_columns = Some(vec!["\"Day\"".into()])), "");
        assert!(problem(|c| c.merge_update_columns = Some(vec!["\"day\"".into()])).contains("no such column"));
        assert_eq!(problem(|c| c.merge_exclude_columns = Some(vec!["nothing".into()])), "");
        let both = |c: &mut NodeConfig| {
            c.merge_update_columns = Some(vec!["id".into()]);
            c.merge_exclude_columns = Some(vec!["Day".into()]);
        };
        assert!(problem(both).contains("both"));
        assert!(problem(|c| c.unique_key = vec!["lower(id)".into()]).contains("`lower(id)`"));
    }
}
