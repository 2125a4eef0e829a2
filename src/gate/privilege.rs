//! What a privilege that a reader has means, and the statement that takes it away.

use std::collections::BTreeSet;

use crate::sql::ident;

use super::grants::grantee;
use super::reach::{Reached, Weight};

/// Functions of the server that write large objects; everybody may call them on a new server.
pub(super) const LARGE_OBJECTS: [&str; 10] = [
    "lo_creat",
    "lo_create",
    "lo_export",
    "lo_from_bytea",
    "lo_import",
    "lo_put",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
    "lowrite",
];

/// Functions of the server that read or write its files; nobody may call them on a new server but superusers.
pub(super) const FILES: [&str; 9] = [
    "pg_file_write",
    "pg_ls_dir",
    "pg_ls_logdir",
    "pg_ls_tmpdir",
    "pg_ls_waldir",
    "pg_read_binary_file",
    "pg_read_file",
    "pg_read_file_off_len",
    "pg_stat_file",
];

/// One row of `reach.sql`.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub kind: String,
    pub schema: String,
    pub name: String,
    pub detail: String,
    pub privileges: String,
    pub via: String,
    pub through: Option<String>,
}

/// Whose reach it is, beside what.
pub(super) struct Asking<'a> {
    pub reader: &'a str,
    /// The project's role.
    pub user: &'a str,
    /// Schemas that the project builds in or reads from, those of the gate included.
    pub private: &'a BTreeSet<String>,
}

impl Asking<'_> {
    pub fn finding(&self, kind: &'static str, object: &str, why: &str, close: String) -> Reached {
        Reached {
            weight: Weight::Finding,
            roles: vec![self.reader.to_owned()],
            kind,
            object: object.to_owned(),
            why: why.to_owned(),
            close,
            is_hardening: false,
        }
    }

    /// What a reader reaches with all these privileges.
    pub fn all_judged(&self, rows: &[Row]) -> Vec<Reached> {
        let judged = rows.iter().filter_map(|row| self.judged(row));
        judged.chain(self.large_object_functions(rows)).collect()
    }

    /// What a privilege means; `None` for what a reader is to have.
    fn judged(&self, row: &Row) -> Option<Reached> {
        let object = format!("{}.{}", row.schema, row.name);
        let quoted = format!("{}.{}", ident(&row.schema), ident(&row.name));
        let from = self.from(row);
        let has = |privilege: &str| row.privileges.split(", ").any(|held| held == privilege);
        let owns = has("OWNER");
        let may = if owns {
            "it is the owner".to_owned()
        } else {
            format!("{} {from}", row.privileges)
        };
        let mut found = match row.kind.as_str() {
            "relation" => {
                let kind = relation_kind(&row.detail);
                let named = if kind == "sequence" {
                    format!("sequence {quoted}")
                } else {
                    quoted.clone()
                };
                let close = self.close(row, &named, &format!("{kind} {quoted}"));
                let mut found = self.finding(kind, &object, &may, close);
                if row.detail.ends_with('e') && row.privileges == "SELECT" {
                    found.weight = Weight::Note;
                    found.why.push_str("; it belongs to an extension");
                }
                found
            }
            // A column's owner is that of the relation, and one's own function runs with one's own rights.
            "column" | "function" if owns => return None,
            "column" => self.column(row, &may),
            "schema" => return self.schema(row, &may),
            "function" => self.function(row, &may),
            "catalogue function" => {
                let name = row.name.split('(').next().unwrap_or_default();
                if LARGE_OBJECTS.contains(&name) {
                    return None;
                }
                let signature = format!("function pg_catalog.{}", row.name);
                let close = self.close(row, &signature, &signature);
                self.finding(
                    "function",
                    &row.name,
                    &format!("{may}; it reaches the server's files"),
                    close,
                )
            }
            "database" => {
                let database = format!("database {}", ident(&row.name));
                let close = self.close(row, &database, &database);
                let mut found = self.finding("database", &row.name, &may, close);
                if row.privileges == "TEMPORARY" {
                    found.weight = Weight::Note;
                    found.why = format!("TEMPORARY {from}: it can make tables that last as long as its session");
                }
                found
            }
            "large object" => {
                let named = format!("large object {}", row.name);
                let close = self.close(row, &named, &named);
                self.finding("large object", &row.name, &may, close)
            }
            "default privilege" => self.default_privilege(row),
            _ => return None,
        };
        if row.through.is_some() && !owns {
            found.why.push_str(", of which it is a member");
        }
        Some(found)
    }

    fn column(&self, row: &Row, may: &str) -> Reached {
        let column = ident(&row.detail);
        let privileges = row.privileges.to_lowercase().replace(", ", &format!(" ({column}), "));
        let relation = format!("{}.{}", ident(&row.schema), ident(&row.name));
        let close = match &row.through {
            Some(through) => self.leave(through),
            None => format!(
                "revoke {privileges} ({column}) on {relation} from {};",
                grantee(&row.via)
            ),
        };
        let object = format!("{}.{}.{}", row.schema, row.name, row.detail);
        self.finding("column", &object, may, close)
    }

    fn function(&self, row: &Row, may: &str) -> Reached {
        let (runs, word) = row.detail.split_once(' ').unwrap_or((&row.detail, "function"));
        // The name comes with its arguments.
        let (name, arguments) = row.name.split_once('(').unwrap_or((&row.name, ")"));
        let signature = format!("{word} {}.{}({arguments}", ident(&row.schema), ident(name));
        let close = self.close(row, &signature, &signature);
        let (weight, how) = match runs {
            "definer" => (
                Weight::Finding,
                "it runs with the rights of its owner (SECURITY DEFINER)",
            ),
            "dblink" => (Weight::Finding, "it reaches other databases"),
            _ => (Weight::Note, "it runs with the reader's own rights"),
        };
        let object = format!("{}.{}", row.schema, row.name);
        Reached {
            weight,
            ..self.finding("function", &object, &format!("{may}; {how}"), close)
        }
    }

    fn schema(&self, row: &Row, may: &str) -> Option<Reached> {
        let schema = format!("schema {}", ident(&row.name));
        let held: Vec<&str> = row.privileges.split(", ").collect();
        if held.contains(&"CREATE") || held.contains(&"OWNER") {
            let mut closed = row.clone();
            if row.detail == "published" || row.name == "public" {
                "CREATE".clone_into(&mut closed.privileges);
            }
            if held.contains(&"OWNER") {
                "OWNER".clone_into(&mut closed.privileges);
            }
            let why = format!("{may}: it can make relations and functions there");
            // Everybody may, on a server before version 15.
            let is_hardening = row.name == "public" && row.via == "public";
            return Some(Reached {
                is_hardening,
                ..self.finding("schema", &row.name, &why, self.close(&closed, &schema, &schema))
            });
        }
        if row.detail == "published" || row.name == "public" {
            return None;
        }
        let why = format!("{may}: it can look up what is there");
        let mut found = self.finding("schema", &row.name, &why, self.close(row, &schema, &schema));
        if !self.private.contains(&row.name) {
            found.weight = Weight::Note;
        }
        Some(found)
    }

    fn default_privilege(&self, row: &Row) -> Reached {
        let (objects, what) = match row.detail.as_str() {
            "S" => ("sequences", "sequence"),
            "n" => ("schemas", "schema"),
            _ => ("tables", "table and view"),
        };
        let (place, inside) = if row.schema.is_empty() {
            (String::new(), String::new())
        } else {
            (
                format!(" in {}", row.schema),
                format!(" in schema {}", ident(&row.schema)),
            )
        };
        let why = format!(
            "every new {what} that {} makes{place} comes with {} {}",
            row.name,
            row.privileges,
            self.from(row)
        );
        let close = format!(
            "alter default privileges for role {}{inside} revoke {} on {objects} from {};",
            ident(&row.name),
            row.privileges.to_lowercase(),
            grantee(&row.via)
        );
        let object = format!("{}{place}", row.name);
        self.finding("default privilege", &object, &why, close)
    }

    /// All of them at once: they are granted together.
    fn large_object_functions(&self, rows: &[Row]) -> Option<Reached> {
        let written: Vec<&Row> = rows
            .iter()
            .filter(|row| row.kind == "catalogue function")
            .filter(|row| LARGE_OBJECTS.contains(&row.name.split('(').next().unwrap_or_default()))
            .collect();
        let first = written.first()?;
        let signatures: Vec<String> = written.iter().map(|row| format!("pg_catalog.{}", row.name)).collect();
        let close = match &first.through {
            Some(through) => self.leave(through),
            None => format!(
                "revoke execute on function {} from {};",
                signatures.join(", "),
                grantee(&first.via)
            ),
        };
        let why = format!("EXECUTE {}: it can write large objects", self.from(first));
        Some(Reached {
            is_hardening: first.via == "public",
            ..self.finding("function", "lo_create and others", &why, close)
        })
    }

    fn from(&self, row: &Row) -> String {
        match row.via.as_str() {
            "public" => "granted to everybody (public)".to_owned(),
            via if via == self.reader => "granted to it".to_owned(),
            via => format!("granted to {via}"),
        }
    }

    fn leave(&self, role: &str) -> String {
        format!("revoke {} from {};", ident(role), ident(self.reader))
    }

    /// `object` as REVOKE names it, `owned` as ALTER does.
    fn close(&self, row: &Row, object: &str, owned: &str) -> String {
        if let Some(through) = &row.through {
            return self.leave(through);
        }
        if row.privileges.split(", ").any(|held| held == "OWNER") {
            return format!("alter {owned} owner to {};", ident(self.user));
        }
        let privileges = row.privileges.to_lowercase();
        format!("revoke {privileges} on {object} from {};", grantee(&row.via))
    }
}

fn relation_kind(detail: &str) -> &'static str {
    match detail.chars().next() {
        Some('v') => "view",
        Some('m') => "materialized view",
        Some('f') => "foreign table",
        Some('S') => "sequence",
        _ => "table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, schema, name, detail, privileges, via, through.
    fn judged(row: [&str; 7]) -> String {
        let private = BTreeSet::from(["raw".to_owned(), "analytics__versions".to_owned()]);
        let asking = Asking {
            reader: "bi",
            user: "builder",
            private: &private,
        };
        let text = |index: usize| row[index].to_owned();
        let row = Row {
            kind: text(0),
            schema: text(1),
            name: text(2),
            detail: text(3),
            privileges: text(4),
            via: text(5),
            through: Some(text(6)).filter(|role| !role.is_empty()),
        };
        let found = asking.judged(&row).or_else(|| asking.large_object_functions(&[row]));
        found.map_or_else(
            || "nothing\n".to_owned(),
            |found| {
                let hardening = if found.is_hardening {
                    " (as on any new server)"
                } else {
                    ""
                };
                format!(
                    "{:?}: {} {}: {}{hardening}\n    {}\n",
                    found.weight, found.kind, found.object, found.why, found.close
                )
            },
        )
    }

    #[test]
    fn what_is_found_and_what_closes_it() {
        let told: String = [
            ["relation", "raw", "orders", "r", "INSERT, SELECT", "bi", ""],
            ["relation", "raw", "orders", "v", "SELECT", "public", ""],
            ["relation", "raw", "orders", "m", "SELECT", "deep", "analysts"],
            ["relation", "raw", "mine", "f", "OWNER", "bi", ""],
            ["relation", "raw", "o'x_seq", "S", "USAGE", "bi", ""],
            ["relation", "public", "spatial_ref_sys", "re", "SELECT", "public", ""],
            ["column", "raw", "orders", "ssn", "SELECT, UPDATE", "bi", ""],
            ["schema", "raw", "raw", "", "USAGE", "bi", ""],
            ["schema", "other", "other", "", "USAGE", "public", ""],
            ["schema", "analytics", "analytics", "published", "USAGE", "bi", ""],
            [
                "schema",
                "analytics",
                "analytics",
                "published",
                "CREATE, USAGE",
                "bi",
                "",
            ],
            ["schema", "public", "public", "", "CREATE, USAGE", "public", ""],
            ["schema", "public", "public", "", "USAGE", "public", ""],
            ["function", "raw", "f(a integer)", "definer", "EXECUTE", "public", ""],
            ["function", "raw", "p()", "definer procedure", "EXECUTE", "bi", ""],
            ["function", "raw", "f(a integer)", "invoker", "EXECUTE", "public", ""],
            ["function", "raw", "own()", "definer", "OWNER", "bi", ""],
            ["function", "public", "dblink(text)", "dblink", "EXECUTE", "public", ""],
            [
                "catalogue function",
                "pg_catalog",
                "pg_read_file(text)",
                "",
                "EXECUTE",
                "bi",
                "",
            ],
            [
                "catalogue function",
                "pg_catalog",
                "lo_put(oid, bigint, bytea)",
                "",
                "EXECUTE",
                "public",
                "",
            ],
            ["database", "", "shop", "", "CREATE", "bi", ""],
            ["database", "", "shop", "", "TEMPORARY", "public", ""],
            ["large object", "", "4711", "", "SELECT", "public", ""],
            ["default privilege", "raw", "builder", "r", "SELECT", "bi", ""],
            ["default privilege", "", "builder", "n", "USAGE", "public", ""],
        ]
        .map(judged)
        .concat();
        insta::assert_snapshot!(told);
    }
}
