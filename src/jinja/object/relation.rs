//! Relations as templates use them, and `api`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Enumerator, Kwargs, Object};
use minijinja::{Error, ErrorKind, State, Value};

use super::column::column_class;
use crate::jinja::value::{argument, invalid, split_kwargs, text_argument};
use crate::sql::{Relation, RelationKind, ident};

/// A part of a relation's name.
const PARTS: [&str; 3] = ["database", "schema", "identifier"];

/// A relation, and which parts of its name are printed and quoted.
#[derive(Clone)]
pub struct RelationObject {
    pub relation: Relation,
    /// Database, schema, identifier.
    include: [bool; 3],
    quote: [bool; 3],
    /// A CTE of dbt's: printed as its bare name.
    is_cte: bool,
}

impl RelationObject {
    pub fn value(relation: Relation) -> Value {
        Value::from_object(Self::new(relation))
    }

    fn new(relation: Relation) -> Self {
        Self {
            include: [relation.database.is_some(), true, true],
            quote: [true; 3],
            is_cte: relation.kind == Some(RelationKind::Ephemeral),
            relation,
        }
    }

    fn part(&self, index: usize) -> &str {
        match index {
            0 => self.relation.database.as_deref().unwrap_or(""),
            1 => &self.relation.schema,
            _ => &self.relation.identifier,
        }
    }

    /// dbt's word for what the relation is.
    fn kind(&self) -> Option<&'static str> {
        self.relation.kind.map(|kind| match kind {
            RelationKind::Table => "table",
            RelationKind::View => "view",
            RelationKind::MaterializedView => "materialized_view",
            RelationKind::Ephemeral => "cte",
        })
    }

    fn is(&self, kind: RelationKind) -> Value {
        Value::from(self.relation.kind == Some(kind))
    }

    /// `true` or `false` for each part, by place or by name.
    fn parts(base: [bool; 3], args: &[Value], kwargs: &Kwargs) -> [bool; 3] {
        let mut parts = base;
        for (i, name) in PARTS.iter().enumerate() {
            if let Some(value) = argument(args, kwargs, i, name).filter(|v| !v.is_none()) {
                parts[i] = value.is_true();
            }
        }
        parts
    }

    /// The relation with some of its parts replaced.
    fn incorporate(&self, kwargs: &Kwargs) -> Result<Self, Error> {
        let mut new = self.clone();
        if let Some(path) = kwargs.get::<Option<Value>>("path")? {
            let part = |name: &str| path.get_attr(name).ok().filter(|v| !v.is_undefined() && !v.is_none());
            if let Some(database) = part("database") {
                new.relation.database = Some(database.to_string());
            }
            if let Some(schema) = part("schema") {
                new.relation.schema = schema.to_string();
            }
            if let Some(identifier) = part("identifier") {
                new.relation.identifier = identifier.to_string();
            }
        }
        for name in ["type", "relation_type"] {
            if let Some(kind) = kwargs.get::<Option<Value>>(name)? {
                new.relation.kind = relation_kind(&kind.to_string());
            }
        }
        Ok(new)
    }
}

pub(super) fn relation_kind(name: &str) -> Option<RelationKind> {
    match name {
        "table" => Some(RelationKind::Table),
        "view" => Some(RelationKind::View),
        "materialized_view" => Some(RelationKind::MaterializedView),
        "cte" | "ephemeral" => Some(RelationKind::Ephemeral),
        _ => None,
    }
}

impl fmt::Display for RelationObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cte {
            return f.write_str(&self.relation.identifier);
        }
        let mut first = true;
        for i in 0..3 {
            let part = self.part(i);
            if !self.include[i] || part.is_empty() {
                continue;
            }
            if !first {
                f.write_str(".")?;
            }
            first = false;
            if self.quote[i] {
                f.write_str(&ident(part))?;
            } else {
                f.write_str(part)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RelationObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Relation {self}>")
    }
}

/// A mapping of the three parts by name.
fn policy(parts: [Value; 3]) -> Value {
    Value::from_pairs(PARTS.into_iter().zip(parts))
}

impl Object for RelationObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let optional = |text: &str| {
            if text.is_empty() {
                Value::from(())
            } else {
                Value::from(text)
            }
        };
        Some(match key.as_str()? {
            "database" => optional(self.part(0)),
            "schema" => optional(self.part(1)),
            "identifier" | "name" | "table" => optional(self.part(2)),
            "type" => self.kind().map_or(Value::from(()), Value::from),
            "is_table" => self.is(RelationKind::Table),
            "is_view" => self.is(RelationKind::View),
            "is_materialized_view" => self.is(RelationKind::MaterializedView),
            "is_cte" => Value::from(self.is_cte),
            "is_pointer" | "is_function" => Value::from(false),
            "can_be_renamed" | "can_be_replaced" => Value::from(matches!(
                self.relation.kind,
                Some(RelationKind::Table | RelationKind::View)
            )),
            "path" => policy([optional(self.part(0)), optional(self.part(1)), optional(self.part(2))]),
            "include_policy" => policy(self.include.map(Value::from)),
            "quote_policy" => policy(self.quote.map(Value::from)),
            "quote_character" => Value::from("\""),
            "metadata" => Value::from_pairs([("type", Value::from("PostgresRelation"))]),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&[
            "database",
            "schema",
            "identifier",
            "type",
            "path",
            "quote_policy",
            "include_policy",
        ])
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        let key = |r: &Self| {
            (
                r.relation.database.clone(),
                r.relation.schema.clone(),
                r.relation.identifier.clone(),
            )
        };
        Some(key(self).cmp(&key(other)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        match name {
            "include" => {
                let mut new = (**self).clone();
                new.include = Self::parts(new.include, args, &kwargs);
                Ok(Value::from_object(new))
            }
            "quote" => {
                let mut new = (**self).clone();
                new.quote = Self::parts(new.quote, args, &kwargs);
                Ok(Value::from_object(new))
            }
            "incorporate" | "replace_path" | "replace" => {
                if name == "replace_path" {
                    let path = kwargs
                        .args()
                        .map(|k| Ok((k, kwargs.get(k)?)))
                        .collect::<Result<Vec<(&str, Value)>, Error>>()?;
                    let kwargs = Kwargs::from_iter([("path", Value::from_pairs(path))]);
                    return Ok(Value::from_object(self.incorporate(&kwargs)?));
                }
                Ok(Value::from_object(self.incorporate(&kwargs)?))
            }
            "render" | "get" if name == "render" || args.is_empty() => Ok(Value::from(self.to_string())),
            "get" => {
                let found = self.get_value(&args[0]);
                Ok(found
                    .or_else(|| args.get(1).cloned())
                    .unwrap_or_else(|| Value::from(())))
            }
            "without_identifier" => {
                let mut new = (**self).clone();
                new.include[2] = false;
                Ok(Value::from_object(new))
            }
            "information_schema" => {
                let view = args.first().map(|v| format!(".{v}")).unwrap_or_default();
                Ok(Value::from(format!("information_schema{view}")))
            }
            "matches" => {
                let wanted = |i, part: &str| text_argument(args, &kwargs, i, PARTS[i]).is_none_or(|w| w == part);
                Ok(Value::from((0..3).all(|i| wanted(i, self.part(i)))))
            }
            "quoted" => {
                let part = args.first().ok_or_else(|| invalid("`quoted` wants a name"))?;
                Ok(Value::from(ident(&part.to_string())))
            }
            "create" => create(args, &kwargs),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// `api.Relation.create(..)`
fn create(args: &[Value], kwargs: &Kwargs) -> Result<Value, Error> {
    let database = text_argument(args, kwargs, 0, "database");
    let schema = text_argument(args, kwargs, 1, "schema").unwrap_or_default();
    let identifier = text_argument(args, kwargs, 2, "identifier").unwrap_or_default();
    let mut relation = Relation::new(database.as_deref(), schema, identifier);
    relation.kind = text_argument(args, kwargs, 3, "type").and_then(|kind| relation_kind(&kind));
    let mut object = RelationObject::new(relation);
    for (name, parts) in [
        ("quote_policy", &mut object.quote),
        ("include_policy", &mut object.include),
    ] {
        if let Some(policy) = kwargs.get::<Option<Value>>(name)? {
            for (i, part) in PARTS.iter().enumerate() {
                let given = policy.get_attr(part).ok().filter(|v| !v.is_undefined() && !v.is_none());
                parts[i] = given.map_or(parts[i], |v| v.is_true());
            }
        }
    }
    Ok(Value::from_object(object))
}

#[derive(Debug)]
struct RelationClass;

impl Object for RelationClass {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let kind = match key.as_str()? {
            "Table" => "table",
            "View" => "view",
            "CTE" => "cte",
            "MaterializedView" => "materialized_view",
            "External" => "external",
            _ => return None,
        };
        Some(Value::from(kind))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        match name {
            "create" => create(args, &kwargs),
            "get_relation_type" => Ok(args.first().cloned().unwrap_or_default()),
            "scd_args" => {
                let key = text_argument(args, &kwargs, 0, "primary_key").unwrap_or_default();
                let updated = text_argument(args, &kwargs, 1, "updated_at").unwrap_or_default();
                Ok(Value::from(vec![Value::from(key), Value::from(updated)]))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// `api.Relation` and `api.Column`.
pub fn api() -> Value {
    Value::from_pairs([
        ("Relation", Value::from_object(RelationClass)),
        ("Column", column_class()),
    ])
}
