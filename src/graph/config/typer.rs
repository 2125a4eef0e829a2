//! Reading one configured value after another, with their types.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::Owner;
use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::project::{Setting, Settings, Threshold, VALIDITY, validity};

/// True and false, also as the text that Jinja leaves.
pub(super) fn truth(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(flag) => Some(*flag),
        Json::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Json::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The settings of one node; what is wrong with them goes to `problems`.
pub(super) struct Typer<'a> {
    pub(super) settings: &'a Settings,
    pub(super) owner: &'a Owner<'a>,
    pub(super) problems: &'a mut Diagnostics,
}

impl Typer<'_> {
    pub(super) fn get(&self, key: &str) -> Option<Setting> {
        self.settings
            .get(key)
            .filter(|setting| !setting.value.is_null())
            .cloned()
    }

    pub(super) fn bad(&mut self, setting: &Setting, key: &str, wanted: &str) {
        let mut shown = setting.value.to_string();
        if shown.len() > 60 {
            shown = format!("{}...", shown.chars().take(57).collect::<String>());
        }
        self.problems.push(
            Diagnostic::error(
                "wrong-type",
                format!("`{key}` of {} takes {wanted}, not {shown}", self.owner.what),
            )
            .at(setting.place.clone()),
        );
    }

    pub(super) fn unknown<'n>(
        &mut self,
        setting: &Setting,
        key: &str,
        value: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let diagnostic = Diagnostic::error(
            "wrong-value",
            format!("{} has `{key}: {value}`, which does not exist", self.owner.what),
        )
        .at(setting.place.clone())
        .because(format!("known are {}", known.join(", ")));
        self.problems.push(match nearest(value, known) {
            Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
            None => diagnostic,
        });
    }

    pub(super) fn unsupported(&mut self, setting: &Setting, what: &str) {
        self.problems.push(
            Diagnostic::error(
                "not-supported",
                format!("not supported yet: {what}, wanted by {}", self.owner.what),
            )
            .at(setting.place.clone()),
        );
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let setting = self.get(key)?;
        match &setting.value {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => {
                self.bad(&setting, key, "text");
                None
            }
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let setting = self.get(key)?;
        let flag = truth(&setting.value);
        if flag.is_none() {
            self.bad(&setting, key, "true or false");
        }
        flag
    }

    pub(super) fn strings(&mut self, key: &str) -> Option<Vec<String>> {
        let setting = self.get(key)?;
        let one = |value: &Json| match value {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let strings = match &setting.value {
            Json::Array(items) => items.iter().map(one).collect::<Option<Vec<_>>>(),
            value => one(value).map(|text| vec![text]),
        };
        if strings.is_none() {
            self.bad(&setting, key, "text, or a list of texts");
        }
        strings
    }

    pub(super) fn mapping(&mut self, key: &str) -> IndexMap<String, Json> {
        let Some(setting) = self.get(key) else {
            return IndexMap::new();
        };
        if let Json::Object(map) = &setting.value {
            return map.clone().into_iter().collect();
        }
        self.bad(&setting, key, "a mapping");
        IndexMap::new()
    }

    pub(super) fn validity(&mut self) -> Option<Threshold> {
        let setting = self.get("certify_within")?;
        let span = validity(&setting.value);
        if span.is_none() {
            self.bad(&setting, "certify_within", VALIDITY);
        }
        span
    }

    pub(super) fn number(&mut self, key: &str) -> Option<u64> {
        let setting = self.get(key)?;
        let number = setting.value.as_u64().or_else(|| setting.value.as_str()?.parse().ok());
        if number.is_none() {
            self.bad(&setting, key, "a whole number");
        }
        number
    }
}
