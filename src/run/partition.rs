//! Tables that are divided into partitions: which ones the rows need, and the statements that make them.

use std::fmt::Write as _;

use crate::diagnostic::Diagnostic;
use crate::gate::fingerprint;
use crate::graph::{BatchSize, FieldType, PartitionBy, Partitioning};
use crate::postgres::{SqlError, catalog};
use crate::sql::{Column, Relation, ident, literal};

use super::compile::Compiled;
use super::execute::NodeRun;
use super::statement::contracted_columns;

/// As many partitions as one table may get in one statement of a run; each takes locks and time in every plan.
const MOST: usize = 4_000;

/// The longest name that PostgreSQL keeps whole, in bytes.
const NAME_BYTES: usize = 63;

/// Where rows wait until their partitions are there.
const ROWS: &str = "assay_rows";

/// How a table is divided: method, column, and each partition with its bound; no row where there is no such table.
const STANDING: &str = "select pt.partstrat::text, (select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = t.oid and \
                        a.attnum = pt.partattrs[0] and pt.partnatts = 1), p.relname::text, pg_catalog.pg_get_expr(p.relpartbound, p.oid) \
                        from pg_catalog.pg_class t join pg_catalog.pg_namespace n on n.oid = t.relnamespace left join \
                        pg_catalog.pg_partitioned_table pt on pt.partrelid = t.oid left join pg_catalog.pg_inherits i on i.inhparent = \
                        t.oid left join pg_catalog.pg_class p on p.oid = i.inhrelid where n.nspname = $1::text and t.relname = $2::text \
                        order by 3";

/// A partition that rows need.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// What its name ends with.
    suffix: String,
    bound: String,
}

impl Wanted {
    fn default() -> Self {
        Self {
            suffix: "default".to_owned(),
            bound: "default".to_owned(),
        }
    }
}

/// A divided table that was made and filled inside the open transaction.
pub(super) struct Divided {
    pub rows: u64,
    suffixes: Vec<String>,
}

impl Divided {
    /// Gives the partitions the names that suit the table's name.
    pub fn rename(&self, from: &Relation, to: &Relation) -> String {
        let mut sql = String::new();
        for suffix in &self.suffixes {
            let there = from.sibling(partition_name(&from.stored_identifier(), suffix));
            let wanted = ident(&partition_name(&to.stored_identifier(), suffix));
            let _ = writeln!(sql, "alter table {there} rename to {wanted};");
        }
        sql
    }
}

/// `<table>__p<suffix>`; a table's name that is too long is cut, and tells itself apart by a hash.
fn partition_name(table: &str, suffix: &str) -> String {
    let whole = format!("{table}__p{suffix}");
    if whole.len() <= NAME_BYTES {
        return whole;
    }
    let hash = &fingerprint(&[table])[..8];
    let mut room = NAME_BYTES - suffix.len() - "_".len() - hash.len() - "__p".len();
    while !table.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}_{hash}__p{suffix}", &table[..room])
}

fn size_name(size: BatchSize) -> &'static str {
    match size {
        BatchSize::Hour => "hour",
        BatchSize::Day => "day",
        BatchSize::Month => "month",
        BatchSize::Year => "year",
    }
}

/// How the start of a partition is written in its name.
fn stamp(size: BatchSize) -> &'static str {
    match size {
        BatchSize::Hour => "YYYYMMDDHH24",
        BatchSize::Day => "YYYYMMDD",
        BatchSize::Month => "YYYYMM",
        BatchSize::Year => "YYYY",
    }
}

/// Asks which partitions the rows need; rows without one need the default partition. What is in a time zone is divided
/// by UTC, so that the time zone of a session changes nothing.
fn bounds_query(by: &PartitionBy, data_type: &str, source: &str) -> Option<String> {
    let field = ident(&by.column());
    Some(match by.partitioning {
        Partitioning::Time(size) => {
            let (value, zone) = match data_type {
                "date" => (format!("{field}::timestamp"), "YYYY-MM-DD"),
                zoned if zoned.ends_with("with time zone") => {
                    (format!("{field} at time zone 'UTC'"), "YYYY-MM-DD HH24:MI:SS\"+00\"")
                }
                _ => (field, "YYYY-MM-DD HH24:MI:SS"),
            };
            let (name, stamp) = (size_name(size), stamp(size));
            format!(
                "select to_char(start, '{stamp}'), to_char(start, '{zone}'), to_char(start + interval '1 {name}', '{zone}')\nfrom (\n  \
                 select distinct case when extract(year from value) between 1 and 9999 then date_trunc('{name}', value) end as start\n  \
                 from (select {value} as value from {source}) as rows_of_model\n) as starts\norder by start"
            )
        }
        Partitioning::Numbers { start, end, interval } => format!(
            "select distinct case when value >= {start} and value < {end} then div(value - ({start}), {interval})::bigint end\n\
             from (select {field}::numeric as value from {source}) as rows_of_model\norder by 1"
        ),
        Partitioning::List => {
            format!("select min({field}::text) from {source} group by {field} order by 1")
        }
        Partitioning::Hash { .. } => return None,
    })
}

fn of_numbers(bucket: i64, (start, end, interval): (i64, i64, i64)) -> Wanted {
    let from = bucket.saturating_mul(interval).saturating_add(start);
    let to = from.saturating_add(interval).min(end);
    let sign = if from < 0 { "m" } else { "" };
    Wanted {
        suffix: format!("{sign}{}", from.unsigned_abs()),
        bound: format!("for values from ({from}) to ({to})"),
    }
}

fn of_value(value: &str) -> Wanted {
    let is_plain = value.len() <= 20 && value.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let suffix = if is_plain {
        format!("_{value}")
    } else {
        format!("x{}", &fingerprint(&[value])[..10])
    };
    Wanted {
        suffix,
        bound: format!("for values in ({})", literal(value)),
    }
}

fn hashed(modulus: u16) -> Vec<Wanted> {
    let one = |remainder| Wanted {
        suffix: format!("{remainder}"),
        bound: format!("for values with (modulus {modulus}, remainder {remainder})"),
    };
    (0..modulus).map(one).collect()
}

/// A partition is made by itself and attached: other sessions go on reading and writing the table meanwhile.
fn attach(table: &Relation, wanted: &[Wanted], unlogged: bool) -> String {
    let unlogged = if unlogged { "unlogged " } else { "" };
    let mut sql = String::new();
    for partition in wanted {
        let name = table.sibling(partition_name(&table.stored_identifier(), &partition.suffix));
        let _ = writeln!(
            sql,
            "create {unlogged}table {name} (like {table} including defaults including constraints including generated including storage);\n\
             alter table {table} attach partition {name} {};",
            partition.bound
        );
    }
    sql
}

/// Whether a partition that we made stands on the same grid; one that others made is theirs.
fn suits(by: &PartitionBy, table: &str, name: &str, bound: &str) -> bool {
    let Some((_, suffix)) = name.rsplit_once("__p") else {
        return true;
    };
    if bound == "DEFAULT" || partition_name(table, suffix) != name {
        return true;
    }
    match by.partitioning {
        Partitioning::Time(size) => suffix.len() == stamp(size).replace("24", "").len(),
        Partitioning::Numbers { start, end, interval } => {
            let number = |text: &str| {
                let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();
                digits.parse::<i64>().ok()
            };
            let ends = bound
                .split_once(" TO ")
                .and_then(|(from, to)| Some((number(from)?, number(to)?)));
            ends.is_some_and(|(from, to)| {
                let grid = from >= start && from < end && from.saturating_sub(start) % interval == 0;
                grid && to == from.saturating_add(interval).min(end)
            })
        }
        Partitioning::List => true,
        Partitioning::Hash { modulus } => bound.contains(&format!("modulus {modulus},")),
    }
}

fn family(data_type: &str) -> Option<FieldType> {
    // `timestamp(3) without time zone`
    let plain = match (data_type.find('('), data_type.find(')')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &data_type[..open], &data_type[close + 1..]),
        _ => data_type.to_owned(),
    };
    FieldType::named(&plain)
}

/// Why the column cannot divide the table in the way that is asked for.
fn problem(by: &PartitionBy, columns: &[Column]) -> Option<String> {
    let name = by.column();
    let Some(column) = columns.iter().find(|column| column.name == name) else {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        return Some(format!(
            "the model has no column `{}`; it has {}",
            by.field,
            names.join(", ")
        ));
    };
    let is = format!("`{}` is {}", by.field, column.data_type);
    let family = family(&column.data_type);
    match by.partitioning {
        Partitioning::Time(BatchSize::Hour) if family == Some(FieldType::Date) => {
            Some(format!("{is}, which has no hours"))
        }
        Partitioning::Time(_) if !matches!(family, Some(FieldType::Date | FieldType::Timestamp)) => {
            Some(format!("{is}, and a `granularity` is of dates and timestamps"))
        }
        Partitioning::Numbers { .. } if family != Some(FieldType::Integer) => {
            Some(format!("{is}, and a `range` is of whole numbers"))
        }
        _ if by.data_type.is_some() && by.data_type != family => Some(format!("{is}, not what `data_type` says")),
        _ => None,
    }
}

impl NodeRun {
    /// Inside the transaction that `begin` opens, makes the table `new`, the partitions that its rows need, and puts the
    /// rows in; the names of a contract's constraints end with `suffix`. Where it fails the transaction is over.
    pub(super) async fn divided(
        &self,
        begin: &str,
        new: &Relation,
        by: &PartitionBy,
        compiled: &Compiled,
        suffix: &str,
    ) -> Result<Divided, Diagnostic> {
        let node = &self.step.node;
        let rows = format!("pg_temp.{ROWS}");
        let stage = format!(
            "create temporary table {ROWS} on commit drop as (\n{}\n);\n",
            compiled.sql
        );
        self.note_sql(&stage);
        let first = format!("{begin}{stage}");
        if let Err(error) = self.connection.batch(&first).await {
            return Err(self.refused(&error, &first, compiled).await);
        }
        let incoming = match self.temporary_columns(ROWS).await {
            Ok(incoming) => self.check_partition_field(by, &incoming).map(|()| incoming),
            Err(diagnostic) => Err(diagnostic),
        };
        let incoming = match incoming {
            Ok(incoming) => incoming,
            Err(diagnostic) => {
                self.rollback().await;
                return Err(diagnostic);
            }
        };
        let (lines, names) = if node.config.contract_enforced {
            let (lines, names) = contracted_columns(&self.context.with_deferred_keys(node), suffix);
            (format!("\n  {lines}\n"), names)
        } else {
            let names: Vec<String> = incoming.iter().map(|c| ident(&c.name)).collect();
            (format!("like {rows}"), names.join(", "))
        };
        let field = ident(&by.column());
        let create = format!("create table {new} ({lines}) partition by {} ({field});\n", by.method());
        if let Err(error) = self.connection.batch(&create).await {
            return Err(self.refused(&error, &create, compiled).await);
        }
        let wanted = match self.wanted(by, new, &rows).await {
            Ok(wanted) => wanted,
            Err(diagnostic) => {
                self.rollback().await;
                return Err(diagnostic);
            }
        };
        let fill = format!("insert into {new} ({names})\nselect {names}\nfrom {rows};\n");
        let sql = attach(new, &wanted, node.config.unlogged) + &fill;
        self.note_sql(&[stage.as_str(), &create, &sql].concat());
        match self.connection.batch(&sql).await {
            Ok(counts) => Ok(Divided {
                rows: counts.last().copied().unwrap_or(0),
                suffixes: wanted.into_iter().map(|partition| partition.suffix).collect(),
            }),
            Err(error) => Err(self.refused(&error, &sql, compiled).await),
        }
    }

    fn check_partition_field(&self, by: &PartitionBy, columns: &[Column]) -> Result<(), Diagnostic> {
        let Some(cause) = problem(by, columns) else {
            return Ok(());
        };
        let help =
            "name a column of the model in `field` of `partition_by`, with the `granularity` or `range` of its type";
        let node = &self.step.node;
        Err(Diagnostic::error(
            "partition-key",
            format!("the table of {} cannot be divided by `partition_by`", node.name),
        )
        .at(node.declared.clone())
        .because(cause)
        .help(help))
    }

    /// The partitions that the rows of `source` need, be they there or not; `table` stands.
    async fn wanted(&self, by: &PartitionBy, table: &Relation, source: &str) -> Result<Vec<Wanted>, Diagnostic> {
        let failed = |error: SqlError| self.database_error(&error);
        let (schema, identifier) = (table.stored_schema(), table.stored_identifier());
        let columns = catalog::columns(&self.connection, &schema, &identifier)
            .await
            .map_err(failed)?;
        self.check_partition_field(by, &columns)?;
        let name = by.column();
        let column = columns.iter().find(|column| column.name == name);
        let data_type = column.map_or("", |column| column.data_type.as_str());
        if let Partitioning::Hash { modulus } = by.partitioning {
            return Ok(hashed(modulus));
        }
        let Some(query) = bounds_query(by, data_type, source) else {
            return Ok(Vec::new());
        };
        let rows = self.connection.query(&query, &[]).await.map_err(failed)?;
        if rows.len() > MOST {
            let (node, count) = (&self.step.node, rows.len());
            return Err(Diagnostic::error(
                "too-many-partitions",
                format!("the table of {} would get {count} partitions", node.name),
            )
            .at(node.declared.clone())
            .because(format!("{MOST} are as many as are made at once"))
            .help("choose a coarser `granularity` or a larger `interval`, or `type: hash`"));
        }
        Ok(rows
            .iter()
            .map(|row| match by.partitioning {
                Partitioning::Time(_) => match row.get::<_, Option<String>>(0) {
                    Some(suffix) => {
                        let (from, to): (&str, &str) = (row.get(1), row.get(2));
                        let bound = format!("for values from ({}) to ({})", literal(from), literal(to));
                        Wanted { suffix, bound }
                    }
                    None => Wanted::default(),
                },
                Partitioning::Numbers { start, end, interval } => row
                    .get::<_, Option<i64>>(0)
                    .map_or_else(Wanted::default, |bucket| of_numbers(bucket, (start, end, interval))),
                Partitioning::List | Partitioning::Hash { .. } => {
                    row.get::<_, Option<&str>>(0).map_or_else(Wanted::default, of_value)
                }
            })
            .collect())
    }

    /// The statements that make the partitions which the rows of `source` need and the table lacks; nothing where the
    /// model is not divided.
    pub(super) async fn missing_partitions(&self, target: &Relation, source: &str) -> Result<String, Diagnostic> {
        let config = &self.step.node.config;
        let Some(by) = &config.partition_by else {
            return Ok(String::new());
        };
        let table = target.stored_identifier();
        let rows = self
            .connection
            .query(STANDING, &[&target.stored_schema(), &table])
            .await;
        let rows = rows.map_err(|error| self.database_error(&error))?;
        let mut there = Vec::new();
        for row in &rows {
            let (method, column): (Option<&str>, Option<&str>) = (row.get(0), row.get(1));
            let standing = match method {
                None => Some("the table stands undivided".to_owned()),
                Some(method) if column != Some(&by.column()) || !by.method().starts_with(method) => Some(format!(
                    "the table is divided by {} of {}",
                    match method {
                        "r" => "range",
                        "l" => "list",
                        _ => "hash",
                    },
                    column.unwrap_or("several columns")
                )),
                Some(_) => None,
            };
            let name: Option<String> = row.get(2);
            let odd = match (&name, row.get::<_, Option<&str>>(3)) {
                (Some(name), Some(bound)) if !suits(by, &table, name, bound) => {
                    Some(format!("the partition {name} is {}", bound.to_lowercase()))
                }
                _ => None,
            };
            if let Some(cause) = standing.or(odd) {
                return Err(self.changed(cause));
            }
            there.extend(name);
        }
        let mut wanted = self.wanted(by, target, source).await?;
        wanted.retain(|partition| !there.contains(&partition_name(&table, &partition.suffix)));
        Ok(attach(target, &wanted, config.unlogged))
    }

    fn changed(&self, cause: String) -> Diagnostic {
        let node = &self.step.node;
        Diagnostic::error(
            "partition-change",
            format!(
                "the table of {} is divided in another way than `partition_by` says",
                node.name
            ),
        )
        .at(node.declared.clone())
        .because(cause)
        .help("run it with --full-refresh, which builds the table anew")
    }

    /// What PostgreSQL said of partitions that do not fit those that stand, in the words of the configuration.
    pub(super) fn partition_refused(&self, error: &SqlError) -> Option<Diagnostic> {
        // invalid_object_definition: overlapping bounds. check_violation: rows of the default partition belong there.
        let overlaps = error.is("42P17") || (error.is("23514") && error.message.contains("default partition"));
        (overlaps && self.step.node.config.partition_by.is_some()).then(|| self.changed(error.message.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(partitioning: Partitioning) -> PartitionBy {
        PartitionBy {
            field: "at".to_owned(),
            data_type: None,
            partitioning,
        }
    }

    #[test]
    fn names_fit_and_differ() {
        assert_eq!(partition_name("orders", "20250101"), "orders__p20250101");
        let long = |end: &str| partition_name(&format!("{}{end}", "é".repeat(29)), "2025010100");
        assert!(long("abcd").len() <= NAME_BYTES && long("abcd").ends_with("__p2025010100"));
        assert_ne!(long("abcd"), long("abce"));
        assert_eq!(of_value("eu").suffix, "_eu");
        assert_ne!(of_value("EU").suffix, of_value("Eu").suffix);
    }

    #[test]
    fn the_statements() {
        let table = Relation::new(None, "marts", "orders");
        let numbers = (-10, 25, 10);
        let wanted = [
            of_numbers(0, numbers),
            of_numbers(3, numbers),
            of_value("it's"),
            Wanted::default(),
        ];
        let time = |data_type| {
            bounds_query(
                &by(Partitioning::Time(BatchSize::Month)),
                data_type,
                "pg_temp.assay_rows",
            )
        };
        let (start, end, interval) = numbers;
        let sql = [
            attach(&table, &wanted, true),
            attach(&table, &hashed(2), false),
            time("date").unwrap_or_default(),
            time("timestamp with time zone").unwrap_or_default(),
            time("timestamp without time zone").unwrap_or_default(),
            bounds_query(&by(Partitioning::Numbers { start, end, interval }), "integer", "d").unwrap_or_default(),
            bounds_query(&by(Partitioning::List), "text", "d").unwrap_or_default(),
        ];
        insta::assert_snapshot!(sql.join("\n"));
    }

    #[test]
    fn another_grid_is_seen() {
        let day = by(Partitioning::Time(BatchSize::Day));
        let range = "FOR VALUES FROM ('2025-01-01') TO ('2025-01-02')";
        assert!(suits(&day, "t", "t__p20250101", range) && suits(&day, "t", "by_hand", range));
        assert!(suits(&day, "t", "t__pdefault", "DEFAULT") && !suits(&day, "t", "t__p202501", range));
        let numbers = by(Partitioning::Numbers {
            start: -10,
            end: 25,
            interval: 10,
        });
        let bound =
            |from: &str, to: &str| suits(&numbers, "t", "t__p1", &format!("FOR VALUES FROM ({from}) TO ({to})"));
        assert!(bound("'-10'", "0") && bound("20", "25"));
        assert!(!bound("0", "5") && !bound("5", "15") && !bound("30", "40"));
        let hash = by(Partitioning::Hash { modulus: 4 });
        assert!(suits(&hash, "t", "t__p1", "FOR VALUES WITH (modulus 4, remainder 1)"));
        assert!(!suits(&hash, "t", "t__p1", "FOR VALUES WITH (modulus 8, remainder 1)"));
    }

    #[test]
    fn columns_that_do_not_suit() {
        let column = |name: &str, data_type: &str| Column {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
        };
        let told = |partitioning, data_type: &str| problem(&by(partitioning), &[column("at", data_type)]);
        let (day, hour) = (Partitioning::Time(BatchSize::Day), Partitioning::Time(BatchSize::Hour));
        assert_eq!(told(day, "timestamp(3) without time zone"), None);
        assert_eq!(told(day, "date"), None);
        assert!(told(hour, "date").is_some_and(|told| told.contains("no hours")));
        assert!(told(day, "text").is_some_and(|told| told.contains("granularity")));
        assert_eq!(told(Partitioning::List, "text"), None);
        assert!(
            problem(&by(day), &[column("x", "date")]).is_some_and(|told| told.contains("no column `at`; it has x"))
        );
    }
}
