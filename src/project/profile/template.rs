//! Jinja in the values of a profile: `{{ env_var('DB_PORT', '5432') | int }}`.
//!
//! A small environment of its own: profiles are read before a project is, and know `env_var`, `var` and the filters that
//! give a value a type (<https://docs.getdbt.com/docs/core/connect-data-platform/connection-profiles>).

use minijinja::value::{Serde, Value};
use minijinja::{Environment as Engine, Error, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value as Json};

use super::Environment;

/// Renders a string of a file that is read before the project is.
pub struct Template(Engine<'static>);

/// Why a value cannot be rendered.
#[derive(Debug)]
pub struct RenderError {
    pub message: String,
    pub help: Option<String>,
}

impl Template {
    #[must_use]
    pub fn new(environment: &Environment, vars: &Map<String, Json>) -> Self {
        let mut engine = Engine::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let environment = environment.clone();
        engine.add_function("env_var", move |name: String, default: Option<Value>| {
            match (environment.get(&name), default) {
                (Some(value), _) => Ok(Value::from(value)),
                (None, Some(default)) => Ok(default),
                (None, None) => Err(missing(format!("the environment variable `{name}` is not set"))),
            }
        });
        let vars = vars.clone();
        engine.add_function("var", move |name: String, default: Option<Value>| {
            match (vars.get(&name), default) {
                (Some(value), _) => Ok(Value::from(Serde(value))),
                (None, Some(default)) => Ok(default),
                (None, None) => Err(missing(format!("the variable `{name}` is not given with --vars"))),
            }
        });
        engine.add_filter("as_text", |value: Value| value.to_string());
        engine.add_filter("as_number", |value: Value| {
            let text = value.to_string();
            number(&text).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("`{text}` is not a number")))
        });
        engine.add_filter("as_bool", |value: Value| {
            let text = value.to_string();
            boolean(&text).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidOperation,
                    format!("`{text}` is neither `true` nor `false`"),
                )
            })
        });
        engine.add_filter("as_native", |value: Value| {
            let text = value.to_string();
            number(&text)
                .or_else(|| boolean(&text))
                .unwrap_or_else(|| if text == "None" { Value::from(()) } else { value })
        });
        Self(engine)
    }

    /// Text without Jinja is answered as it is. A value that is one expression keeps the expression's type.
    pub fn render(&self, text: &str) -> Result<Json, RenderError> {
        if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
            return Ok(Json::String(text.to_owned()));
        }
        let rendered = match single_expression(text) {
            Some(expression) => self
                .0
                .compile_expression(expression)
                .and_then(|compiled| compiled.eval(()))
                .and_then(|value| {
                    serde_json::to_value(&value)
                        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
                }),
            None => self.0.render_str(text, ()).map(Json::String),
        };
        rendered.map_err(|error| RenderError {
            help: (error.kind() == ErrorKind::UndefinedError)
                .then(|| "set it, or give a default as the second argument".to_owned()),
            message: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
        })
    }
}

fn missing(message: String) -> Error {
    Error::new(ErrorKind::UndefinedError, message)
}

fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    text.parse::<i64>().map(Value::from).ok().or_else(|| {
        text.parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(Value::from)
    })
}

fn boolean(text: &str) -> Option<Value> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(Value::from(true)),
        "false" => Some(Value::from(false)),
        _ => None,
    }
}

/// What stands between the braces where a text is one expression and nothing else.
fn single_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    (!inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%")).then(|| inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renderer() -> Template {
        let environment = [("PORT", "6543"), ("DEBUG", "True"), ("DBT_ENV_SECRET_PW", "s3")]
            .into_iter()
            .collect();
        let mut vars = Map::new();
        vars.insert("who".into(), "me".into());
        Template::new(&environment, &vars)
    }

    fn render(text: &str) -> Json {
        renderer()
            .render(text)
            .unwrap_or_else(|error| panic!("{}", error.message))
    }

    #[test]
    fn values_keep_the_type_that_a_filter_gives() {
        assert_eq!(render("{{ env_var('PORT') }}"), Json::from("6543"));
        assert_eq!(render("{{ env_var('PORT') | int }}"), Json::from(6543));
        assert_eq!(render("{{ env_var('PORT') | as_number }}"), Json::from(6543));
        assert_eq!(render("{{ env_var('DEBUG') | as_bool }}"), Json::from(true));
        assert_eq!(render("{{ env_var('PORT') | as_native }}"), Json::from(6543));
        assert_eq!(
            render("{{ env_var('NONE', 'x') }}-{{ var('who') }}"),
            Json::from("x-me")
        );
        assert_eq!(render("{{ env_var('DBT_ENV_SECRET_PW') }}"), Json::from("s3"));
        assert_eq!(render("{{ env_var('PORT').replace('6', '7') }}"), Json::from("7543"));
        assert_eq!(render("plain"), Json::from("plain"));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = renderer().render("{{ env_var('NOPE') }}").expect_err("missing");
        assert!(
            error.message.contains("`NOPE`") && error.help.is_some(),
            "{}",
            error.message
        );
        let error = renderer()
            .render("{{ env_var('DEBUG') | as_number }}")
            .expect_err("not a number");
        assert!(error.message.contains("`True` is not a number"), "{}", error.message);
    }
}
