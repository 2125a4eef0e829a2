//! Secrets are kept out of whatever is shown or written.

use std::sync::LazyLock;

use regex::Regex;

use crate::project::profile::{Environment, Secret};

/// Hides the values of secret variables, and what stands before the host of a URL.
#[derive(Clone, Debug, Default)]
pub(super) struct Mask(Vec<Secret>);

static CREDENTIALS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(https?://)[^/@\s]+@").expect("the pattern is fixed"));

impl Mask {
    pub(super) fn of(environment: &Environment) -> Self {
        let mut secrets = environment.secrets();
        // A secret may be part of another one.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
        Self(secrets)
    }

    /// The text with the values of secret variables starred out, as dbt writes it into the lock file.
    pub(super) fn secrets(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.reveal(), "*****"))
    }

    /// The text as it may be shown: no secret, and no name or password in a URL.
    pub(super) fn all(&self, text: &str) -> String {
        let text = self.secrets(text);
        CREDENTIALS.replace_all(&text, "${1}*****@").into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_secrets_and_credentials() {
        let environment = [("DBT_ENV_SECRET_A", "abc"), ("DBT_ENV_SECRET_B", "abcdef"), ("C", "x")]
            .into_iter()
            .collect();
        let mask = Mask::of(&environment);
        assert_eq!(mask.all("clone https://me:pw@h/x.git"), "clone https://*****@h/x.git");
        assert_eq!(mask.all("abcdef abc x"), "***** ***** x");
        assert_eq!(mask.secrets("https://me:pw@h/abc"), "https://me:pw@h/*****");
        assert_eq!(mask.all("git@github.com:a/b.git"), "git@github.com:a/b.git");
    }
}
