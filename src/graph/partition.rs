//! How a table is divided into partitions (<https://www.postgresql.org/docs/current/ddl-partitioning.html>).

use serde_json::Value as Json;

use crate::sql::bare_name;

use super::{BatchSize, ConstraintKind, Node};

/// What is configured as `partition_by`, in the words that dbt has for other warehouses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionBy {
    /// The column, as it is written.
    pub field: String,
    /// The family of the column's type, where it is told.
    pub data_type: Option<FieldType>,
    pub partitioning: Partitioning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    Date,
    Timestamp,
    Integer,
}

impl FieldType {
    /// The family that a name means, be it PostgreSQL's or another warehouse's.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "date" => Some(Self::Date),
            "timestamp" | "timestamptz" | "datetime" | "timestamp without time zone" | "timestamp with time zone" => {
                Some(Self::Timestamp)
            }
            "int" | "int2" | "int4" | "int8" | "int64" | "integer" | "bigint" | "smallint" => Some(Self::Integer),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// A partition for each hour, day, month or year that has rows.
    Time(BatchSize),
    /// A partition for each `interval` numbers from `start` up to `end`, which is not in it, that has rows.
    Numbers { start: i64, end: i64, interval: i64 },
    /// A partition for each value.
    List,
    /// So many partitions, by a hash of the column.
    Hash { modulus: u16 },
}

impl PartitionBy {
    /// The column's name in the database.
    #[must_use]
    pub fn column(&self) -> String {
        bare_name(&self.field)
    }

    /// PostgreSQL's word for how the rows are divided.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self.partitioning {
            Partitioning::Time(_) | Partitioning::Numbers { .. } => "range",
            Partitioning::List => "list",
            Partitioning::Hash { .. } => "hash",
        }
    }

    /// What is unique in the whole table and does not hold the column, which PostgreSQL cannot keep; for people.
    #[must_use]
    pub fn not_kept(&self, node: &Node) -> Vec<String> {
        let column = self.column();
        // Of an index, `day desc` holds the column as well.
        let is_it = |name: &str| {
            bare_name(name) == column || name.split_whitespace().next().map(bare_name).as_ref() == Some(&column)
        };
        let holds = |names: &[String]| names.iter().any(|name| is_it(name));
        let unique = |kind: ConstraintKind| match kind {
            ConstraintKind::PrimaryKey => Some("the primary key"),
            ConstraintKind::Unique => Some("the unique constraint"),
            _ => None,
        };
        let mut found = Vec::new();
        for index in node.config.indexes.iter().filter(|index| index.unique) {
            if !holds(&index.columns) {
                found.push(format!("the unique index on {}", index.columns.join(", ")));
            }
        }
        if !node.config.contract_enforced {
            return found;
        }
        for constraint in &node.constraints {
            let names = constraint.columns.as_deref().unwrap_or_default();
            if let Some(what) = unique(constraint.kind).filter(|_| !holds(names)) {
                found.push(format!("{what} on {}", names.join(", ")));
            }
        }
        for described in node.columns.values() {
            let own = if described.quote {
                described.name.clone()
            } else {
                bare_name(&described.name)
            };
            let kinds = described
                .constraints
                .iter()
                .filter_map(|constraint| unique(constraint.kind));
            found.extend(
                kinds
                    .filter(|_| own != column)
                    .map(|what| format!("{what} on {}", described.name)),
            );
        }
        found
    }

    /// Reads the mapping; an error says what it takes. `told` wants `type`, without which the setting is another
    /// warehouse's and `None`.
    pub fn read(value: &Json, told: bool) -> Result<Option<Self>, String> {
        let Some(map) = value.as_object() else {
            return if told {
                Ok(None)
            } else {
                Err("a mapping such as {field: created_at, granularity: day}".to_owned())
            };
        };
        let word = |key: &str| map.get(key).filter(|value| !value.is_null());
        let kind = match word("type") {
            None if told => return Ok(None),
            None => "range",
            Some(kind) => kind.as_str().unwrap_or_default(),
        };
        let allowed: &[&str] = match kind {
            "range" => &["type", "field", "data_type", "granularity", "range"],
            "list" => &["type", "field", "data_type"],
            "hash" => &["type", "field", "data_type", "modulus"],
            _ => return Err("`type: range`, `list` or `hash`".to_owned()),
        };
        if let Some(key) = map.keys().find(|key| !allowed.contains(&key.as_str())) {
            return Err(format!(
                "{} with `type: {kind}`, and no `{key}`",
                allowed[1..].join(", ")
            ));
        }
        let Some(field) = word("field")
            .and_then(Json::as_str)
            .filter(|field| !field.trim().is_empty())
        else {
            return Err("the name of a column as `field`".to_owned());
        };
        let data_type = match word("data_type") {
            // Lists and hashes take every type.
            _ if kind != "range" => None,
            None => None,
            Some(name) => match name.as_str().and_then(FieldType::named) {
                None => return Err("`data_type: timestamp`, `date` or `int`".to_owned()),
                known => known,
            },
        };
        let partitioning = match (kind, word("range")) {
            ("list", _) => Partitioning::List,
            ("hash", _) => {
                let modulus = word("modulus")
                    .and_then(Json::as_u64)
                    .and_then(|number| u16::try_from(number).ok());
                let Some(modulus) = modulus.filter(|number| (1..=MOST_HASHED).contains(number)) else {
                    return Err(format!("a `modulus` from 1 to {MOST_HASHED}"));
                };
                Partitioning::Hash { modulus }
            }
            (_, Some(range)) => numbers(range)?,
            (_, None) if data_type == Some(FieldType::Integer) => {
                return Err("`range: {start: 0, end: 1000000, interval: 10000}` with `data_type: int`".to_owned());
            }
            _ => time(word("granularity"))?,
        };
        let is_numbers = matches!(partitioning, Partitioning::Numbers { .. });
        if is_numbers && (word("granularity").is_some() || data_type.is_some_and(|family| family != FieldType::Integer))
        {
            return Err("either `granularity`, for times, or `range`, for whole numbers".to_owned());
        }
        Ok(Some(Self {
            field: field.trim().to_owned(),
            data_type,
            partitioning,
        }))
    }
}

const MOST_HASHED: u16 = 1024;

fn time(granularity: Option<&Json>) -> Result<Partitioning, String> {
    let name = granularity.map_or(Some("day"), Json::as_str).unwrap_or_default();
    let size = BatchSize::named(&name.to_ascii_lowercase());
    size.map(Partitioning::Time)
        .ok_or_else(|| "`granularity: hour`, `day`, `month` or `year`".to_owned())
}

fn numbers(range: &Json) -> Result<Partitioning, String> {
    let wrong = || "`range` with whole numbers: {start: 0, end: 1000000, interval: 10000}".to_owned();
    let known = |key: &String| matches!(key.as_str(), "start" | "end" | "interval");
    let map = range
        .as_object()
        .filter(|map| map.keys().all(known))
        .ok_or_else(wrong)?;
    let number = |key: &str| map.get(key).and_then(Json::as_i64).ok_or_else(wrong);
    let (start, end, interval) = (number("start")?, number("end")?, number("interval")?);
    if end <= start || interval < 1 {
        return Err("a `range` whose `end` is above `start`, and an `interval` above 0".to_owned());
    }
    Ok(Partitioning::Numbers { start, end, interval })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn other_warehouses_words() {
        let read = |value: &Json| PartitionBy::read(value, false);
        let by = |value: Json| read(&value).ok().flatten().map(|by| by.partitioning);
        assert_eq!(by(json!({"field": "at"})), Some(Partitioning::Time(BatchSize::Day)));
        let month = json!({"field": "at", "data_type": "datetime", "granularity": "MONTH"});
        assert_eq!(by(month.clone()), Some(Partitioning::Time(BatchSize::Month)));
        let range = json!({"field": "id", "data_type": "int64", "range": {"start": 0, "end": 100, "interval": 10}});
        let numbers = Partitioning::Numbers {
            start: 0,
            end: 100,
            interval: 10,
        };
        assert_eq!(by(range), Some(numbers));
        assert_eq!(by(json!({"field": "region", "type": "list"})), Some(Partitioning::List));
        assert_eq!(
            by(json!({"field": "id", "type": "hash", "modulus": 4})),
            Some(Partitioning::Hash { modulus: 4 })
        );
        assert_eq!(
            PartitionBy::read(&month, true),
            Ok(None),
            "another warehouse's in a dbt project"
        );
        assert_eq!(PartitionBy::read(&json!("day"), true), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (value, said) in [
            (json!("day"), "a mapping"),
            (json!({"type": "list"}), "`field`"),
            (json!({"field": "a", "type": "tree"}), "`type: range`"),
            (json!({"field": "a", "granularity": "week"}), "`granularity: hour`"),
            (json!({"field": "a", "data_type": "text"}), "`data_type: timestamp`"),
            (json!({"field": "a", "data_type": "int"}), "`range: {start"),
            (json!({"field": "a", "type": "hash"}), "`modulus`"),
            (json!({"field": "a", "type": "hash", "modulus": 0}), "`modulus`"),
            (
                json!({"field": "a", "type": "list", "granularity": "day"}),
                "no `granularity`",
            ),
            (json!({"field": "a", "copy_partitions": true}), "no `copy_partitions`"),
            (
                json!({"field": "a", "range": {"start": 5, "end": 5, "interval": 1}}),
                "above `start`",
            ),
            (
                json!({"field": "a", "range": {"start": 5, "end": "x", "interval": 1}}),
                "whole numbers",
            ),
            (
                json!({"field": "a", "granularity": "day", "range": {"start": 0, "end": 5, "interval": 1}}),
                "either",
            ),
        ] {
            let told = PartitionBy::read(&value, false).expect_err(&value.to_string());
            assert!(told.contains(said), "{value}: {told}");
        }
    }
}
