//! The environment variables of a command, as a value, so that a test can bring its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Secret;

/// Variables whose name begins so may be used in profiles only, and are masked wherever text is shown.
pub const SECRET_PREFIX: &str = "DBT_ENV_SECRET";

/// Environment variables; those that are not Unicode are left out.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, Secret>);

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::reveal)
    }

    /// As `get`, with an empty value counting as none, as libpq has it.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Set, and neither empty, `0`, `false`, `no` nor `off`.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.filled(name)
            .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off"))
    }

    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        self.filled("HOME").map(PathBuf::from)
    }

    /// The values of the secret variables, to be masked in whatever is shown.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        self.0
            .iter()
            .filter(|(name, value)| name.starts_with(SECRET_PREFIX) && !value.reveal().is_empty())
            .map(|(_, value)| value.clone())
            .collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), Secret::new(value)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_and_secrets() {
        let env: Environment = [
            ("A", "1"),
            ("B", "false"),
            ("C", ""),
            ("DBT_ENV_SECRET_X", "s3"),
            ("OTHER", "x"),
        ]
        .into_iter()
        .collect();
        assert!(env.is_on("A") && !env.is_on("B") && !env.is_on("C") && !env.is_on("D"));
        assert_eq!(env.filled("C"), None);
        assert_eq!(env.secrets(), vec![Secret::new("s3")]);
        assert!(!format!("{env:?}").contains("s3"));
    }
}
