//! Indexes of what Assay builds: their names, and how those of a table that stays are brought up to date.

use std::fmt::Write as _;

use crate::diagnostic::Diagnostic;
use crate::gate::fingerprint;
use crate::graph::Index;
use crate::sql::{Relation, bare_name, ident};

use super::execute::NodeRun;

/// The indexes of a table with their names, and whether they consist of nothing but columns: what belongs to a constraint is
/// left out, and what covers a part of the rows, holds an expression or is sorted in another way than usual is not plain.
const STANDING: &str = "select c.relname::text, i.indisunique, am.amname::text, array(select a.attname::text from unnest(i.indkey) with \
                        ordinality as k (number, place) join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number \
                        order by k.place), i.indisvalid and i.indpred is null and i.indexprs is null and i.indnkeyatts = i.indnatts and not \
                        exists (select from unnest(i.indoption) as o (flags) where o.flags <> 0) from pg_catalog.pg_index i join \
                        pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_am am on am.oid = c.relam join pg_catalog.pg_class t \
                        on t.oid = i.indrelid join pg_catalog.pg_namespace n on n.oid = t.relnamespace where n.nspname = $1::text and \
                        t.relname = $2::text and not exists (select from pg_catalog.pg_constraint held where held.conindid = i.indexrelid) \
                        order by 1";

/// An index as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    name: String,
    columns: Vec<String>,
    unique: bool,
    method: String,
    plain: bool,
}

/// As much of the table's name as an index name begins with.
fn stem(table: &str) -> &str {
    let mut end = table.len().min(48);
    while !table.is_char_boundary(end) {
        end -= 1;
    }
    &table[..end]
}

/// How many hexadecimal digits an index name ends with.
const DIGITS: usize = 10;

/// The name of an index, the same for the same index of the same table in every run.
fn index_name(table: &str, index: &Index) -> String {
    let method = index.method.as_deref().unwrap_or("btree");
    let unique = if index.unique { "unique" } else { "" };
    let columns: Vec<String> = index.columns.iter().map(|column| stored(column)).collect();
    let mut parts = vec![table, method, unique];
    parts.extend(columns.iter().map(String::as_str));
    format!("{}_{}", stem(table), &fingerprint(&parts)[..DIGITS])
}

/// Whether an index of the table has a name as [`index_name`] makes them.
fn is_ours(table: &str, name: &str) -> bool {
    let digits = name.strip_prefix(stem(table)).and_then(|rest| rest.strip_prefix('_'));
    digits.is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The name of a column as the database has it; anything else as it is written.
fn stored(written: &str) -> String {
    if is_name(written) {
        bare_name(written)
    } else {
        written.to_owned()
    }
}

fn is_name(written: &str) -> bool {
    written.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
}

/// What is indexed: a column, or what else PostgreSQL takes there, such as `lower(name)` and `day desc`.
fn indexed(written: &str) -> String {
    if is_name(written) {
        ident(&bare_name(written))
    } else {
        written.to_owned()
    }
}

/// Indexes on `relation`. Where the relation will be renamed, they carry a name of their own until [`rename_indexes`], since
/// index names are unique in a schema.
#[must_use]
pub fn create_indexes(relation: &Relation, indexes: &[Index]) -> String {
    let mut sql = String::new();
    for index in indexes {
        let unique = if index.unique { "unique " } else { "" };
        let method = index.method.as_deref().unwrap_or("btree");
        let columns: Vec<String> = index.columns.iter().map(|c| indexed(c)).collect();
        let _ = writeln!(
            sql,
            "create {unique}index {} on {relation} using {} ({});",
            ident(&index_name(&relation.stored_identifier(), index)),
            ident(method),
            columns.join(", ")
        );
    }
    sql
}

#[must_use]
pub fn rename_indexes(from: &Relation, to: &Relation, indexes: &[Index]) -> String {
    let mut sql = String::new();
    for index in indexes {
        let _ = writeln!(
            sql,
            "alter index {}.{} rename to {};",
            ident(&from.stored_schema()),
            ident(&index_name(&from.stored_identifier(), index)),
            ident(&index_name(&to.stored_identifier(), index))
        );
    }
    sql
}

/// Brings the indexes of a table that stays to what is configured. What was made here is known by its name; every other
/// index stays. One that is there under another name is not made again.
fn align_indexes(relation: &Relation, configured: &[Index], standing: &[Standing]) -> String {
    let table = relation.stored_identifier();
    let names: Vec<String> = configured.iter().map(|index| index_name(&table, index)).collect();
    let same = |there: &Standing, index: &Index| {
        let columns = index.columns.iter().map(|column| bare_name(column));
        there.plain
            && there.unique == index.unique
            && there.method == index.method.as_deref().unwrap_or("btree")
            && columns.eq(there.columns.iter().cloned())
    };
    let mut sql = String::new();
    for there in standing {
        if is_ours(&table, &there.name) && !names.contains(&there.name) {
            let (schema, name) = (ident(&relation.stored_schema()), ident(&there.name));
            let _ = writeln!(sql, "drop index {schema}.{name};");
        }
    }
    let missing: Vec<Index> = configured
        .iter()
        .zip(&names)
        .filter(|(index, name)| !standing.iter().any(|there| there.name == **name || same(there, index)))
        .map(|(index, _)| index.clone())
        .collect();
    sql + &create_indexes(relation, &missing)
}

impl NodeRun {
    /// The statements that bring the indexes of a table that stays to what is configured.
    pub(super) async fn index_changes(&self, relation: &Relation) -> Result<String, Diagnostic> {
        let (schema, name) = (relation.stored_schema(), relation.stored_identifier());
        let rows = self.connection.query(STANDING, &[&schema, &name]).await;
        let rows = rows.map_err(|error| self.database_error(&error))?;
        let standing: Vec<Standing> = rows
            .iter()
            .map(|row| Standing {
                name: row.get(0),
                unique: row.get(1),
                method: row.get(2),
                columns: row.get(3),
                plain: row.get(4),
            })
            .collect();
        Ok(align_indexes(relation, &self.step.node.config.indexes, &standing))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn index(columns: &[&str], unique: bool, method: Option<&str>) -> Index {
        Index {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            unique,
            method: method.map(str::to_owned),
        }
    }

    fn standing(name: &str, index: &Index) -> Standing {
        Standing {
            name: name.to_owned(),
            columns: index.columns.clone(),
            unique: index.unique,
            method: index.method.clone().unwrap_or_else(|| "btree".to_owned()),
            plain: true,
        }
    }

    #[test]
    fn only_what_was_made_here_goes() {
        let orders = Relation::new(None, "marts", "orders");
        let (id, day, unique) = (
            index(&["id"], false, None),
            index(&["Day"], false, Some("btree")),
            index(&["id"], true, None),
        );
        let own = |index: &Index| standing(&index_name("orders", index), index);
        let lower = Standing {
            plain: false,
            ..own(&index(&["lower(region)"], false, None))
        };
        let by_hand = standing("by_hand", &index(&["region"], false, None));
        let there = [own(&id), own(&day), by_hand, lower];
        let region = index(&["Region"], false, None);
        let configured = [id, day, region, index(&["lower(region)"], false, None)];
        assert_eq!(
            align_indexes(&orders, &configured, &there),
            "",
            "one made by hand is not made twice"
        );
        insta::assert_snapshot!(align_indexes(&orders, &[unique], &there));
    }

    #[test]
    fn columns_and_expressions() {
        let orders = Relation::new(None, "marts", "orders");
        insta::assert_snapshot!(create_indexes(
            &orders,
            &[index(
                &["Id", "\"Name\"", "day desc", "lower(name)"],
                false,
                Some("gist")
            )]
        ));
    }
}
