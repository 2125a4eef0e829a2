//! What dbt calls a generic test, and the call that is made for it.

use std::fmt::Write as _;
use std::sync::LazyLock;

use indexmap::IndexMap;
use md5::{Digest, Md5};
use regex::Regex;
use serde_json::{Map, Value as Json};

use crate::project::{Settings, VersionName};

use super::python::{hashable_repr, str_of};

/// What a test is written below.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A model, a seed or a snapshot.
    Node(String),
    /// A model and one of its versions.
    Version(String, VersionName),
    /// A source and its table.
    Source(String, String),
}

impl Subject {
    /// The `model` argument, as dbt writes it.
    pub fn model_kwarg(&self) -> String {
        match self {
            Self::Node(name) => format!("{{{{ get_where_subquery(ref('{name}')) }}}}"),
            Self::Version(name, version) => format!("{{{{ get_where_subquery(ref('{name}', version='{version}')) }}}}"),
            Self::Source(source, table) => format!("{{{{ get_where_subquery(source('{source}', '{table}')) }}}}"),
        }
    }
}

/// The names of one generic test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestNames {
    pub name: String,
    /// The name, or where that has 64 characters and more a short one: of the file and of stored failures.
    pub short: String,
    /// The last part of the id.
    pub hash: String,
}

static NOT_NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new("[^0-9a-zA-Z_]+").expect("the pattern is fixed"));

impl TestNames {
    /// `kwargs` with `model` and `column_name` among them; `custom` is the name that the user gave.
    pub fn new(
        test: &str,
        namespace: Option<&str>,
        subject: &Subject,
        kwargs: &IndexMap<String, Json>,
        custom: Option<&str>,
    ) -> Self {
        let mut kind = test.to_owned();
        let target = match subject {
            Subject::Node(name) => name.clone(),
            Subject::Version(name, version) => format!("{name}_v{version}"),
            Subject::Source(source, table) => {
                kind = format!("source_{kind}");
                format!("{source}_{table}")
            }
        };
        if let Some(namespace) = namespace {
            kind = format!("{namespace}_{kind}");
        }
        let (name, short) = match custom {
            Some(custom) => (custom.to_owned(), custom.to_owned()),
            None => made_names(&kind, &target, kwargs),
        };
        let metadata = Json::Object(Map::from_iter([
            ("kwargs".to_owned(), Json::Object(kwargs.clone().into_iter().collect())),
            ("name".to_owned(), test.into()),
            ("namespace".to_owned(), namespace.into()),
        ]));
        let hash = hex_md5(&format!("{name}{}", hashable_repr(&metadata)));
        Self {
            hash: hash[hash.len() - 10..].to_owned(),
            name,
            short,
        }
    }
}

fn made_names(kind: &str, target: &str, kwargs: &IndexMap<String, Json>) -> (String, String) {
    let mut keys: Vec<&String> = kwargs.keys().filter(|key| *key != "model").collect();
    keys.sort();
    let mut parts: Vec<String> = Vec::new();
    for key in keys {
        match &kwargs[key] {
            Json::Object(map) => parts.extend(map.values().map(str_of)),
            Json::Array(items) => parts.extend(items.iter().map(str_of)),
            scalar => parts.push(str_of(scalar)),
        }
    }
    let clean: Vec<String> = parts
        .iter()
        .map(|part| NOT_NAME.replace_all(part, "_").into_owned())
        .collect();
    let joined = clean.join("__");
    let identifier = format!("{kind}_{target}");
    let full = format!("{identifier}_{joined}");
    let short = if full.chars().count() >= 64 {
        let start: String = identifier.chars().take(30).collect();
        format!("{start}_{}", hex_md5(&full))
    } else {
        full.clone()
    };
    (full, short)
}

/// Keys that dbt writes first.
const FIRST: [&str; 15] = [
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "sql_header",
    "meta",
    "database",
    "schema",
    "alias",
];

/// The call of `config` with which dbt passes a test its own configuration; nothing where it has none.
pub fn config_call(settings: &Settings) -> String {
    let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut given: Vec<(&String, &Json)> = settings.iter().map(|(key, setting)| (key, &setting.value)).collect();
    given.retain(|(_, value)| !value.is_null());
    given.sort_by_key(|(key, _)| rank(key));
    if given.is_empty() {
        return String::new();
    }
    let written = given.into_iter().map(|(key, value)| match value {
        Json::String(text) => format!("{key}=\"{}\"", text.replace('"', "\\\"")),
        other => format!("{key}={}", str_of(other)),
    });
    format!("{{{{ config({}) }}}}", written.collect::<Vec<_>>().join(","))
}

/// MD5 in hexadecimal; for names only.
pub fn hex_md5(text: &str) -> String {
    Md5::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

static CALL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)^\s*(env_var|ref|var|source|doc)\s*\(.+\)\s*$").expect("the pattern is fixed"));
static WHOLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)^\s*\{\{-?(.*?)-?\}\}\s*$").expect("the pattern is fixed"));

/// The template that calls a test: its arguments become expressions, so that a relation arrives as a relation and a
/// number as a number.
pub fn test_call(macro_name: &str, kwargs: &IndexMap<String, Json>) -> String {
    let mut sets = String::new();
    let arguments: Vec<String> = kwargs
        .iter()
        .map(|(key, value)| {
            // A column's name is a name, whatever it looks like.
            let value = if key == "column_name" {
                literal(value)
            } else {
                expression(value, &mut sets)
            };
            format!("{key}={value}")
        })
        .collect();
    format!("{sets}{{{{ {macro_name}({}) }}}}", arguments.join(", "))
}

fn expression(value: &Json, sets: &mut String) -> String {
    match value {
        Json::String(text) => text_expression(text, sets),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| expression(item, sets)).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", literal(&Json::String(key.clone())), expression(value, sets)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        scalar => literal(scalar),
    }
}

fn text_expression(text: &str, sets: &mut String) -> String {
    if CALL.is_match(text) {
        return text.trim().to_owned();
    }
    if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
        return literal(&Json::String(text.to_owned()));
    }
    if let Some(inner) = WHOLE.captures(text).and_then(|found| found.get(1))
        && !inner.as_str().contains("}}")
        && !inner.as_str().contains("{{")
    {
        return format!("({})", inner.as_str().trim());
    }
    let name = format!("_argument_{}", sets.matches("{% set ").count() + 1);
    let _ = write!(sets, "{{% set {name} %}}{text}{{% endset %}}");
    name
}

fn literal(value: &Json) -> String {
    match value {
        Json::Null => "none".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => {
            let mut out = String::from("'");
            for c in text.chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '\'' => out.push_str("\\'"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    // So that no scanner for tags stops inside the literal.
                    '{' => out.push_str("\\u007b"),
                    '}' => out.push_str("\\u007d"),
                    '%' => out.push_str("\\u0025"),
                    c => out.push(c),
                }
            }
            out.push('\'');
            out
        }
        Json::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", literal(&Json::String(key.clone())), literal(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kwargs(value: &Json) -> IndexMap<String, Json> {
        value.as_object().unwrap().clone().into_iter().collect()
    }

    fn id(test: &str, namespace: Option<&str>, subject: &Subject, args: &Json, custom: Option<&str>) -> String {
        let mut kwargs = kwargs(args);
        kwargs.insert("model".to_owned(), subject.model_kwarg().into());
        let names = TestNames::new(test, namespace, subject, &kwargs, custom);
        format!("{}.{}", names.name, names.hash)
    }

    /// Ids that dbt 1.12 gave.
    #[test]
    fn ids_are_those_of_dbt() {
        let stg = Subject::Node("stg_orders".to_owned());
        let raw = Subject::Source("raw".to_owned(), "orders".to_owned());
        for (made, dbt) in [
            (
                id("unique", None, &stg, &json!({"column_name": "order_id"}), None),
                "unique_stg_orders_order_id.e3b841c71a",
            ),
            (
                id(
                    "accepted_values",
                    None,
                    &stg,
                    &json!({"values": [1, 2, 3, true, "it's", "a\"b", 1.5, null], "quote": false, "column_name": "id"}),
                    None,
                ),
                "accepted_values_stg_orders_id__False__1__2__3__True__it_s__a_b__1_5__None.3bab55c71c",
            ),
            (
                id(
                    "accepted_values",
                    None,
                    &stg,
                    &json!({"values": ["placed", "shipped", "completed", "return_pending", "returned"], "column_name": "id"}),
                    Some("nice_name"),
                ),
                "nice_name.540ede1e36",
            ),
            (
                id("not_null", None, &stg, &json!({"column_name": "\"Quoted Col\""}), None),
                "not_null_stg_orders__Quoted_Col_.a073c1c0d0",
            ),
            (
                id(
                    "dep_test",
                    Some("dep"),
                    &stg,
                    &json!({"arg": "{{ var('a_var') }}"}),
                    None,
                ),
                "dep_dep_test_stg_orders__var_a_var_.31dcbb6e11",
            ),
            (
                id("custom_positive", None, &raw, &json!({"column_name": "id"}), None),
                "source_custom_positive_raw_orders_id.6c1d42753b",
            ),
            (
                id(
                    "dbt_expr",
                    None,
                    &Subject::Node("orders".to_owned()),
                    &json!({"expression": "a > 1", "model2": "{{ ref('people') }}", "names": ["x", {"b": 1, "a": 2}]}),
                    None,
                ),
                "dbt_expr_orders_a_1___ref_people___x___b_1_a_2_.2a9c8458f0",
            ),
        ] {
            assert_eq!(made, dbt);
        }
    }

    #[test]
    fn long_names_are_cut() {
        let stg = Subject::Node("stg_orders".to_owned());
        let kwargs =
            kwargs(&json!({"values": [1, 2, 3, true, "it's", "a\"b", 1.5, null], "quote": false, "column_name": "id"}));
        let names = TestNames::new("accepted_values", None, &stg, &kwargs, None);
        assert_eq!(
            names.short,
            "accepted_values_stg_orders_d63476a1d31ce6f5ee89742be0f444a4"
        );
    }

    #[test]
    fn arguments_become_expressions() {
        let kwargs = kwargs(&json!({
            "column_name": "ref('x')",
            "to": "ref('people')",
            "min": "{{ var('a') }}",
            "mixed": "x > {{ var('a') }}",
            "text": "it's 5%\n",
            "values": [1, null, true, {"a": "b"}],
        }));
        assert_eq!(
            test_call("test_t", &kwargs),
            "{% set _argument_1 %}x > {{ var('a') }}{% endset %}{{ test_t(column_name='ref(\\'x\\')', to=ref('people'), \
             min=(var('a')), mixed=_argument_1, text='it\\'s 5\\u0025\\n', values=[1, none, true, {'a': 'b'}]) }}"
        );
    }
}
