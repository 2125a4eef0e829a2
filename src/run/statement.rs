//! The statements that create, index, describe and swap relations; the one place where they are written.

use std::fmt::Write as _;

use crate::gate::grantee as grantee_of;
use crate::graph::{Constraint, Graph, Index, Node, NodeColumn, NodeConfig};
use crate::postgres::Dependent;
use crate::sql::{Relation, RelationKind, ident, literal};

use super::index::rename_indexes;

#[must_use]
pub fn create_table_as(relation: &Relation, sql: &str, unlogged: bool) -> String {
    let unlogged = if unlogged { "unlogged " } else { "" };
    format!("create {unlogged}table {relation} as (\n{sql}\n);\n")
}

/// A table of a model with an enforced contract: the columns as promised, in the order of the contract, with the
/// constraints. `suffix` ends the names of constraints, which are unique in a schema where they bring an index along.
#[must_use]
pub fn create_contracted_table(relation: &Relation, node: &Node, sql: &str, suffix: &str) -> String {
    let unlogged = if node.config.unlogged { "unlogged " } else { "" };
    let (lines, columns) = contracted_columns(node, suffix);
    format!(
        "create {unlogged}table {relation} (\n  {lines}\n);\ninsert into {relation} ({columns})\nselect {columns}\nfrom (\n{sql}\n) as model_subq;\n"
    )
}

/// The lines of a contract's columns and constraints, and the names of the columns.
#[must_use]
pub fn contracted_columns(node: &Node, suffix: &str) -> (String, String) {
    let name = |column: &NodeColumn| {
        if column.quote {
            ident(&column.name)
        } else {
            ident(&column.name.to_lowercase())
        }
    };
    let names: Vec<String> = node.columns.values().map(name).collect();
    let lines = node.columns.values().map(|column| {
        let constraints = column.constraints.iter().filter_map(Constraint::column_sql);
        let data_type = column.data_type.as_deref().unwrap_or_default();
        let parts = [name(column), node.config.promised_type(data_type).to_owned()];
        parts.into_iter().chain(constraints).collect::<Vec<_>>().join(" ")
    });
    let of_table = node
        .constraints
        .iter()
        .filter_map(|constraint| constraint.table_sql(suffix));
    let lines: Vec<String> = lines.chain(of_table).collect();
    (lines.join(",\n  "), names.join(", "))
}

#[must_use]
pub fn create_view_as(relation: &Relation, sql: &str, replace: bool) -> String {
    let replace = if replace { "or replace " } else { "" };
    format!("create {replace}view {relation} as (\n{sql}\n);\n")
}

#[must_use]
pub fn drop_relation(relation: &Relation, kind: RelationKind) -> String {
    let what = match kind {
        RelationKind::View => "view",
        RelationKind::MaterializedView => "materialized view",
        RelationKind::Table | RelationKind::Ephemeral => "table",
    };
    format!("drop {what} if exists {relation};\n")
}

/// The same with whatever others built on it.
#[must_use]
pub fn drop_relation_cascade(relation: &Relation, kind: RelationKind) -> String {
    let drop = drop_relation(relation, kind);
    format!("{} cascade;\n", drop.trim_end_matches(";\n"))
}

/// Grants and, where `persist_docs` asks for them, comments.
#[must_use]
pub fn dress(relation: &Relation, node: &Node, view: bool) -> String {
    let mut sql = grants(relation, &node.config);
    let what = if view { "view" } else { "table" };
    if node.config.persist_docs_relation && !node.description.is_empty() {
        let _ = writeln!(sql, "comment on {what} {relation} is {};", literal(&node.description));
    }
    sql
}

/// Columns that are described and not there, where descriptions are kept with the columns.
pub fn absent_columns<'n>(node: &'n Node, present: &[String]) -> Vec<&'n str> {
    let described = node.columns.values().filter(|_| node.config.persist_docs_columns);
    let absent = described.filter(|column| {
        let same = |name: &String| *name == column.name || (!column.quote && name.eq_ignore_ascii_case(&column.name));
        !present.iter().any(same)
    });
    absent.map(|column| column.name.as_str()).collect()
}

/// Comments on the columns that are described; `present` are the relation's columns.
#[must_use]
pub fn column_comments(relation: &Relation, node: &Node, present: &[String]) -> String {
    let mut sql = String::new();
    if !node.config.persist_docs_columns {
        return sql;
    }
    // An empty description takes away what was said before, as in dbt.
    for column in node.columns.values() {
        let name = present
            .iter()
            .find(|p| **p == column.name || (!column.quote && p.eq_ignore_ascii_case(&column.name)));
        if let Some(name) = name {
            let _ = writeln!(
                sql,
                "comment on column {relation}.{} is {};",
                ident(name),
                literal(&column.description)
            );
        }
    }
    sql
}

fn grants(relation: &Relation, config: &NodeConfig) -> String {
    let mut sql = String::new();
    for (privilege, grantees) in &config.grants {
        for grantee in grantees {
            let role = grantee_of(grantee);
            let _ = writeln!(sql, "grant {privilege} on {relation} to {role};");
        }
    }
    sql
}

/// Takes `old` away and lets `new` take its name. Views that others built on `old` are made again on the new relation;
/// one that does not fit its columns any more is left out, and the caller looks for it afterwards.
#[must_use]
pub fn swap(new: &Relation, name: &Relation, old: RelationKind, indexes: &[Index], hanging: &[Dependent]) -> String {
    let mut sql = drop_dependents(hanging);
    sql.push_str(&drop_relation(name, old));
    let _ = writeln!(sql, "alter table {new} rename to {};", ident(&name.stored_identifier()));
    sql.push_str(&rename_indexes(new, name, indexes));
    sql.push_str(&restore_dependents(hanging));
    sql
}

/// Takes the foreign keys away that hold a table which is about to be replaced; a model that has one gets it again when
/// it is built. Nothing where no contract names the table.
#[must_use]
pub fn drop_foreign_keys(graph: &Graph, node: &Node, kind: RelationKind) -> String {
    let name = node.relation.to_string();
    let names_it = |constraint: &Constraint| constraint.referenced() == Some(&name);
    let held = graph.children(&node.id).into_iter().any(|child| {
        let of_columns = child.columns.values().flat_map(|column| &column.constraints);
        child.constraints.iter().chain(of_columns).any(names_it)
    });
    if !held || kind != RelationKind::Table {
        return String::new();
    }
    format!(
        "do $assay$ declare held record; begin for held in select conrelid::regclass as holder, conname from pg_constraint where \
         contype = 'f' and confrelid = {}::regclass and conrelid <> confrelid and conparentid = 0 loop execute format('alter table %s drop constraint %I', held.holder, \
         held.conname); end loop; end $assay$;\n",
        literal(&name)
    )
}

#[must_use]
pub fn drop_dependents(hanging: &[Dependent]) -> String {
    hanging.iter().rev().map(Dependent::drop_sql).collect()
}

#[must_use]
pub fn restore_dependents(hanging: &[Dependent]) -> String {
    let mut sql = String::new();
    for dependent in hanging {
        // A subtransaction each: one that no longer fits must not take the others with it.
        let _ = writeln!(
            sql,
            "do $assay$ begin execute {}; exception when others then null; end $assay$;",
            literal(&dependent.restore_sql())
        );
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::super::index::create_indexes;
    use super::super::index::tests::index;
    use super::*;

    #[test]
    fn a_table_is_built_beside_and_swapped_in() {
        let name = Relation::new(Some("db"), "marts", "orders");
        let new = name.sibling("orders__assay_new");
        let indexes = [
            index(&["id"], true, None),
            index(&["day", "region"], false, Some("brin")),
        ];
        let sql = [
            create_table_as(&new, "select 1 as id", false),
            create_indexes(&new, &indexes),
            swap(&new, &name, RelationKind::View, &indexes, &[]),
        ]
        .concat();
        insta::assert_snapshot!(sql);
    }

    #[test]
    fn views_and_unlogged_tables() {
        let name = Relation::new(None, "s", "v\"x");
        insta::assert_snapshot!(
            [
                create_view_as(&name, "select 1", true),
                create_table_as(&name, "select 2", true)
            ]
            .concat()
        );
    }
}
