//! `env_var`

use minijinja::{Error, State, Value};

use super::session;
use crate::jinja::host::Refusal;

pub(super) fn env_var(state: &mut State, name: &str, default: Option<Value>) -> Result<Value, Error> {
    if name.starts_with("DBT_ENV_SECRET") {
        return Err(Refusal::new(
            "secret-env-var",
            format!("`env_var('{name}')` is a secret, which only profiles and packages may read"),
        )
        .help("rename the variable if it is no secret")
        .into());
    }
    match session(state)?.host.env(name) {
        Some(value) => Ok(Value::from(value)),
        None => default.ok_or_else(|| {
            Refusal::new(
                "missing-env-var",
                format!("the environment variable `{name}` is not set"),
            )
            .help(format!("set it, or give a default: `env_var('{name}', '..')`"))
            .into()
        }),
    }
}
