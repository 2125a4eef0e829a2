//! Two versions of a table, row by row. The server compares; only counts and a few rows come over the wire.

use crate::graph::NodeConfig;
use crate::plan::ColumnChanges;
use crate::postgres::{Connection, SqlError, catalog};
use crate::sql::{Column, Relation, Table, ident};

use super::key::Key;
use super::touched::sortable;

/// How much is compared, and how much of it is shown.
#[derive(Clone, Copy, Debug)]
pub struct DiffScope {
    /// About as many keys are compared; `None` for all.
    pub sample: Option<u64>,
    /// Rows of each kind to show.
    pub limit: u64,
}

/// A row that is in both, and differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRow {
    /// The values of the key, in its order.
    pub key: Vec<Option<String>>,
    /// Column, value before, value after.
    pub cells: Vec<(String, Option<String>, Option<String>)>,
}

/// How two versions differ.
#[derive(Clone, Debug, Default)]
pub struct VersionDiff {
    pub columns: ColumnChanges,
    /// As it is written in SQL; empty where whole rows were compared.
    pub key: Vec<String>,
    /// Why a key that the model has was not used.
    pub without_key: Option<String>,
    /// One key in so many was compared; 1 for all.
    pub one_in: u64,
    pub added: i64,
    pub changed: i64,
    pub removed: i64,
    pub same: i64,
    /// In how many rows that are on both sides each column differs, where it does.
    pub by_column: Vec<(String, i64)>,
    pub changed_rows: Vec<ChangedRow>,
    pub added_rows: Table,
    pub removed_rows: Table,
}

/// Two relations, and what of them can be compared.
struct Sides {
    before: String,
    after: String,
    /// In both, in the order of the new one, each as it is compared.
    common: Vec<(String, String)>,
    /// As it is written in SQL.
    key: Vec<String>,
    one_in: u64,
}

impl Sides {
    /// The rows of one side, `k0..` the key and `c0..` the columns.
    fn rows(&self, relation: &str) -> String {
        let keys = self.key.iter().enumerate().map(|(i, key)| format!("{key} as k{i}"));
        let columns = self
            .common
            .iter()
            .enumerate()
            .map(|(i, (_, value))| format!("{value} as c{i}"));
        let list: Vec<String> = keys.chain(columns).collect();
        format!(
            "select {}, true as here from {relation}{}",
            list.join(", "),
            self.sampled()
        )
    }

    /// The same keys are taken on both sides: their hash decides.
    fn sampled(&self) -> String {
        if self.one_in <= 1 {
            return String::new();
        }
        let parts: Vec<String> = if self.key.is_empty() {
            self.common
                .iter()
                .map(|(_, value)| format!("({value})::text"))
                .collect()
        } else {
            self.key.iter().map(|key| format!("({key})::text")).collect()
        };
        format!(
            " where (hashtextextended(row({})::text, 0) & 2147483647) % {} = 0",
            parts.join(", "),
            self.one_in
        )
    }

    fn ks(&self, prefix: &str) -> String {
        let keys: Vec<String> = (0..self.key.len()).map(|i| format!("{prefix}k{i}")).collect();
        keys.join(", ")
    }

    fn cs(&self) -> String {
        let columns: Vec<String> = (0..self.common.len()).map(|i| format!("c{i}")).collect();
        columns.join(", ")
    }

    fn on(&self) -> String {
        let pairs: Vec<String> = (0..self.key.len()).map(|i| format!("b.k{i} = a.k{i}")).collect();
        pairs.join(" and ")
    }

    fn differs(&self) -> String {
        let pairs: Vec<String> = (0..self.common.len())
            .map(|i| format!("b.c{i} is distinct from a.c{i}"))
            .collect();
        format!("({})", pairs.join(" or "))
    }

    /// Whether some row cannot be told by the key.
    fn ambiguous_sql(&self) -> String {
        let nulls: Vec<String> = (0..self.key.len()).map(|i| format!("k{i} is null")).collect();
        let side = |relation: &str| {
            format!(
                "exists (select from ({rows}) as r group by {keys} having count(*) > 1) or exists (select from ({rows}) as r where {nulls})",
                rows = self.rows(relation),
                keys = self.ks(""),
                nulls = nulls.join(" or ")
            )
        };
        format!("select {}\nor {}", side(&self.before), side(&self.after))
    }

    fn counts_sql(&self) -> String {
        let mut counts = vec![
            "count(*) filter (where b.here is null)".to_owned(),
            format!("count(*) filter (where b.here and a.here and {})", self.differs()),
            "count(*) filter (where a.here is null)".to_owned(),
            "count(*) filter (where b.here and a.here)".to_owned(),
        ];
        counts.extend(
            (0..self.common.len())
                .map(|i| format!("count(*) filter (where b.here and a.here and b.c{i} is distinct from a.c{i})")),
        );
        format!(
            "select {}\nfrom ({}) as b\nfull join ({}) as a on {}",
            counts.join(",\n       "),
            self.rows(&self.before),
            self.rows(&self.after),
            self.on()
        )
    }

    /// `columns` are places in `common`.
    fn changed_sql(&self, columns: &[usize], limit: u64) -> String {
        let mut list: Vec<String> = (0..self.key.len()).map(|i| format!("a.k{i}")).collect();
        for i in columns {
            list.push(format!("b.c{i} is distinct from a.c{i}"));
            list.push(format!("b.c{i}"));
            list.push(format!("a.c{i}"));
        }
        format!(
            "select {}\nfrom ({}) as b\njoin ({}) as a on {}\nwhere {}\norder by {} limit {limit}",
            list.join(", "),
            self.rows(&self.before),
            self.rows(&self.after),
            self.on(),
            self.differs(),
            self.ks("a.")
        )
    }

    /// Whole rows of `from` whose key `other` does not have.
    fn alone_sql(&self, from: &str, other: &str, limit: u64) -> String {
        let mine: Vec<String> = self
            .key
            .iter()
            .enumerate()
            .map(|(i, key)| format!("({key}) as k{i}"))
            .collect();
        let sampled = self.sampled();
        format!(
            "select (a.m).* from (select assay_row as m, {} from {from} as assay_row{sampled}) as a\n\
             where not exists (select from ({}) as b where {})\norder by {} limit {limit}",
            mine.join(", "),
            self.rows(other),
            self.on(),
            self.ks("a.")
        )
    }

    fn except(&self, from: &str, other: &str) -> String {
        let columns = self.cs();
        format!(
            "select {columns} from ({}) as a except all select {columns} from ({}) as b",
            self.rows(from),
            self.rows(other)
        )
    }

    fn unkeyed_counts_sql(&self) -> String {
        format!(
            "select (select count(*) from ({}) as come), (select count(*) from ({}) as gone), (select count(*) from ({}) as a)",
            self.except(&self.after, &self.before),
            self.except(&self.before, &self.after),
            self.rows(&self.after)
        )
    }

    fn unkeyed_rows_sql(&self, from: &str, other: &str, limit: u64) -> String {
        let named: Vec<String> = (0..self.common.len())
            .map(|i| format!("c{i} as {}", ident(&self.common[i].0)))
            .collect();
        format!(
            "select {} from ({}) as r order by {} limit {limit}",
            named.join(", "),
            self.except(from, other),
            self.cs()
        )
    }
}

/// Compares two relations that are built alike, by `key` where every row has one of its own.
pub async fn version_diff(
    connection: &Connection,
    before: &Relation,
    after: &Relation,
    key: &NodeConfig,
    scope: DiffScope,
) -> Result<VersionDiff, SqlError> {
    let columns =
        async |of: &Relation| catalog::columns(connection, &of.stored_schema(), &of.stored_identifier()).await;
    let (old, new) = (columns(before).await?, columns(after).await?);
    let mut diff = VersionDiff {
        columns: ColumnChanges::between(&old, &new),
        one_in: 1,
        ..VersionDiff::default()
    };
    let mut sides = Sides {
        before: before.to_string(),
        after: after.to_string(),
        common: common(&old, &new),
        key: Key::all(key).iter().map(|key| key.within("")).collect(),
        one_in: 1,
    };
    let there = |name: &String| sides.common.iter().any(|(column, _)| ident(column) == *name);
    let named = Key::all(key);
    let gone = named.iter().find_map(|key| match key {
        Key::Column(name) if !there(name) => Some(name.clone()),
        _ => None,
    });
    if let Some(name) = gone {
        diff.without_key = Some(format!("{name} is not a column of both"));
        sides.key.clear();
    }
    if sides.common.is_empty() {
        return Ok(diff);
    }
    if let Some(wanted) = scope.sample {
        let sql = format!(
            "select greatest((select count(*) from {}), (select count(*) from {}))",
            sides.before, sides.after
        );
        let rows = connection.query(&sql, &[]).await?;
        let rows: i64 = rows.first().map_or(0, |row| row.get(0));
        sides.one_in = u64::try_from(rows).unwrap_or(0).div_ceil(wanted.max(1)).max(1);
        diff.one_in = sides.one_in;
    }
    if !sides.key.is_empty() {
        let rows = connection.query(&sides.ambiguous_sql(), &[]).await?;
        if rows.first().is_some_and(|row| row.get(0)) {
            diff.without_key = Some(format!("{} does not tell every row apart", sides.key.join(", ")));
            sides.key.clear();
        }
    }
    diff.key.clone_from(&sides.key);
    if sides.key.is_empty() {
        whole_rows(connection, &sides, scope.limit, &mut diff).await?;
    } else {
        by_key(connection, &sides, scope.limit, &mut diff).await?;
    }
    Ok(diff)
}

async fn by_key(connection: &Connection, sides: &Sides, limit: u64, diff: &mut VersionDiff) -> Result<(), SqlError> {
    let rows = connection.query(&sides.counts_sql(), &[]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    (diff.added, diff.changed, diff.removed) = (row.get(0), row.get(1), row.get(2));
    diff.same = row.get::<_, i64>(3) - diff.changed;
    let differing: Vec<(usize, i64)> = (0..sides.common.len())
        .map(|i| (i, row.get(4 + i)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let named = differing.iter().map(|(i, count)| (sides.common[*i].0.clone(), *count));
    diff.by_column = named.collect();
    if diff.changed > 0 && limit > 0 {
        let columns: Vec<usize> = differing.iter().map(|(i, _)| *i).collect();
        let table = connection.table(&sides.changed_sql(&columns, limit)).await?;
        let changed = |row: Vec<Option<String>>| {
            let (key, cells) = row.split_at(sides.key.len());
            let cells = cells
                .chunks(3)
                .zip(&columns)
                .filter(|(cell, _)| cell[0].as_deref() == Some("t"));
            ChangedRow {
                key: key.to_vec(),
                cells: cells
                    .map(|(cell, i)| (sides.common[*i].0.clone(), cell[1].clone(), cell[2].clone()))
                    .collect(),
            }
        };
        diff.changed_rows = table.rows.into_iter().map(changed).collect();
    }
    if diff.added > 0 && limit > 0 {
        diff.added_rows = connection
            .table(&sides.alone_sql(&sides.after, &sides.before, limit))
            .await?;
    }
    if diff.removed > 0 && limit > 0 {
        diff.removed_rows = connection
            .table(&sides.alone_sql(&sides.before, &sides.after, limit))
            .await?;
    }
    Ok(())
}

async fn whole_rows(
    connection: &Connection,
    sides: &Sides,
    limit: u64,
    diff: &mut VersionDiff,
) -> Result<(), SqlError> {
    let rows = connection.query(&sides.unkeyed_counts_sql(), &[]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    (diff.added, diff.removed) = (row.get(0), row.get(1));
    diff.same = row.get::<_, i64>(2) - diff.added;
    if diff.added > 0 && limit > 0 {
        let sql = sides.unkeyed_rows_sql(&sides.after, &sides.before, limit);
        diff.added_rows = connection.table(&sql).await?;
    }
    if diff.removed > 0 && limit > 0 {
        let sql = sides.unkeyed_rows_sql(&sides.before, &sides.after, limit);
        diff.removed_rows = connection.table(&sql).await?;
    }
    Ok(())
}

/// Columns of both, as text where their types differ or cannot be compared.
fn common(old: &[Column], new: &[Column]) -> Vec<(String, String)> {
    let both = new
        .iter()
        .filter_map(|column| Some((column, old.iter().find(|old| old.name == column.name)?)));
    both.map(|(new, old)| {
        let name = ident(&new.name);
        let value = if new.data_type == old.data_type && sortable(&new.data_type) {
            name
        } else {
            format!("{name}::text")
        };
        (new.name.clone(), value)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent() {
        let sides = |key: &[&str]| Sides {
            before: "v.\"old\"".to_owned(),
            after: "v.\"new\"".to_owned(),
            common: vec![
                ("id".to_owned(), "\"id\"".to_owned()),
                ("doc".to_owned(), "\"doc\"::text".to_owned()),
            ],
            key: key.iter().map(|key| (*key).to_owned()).collect(),
            one_in: 10,
        };
        let (keyed, bare) = (sides(&["\"id\""]), sides(&[]));
        insta::assert_snapshot!(
            [
                keyed.ambiguous_sql(),
                keyed.counts_sql(),
                keyed.changed_sql(&[1], 5),
                keyed.alone_sql(&keyed.after, &keyed.before, 5),
                bare.unkeyed_counts_sql(),
                bare.unkeyed_rows_sql(&bare.after, &bare.before, 5),
            ]
            .join("\n\n")
        );
    }
}
