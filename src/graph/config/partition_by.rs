//! What the configuration says of partitions.

use super::typer::Typer;
use crate::diagnostic::Diagnostic;
use crate::graph::{Materialization, PartitionBy, ResourceType};
use crate::project::Flavour;

impl Typer<'_> {
    /// `None` where the table is not divided. A dbt project may hold the setting for another warehouse: dbt on
    /// PostgreSQL passes over it, and so do we where it has no `type`, which is our own.
    pub(super) fn partition_by(&mut self, materialized: Materialization) -> Option<PartitionBy> {
        let setting = self.get("partition_by")?;
        // A materialization with a name of its own makes of it what it likes.
        let is_model = self.owner.resource_type == ResourceType::Model;
        if is_model && materialized == Materialization::Other && self.text("materialized")? != "materialized_view" {
            return None;
        }
        match PartitionBy::read(&setting.value, self.owner.flavour == Flavour::Dbt) {
            Ok(None) => None,
            Ok(Some(_))
                if !is_model || !matches!(materialized, Materialization::Table | Materialization::Incremental) =>
            {
                let problem = Diagnostic::error(
                    "wrong-value",
                    format!(
                        "{} has `partition_by`, and is neither a table nor incremental",
                        self.owner.what
                    ),
                );
                self.problems.push(
                    problem
                        .at(setting.place.clone())
                        .help("take `partition_by` away, or materialize it as a table"),
                );
                None
            }
            Ok(by) => by,
            Err(wanted) => {
                self.bad(&setting, "partition_by", &wanted);
                None
            }
        }
    }
}
