//! Persons who meet a condition, such as those of a table of requests.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::diagnostic::{Diagnostic, nearest};
use crate::postgres::{Connection, SqlError};
use crate::sql::{Relation, bare_name, ident};

/// An SQL condition on the values of one subject key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectCondition {
    pub key: String,
    text: String,
    /// The strings and numbers in it, which messages leave out.
    values: Vec<String>,
}

impl SubjectCondition {
    /// Finds out which of the declared keys the condition is about: the one that stands outside of parentheses, else the
    /// only one there is.
    pub fn read(text: &str, declared: &[String]) -> Result<Self, Diagnostic> {
        let wrong = |cause: String| {
            Diagnostic::error("invalid-argument", "the condition of --where cannot be used")
                .because(cause)
                .help("write SQL about a subject key, such as --where 'user_id in (select user_id from privacy.requests)'")
        };
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
            .tokenize()
            .map_err(|error| wrong(error.message))?;
        let (mut outside, mut anywhere, mut words) = (Vec::new(), Vec::new(), Vec::new());
        let (mut depth, mut values) = (0_i32, Vec::new());
        for token in tokens {
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::SingleQuotedString(value) | Token::EscapedStringLiteral(value) | Token::Number(value, _) => {
                    values.push(value);
                }
                Token::DollarQuotedString(quoted) => values.push(quoted.value),
                Token::SemiColon => return Err(wrong("it holds a semicolon".to_owned())),
                Token::Word(word) => {
                    let name = if word.quote_style.is_some() {
                        word.value
                    } else {
                        word.value.to_lowercase()
                    };
                    if let Some(key) = declared.iter().find(|key| bare_name(key) == name) {
                        if depth == 0 && !outside.contains(key) {
                            outside.push(key.clone());
                        }
                        if !anywhere.contains(key) {
                            anywhere.push(key.clone());
                        }
                    }
                    words.push(name);
                }
                _ => {}
            }
            if depth < 0 {
                return Err(wrong("a parenthesis is closed that was never opened".to_owned()));
            }
        }
        if depth > 0 {
            return Err(wrong("a parenthesis is never closed".to_owned()));
        }
        let found = if outside.is_empty() { anywhere } else { outside };
        match found.as_slice() {
            [key] => Ok(Self {
                key: key.clone(),
                text: text.to_owned(),
                values,
            }),
            [] => {
                let near = words
                    .iter()
                    .find_map(|word| nearest(word, declared.iter().map(String::as_str)));
                let error = Diagnostic::error("unknown-subject-key", "the condition of --where names no subject key");
                Err(match near {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help(format!("the keys that columns declare are: {}", declared.join(", "))),
                })
            }
            several => Err(wrong(format!("it names several subject keys: {}", several.join(", ")))),
        }
    }

    fn sql(&self, column: &str, relation: &Relation) -> String {
        let key = ident(&bare_name(&self.key));
        format!(
            "select distinct s.{key}::text\nfrom (select t.{column} as {key} from {relation} as t) as s\n\
             where s.{key} is not null and (\n{}\n)",
            self.text,
            column = ident(column)
        )
    }

    /// The values that meet it, out of the columns that hold the key itself. Nothing can be written meanwhile.
    pub async fn values(
        &self,
        connection: &Connection,
        columns: &[(String, Relation)],
    ) -> Result<Vec<String>, Diagnostic> {
        connection.begin().await.map_err(|error| self.refused(&error))?;
        let read = async {
            connection.batch("set transaction read only").await?;
            let mut values = Vec::new();
            for (column, relation) in columns {
                let rows = connection.query(&self.sql(column, relation), &[]).await?;
                values.extend(rows.iter().map(|row| row.get::<_, String>(0)));
            }
            Ok::<_, SqlError>(values)
        };
        let read = read.await;
        let _ = connection.rollback().await;
        let mut values = read.map_err(|error| self.refused(&error))?;
        values.sort();
        values.dedup();
        Ok(values)
    }

    /// Why the server refused it. Errors of class 22 quote values, so what they quote is left out.
    fn refused(&self, error: &SqlError) -> Diagnostic {
        let mut message = error.message.clone();
        if error.sqlstate.as_deref().is_some_and(|state| state.starts_with("22")) {
            let parts: Vec<&str> = message.split('"').collect();
            message = parts
                .iter()
                .enumerate()
                .map(|(place, part)| if place % 2 == 1 { "*****" } else { part })
                .collect::<Vec<_>>()
                .join("\"");
        }
        for value in self.values.iter().filter(|value| !value.is_empty()) {
            message = message.replace(value.as_str(), "*****");
        }
        let state = error.sqlstate.as_deref().map(|state| format!(" (SQLSTATE {state})"));
        Diagnostic::error("erasure-failed", "the server refused the condition of --where, so nothing was erased")
            .because(format!("{message}{}", state.unwrap_or_default()))
            .help(format!(
                "the condition is about one column, {}, of the type that it has in each table that holds the key; only reading is allowed in it",
                self.key
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SubjectCondition, String> {
        let declared = ["user_id".to_owned(), "unit".to_owned()];
        SubjectCondition::read(text, &declared).map_err(|error| error.to_string())
    }

    #[test]
    fn a_condition_is_about_one_key() {
        let key = |text: &str| read(text).map(|condition| condition.key);
        assert_eq!(key("User_Id = '7'"), Ok("user_id".to_owned()));
        assert_eq!(key("\"user_id\" in (select unit from t)"), Ok("user_id".to_owned()));
        assert_eq!(key("(unit > 5)"), Ok("unit".to_owned()));
        for (wrong, why) in [
            ("user_id = unit", "several subject keys: user_id, unit"),
            ("userid = '7'", "did you mean `user_id`?"),
            ("true", "the keys that columns declare are: user_id, unit"),
            ("user_id = 'a'; drop table t", "semicolon"),
            ("user_id = 'a') or (true", "never opened"),
            ("(user_id = 'a'", "never closed"),
            ("user_id = 'a", "Unterminated string"),
        ] {
            let said = key(wrong).expect_err(wrong);
            assert!(said.contains(why), "{wrong}: {said}");
        }
    }

    #[test]
    fn the_column_keeps_its_type_and_takes_the_keys_name() {
        let condition = read("user_id = 7 -- her").expect("about a key");
        insta::assert_snapshot!(condition.sql("Caller", &Relation::new(None, "dev", "calls")), @r#"
        select distinct s."user_id"::text
        from (select t."Caller" as "user_id" from "dev"."calls" as t) as s
        where s."user_id" is not null and (
        user_id = 7 -- her
        )
        "#);
    }
}
