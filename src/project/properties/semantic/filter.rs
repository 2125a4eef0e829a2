//! Conditions of metrics and saved queries. They are templates of another program and stay as they are written.

use serde_json::{Value as Json, json};

use crate::project::{Reader, Section};

/// One condition or a list of them.
pub(super) fn filter(section: &mut Section, key: &'static str, reader: &mut Reader) -> Json {
    let Some(conditions) = section.strings(key, reader) else {
        return Json::Null;
    };
    let conditions: Vec<Json> = conditions
        .into_iter()
        .map(|condition| json!({ "where_sql_template": condition }))
        .collect();
    json!({ "where_filters": conditions })
}
