//! A CSV file into a table, by COPY.

use std::sync::Arc;

use futures_util::stream;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::Node;
use crate::postgres::SqlError;
use crate::project::{Seed, SeedOptions};
use crate::sql::{RelationKind, bare_name, ident};

use super::context::RunContext;
use super::execute::{Done, NodeRun};
use super::index::create_indexes;
use super::revoke::{Kept, revoke_lost};
use super::statement::{dress, drop_dependents, drop_relation, restore_dependents};

impl NodeRun {
    /// One transaction. A table that already has the right columns is emptied and filled again, which keeps what others
    /// built on it; any other is made anew.
    pub(super) async fn seed(&self, existing: Option<RelationKind>) -> Result<Done, Diagnostic> {
        let node = Arc::clone(&self.step.node);
        let relation = node.relation.clone();
        self.check_name()?;
        let data = read_seed(&self.context, &node)?;
        // With `quote_columns: false` a header reaches SQL as it stands.
        let names: Vec<String> = data
            .columns
            .iter()
            .map(|c| {
                if node.config.quote_columns {
                    c.name.clone()
                } else {
                    bare_name(&c.name)
                }
            })
            .collect();
        let before = self.pre_hooks(&relation)?;
        let same = existing == Some(RelationKind::Table)
            && !node.config.full_refresh.unwrap_or(self.context.flags.full_refresh)
            && self.column_names(&relation).await? == names;
        let (hanging, begin) = if existing.is_some() && !same && self.is_hung_on(&relation).await? {
            (self.begin_alone(&relation).await?, String::new())
        } else {
            (Vec::new(), self.begin())
        };
        let mut first = format!("{begin}{before}");
        if same {
            first.push_str(&format!("truncate {relation};\n"));
        } else {
            first.push_str(&drop_dependents(&hanging));
            if let Some(kind) = existing {
                first.push_str(&drop_relation(&relation, kind));
            }
            let columns: Vec<String> = names
                .iter()
                .zip(&data.columns)
                .map(|(name, c)| format!("{} {}", ident(name), c.data_type))
                .collect();
            let unlogged = if node.config.unlogged { "unlogged " } else { "" };
            first.push_str(&format!(
                "create {unlogged}table {relation} ({});\n",
                columns.join(", ")
            ));
        }
        let quoted: Vec<String> = names.iter().map(|name| ident(name)).collect();
        let copy = format!("copy {relation} ({}) from stdin", quoted.join(", "));
        self.note_sql(&format!("{first}{copy};\n"));
        let filled = async {
            self.connection.batch(&first).await?;
            let chunks = vec![Ok::<_, std::io::Error>(data.copy)];
            self.connection.copy_in(&copy, stream::iter(chunks)).await
        };
        let rows = match filled.await {
            Ok(rows) => rows,
            Err(error) => {
                self.rollback().await;
                return Err(self.bad_row(&error));
            }
        };
        let mut rest = String::new();
        if !same {
            rest.push_str(&create_indexes(&relation, &node.config.indexes));
            rest.push_str(&restore_dependents(&hanging));
        }
        if same {
            rest.push_str(&revoke_lost(&relation, &node.config, Kept::Configured));
        }
        rest.push_str(&dress(&relation, &node, false));
        rest.push_str(&self.comments_on(&relation, &names));
        rest.push_str(&format!("analyze {relation};\n"));
        if let Err(error) = self.connection.batch(&rest).await {
            self.rollback().await;
            return Err(self.database_error(&error));
        }
        self.commit(&relation).await?;
        Ok(Done::rows("INSERT", rows))
    }
}

impl NodeRun {
    /// The server names the row of a value that it does not take: `COPY orders, line 3, column id: "x"`.
    fn bad_row(&self, error: &SqlError) -> Diagnostic {
        let mut diagnostic = self.database_error(error);
        let context = error.context.as_deref().unwrap_or_default();
        let mut parts = context.lines().next().unwrap_or_default().splitn(3, ", ").skip(1);
        if let Some(row) = parts.next().and_then(|part| part.strip_prefix("line ")) {
            let column = parts
                .next()
                .and_then(|part| part.strip_prefix("column "))
                .unwrap_or_default();
            let column = column.split(':').next().filter(|name| !name.is_empty());
            let of = column.map_or_else(String::new, |name| format!(", column `{name}`"));
            diagnostic.message = format!(
                "row {}{of}: {}",
                row.split(':').next().unwrap_or(row),
                diagnostic.message
            );
            diagnostic.help = Some("change the value, or the column's type with `column_types`".to_owned());
        }
        diagnostic
    }
}

/// The file of a seed, with types.
pub(super) fn read_seed(context: &RunContext, node: &Node) -> Result<Seed, Diagnostic> {
    let options = SeedOptions {
        delimiter: &node.config.delimiter,
        column_types: &node.config.column_types,
        lenient: context.flags.lenient,
    };
    // A seed of a package lies below the package's folder: its file is named as seen from the project.
    let shown = &node.source.path;
    let seed = Seed::read(&context.layout.root.join(shown), shown, &options).map_err(first_of)?;
    Ok(if context.flags.empty { seed.without_rows() } else { seed })
}

/// One diagnostic for a node's result: the first, which says how many more there are.
fn first_of(diagnostics: Diagnostics) -> Diagnostic {
    let more = diagnostics.0.len().saturating_sub(1);
    let mut first = diagnostics
        .0
        .into_iter()
        .next()
        .unwrap_or_else(|| Diagnostic::error("seed-unreadable", "the seed cannot be read"));
    if more > 0 {
        let cause = first.cause.take().unwrap_or_default();
        first.cause = Some(format!("{cause}\n(and {more} more in this file)").trim().to_owned());
    }
    first
}
