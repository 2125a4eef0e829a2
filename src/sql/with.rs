//! Common table expressions written into a query.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

/// Where a query's own WITH clause takes further expressions: the byte after `with`, or after `with recursive`; `None`
/// where it has no such clause. A query that the tokenizer does not take counts as one without.
fn with_clause(sql: &str) -> Option<usize> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize_with_location()
        .ok()?;
    let mut words = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .map(|token| match &token.token {
            Token::Word(word) if word.quote_style.is_none() => (word.keyword, token.span.end),
            _ => (Keyword::NoKeyword, token.span.end),
        });
    let (keyword, mut end) = words.next()?;
    if keyword != Keyword::WITH {
        return None;
    }
    if let Some((Keyword::RECURSIVE, after)) = words.next() {
        end = after;
    }
    Some(offset(sql, end))
}

/// The byte at a line and column, both from 1, the column in characters.
pub(super) fn offset(sql: &str, location: Location) -> usize {
    let line = usize::try_from(location.line).unwrap_or(1).max(1);
    let column = usize::try_from(location.column).unwrap_or(1).max(1);
    let start: usize = sql.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = &sql[start..];
    start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(at, _)| at)
}

/// The query with the expressions, each a name and a query, before its own. The query itself is not changed.
#[must_use]
pub fn with_expressions<'a>(sql: &str, expressions: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let list: Vec<String> = expressions
        .into_iter()
        .map(|(name, body)| format!("{name} as (\n{body}\n)"))
        .collect();
    if list.is_empty() {
        return sql.to_owned();
    }
    let list = list.join(", ");
    match with_clause(sql) {
        Some(at) => format!("{} {list}, {}", &sql[..at], sql[at..].trim_start()),
        None => format!("with {list}\n{sql}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const E: [(&str, &str); 1] = [("e", "select 1 as a")];

    #[test]
    fn a_query_without_with() {
        assert_eq!(
            with_expressions("select * from e", E),
            "with e as (\nselect 1 as a\n)\nselect * from e"
        );
        assert!(with_expressions("withdrawals", E).starts_with("with e as ("));
        assert_eq!(with_expressions("select 1", []), "select 1");
    }

    #[test]
    fn into_a_with_clause_after_comments() {
        assert_eq!(
            with_expressions("-- é with\n/* a /* b */ */ WITH x as (select 1) select 2", E),
            "-- é with\n/* a /* b */ */ WITH e as (\nselect 1 as a\n), x as (select 1) select 2"
        );
        assert_eq!(
            with_expressions("with recursive x as (select 1) select 2", E),
            "with recursive e as (\nselect 1 as a\n), x as (select 1) select 2"
        );
    }

    #[test]
    fn text_that_is_no_sql_is_left_alone() {
        assert_eq!(
            with_expressions("select 'open", E),
            "with e as (\nselect 1 as a\n)\nselect 'open"
        );
    }
}
