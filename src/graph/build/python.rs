//! Models in Python: dbt parses them everywhere, and no adapter for `PostgreSQL` runs them. They are read so far that a
//! project which has one can be parsed and everything else in it be built.

use std::sync::LazyLock;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value as Json;

use super::{Builder, Draft};
use crate::graph::Ref;
use crate::graph::recorder::Recorded;
use crate::project::{Setting, Settings};

static CALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\bdbt\.(ref|source)\(\s*['"]([^'"]+)['"]\s*(?:,\s*['"]([^'"]+)['"]\s*)?(?:,\s*(?:v|version)\s*=\s*(['"]?[\w.]+['"]?)\s*)?\)"#)
        .expect("the pattern is fixed")
});
static CONFIG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)\bdbt\.config\((.*?)\)").expect("the pattern is fixed"));
static ARGUMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(\w+)\s*=\s*(?:['"]([^'"]*)['"]|(True|False)|\[([^\]]*)\])"#).expect("the pattern is fixed")
});

/// Whether a draft or a node is written in Python, by its file.
pub(in crate::graph) fn is_python(path: &str) -> bool {
    path.rsplit('.').next() == Some("py")
}

impl Builder<'_> {
    /// What a model asks for with `dbt.ref`, `dbt.source` and `dbt.config`.
    pub(super) fn parsed_python(draft: &Draft) -> (Recorded, Settings) {
        let text = &draft.source.text;
        let mut recorded = Recorded::default();
        for call in CALL.captures_iter(text) {
            let part = |index: usize| call.get(index).map(|part| part.as_str().to_owned());
            let first = call[2].to_owned();
            if &call[1] == "source" {
                recorded.sources.extend(part(3).map(|table| (first, table)));
                continue;
            }
            let (package, name) = match part(3) {
                Some(name) => (Some(first), name),
                None => (None, first),
            };
            let version = part(4).map(|version| Ref::written_version(&version));
            recorded.refs.push(Ref { package, name, version });
        }
        for call in CONFIG.captures_iter(text) {
            let values: IndexMap<String, Json> = ARGUMENT
                .captures_iter(&call[1])
                .map(|argument| {
                    let value = match (argument.get(2), argument.get(3), argument.get(4)) {
                        (Some(text), ..) => Json::from(text.as_str()),
                        (_, Some(flag), _) => Json::from(flag.as_str() == "True"),
                        (_, _, list) => list
                            .map_or("", |list| list.as_str())
                            .split(',')
                            .map(|item| item.trim().trim_matches(['\'', '"']))
                            .filter(|item| !item.is_empty())
                            .collect(),
                    };
                    (argument[1].to_owned(), value)
                })
                .collect();
            recorded.configs.push(values);
        }
        // dbt's default for models in Python, below everything that is said.
        let mut settings = Settings::new();
        settings.insert(
            "materialized".to_owned(),
            Setting {
                value: "table".into(),
                place: draft.declared.clone(),
                written: None,
            },
        );
        settings.extend(draft.settings.clone());
        Self::add_calls(&mut settings, &draft.source, &recorded, &IndexMap::new());
        (recorded, settings)
    }
}
