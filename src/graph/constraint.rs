//! Constraints that a contract puts on a table (<https://docs.getdbt.com/reference/resource-properties/constraints>).

use serde::Serialize;

use crate::sql::ident;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    Check,
    NotNull,
    Unique,
    PrimaryKey,
    ForeignKey,
    Custom,
}

impl ConstraintKind {
    pub const NAMES: [(&str, Self); 6] = [
        ("check", Self::Check),
        ("not_null", Self::NotNull),
        ("unique", Self::Unique),
        ("primary_key", Self::PrimaryKey),
        ("foreign_key", Self::ForeignKey),
        ("custom", Self::Custom),
    ];
}

/// A constraint of a column or, where it has `columns`, of a whole model. Serialized as in dbt's manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Constraint {
    #[serde(rename = "type")]
    pub kind: ConstraintKind,
    pub name: Option<String>,
    /// SQL.
    pub expression: Option<String>,
    pub warn_unenforced: bool,
    pub warn_unsupported: bool,
    /// Of a foreign key: the call of `ref` or `source`.
    pub to: Option<String>,
    /// What that call means in SQL, once the graph is tied.
    #[serde(skip)]
    pub relation: Option<String>,
    pub to_columns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
}

/// A column's name as it is written without quotes; one that has its own quotes stays.
fn folded(name: &str) -> String {
    if name.starts_with('"') && name.ends_with('"') && name.len() > 1 {
        ident(&name[1..name.len() - 1].replace("\"\"", "\""))
    } else {
        ident(&name.to_lowercase())
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| folded(name)).collect::<Vec<_>>().join(", ")
}

impl Constraint {
    /// What a foreign key reads: the relation, or the call where it means nothing.
    #[must_use]
    pub fn referenced(&self) -> Option<&str> {
        self.relation.as_deref().or(self.to.as_deref())
    }

    /// What stands behind a column's type; `None` where the constraint says nothing.
    #[must_use]
    pub fn column_sql(&self) -> Option<String> {
        let expression = self.expression.as_deref().unwrap_or_default().trim();
        let with = |words: &str| format!("{words} {expression}").trim_end().to_owned();
        match self.kind {
            ConstraintKind::Check if !expression.is_empty() => Some(format!("check ({expression})")),
            ConstraintKind::NotNull => Some(with("not null")),
            ConstraintKind::Unique => Some(with("unique")),
            ConstraintKind::PrimaryKey => Some(with("primary key")),
            ConstraintKind::ForeignKey => match self.referenced() {
                Some(to) if !self.to_columns.is_empty() => {
                    Some(format!("references {to} ({})", list(&self.to_columns)))
                }
                _ if !expression.is_empty() => Some(format!("references {expression}")),
                _ => None,
            },
            ConstraintKind::Custom if !expression.is_empty() => Some(expression.to_owned()),
            ConstraintKind::Check | ConstraintKind::Custom => None,
        }
    }

    /// A line of its own below the columns of a table. `suffix` keeps apart the names of two tables that stand at once.
    #[must_use]
    pub fn table_sql(&self, suffix: &str) -> Option<String> {
        let name = match &self.name {
            Some(name) => format!("constraint {} ", ident(&named(name, suffix))),
            None => String::new(),
        };
        let expression = self.expression.as_deref().unwrap_or_default().trim();
        let gap = if expression.is_empty() { "" } else { " " };
        let columns = list(self.columns.as_deref().unwrap_or_default());
        let text = match self.kind {
            ConstraintKind::Check if !expression.is_empty() => format!("check ({expression})"),
            ConstraintKind::Unique => format!("unique{gap}{expression} ({columns})"),
            ConstraintKind::PrimaryKey => format!("primary key{gap}{expression} ({columns})"),
            ConstraintKind::ForeignKey => match self.referenced() {
                Some(to) if !self.to_columns.is_empty() => {
                    format!("foreign key ({columns}) references {to} ({})", list(&self.to_columns))
                }
                _ if !expression.is_empty() => format!("foreign key ({columns}) references {expression}"),
                _ => return None,
            },
            ConstraintKind::Custom if !expression.is_empty() => expression.to_owned(),
            ConstraintKind::Check | ConstraintKind::Custom | ConstraintKind::NotNull => return None,
        };
        Some(format!("{name}{text}"))
    }
}

/// The name in the database, in at most 63 bytes.
fn named(name: &str, suffix: &str) -> String {
    let name = name.to_lowercase();
    let mut end = name.len().min(63_usize.saturating_sub(suffix.len()));
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &name[..end])
}

/// Statements that give the constraints of a table the names that they were written with.
#[must_use]
pub fn rename_constraints(table: &str, constraints: &[Constraint], suffix: &str) -> String {
    constraints
        .iter()
        .filter(|constraint| constraint.table_sql(suffix).is_some())
        .filter_map(|constraint| constraint.name.as_ref())
        .map(|name| {
            let (from, to) = (ident(&named(name, suffix)), ident(&named(name, "")));
            format!("alter table {table} rename constraint {from} to {to};\n")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint(kind: ConstraintKind) -> Constraint {
        Constraint {
            kind,
            name: None,
            expression: None,
            warn_unenforced: true,
            warn_unsupported: true,
            to: None,
            relation: None,
            to_columns: Vec::new(),
            columns: None,
        }
    }

    #[test]
    fn in_sql() {
        let check = Constraint {
            expression: Some("id > 0".to_owned()),
            name: Some("Pos".to_owned()),
            columns: Some(vec!["id".to_owned()]),
            ..constraint(ConstraintKind::Check)
        };
        let key = Constraint {
            to: Some("\"db\".\"s\".\"t\"".to_owned()),
            to_columns: vec!["Id".to_owned()],
            columns: Some(vec!["a".to_owned(), "\"B\"".to_owned()]),
            ..constraint(ConstraintKind::ForeignKey)
        };
        assert_eq!(check.column_sql().as_deref(), Some("check (id > 0)"));
        assert_eq!(
            check.table_sql("__n").as_deref(),
            Some("constraint \"pos__n\" check (id > 0)")
        );
        assert_eq!(
            key.table_sql("").as_deref(),
            Some("foreign key (\"a\", \"B\") references \"db\".\"s\".\"t\" (\"id\")")
        );
        assert_eq!(constraint(ConstraintKind::NotNull).table_sql(""), None);
        assert_eq!(constraint(ConstraintKind::Custom).column_sql(), None);
        assert_eq!(
            rename_constraints("\"t\"", &[check], "__n"),
            "alter table \"t\" rename constraint \"pos__n\" to \"pos\";\n"
        );
    }
}
