//! Text columns of an incremental table that are too short for the new rows.

use crate::diagnostic::Diagnostic;
use crate::sql::{Column, Relation, ident};

use crate::postgres::catalog;

use super::execute::NodeRun;
use super::statement::{drop_dependents, restore_dependents};

/// What dbt takes text without a length to need.
const UNLIMITED: u64 = 256;

/// The length of `character varying(n)` and `character(n)`; `None` for all other types.
fn length(data_type: &str) -> Option<u64> {
    let rest = data_type
        .strip_prefix("character varying(")
        .or_else(|| data_type.strip_prefix("character("))?;
    rest.strip_suffix(')')?.parse().ok()
}

/// The type that a column must get so that the new rows fit it, by the lengths of the types as in dbt; `None` where it may
/// stay. A column without a length stays, where dbt would give it one.
fn widened(standing: &str, incoming: &str) -> Option<String> {
    let there = length(standing)?;
    let wanted = match incoming {
        "text" | "character varying" => UNLIMITED,
        _ => length(incoming)?,
    };
    (wanted > there).then(|| format!("character varying({wanted})"))
}

impl NodeRun {
    /// Widens the columns of the table inside the open transaction; the views on it are made anew. Answers with what was
    /// done. Where it fails the transaction is over.
    pub(super) async fn widen(&self, target: &Relation, incoming: &[Column]) -> Result<String, Diagnostic> {
        if self.step.node.config.contract_enforced {
            return Ok(String::new());
        }
        let standing = catalog::columns(&self.connection, &target.stored_schema(), &target.stored_identifier()).await;
        let standing = match standing {
            Ok(standing) => standing,
            Err(error) => {
                self.rollback().await;
                return Err(self.database_error(&error));
            }
        };
        let alter: String = incoming
            .iter()
            .filter_map(|column| {
                let there = standing.iter().find(|there| there.name == column.name)?;
                let data_type = widened(&there.data_type, &column.data_type)?;
                let name = ident(&column.name);
                Some(format!("alter table {target} alter column {name} type {data_type};\n"))
            })
            .collect();
        if alter.is_empty() {
            return Ok(alter);
        }
        let hanging = self.hanging(target).await?;
        let sql = [drop_dependents(&hanging), alter, restore_dependents(&hanging)].concat();
        if let Err(error) = self.connection.batch(&sql).await {
            self.rollback().await;
            return Err(self.database_error(&error));
        }
        Ok(sql)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_length_is_widened() {
        let wide = |standing, incoming| widened(standing, incoming);
        assert_eq!(
            wide("character varying(5)", "character varying(9)").as_deref(),
            Some("character varying(9)")
        );
        assert_eq!(wide("character(5)", "text").as_deref(), Some("character varying(256)"));
        assert_eq!(wide("character varying(9)", "character varying(5)"), None);
        assert_eq!(wide("character varying(300)", "text"), None);
        assert_eq!(wide("text", "character varying(300)"), None);
        assert_eq!(wide("character varying(5)", "integer"), None);
    }
}
