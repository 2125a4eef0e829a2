//! `query-comment`: what goes before each statement of a node.

use std::sync::Arc;

use serde_json::Value as Json;

use super::compile::View;
use super::context::RunContext;
use super::host::RunHost;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::graph::Node;
use crate::jinja::{Global, Render};
use crate::postgres::Comment;

#[derive(Clone, Debug)]
enum Text {
    /// The start of a JSON object that ends with the node.
    Standard(String),
    /// A template of the project.
    Written(String),
}

/// What a project says of it.
#[derive(Clone, Debug)]
pub struct QueryComment {
    text: Option<Text>,
    append: bool,
}

impl QueryComment {
    /// `written` is the value of `query-comment`: text or a mapping; `None` where the project says nothing.
    #[must_use]
    pub fn new(written: Option<&Json>, version: &str, profile: &str, target: &str) -> Self {
        let standard = || {
            let [version, profile, target] = [version, profile, target].map(Json::from);
            Text::Standard(format!(
                r#"{{"app": "assay", "dbt_version": {version}, "profile_name": {profile}, "target_name": {target}"#
            ))
        };
        let template = |text: &Json| {
            let text = text.as_str().filter(|text| !text.is_empty());
            text.map(|text| Text::Written(text.to_owned()))
        };
        match written {
            None => Self {
                text: Some(standard()),
                append: false,
            },
            Some(Json::Object(map)) if !map.is_empty() => Self {
                text: map.get("comment").map_or_else(|| Some(standard()), template),
                append: map.get("append").and_then(Json::as_bool).unwrap_or(false),
            },
            Some(other) => Self {
                text: template(other),
                append: false,
            },
        }
    }

    /// The comment of a node's statements.
    pub(super) fn of(&self, context: &Arc<RunContext>, node: &Arc<Node>) -> Result<Option<Comment>, Diagnostic> {
        let text = match &self.text {
            None => return Ok(None),
            Some(Text::Standard(start)) => format!(r#"{start}, "node_id": {}}}"#, Json::from(&*node.id)),
            Some(Text::Written(text)) if !text.contains('{') => text.clone(),
            Some(Text::Written(text)) => render(context, node, text)?,
        };
        Comment::new(&text, self.append)
    }
}

fn render(context: &Arc<RunContext>, node: &Arc<Node>, text: &str) -> Result<String, Diagnostic> {
    let view = View {
        this: node.relation.clone(),
        incremental: false,
    };
    let mut globals = context.globals(node, &view);
    globals.insert("connection_name".into(), Global::from(&*node.id));
    if let Some(model) = globals.get("model").cloned() {
        globals.insert("node".into(), model);
    }
    context.engine.render(&Render {
        package: context.graph.root_package(),
        within: "query-comment",
        source: &SourceFile::new("query-comment", text),
        part: None,
        host: Arc::new(RunHost::new(context, node, None)),
        execute: true,
        globals,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written() {
        let read = |written: Option<Json>| {
            let comment = QueryComment::new(written.as_ref(), "1.12.6", "p", "dev");
            let text = comment.text.map(|text| match text {
                Text::Standard(text) | Text::Written(text) => text,
            });
            (text, comment.append)
        };
        let standard =
            r#"{"app": "assay", "dbt_version": "1.12.6", "profile_name": "p", "target_name": "dev""#.to_owned();
        assert_eq!(read(None), (Some(standard.clone()), false));
        assert_eq!(read(Some(json!({"append": true}))), (Some(standard), true));
        assert_eq!(read(Some(Json::Null)), (None, false));
        assert_eq!(read(Some(json!(""))), (None, false));
        assert_eq!(
            read(Some(json!({"comment": "x", "append": true}))),
            (Some("x".to_owned()), true)
        );
        assert_eq!(read(Some(json!("{{ m() }}"))), (Some("{{ m() }}".to_owned()), false));
    }
}
