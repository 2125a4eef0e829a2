//! How the rows of a batch get into an incremental table.

use crate::graph::{IncrementalStrategy, NodeConfig};
use crate::sql::{Relation, ident};

/// What a delta is applied with: the table, the batch, and the columns that both have.
pub struct Batch<'a> {
    pub target: &'a Relation,
    /// As it is named in a FROM clause.
    pub source: &'a str,
    pub columns: &'a [String],
    pub config: &'a NodeConfig,
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
    /// and each run would add the row once more.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        let keyed = !self.config.unique_key.is_empty();
        match strategy_of(self.config) {
            IncrementalStrategy::DeleteInsert if keyed => vec![self.delete(), self.delete_null_keys(), self.insert()],
            IncrementalStrategy::Merge | IncrementalStrategy::Microbatch if keyed => {
                vec![self.merge(false), self.merge(true)]
            }
            _ => vec![self.insert()],
        }
    }

    fn insert(&self) -> String {
        let columns = list(self.columns, "");
        format!(
            "insert into {} ({columns})\n(\nselect {columns} from {}\n);\n",
            self.target, self.source
        )
    }

    fn delete(&self) -> String {
        let wanted = keys(&self.config.unique_key, "DBT_INTERNAL_DEST.");
        let picked = keys(&self.config.unique_key, "");
        format!(
            "delete from {} as DBT_INTERNAL_DEST\nwhere ({wanted}) in (select {picked} from {} as DBT_INTERNAL_SOURCE){};\n",
            self.target,
            self.source,
            self.predicates()
        )
    }

    fn delete_null_keys(&self) -> String {
        format!(
            "delete from {} as DBT_INTERNAL_DEST\nwhere exists (select 1 from {} as DBT_INTERNAL_SOURCE where ({}) and {}){};\n",
            self.target,
            self.source,
            self.null_key("DBT_INTERNAL_SOURCE."),
            self.same_key(true),
            self.predicates()
        )
    }

    fn merge(&self, null_keys: bool) -> String {
        let filter = if null_keys {
            self.null_key("")
        } else {
            format!("not ({})", self.null_key(""))
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
            "merge into {} as DBT_INTERNAL_DEST\nusing (select * from {} where {filter}) as DBT_INTERNAL_SOURCE\n\
             on {}{}\n{update}when not matched then insert ({})\nvalues ({});\n",
            self.target,
            self.source,
            self.same_key(null_keys),
            self.predicates(),
            list(self.columns, ""),
            list(self.columns, "DBT_INTERNAL_SOURCE."),
        )
    }

    fn updated_columns(&self) -> Vec<&String> {
        let named = |list: &[String], column: &String| list.iter().any(|c| c.eq_ignore_ascii_case(column));
        self.columns
            .iter()
            .filter(
                |c| match (&self.config.merge_update_columns, &self.config.merge_exclude_columns) {
                    (Some(update), _) => named(update, c),
                    (None, Some(exclude)) => !named(exclude, c),
                    (None, None) => true,
                },
            )
            .collect()
    }

    fn null_key(&self, prefix: &str) -> String {
        let tests: Vec<String> = self
            .config
            .unique_key
            .iter()
            .map(|k| format!("{prefix}{} is null", key(k)))
            .collect();
        tests.join(" or ")
    }

    fn same_key(&self, null_safe: bool) -> String {
        let equals = if null_safe { "is not distinct from" } else { "=" };
        let tests: Vec<String> = self
            .config
            .unique_key
            .iter()
            .map(|k| format!("DBT_INTERNAL_DEST.{0} {equals} DBT_INTERNAL_SOURCE.{0}", key(k)))
            .collect();
        format!("({})", tests.join(" and "))
    }

    fn predicates(&self) -> String {
        self.config
            .incremental_predicates
            .iter()
            .map(|predicate| format!("\nand {predicate}"))
            .collect()
    }
}

fn list(columns: &[String], prefix: &str) -> String {
    let quoted: Vec<String> = columns.iter().map(|c| format!("{prefix}{}", ident(c))).collect();
    quoted.join(", ")
}

fn keys(names: &[String], prefix: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|k| format!("{prefix}{}", key(k))).collect();
    quoted.join(", ")
}

/// A key as the project writes it: unquoted it means the folded name, quoted it stays as it is.
fn key(name: &str) -> String {
    if name.starts_with('"') {
        name.to_owned()
    } else {
        ident(&name.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::test_node;

    fn sql(change: impl FnOnce(&mut NodeConfig)) -> String {
        let mut config = test_node("orders", &[]).config;
        change(&mut config);
        let target = Relation::new(None, "marts", "orders");
        let columns = ["id".to_owned(), "day".to_owned(), "amount".to_owned()];
        Batch {
            target: &target,
            source: "\"orders__delta\"",
            columns: &columns,
            config: &config,
        }
        .statements()
        .concat()
    }

    #[test]
    fn append() {
        insta::assert_snapshot!(sql(|_| {}));
    }

    #[test]
    fn delete_insert_on_two_columns() {
        insta::assert_snapshot!(sql(|c| {
            c.unique_key = vec!["id".into(), "day".into()];
            c.incremental_predicates = vec!["DBT_INTERNAL_DEST.day > '2025-01-01'".into()];
        }));
    }

    #[test]
    fn merge_some_columns() {
        insta::assert_snapshot!(sql(|c| {
            c.unique_key = vec!["id".into()];
            c.incremental_strategy = Some(IncrementalStrategy::Merge);
            c.merge_exclude_columns = Some(vec!["day".into()]);
        }));
    }
}
