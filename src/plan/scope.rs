//! How much of a published model a test must look at after a delta.
//!
//! What a version's rows passed once they still pass: a test that judges rows one by one need only see the rows that the
//! delta touched, and a test for unique keys those that share a key with them. That holds only for tests whose text means
//! the same today as it did then, so everything else looks at the whole relation, and says why.

use std::sync::LazyLock;

use regex::Regex;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::graph::{AuditScope, GenericTest, Graph, Materialization, Node, NodeId, TestSpec};

/// The rows that a test looks at after a delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that the delta touched.
    Rows,
    /// Those that share the values of these columns with a touched row; names as the project writes them.
    Keys(Vec<String>),
    /// Those that the delta touched, and children of parents that went away.
    Parents {
        child: NodeId,
        column: String,
        parent: NodeId,
        field: String,
    },
}

/// A scope, and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoped {
    pub scope: Scope,
    /// Functions in texts of the project. The scope is right only where all of them are immutable, and where they look at
    /// one row, but for a scope of keys.
    pub functions: Vec<String>,
}

/// Tests of the language whose meaning is known.
pub const SCOPED_TESTS: [&str; 4] = ["not_null", "accepted_values", "unique", "relationships"];

/// The scope of `test` after a delta of `owner`, or why it looks at everything. `is_overridden` tells which of
/// [`SCOPED_TESTS`] the project has defined anew.
pub fn scope(
    test: &Node,
    owner: &NodeId,
    graph: &Graph,
    is_overridden: &dyn Fn(&str) -> bool,
) -> Result<Scoped, String> {
    let spec = test.test.as_ref().ok_or("it is no test")?;
    let Some(generic) = &spec.generic else {
        return singular(test, spec, owner);
    };
    if spec.audit_scope == Some(AuditScope::All) {
        return Err("`audit_scope: all`".to_owned());
    }
    plain_thresholds(spec)?;
    let mut functions = Vec::new();
    if let Some(text) = &spec.where_ {
        steady("`where`", text, &mut functions)?;
    }
    let known = generic.namespace.is_none() && SCOPED_TESTS.contains(&generic.name.as_str());
    let scope = match (generic.name.as_str(), spec.audit_scope) {
        (name, None) if known && is_overridden(name) => {
            return Err(format!("the project defines `{name}` anew"));
        }
        ("relationships", None) if known => return parents(test, generic, graph, functions),
        ("unique", None) if known => {
            let column = column(generic, "column_name")?;
            alone(test, owner)?;
            Scope::Keys(vec![column])
        }
        (name, None) if known => {
            // Values that are not quoted are SQL.
            if name == "accepted_values" && generic.kwargs.get("quote").is_some_and(|quote| *quote != true) {
                arguments(generic, &mut functions)?;
            }
            if let Some(text) = text(generic, "column_name") {
                steady("`column_name`", &text, &mut functions)?;
            }
            alone(test, owner)?;
            Scope::Rows
        }
        (_, Some(AuditScope::Rows)) => {
            arguments(generic, &mut functions)?;
            alone(test, owner)?;
            Scope::Rows
        }
        (_, Some(AuditScope::Keys)) => {
            arguments(generic, &mut functions)?;
            alone(test, owner)?;
            Scope::Keys(key_columns(spec, generic)?)
        }
        (name, _) => return Err(format!("`{name}` says no `audit_scope`")),
    };
    Ok(Scoped { scope, functions })
}

/// A singular test that says what it judges apart from the rest, and reads nothing but the model.
fn singular(test: &Node, spec: &TestSpec, owner: &NodeId) -> Result<Scoped, String> {
    let scope = match spec.audit_scope {
        Some(AuditScope::Rows) => Scope::Rows,
        Some(AuditScope::Keys) if spec.audit_keys.is_empty() => return Err("it says no `audit_keys`".to_owned()),
        Some(AuditScope::Keys) => Scope::Keys(named_keys(&spec.audit_keys)?),
        Some(AuditScope::All) => return Err("`audit_scope: all`".to_owned()),
        None => return Err("a singular test can look at anything".to_owned()),
    };
    plain_thresholds(spec)?;
    if test.depends_on.iter().any(|id| id != owner) {
        return Err("it looks at other relations, too".to_owned());
    }
    let mut functions = Vec::new();
    let sql = TEMPLATE.replace_all(&test.source.text, " x ");
    let first = sql.to_lowercase().find("select").unwrap_or(0);
    let rest = sql.get(first + "select".len()..).unwrap_or_default();
    let looks_around = matches!(scope, Scope::Keys(_));
    check("text", rest, looks_around, &mut functions)?;
    Ok(Scoped { scope, functions })
}

static TEMPLATE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}").expect("a regular expression"));

/// Passing means that no row came out, and a few rows more or less do not hide behind a limit.
fn plain_thresholds(spec: &TestSpec) -> Result<(), String> {
    let any = |condition: &str| condition.split_whitespace().collect::<String>() == "!=0";
    if !any(&spec.warn_if) || !any(&spec.error_if) {
        return Err("it counts against a threshold".to_owned());
    }
    if spec.fail_calc.trim() != "count(*)" {
        return Err("it has a `fail_calc` of its own".to_owned());
    }
    if spec.limit.is_some() {
        return Err("it has a `limit`".to_owned());
    }
    Ok(())
}

fn alone(test: &Node, owner: &NodeId) -> Result<(), String> {
    let attached = test
        .test
        .as_ref()
        .and_then(|spec| spec.generic.as_ref()?.attached.as_ref());
    if attached != Some(owner) || test.depends_on.iter().any(|id| id != owner) {
        return Err("it looks at other relations, too".to_owned());
    }
    Ok(())
}

fn parents(test: &Node, generic: &GenericTest, graph: &Graph, functions: Vec<String>) -> Result<Scoped, String> {
    let child = generic.attached.clone().ok_or("it is attached to no model")?;
    let mut others = test.depends_on.iter().filter(|id| **id != child);
    let (Some(parent), None) = (others.next(), others.next()) else {
        return Err("its parent is not one other model".to_owned());
    };
    for id in [&child, parent] {
        let stored = graph.node(id).is_some_and(|node| {
            node.is_published()
                && matches!(
                    node.config.materialized,
                    Materialization::Table | Materialization::Incremental
                )
        });
        if !stored {
            let name = graph.node(id).map_or(&**id, |node| node.name.as_str());
            return Err(format!("rows of {name} can go away unseen: it is no published table"));
        }
    }
    let scope = Scope::Parents {
        column: column(generic, "column_name")?,
        field: column(generic, "field")?,
        parent: parent.clone(),
        child,
    };
    Ok(Scoped { scope, functions })
}

fn text(generic: &GenericTest, key: &str) -> Option<String> {
    let given = generic.kwargs.get(key).and_then(|value| value.as_str());
    let own = || generic.column.as_deref().filter(|_| key == "column_name");
    given.or_else(own).map(str::to_owned)
}

/// An argument that names a column.
fn column(generic: &GenericTest, key: &str) -> Result<String, String> {
    let text = text(generic, key).ok_or_else(|| format!("`{key}` is not given"))?;
    if is_column(&text) {
        Ok(text)
    } else {
        Err(format!("its `{key}` is an expression"))
    }
}

fn is_column(text: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(name) => !name.is_empty() && !name.contains('"'),
        None => text.chars().all(word) && text.starts_with(|c: char| c.is_alphabetic() || c == '_'),
    }
}

/// The columns whose combination a test judges, under the names that tests use for them.
fn key_columns(spec: &TestSpec, generic: &GenericTest) -> Result<Vec<String>, String> {
    if !spec.audit_keys.is_empty() {
        return named_keys(&spec.audit_keys);
    }
    for key in ["columns", "combination_of_columns"] {
        let Some(list) = generic.kwargs.get(key).and_then(|value| value.as_array()) else {
            continue;
        };
        let names: Option<Vec<String>> = list.iter().map(|name| name.as_str().map(str::to_owned)).collect();
        return names
            .filter(|names| !names.is_empty() && names.iter().all(|name| is_column(name)))
            .ok_or_else(|| format!("its `{key}` are not columns"));
    }
    column(generic, "column_name").map(|name| vec![name])
}

fn named_keys(names: &[String]) -> Result<Vec<String>, String> {
    if names.iter().all(|name| is_column(name)) {
        Ok(names.to_vec())
    } else {
        Err("its `audit_keys` are not columns".to_owned())
    }
}

/// The arguments of a test of the project, which may be pieces of SQL.
fn arguments(generic: &GenericTest, functions: &mut Vec<String>) -> Result<(), String> {
    fn walk(name: &str, value: &serde_json::Value, functions: &mut Vec<String>) -> Result<(), String> {
        match value {
            serde_json::Value::String(text) => steady(&format!("`{name}`"), text, functions),
            serde_json::Value::Array(items) => items.iter().try_for_each(|item| walk(name, item, functions)),
            serde_json::Value::Object(items) => items.values().try_for_each(|item| walk(name, item, functions)),
            _ => Ok(()),
        }
    }
    for (name, value) in generic.kwargs.iter().filter(|(name, _)| *name != "model") {
        walk(name, value, functions)?;
    }
    Ok(())
}

/// Words that look at more than one row.
const AROUND: [&str; 4] = ["select", "table", "over", "exists"];

/// Words that mean something else tomorrow, or for another user.
const MOVING: [&str; 11] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "current_user",
    "session_user",
    "user",
    "current_role",
    "current_schema",
    "current_catalog",
];

/// Words before a bracket that are no functions of the catalogue.
const SYNTAX: [&str; 32] = [
    "in", "and", "or", "not", "any", "all", "some", "coalesce", "nullif", "greatest", "least", "cast", "case", "when",
    "then", "else", "between", "as", "by", "distinct", "except", "exists", "filter", "from", "having", "lateral", "on",
    "over", "select", "union", "using", "where",
];

/// Whether a piece of SQL about one row means the same in every run, but for the functions it calls, which are noted.
fn steady(what: &str, text: &str, functions: &mut Vec<String>) -> Result<(), String> {
    check(what, text, false, functions)
}

/// As [`steady`], where it may look at the rows around one.
fn check(what: &str, text: &str, looks_around: bool, functions: &mut Vec<String>) -> Result<(), String> {
    if text.contains("{{") || text.contains("{%") {
        return Err(format!("its {what} is a template"));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize()
        .map_err(|_| format!("its {what} cannot be read"))?;
    let tokens: Vec<&Token> = tokens.iter().filter(|t| !matches!(t, Token::Whitespace(_))).collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if word.quote_style.is_none() => {
                let name = word.value.to_lowercase();
                let around = !looks_around && AROUND.contains(&name.as_str());
                if around || MOVING.contains(&name.as_str()) {
                    return Err(format!("its {what} says `{name}`"));
                }
                let called = matches!(tokens.get(at + 1), Some(Token::LParen));
                if called && !SYNTAX.contains(&name.as_str()) && !functions.contains(&name) {
                    functions.push(name);
                }
            }
            Token::Word(word) if matches!(tokens.get(at + 1), Some(Token::LParen)) => {
                functions.push(word.value.clone());
            }
            // 'today'::date
            Token::SingleQuotedString(text)
                if ["now", "today", "tomorrow", "yesterday"].contains(&text.trim().to_lowercase().as_str()) =>
            {
                return Err(format!("its {what} says '{text}'"));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady_functions(text: &str) -> Result<Vec<String>, String> {
        let mut functions = Vec::new();
        steady("`where`", text, &mut functions).map(|()| functions)
    }

    #[test]
    fn what_means_the_same_tomorrow() {
        assert_eq!(steady_functions("a > 1 and b in ('x', 'now and then')"), Ok(vec![]));
        assert_eq!(
            steady_functions("lower(a) = 'x' or coalesce(b, abs(c)) > 0 and \"Mine\"(1)"),
            Ok(vec!["lower".to_owned(), "abs".to_owned(), "Mine".to_owned()])
        );
        for text in [
            "created_at > current_date - 3",
            "id in (select id from t)",
            "at < 'now'::timestamptz",
            "x = {{ var('x') }}",
            "row_number() over (partition by a) = 1",
            "'not closed",
        ] {
            assert!(steady_functions(text).is_err(), "{text}");
        }
        // The catalogue tells that it is not immutable.
        assert_eq!(steady_functions("at < now()"), Ok(vec!["now".to_owned()]));
    }

    #[test]
    fn columns_and_expressions() {
        assert!(is_column("order_id") && is_column("\"Order id\"") && is_column("é1"));
        assert!(!is_column("a || b") && !is_column("1a") && !is_column("\"a\"\"b\"") && !is_column(""));
    }
}
