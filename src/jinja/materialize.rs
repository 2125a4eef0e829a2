//! Running a materialization: a macro that builds its node and says which relations it made.

use std::sync::{Arc, PoisonError};

use minijinja::{ErrorKind, Value};

use super::Refusal;
use super::engine::{Engine, Render};
use super::environment::ERRAND;
use super::failure::diagnose;
use super::object::{RelationObject, ResponseObject};
use super::value::{describe, items};
use crate::diagnostic::Diagnostic;
use crate::sql::{Relation, Response};

/// What a materialization leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Materialized {
    /// The relations that it returned.
    pub relations: Vec<Relation>,
    /// What the server said of its `main` statement.
    pub main: Response,
}

impl Engine {
    /// Calls a materialization by the id of its macro. It must return `{'relations': [..]}` and have run a statement named
    /// `main`.
    pub fn materialize(
        &self,
        request: &Render<'_>,
        id: &str,
        materialization: &str,
    ) -> Result<Materialized, Diagnostic> {
        let shared = self.shared();
        let session = Arc::new(self.session_of(request, None));
        let Some(found) = shared.table.reference_by_id(id) else {
            let error = minijinja::Error::new(ErrorKind::UnknownFunction, format!("{id} is unknown"));
            return Err(diagnose(&session, &error));
        };
        *session.errand.lock().unwrap_or_else(PoisonError::into_inner) = Some((found, Vec::new()));
        shared
            .environment(session.execute)
            .get_template(ERRAND)
            .and_then(|template| template.render(Value::from_dyn_object(Arc::clone(&session))))
            .map_err(|error| diagnose(&session, &error))?;
        let answer = session.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let relations = relations(&answer.unwrap_or_default(), materialization)?;
        let main = session.results().get("main").cloned();
        let main = main.and_then(|main| main.get_attr("response").ok());
        let Some(response) = main else {
            return Err(Refusal::new(
                "materialization-result",
                format!("the materialization `{materialization}` ran no statement named `main`"),
            )
            .help("wrap the SQL that builds the node in {% call statement('main') %} .. {% endcall %}")
            .into());
        };
        let main = response.downcast_object_ref::<ResponseObject>().map_or_else(
            || Response {
                message: response.to_string(),
                ..Response::default()
            },
            ResponseObject::response,
        );
        Ok(Materialized { relations, main })
    }
}

fn relations(answer: &Value, materialization: &str) -> Result<Vec<Relation>, Diagnostic> {
    let wrong = |what: String| {
        let refusal = Refusal::new(
            "materialization-result",
            format!("the materialization `{materialization}` {what}"),
        );
        Diagnostic::from(refusal.help("end it with {{ return({'relations': [target_relation]}) }}"))
    };
    if answer.as_str().is_some() {
        return Err(wrong("returned no relations".to_owned()));
    }
    if answer.kind() != minijinja::value::ValueKind::Map {
        return Err(wrong(format!("returned {}, not a dict", describe(answer))));
    }
    let listed = answer
        .get_item(&Value::from("relations"))
        .ok()
        .filter(|listed| !listed.is_undefined());
    let Some(listed) = listed else {
        let keys = items(answer).unwrap_or_default();
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        return Err(wrong(format!(
            "returned a dict without `relations`; its keys are [{}]",
            keys.join(", ")
        )));
    };
    if listed.kind() != minijinja::value::ValueKind::Seq {
        return Err(wrong(format!(
            "returned `relations` that are no list: {}",
            describe(&listed)
        )));
    }
    let mut relations = Vec::new();
    for item in items(&listed).unwrap_or_default() {
        match item.downcast_object_ref::<RelationObject>() {
            Some(object) => relations.push(object.relation.clone()),
            None => {
                return Err(wrong(format!(
                    "returned `{item}` among its `relations`, which is no relation"
                )));
            }
        }
    }
    Ok(relations)
}
