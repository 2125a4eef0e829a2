//! The unique key of an incremental model, as its configuration writes it.

use crate::graph::NodeConfig;
use crate::sql::ident;

/// A part of the key.
#[derive(Debug, PartialEq, Eq)]
pub enum Key {
    /// Quoted.
    Column(String),
    /// SQL over the columns, which a project may write where dbt wants a name.
    Expression(String),
}

impl Key {
    /// One entry may hold several, as in `unique_key: id, day`.
    #[must_use]
    pub fn all(config: &NodeConfig) -> Vec<Self> {
        config
            .unique_key
            .iter()
            .flat_map(|entry| parts(entry))
            .map(Self::of)
            .collect()
    }

    /// Unquoted, a name means the folded one; quoted it stays as it is.
    fn of(part: &str) -> Self {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        let is_quoted = || {
            let within = part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            within.is_some_and(|name| !name.replace("\"\"", "").contains('"'))
        };
        if is_quoted() {
            Self::Column(part.to_owned())
        } else if part.chars().all(is_word) {
            Self::Column(ident(&part.to_lowercase()))
        } else {
            Self::Expression(part.to_owned())
        }
    }

    /// As it is written where `prefix` names the relation. An expression cannot be told which relation it is about; it
    /// stands where only one is at hand, or where the nearest is meant.
    #[must_use]
    pub fn within(&self, prefix: &str) -> String {
        match self {
            Self::Column(name) => format!("{prefix}{name}"),
            Self::Expression(text) => format!("({text})"),
        }
    }
}

/// Split at the commas that stand in no quotes and no brackets.
fn parts(entry: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (at, c) in entry.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = Some(open).filter(|open| *open != c),
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                found.push(&entry[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&entry[start..]);
    found
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_expressions() {
        assert_eq!(Key::of("Id"), Key::Column("\"id\"".to_owned()));
        assert_eq!(Key::of("\"I, d\""), Key::Column("\"I, d\"".to_owned()));
        assert_eq!(Key::of("\"a\" || \"b\""), Key::Expression("\"a\" || \"b\"".to_owned()));
        assert_eq!(Key::of("id::text").within("x."), "(id::text)");
        assert_eq!(
            parts("id, \"a,b\", coalesce(a, ',') , "),
            ["id", "\"a,b\"", "coalesce(a, ',')"]
        );
    }
}
