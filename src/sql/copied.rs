//! Which columns of a query are copies of columns of tables: only where the text leaves no doubt.

use std::collections::HashMap;

use sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// Where a value stands unchanged: schema, table and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub schema: String,
    pub table: String,
    pub column: String,
}

/// The columns of a table by schema and name, where they are known.
pub type KnownColumns<'a> = dyn Fn(&str, &str) -> Option<Vec<String>> + 'a;

/// What a query or a table has: its columns in order, each with where it comes from where that is certain.
#[derive(Clone, Default)]
struct Shape {
    columns: Vec<(String, Option<Origin>)>,
    /// Whether it may have columns under names that are not listed.
    open: bool,
}

/// What stands after FROM, by the name that it has there.
struct Source {
    name: String,
    shape: Option<Shape>,
}

type Scope = HashMap<String, Option<Shape>>;

/// The columns of a query that are copies, by name. Expressions, casts and set operations are none; text that is not
/// understood has none.
#[must_use]
pub fn copied_columns(sql: &str, known: &KnownColumns<'_>) -> Vec<(String, Origin)> {
    let parsed = Parser::new(&PostgreSqlDialect {})
        .try_with_sql(sql)
        .and_then(|mut parser| parser.parse_query());
    let Some(shape) = parsed.ok().and_then(|query| of_query(&query, &Scope::new(), known)) else {
        return Vec::new();
    };
    let certain = |(name, origin): &(String, Option<Origin>)| Some((name.clone(), origin.clone()?));
    let named = |name: &str| shape.columns.iter().filter(|(other, _)| other == name).count();
    let columns = shape.columns.iter().filter(|(name, _)| named(name) == 1);
    columns.filter_map(certain).collect()
}

fn of_query(query: &Query, around: &Scope, known: &KnownColumns<'_>) -> Option<Shape> {
    let mut scope = around.clone();
    if let Some(with) = &query.with {
        for cte in &with.cte_tables {
            // What a recursive expression reads of itself is not known before it is.
            let shape = (!with.recursive).then(|| of_query(&cte.query, &scope, known)).flatten();
            let shape = shape.filter(|_| cte.alias.columns.is_empty());
            scope.insert(folded(&cte.alias.name), shape);
        }
    }
    match &*query.body {
        SetExpr::Select(select) => of_select(select, &scope, known),
        SetExpr::Query(inner) => of_query(inner, &scope, known),
        _ => None,
    }
}

fn of_select(select: &Select, scope: &Scope, known: &KnownColumns<'_>) -> Option<Shape> {
    let mut sources = Vec::new();
    let mut merges = false;
    for table in &select.from {
        sources.push(source(&table.relation, scope, known));
        for join in &table.joins {
            merges |= merges_columns(join);
            sources.push(source(&join.relation, scope, known));
        }
    }
    let mut shape = Shape::default();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => match named(expr) {
                Some(name) => shape.columns.push((name, origin(expr, &sources))),
                // PostgreSQL makes up a name.
                None => shape.open = true,
            },
            SelectItem::ExprWithAlias { expr, alias } => shape.columns.push((folded(alias), origin(expr, &sources))),
            SelectItem::Wildcard(_) if !merges => {
                for source in &sources {
                    take_all(&mut shape, source.shape.as_ref()?);
                }
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let [part] = &name.0[..] else { return None };
                let name = folded(part.as_ident()?);
                let source = sources.iter().find(|source| source.name == name)?;
                take_all(&mut shape, source.shape.as_ref()?);
            }
            _ => return None,
        }
    }
    Some(shape)
}

fn take_all(into: &mut Shape, from: &Shape) {
    into.columns.extend(from.columns.iter().cloned());
    into.open |= from.open;
}

/// Whether `*` shows a column of both sides once.
fn merges_columns(join: &Join) -> bool {
    let (JoinOperator::Join(how)
    | JoinOperator::Inner(how)
    | JoinOperator::Left(how)
    | JoinOperator::LeftOuter(how)
    | JoinOperator::Right(how)
    | JoinOperator::RightOuter(how)
    | JoinOperator::FullOuter(how)
    | JoinOperator::CrossJoin(how)) = &join.join_operator
    else {
        return true;
    };
    matches!(how, JoinConstraint::Using(_) | JoinConstraint::Natural)
}

fn source(factor: &TableFactor, scope: &Scope, known: &KnownColumns<'_>) -> Source {
    let called = |alias: &Option<TableAlias>, otherwise: Option<String>| {
        let name = alias.as_ref().map(|alias| folded(&alias.name)).or(otherwise);
        (
            name.unwrap_or_default(),
            alias.as_ref().is_none_or(|alias| alias.columns.is_empty()),
        )
    };
    match factor {
        TableFactor::Table {
            name,
            alias,
            args: None,
            with_ordinality: false,
            ..
        } => {
            let parts = parts(name);
            let (name, plain) = called(alias, parts.last().cloned());
            let shape = match &parts[..] {
                [one] => scope.get(one).cloned().flatten(),
                [.., schema, table] => of_table(schema, table, known),
                [] => None,
            };
            Source {
                name,
                shape: shape.filter(|_| plain),
            }
        }
        TableFactor::Derived {
            lateral: false,
            subquery,
            alias,
            ..
        } => {
            let (name, plain) = called(alias, None);
            let shape = of_query(subquery, scope, known).filter(|_| plain);
            Source { name, shape }
        }
        _ => Source {
            name: String::new(),
            shape: None,
        },
    }
}

fn of_table(schema: &str, table: &str, known: &KnownColumns<'_>) -> Option<Shape> {
    let columns = known(schema, table)?.into_iter().map(|column| {
        let origin = Origin {
            schema: schema.to_owned(),
            table: table.to_owned(),
            column: column.clone(),
        };
        (column, Some(origin))
    });
    Some(Shape {
        columns: columns.collect(),
        open: false,
    })
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect()
}

/// The name that an expression has without an alias.
fn named(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(folded(name)),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded),
        _ => None,
    }
}

fn origin(expr: &Expr, sources: &[Source]) -> Option<Origin> {
    match expr {
        Expr::Identifier(column) => {
            let column = folded(column);
            let mut found = sources.iter().filter_map(|source| one(source.shape.as_ref()?, &column));
            let first = found.next()?;
            let alone = sources.len() == 1;
            let certain = sources
                .iter()
                .all(|source| source.shape.as_ref().is_some_and(|shape| !shape.open));
            first.filter(|_| alone || (certain && found.next().is_none()))
        }
        Expr::CompoundIdentifier(parts) => {
            let [source, column] = &parts[..] else { return None };
            let (name, column) = (folded(source), folded(column));
            let mut found = sources.iter().filter(|source| source.name == name);
            let source = found.next().filter(|_| found.next().is_none())?;
            one(source.shape.as_ref()?, &column).flatten()
        }
        _ => None,
    }
}

/// The one column of a name: nothing where there is none; no origin where there are several.
fn one(shape: &Shape, name: &str) -> Option<Option<Origin>> {
    let mut found = shape.columns.iter().filter(|(other, _)| other == name);
    let (_, origin) = found.next()?;
    Some(origin.clone().filter(|_| found.next().is_none()))
}

/// A name as PostgreSQL takes it: in lower case unless it is quoted.
fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies as `column<schema.table.column`, of two tables that are known.
    fn copies(sql: &str) -> String {
        let known = |schema: &str, table: &str| {
            let columns: &[&str] = match (schema, table) {
                ("s", "a") => &["id", "x", "Odd"],
                ("s", "b") => &["id", "y"],
                _ => return None,
            };
            Some(columns.iter().map(|column| (*column).to_owned()).collect())
        };
        let found = copied_columns(sql, &known);
        let told = found
            .iter()
            .map(|(name, o)| format!("{name}<{}.{}.{}", o.schema, o.table, o.column));
        told.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn copies_are_found() {
        for (sql, found) in [
            (
                "select ID, x as z, \"Odd\", x + 1 as w from s.a",
                "id<s.a.id z<s.a.x Odd<s.a.Odd",
            ),
            ("select * from \"db\".\"s\".\"b\"", "id<s.b.id y<s.b.y"),
            (
                "with r as (select * from s.a), n as (select id as k, x from r) select n.*, b.y from n left join s.b as b on b.id = n.k",
                "k<s.a.id x<s.a.x y<s.b.y",
            ),
            (
                "select q.k, y from (select id as k from s.a) q, s.b",
                "k<s.a.id y<s.b.y",
            ),
            ("select distinct a.x, count(*) from s.a group by 1", "x<s.a.x"),
            ("select x, y from s.a join s.b using (id)", "x<s.a.x y<s.b.y"),
        ] {
            assert_eq!(copies(sql), found, "{sql}");
        }
    }

    #[test]
    fn what_is_not_certain_is_left_out() {
        for sql in [
            "select id from s.a, s.b",
            "select id, x from s.a, s.unknown",
            "select * from s.a join s.b using (id)",
            "select * from s.a natural join s.b",
            "select x from s.a union all select y from s.b",
            "select x::int as x, max(id) as id from s.a",
            "select a.id, b.id from s.a a, s.b b",
            "select x from a",
            "select z from s.a as t (z)",
            "with recursive r as (select id from s.a) select id from r",
            "with a as (select 1 as x) select x from a",
            "select x, y from s.b, (select count(*), 1 as x from s.a) q",
            "select lateral_x from s.a, lateral (select a.x as lateral_x) l",
            "no sql at all",
        ] {
            assert_eq!(copies(sql), "", "{sql}");
        }
    }
}
