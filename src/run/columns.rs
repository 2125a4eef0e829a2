//! The columns that a model's query has now, asked without running it.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::Node;
use crate::postgres::PooledConnection;
use crate::sql::Column;

use super::compile::{View, compile_node};
use super::context::RunContext;
use super::execute::place_of;

/// SQLSTATE of a write where only looking is allowed.
const READ_ONLY: &str = "25006";

/// `None` where the template writes to the database while it renders, which a session that only looks refuses.
pub fn columns_now(
    context: &Arc<RunContext>,
    node: &Arc<Node>,
    incremental: bool,
    connection: &Arc<PooledConnection>,
) -> impl Future<Output = Result<Option<Vec<Column>>, Diagnostic>> {
    let view = View {
        this: node.relation.clone(),
        incremental,
    };
    let compiled = compile_node(context, node, &view, Some(connection));
    async move {
        let compiled = match compiled {
            Ok(compiled) => compiled,
            Err(problem) if problem.cause.as_deref().is_some_and(|cause| cause.contains(READ_ONLY)) => return Ok(None),
            Err(problem) => return Err(problem),
        };
        match connection.describe(&compiled.sql).await {
            Ok(columns) => Ok(Some(columns)),
            Err(error) => {
                let place = place_of(&error, &compiled.sql, &compiled);
                let mut diagnostic = error.diagnostic();
                diagnostic.place = Some(place.unwrap_or_else(|| Place::new(&compiled.file, 0..0)));
                Err(diagnostic.frame(context.describe(node), node.declared.clone()))
            }
        }
    }
}
