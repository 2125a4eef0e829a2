//! Relations that are read in part: no rows of them, or those of a span of time.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::quote::ident;
use super::with::offset;

/// What the alias of a subquery begins with, by what it does; dbt's names.
const NOTHING: &str = "_dbt_limit_subq_";
const SPAN: &str = "_dbt_et_filter_subq_";

/// The rows of a span of time, its end left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The column that dates a row, as it stands in SQL.
    pub column: String,
    /// As they stand in quotes, such as `2024-01-01 00:00:00+00:00`.
    pub from: String,
    pub to: String,
}

/// Words that may follow a table without an alias.
const GO_ON: [Keyword; 24] = [
    Keyword::CROSS,
    Keyword::EXCEPT,
    Keyword::FETCH,
    Keyword::FOR,
    Keyword::FULL,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::INNER,
    Keyword::INTERSECT,
    Keyword::JOIN,
    Keyword::LEFT,
    Keyword::LIMIT,
    Keyword::NATURAL,
    Keyword::OFFSET,
    Keyword::ON,
    Keyword::ORDER,
    Keyword::RETURNING,
    Keyword::RIGHT,
    Keyword::SET,
    Keyword::UNION,
    Keyword::USING,
    Keyword::WHEN,
    Keyword::WHERE,
    Keyword::WINDOW,
];

/// What is read of a relation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Narrowing {
    /// Its columns only.
    pub nothing: bool,
    pub span: Option<Span>,
}

impl Narrowing {
    /// The subquery that takes the place of the relation `rendered`, with an alias after its name `table`.
    #[must_use]
    pub fn around(&self, rendered: &str, table: &str) -> String {
        let mut sql = rendered.to_owned();
        if self.nothing {
            let alias = alias(NOTHING, table);
            sql = format!("(select * from {sql} where false limit 0) {alias}");
        }
        if let Some(Span { column, from, to }) = &self.span {
            let alias = alias(SPAN, table);
            sql = format!("(select * from {sql} where {column} >= '{from}' and {column} < '{to}') {alias}");
        }
        sql
    }
}

/// Bare where it can be, as dbt writes it.
fn alias(start: &str, table: &str) -> String {
    let bare = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let name = format!("{start}{table}");
    if table.chars().all(bare) { name } else { ident(&name) }
}

/// Leaves the alias of a narrowed relation out where the query gives it one of its own: `(..) _dbt_limit_subq_orders o`.
#[must_use]
pub fn with_own_aliases(sql: &str) -> String {
    if !(sql.contains(NOTHING) || sql.contains(SPAN)) {
        return sql.to_owned();
    }
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location() else {
        return sql.to_owned();
    };
    let tokens: Vec<&TokenWithSpan> = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .collect();
    let mut kept = String::with_capacity(sql.len());
    let mut at = 0;
    for three in tokens.windows(3) {
        let [before, alias, after] = three else { continue };
        if before.token == Token::RParen && is_ours(&alias.token) && is_alias(&after.token) {
            kept.push_str(&sql[at..offset(sql, alias.span.start)]);
            at = offset(sql, after.span.start);
        }
    }
    kept.push_str(&sql[at..]);
    kept
}

fn is_ours(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.value.starts_with(NOTHING) || word.value.starts_with(SPAN))
}

/// Whether a word after a table is its alias, or `as` before it.
fn is_alias(token: &Token) -> bool {
    match token {
        Token::Word(word) if word.quote_style.is_some() => true,
        Token::Word(word) => !GO_ON.contains(&word.keyword),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(table: &str) -> String {
        Narrowing {
            nothing: true,
            span: None,
        }
        .around(&ident(table), table)
    }

    #[test]
    fn a_span_is_taken_of_what_is_left() {
        let narrowing = Narrowing {
            nothing: true,
            span: Some(Span {
                column: "happened".into(),
                from: "2024-01-01 00:00:00+00:00".into(),
                to: "2024-01-02 00:00:00+00:00".into(),
            }),
        };
        insta::assert_snapshot!(
            narrowing.around("\"s\".\"events\"", "events"),
            @r#"(select * from (select * from "s"."events" where false limit 0) _dbt_limit_subq_events where happened >= '2024-01-01 00:00:00+00:00' and happened < '2024-01-02 00:00:00+00:00') _dbt_et_filter_subq_events"#
        );
        assert!(narrowed("Odd Name").ends_with(r#" "_dbt_limit_subq_Odd Name""#));
    }

    #[test]
    fn an_alias_of_the_query_is_the_only_one() {
        let (one, odd) = (narrowed("orders"), narrowed("Odd Name"));
        let sql = format!("select 'ü' from {one} o\njoin {odd} as \"x\" on o.id = x.id");
        let short = |sql: &str| sql.replace("where false limit 0", "..");
        assert_eq!(
            short(&with_own_aliases(&sql)),
            "select 'ü' from (select * from \"orders\" ..) o\njoin (select * from \"Odd Name\" ..) as \"x\" on o.id = x.id"
        );
    }

    #[test]
    fn without_one_the_alias_stays() {
        let one = narrowed("orders");
        for after in [
            " where id > 1",
            " left join x on true",
            "\ngroup by 1",
            ")",
            "",
            ", b",
            " -- o\n order by 1",
        ] {
            let sql = format!("select * from {one}{after}");
            assert_eq!(with_own_aliases(&sql), sql);
        }
    }
}
