//! One criterion, such as `2+tag:nightly+`, taken apart.

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, nearest};

/// How far a `+` reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    All,
    Steps(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Fqn,
    Tag,
    Source,
    Path,
    File,
    Package,
    Config,
    TestName,
    TestType,
    ResourceType,
    Access,
    Group,
    Exposure,
    Version,
    UnitTest,
    Selector,
    Metric,
    SemanticModel,
    SavedQuery,
    State,
    Result,
    SourceStatus,
}

const METHODS: [(&str, Method); 22] = [
    ("fqn", Method::Fqn),
    ("tag", Method::Tag),
    ("source", Method::Source),
    ("path", Method::Path),
    ("file", Method::File),
    ("package", Method::Package),
    ("config", Method::Config),
    ("test_name", Method::TestName),
    ("test_type", Method::TestType),
    ("resource_type", Method::ResourceType),
    ("access", Method::Access),
    ("group", Method::Group),
    ("exposure", Method::Exposure),
    ("version", Method::Version),
    ("unit_test", Method::UnitTest),
    ("selector", Method::Selector),
    ("metric", Method::Metric),
    ("semantic_model", Method::SemanticModel),
    ("saved_query", Method::SavedQuery),
    ("state", Method::State),
    ("result", Method::Result),
    ("source_status", Method::SourceStatus),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    pub method: Method,
    /// What follows the method's name, such as `meta`, `owner` in `config.meta.owner:finance`.
    pub arguments: Vec<String>,
    pub value: String,
    /// `@`: children, and everything that they or it need.
    pub childrens_parents: bool,
    pub parents: Option<Reach>,
    pub children: Option<Reach>,
}

impl Criterion {
    /// Reads `[@][N+][method[.argument]:]value[+N]`.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let (rest, childrens_parents) = match text.strip_prefix('@') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (rest, parents) = parents(rest, text)?;
        let (rest, children) = children(rest, text)?;
        if childrens_parents && children.is_some() {
            return Err(malformed(
                text,
                "a leading `@` already means all children, so a trailing `+` cannot follow",
            )
            .help(format!(
                "write `{}` or `{}`",
                text.trim_end_matches(|c: char| c == '+' || c.is_ascii_digit()),
                text.trim_start_matches('@')
            )));
        }
        let (method, arguments, value) = match method_name(rest) {
            None => (default_method(rest), Vec::new(), rest),
            Some((name, value)) => {
                let mut parts = name.split('.').map(str::to_owned);
                let method = method(&parts.next().unwrap_or_default(), text)?;
                (method, parts.collect(), value)
            }
        };
        if value.is_empty() {
            return Err(malformed(text, "there is no name or value to look for"));
        }
        let criterion = Self {
            method,
            arguments,
            value: value.to_owned(),
            childrens_parents,
            parents,
            children,
        };
        criterion.check(text)?;
        Ok(criterion)
    }

    /// From a mapping of `selectors.yml`: method with its arguments, value, and `@`, parents and children.
    pub(super) fn of(
        name: &str,
        value: &str,
        (childrens_parents, parents, children): (bool, Option<Reach>, Option<Reach>),
    ) -> Result<Self, Diagnostic> {
        let text = format!("{name}:{value}");
        if childrens_parents && children.is_some() {
            return Err(malformed(
                &text,
                "`childrens_parents` already means all children, so `children` cannot stand beside it",
            ));
        }
        let mut parts = name.split('.').map(str::to_owned);
        let criterion = Self {
            method: method(&parts.next().unwrap_or_default(), &text)?,
            arguments: parts.collect(),
            value: value.to_owned(),
            childrens_parents,
            parents,
            children,
        };
        criterion.check(&text)?;
        Ok(criterion)
    }

    /// Whether another run is asked.
    pub(super) fn compares(&self) -> bool {
        matches!(self.method, Method::State | Method::Result | Method::SourceStatus)
    }

    /// `method.argument:value`
    pub(super) fn typed(&self) -> String {
        let name = METHODS.iter().find(|(_, method)| *method == self.method);
        let name = name.map_or("", |(name, _)| name);
        let parts: Vec<&str> = std::iter::once(name)
            .chain(self.arguments.iter().map(String::as_str))
            .collect();
        format!("{}:{}", parts.join("."), self.value)
    }

    /// As dbt's manifest has it.
    pub(super) fn mapping(&self) -> Json {
        let name = METHODS.iter().find(|(_, method)| *method == self.method);
        let mut method = name.map_or("", |(name, _)| name).to_owned();
        for argument in &self.arguments {
            method.push('.');
            method.push_str(argument);
        }
        let mut mapping = Map::new();
        if self.childrens_parents {
            mapping.insert("childrens_parents".to_owned(), true.into());
        }
        for (key, reach) in [("parents", self.parents), ("children", self.children)] {
            if let Some(reach) = reach {
                mapping.insert(key.to_owned(), true.into());
                if let Reach::Steps(steps) = reach {
                    mapping.insert(format!("{key}_depth"), steps.to_string().into());
                }
            }
        }
        mapping.insert("method".to_owned(), method.into());
        mapping.insert("value".to_owned(), self.value.as_str().into());
        mapping.into()
    }

    /// What a method cannot take, said before anything is looked up.
    fn check(&self, text: &str) -> Result<(), Diagnostic> {
        let parts = self.value.split('.').count();
        match self.method {
            Method::Config if self.arguments.is_empty() => {
                Err(malformed(text, "`config` needs the key to look at").help("write `config.materialized:view`, say"))
            }
            Method::Source if parts > 3 => Err(malformed(
                text,
                "a source is `source`, `source.table` or `package.source.table`",
            )),
            Method::UnitTest if parts > 2 => Err(malformed(text, "a unit test is `name` or `package.name`")),
            Method::Metric if parts > 2 => Err(malformed(text, "a metric is `name` or `package.name`")),
            Method::SemanticModel if parts > 2 => Err(malformed(text, "a semantic model is `name` or `package.name`")),
            Method::SavedQuery if parts > 2 => Err(malformed(text, "a saved query is `name` or `package.name`")),
            Method::Exposure if parts > 2 => Err(malformed(text, "an exposure is `name` or `package.name`")),
            Method::TestType => one_of(
                text,
                &self.value,
                "a test type",
                &["generic", "singular", "data", "unit", "schema"],
            ),
            Method::Version => one_of(
                text,
                &self.value,
                "a kind of version",
                &["latest", "prerelease", "old", "none"],
            ),
            Method::ResourceType => one_of(
                text,
                &self.value,
                "a resource type",
                &[
                    "model",
                    "seed",
                    "snapshot",
                    "source",
                    "test",
                    "analysis",
                    "operation",
                    "function",
                    "metric",
                    "semantic_model",
                    "saved_query",
                    "exposure",
                    "unit_test",
                ],
            ),
            Method::Access => one_of(
                text,
                &self.value,
                "an access level",
                &["private", "protected", "public"],
            ),
            _ => Ok(()),
        }
    }
}

fn one_of(text: &str, value: &str, what: &str, known: &[&str]) -> Result<(), Diagnostic> {
    if known.contains(&value) {
        return Ok(());
    }
    let help = match nearest(value, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", known.join(", ")),
    };
    Err(malformed(text, &format!("`{value}` is not {what}")).help(help))
}

fn malformed(text: &str, why: &str) -> Diagnostic {
    Diagnostic::error("invalid-selector", format!("`{text}` is not a selector: {why}"))
}

/// `+` or `2+` at the start.
fn parents<'a>(rest: &'a str, text: &str) -> Result<(&'a str, Option<Reach>), Diagnostic> {
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &rest[..rest.len() - after.len()];
    match after.strip_prefix('+') {
        Some(after) => Ok((after, Some(reach(digits, text)?))),
        None => Ok((rest, None)),
    }
}

/// `+` or `+2` at the end.
fn children<'a>(rest: &'a str, text: &str) -> Result<(&'a str, Option<Reach>), Diagnostic> {
    let before = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &rest[before.len()..];
    match before.strip_suffix('+') {
        Some(before) => Ok((before, Some(reach(digits, text)?))),
        None => Ok((rest, None)),
    }
}

fn reach(digits: &str, text: &str) -> Result<Reach, Diagnostic> {
    if digits.is_empty() {
        return Ok(Reach::All);
    }
    digits
        .parse()
        .map(Reach::Steps)
        .map_err(|_| malformed(text, &format!("{digits} steps are too many to count")))
}

/// The text before the first `:`, where it can be a method's name.
fn method_name(rest: &str) -> Option<(&str, &str)> {
    let (name, value) = rest.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    is_name.then_some((name, value))
}

fn default_method(value: &str) -> Method {
    let lower = value.to_lowercase();
    if value.contains('/') {
        Method::Path
    } else if [".sql", ".py", ".csv"].iter().any(|end| lower.ends_with(end)) {
        Method::File
    } else {
        Method::Fqn
    }
}

fn method(name: &str, text: &str) -> Result<Method, Diagnostic> {
    if let Some((_, method)) = METHODS.iter().find(|(known, _)| *known == name) {
        return Ok(*method);
    }
    let help = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(malformed(text, &format!("there is no selector method `{name}`")).help(help))
}

fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Criterion {
        Criterion::parse(text).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn operators_and_method() {
        let criterion = parsed("2+config.meta.owner:finance+1");
        assert_eq!(criterion.method, Method::Config);
        assert_eq!(criterion.arguments, ["meta", "owner"]);
        assert_eq!(criterion.value, "finance");
        assert_eq!(criterion.parents, Some(Reach::Steps(2)));
        assert_eq!(criterion.children, Some(Reach::Steps(1)));
        assert_eq!(parsed("+a").parents, Some(Reach::All));
        assert!(parsed("@a").childrens_parents);
    }

    #[test]
    fn the_method_where_none_is_written() {
        assert_eq!(parsed("models/a").method, Method::Path);
        assert_eq!(parsed("a.sql").method, Method::File);
        assert_eq!(parsed("A.CSV").method, Method::File);
        assert_eq!(parsed("a.b").method, Method::Fqn);
        assert_eq!(parsed("model_2").value, "model_2");
        assert_eq!(parsed("2024_model").value, "2024_model");
    }

    #[test]
    fn refused() {
        let refused = |text: &str| Criterion::parse(text).expect_err(text).to_string();
        insta::assert_snapshot!(
            ["@a+", "tga:x", "config:view", "test_type:genric", "tag:", "source:a.b.c.d", "+"]
                .map(refused)
                .join("\n"),
            @r#"
            error[invalid-selector]: `@a+` is not a selector: a leading `@` already means all children, so a trailing `+` cannot follow
              help: write `@a` or `a+`
            error[invalid-selector]: `tga:x` is not a selector: there is no selector method `tga`
              help: did you mean `tag`?
            error[invalid-selector]: `config:view` is not a selector: `config` needs the key to look at
              help: write `config.materialized:view`, say
            error[invalid-selector]: `test_type:genric` is not a selector: `genric` is not a test type
              help: did you mean `generic`?
            error[invalid-selector]: `tag:` is not a selector: there is no name or value to look for
            error[invalid-selector]: `source:a.b.c.d` is not a selector: a source is `source`, `source.table` or `package.source.table`
            error[invalid-selector]: `+` is not a selector: there is no name or value to look for
            "#
        );
    }
}
