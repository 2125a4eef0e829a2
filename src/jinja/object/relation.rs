//! Relations as templates use them: dbt's `Relation` for PostgreSQL.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Enumerator, Kwargs, Object, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::index::changes;
use crate::jinja::value::{PyDict, PyList, argument, invalid, items, split_kwargs, text_argument};
use crate::sql::{Relation, RelationKind, ident};

/// A part of a relation's name.
pub(super) const PARTS: [&str; 3] = ["database", "schema", "identifier"];

/// The longest name that PostgreSQL keeps whole, in bytes; dbt counts characters.
const LONGEST_NAME: usize = 63;

/// dbt's types of relations, and the constants that stand for them.
pub(super) const TYPES: [(&str, &str); 8] = [
    ("Table", "table"),
    ("View", "view"),
    ("CTE", "cte"),
    ("MaterializedView", "materialized_view"),
    ("External", "external"),
    ("PointerTable", "pointer_table"),
    ("Function", "function"),
    ("Ephemeral", "ephemeral"),
];

/// A relation, and which parts of its name are printed and quoted.
#[derive(Clone)]
pub struct RelationObject {
    pub relation: Relation,
    /// dbt's word for what it is; `relation.kind` knows fewer.
    kind: Option<String>,
    /// Database, schema, identifier.
    include: [bool; 3],
    /// A view of the information schema: printed after the parts, where it has a name.
    information: Option<Option<String>>,
}

impl RelationObject {
    pub fn value(relation: Relation) -> Value {
        Value::from_object(Self::new(relation))
    }

    /// The information schema of the relation's database.
    pub fn information_schema_of(relation: Relation) -> Value {
        Value::from_object(Self::new(relation).information_schema(None))
    }

    pub(super) fn new(relation: Relation) -> Self {
        let kind = relation.kind.map(|kind| match kind {
            RelationKind::Table => "table",
            RelationKind::View => "view",
            RelationKind::MaterializedView => "materialized_view",
            RelationKind::Ephemeral => "cte",
        });
        // A common table expression is named as it is written.
        let mut relation = relation;
        if relation.kind == Some(RelationKind::Ephemeral) {
            relation.quoted[2] = false;
        }
        Self {
            include: [true; 3],
            kind: kind.map(str::to_owned),
            information: None,
            relation,
        }
    }

    /// A function, printed as it is named whatever the run reads.
    pub fn function(relation: Relation) -> Result<Value, Error> {
        let mut new = Self::new(relation);
        new.set_kind(&Value::from("function"))?;
        new.relation.narrowing = None;
        new.checked()
    }

    fn part(&self, index: usize) -> &str {
        match index {
            0 => self.relation.database.as_deref().unwrap_or(""),
            1 => &self.relation.schema,
            _ => &self.relation.identifier,
        }
    }

    pub(super) fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// Gives the relation its type; a table or view whose name PostgreSQL would cut off is refused.
    fn set_kind(&mut self, kind: &Value) -> Result<(), Error> {
        let name = kind.to_string();
        self.relation.kind = match name.as_str() {
            "table" => Some(RelationKind::Table),
            "view" => Some(RelationKind::View),
            "materialized_view" => Some(RelationKind::MaterializedView),
            "cte" => Some(RelationKind::Ephemeral),
            _ if TYPES.iter().any(|(_, known)| *known == name) => None,
            _ => return Err(invalid(format!("`{name}` is no type of relations"))),
        };
        self.kind = Some(name);
        Ok(())
    }

    fn checked(self) -> Result<Value, Error> {
        let name = &self.relation.identifier;
        if self.kind.is_some() && name.chars().count() > LONGEST_NAME {
            return Err(invalid(format!(
                "the name of the relation `{name}` is longer than {LONGEST_NAME} characters"
            )));
        }
        Ok(Value::from_object(self))
    }

    fn is(&self, kind: &str) -> Value {
        Value::from(self.kind() == Some(kind))
    }

    /// `true` or `false` for each part, by place or by name.
    fn parts(base: [bool; 3], args: &[Value], kwargs: &Kwargs) -> [bool; 3] {
        let mut parts = base;
        for (i, name) in PARTS.iter().enumerate() {
            if let Some(value) = argument(args, kwargs, i, name).filter(given) {
                parts[i] = value.is_true();
            }
        }
        parts
    }

    /// Replaces what `path` names; `none` leaves a part out.
    fn set_path(&mut self, path: &Value) -> Result<(), Error> {
        for key in items(path)? {
            let value = path.get_item(&key)?;
            let text = given(&value).then(|| value.to_string());
            match key.as_str() {
                Some("database") => self.relation.database = text,
                Some("schema") => self.relation.schema = text.unwrap_or_default(),
                Some("identifier") => self.relation.identifier = text.unwrap_or_default(),
                // dbt passes over other keys, and packages send some.
                _ => {}
            }
        }
        Ok(())
    }

    /// The relation with some of what it consists of replaced.
    fn incorporate(&self, kwargs: &Kwargs) -> Result<Self, Error> {
        let mut new = self.clone();
        for name in kwargs.args() {
            let value: Value = kwargs.get(name)?;
            match name {
                "path" => new.set_path(&value)?,
                "type" if !given(&value) => {
                    new.kind = None;
                    new.relation.kind = None;
                }
                "type" => new.set_kind(&value)?,
                "quote_policy" => new.relation.quoted = policy_of(new.relation.quoted, &value),
                "include_policy" => new.include = policy_of(new.include, &value),
                "information_schema_view" => new.information = Some(given(&value).then(|| value.to_string())),
                _ => return Err(invalid(format!("a relation has no `{name}` that could be replaced"))),
            }
        }
        Ok(new)
    }

    /// The schema that the relation is in.
    pub(super) fn without_identifier(&self) -> Self {
        let mut new = self.clone();
        new.include[2] = false;
        new.relation.identifier = String::new();
        new
    }

    /// The relation with a type that the database told; one that dbt has no word for is external.
    pub(super) fn typed(mut self, kind: &Value) -> Self {
        if self.set_kind(kind).is_err() {
            self.kind = Some("external".to_owned());
        }
        self
    }

    /// `database.INFORMATION_SCHEMA.view`
    pub(super) fn information_schema(&self, view: Option<&Value>) -> Self {
        let mut new = self.clone();
        new.include = [self.relation.database.is_some(), false, true];
        new.relation.quoted[2] = false;
        new.relation.schema = String::new();
        "INFORMATION_SCHEMA".clone_into(&mut new.relation.identifier);
        new.kind = Some("view".to_owned());
        new.information = Some(view.and_then(Value::as_str).map(str::to_owned));
        new
    }
}

/// Whether a value is there at all.
fn given(value: &Value) -> bool {
    !value.is_none() && !value.is_undefined()
}

fn policy_of(base: [bool; 3], given_policy: &Value) -> [bool; 3] {
    let mut parts = base;
    for (i, name) in PARTS.iter().enumerate() {
        if let Some(value) = given_policy.get_attr(name).ok().filter(given) {
            parts[i] = value.is_true();
        }
    }
    parts
}

impl fmt::Display for RelationObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        let mut separate = |f: &mut fmt::Formatter<'_>| {
            if !std::mem::take(&mut first) {
                f.write_str(".")?;
            }
            Ok(())
        };
        for i in 0..3 {
            let part = self.part(i);
            if !self.include[i] || part.is_empty() {
                continue;
            }
            separate(f)?;
            if self.relation.quoted[i] {
                f.write_str(&ident(part))?;
            } else {
                f.write_str(part)?;
            }
        }
        if let Some(Some(view)) = &self.information {
            separate(f)?;
            f.write_str(view)?;
        }
        Ok(())
    }
}

impl fmt::Debug for RelationObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<PostgresRelation {self}>")
    }
}

/// A mapping of the three parts by name.
fn by_part(parts: [Value; 3]) -> Value {
    PyDict::from_pairs(PARTS.into_iter().map(Value::from).zip(parts)).into()
}

impl Object for RelationObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let part = |i| match self.part(i) {
            "" => Value::from(()),
            text => Value::from(text),
        };
        let one_of = |kinds: &[&str]| Value::from(self.kind().is_some_and(|kind| kinds.contains(&kind)));
        Some(match key.as_str()? {
            "database" => part(0),
            "schema" => part(1),
            "identifier" | "name" | "table" => part(2),
            "type" => self.kind().map_or(Value::from(()), Value::from),
            "is_table" => self.is("table"),
            "is_view" => self.is("view"),
            "is_materialized_view" => self.is("materialized_view"),
            "is_cte" => self.is("cte"),
            "is_pointer" => self.is("pointer_table"),
            "is_function" => self.is("function"),
            "can_be_renamed" | "can_be_replaced" => one_of(&["table", "view"]),
            "renameable_relations" | "replaceable_relations" => ["table", "view"]
                .map(Value::from)
                .into_iter()
                .collect::<PyList>()
                .into(),
            "path" => by_part([part(0), part(1), part(2)]),
            "include_policy" => by_part(self.include.map(Value::from)),
            "quote_policy" => by_part(self.relation.quoted.map(Value::from)),
            "quote_character" => Value::from("\""),
            "information_schema_view" if self.information.is_some() => match &self.information {
                Some(Some(view)) => Value::from(view.as_str()),
                _ => Value::from(()),
            },
            "dbt_created" => Value::from(false),
            "require_alias" => Value::from(true),
            "limit" => match &self.relation.narrowing {
                Some(narrowing) if narrowing.nothing => Value::from(0),
                _ => Value::from(()),
            },
            "event_time_filter" | "catalog" => Value::from(()),
            "metadata" => metadata(),
            constant => return type_constant(constant),
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&[
            "path",
            "type",
            "quote_character",
            "include_policy",
            "quote_policy",
            "dbt_created",
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
        match &self.relation.narrowing {
            None => fmt::Display::fmt(&**self, f),
            Some(narrowing) => f.write_str(&narrowing.around(&self.to_string(), &self.relation.identifier)),
        }
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        let arg = |at, name| argument(args, &kwargs, at, name);
        match name {
            "render" => Ok(Value::from(self.to_string())),
            "include" => {
                let mut new = (**self).clone();
                new.include = Self::parts(new.include, args, &kwargs);
                Ok(Value::from_object(new))
            }
            "quote" => {
                let mut new = (**self).clone();
                new.relation.quoted = Self::parts(new.relation.quoted, args, &kwargs);
                Ok(Value::from_object(new))
            }
            "incorporate" | "replace" => self.incorporate(&kwargs)?.checked(),
            "replace_path" => {
                let path = kwargs
                    .args()
                    .map(|k| Ok((Value::from(k), kwargs.get(k)?)))
                    .collect::<Result<Vec<(Value, Value)>, Error>>()?;
                let mut new = (**self).clone();
                new.set_path(&PyDict::from_pairs(path).into())?;
                new.checked()
            }
            "get" => {
                let found = arg(0, "key").and_then(|key| self.get_value(&key));
                Ok(found.or_else(|| arg(1, "default")).unwrap_or_else(|| Value::from(())))
            }
            "without_identifier" => Ok(Value::from_object(Self::without_identifier(self))),
            "information_schema" => {
                let view = arg(0, "view_name");
                Ok(Value::from_object(Self::information_schema(self, view.as_ref())))
            }
            "information_schema_only" => Ok(Value::from_object(Self::information_schema(self, None))),
            "matches" => {
                let wanted = [0, 1, 2].map(|i| text_argument(args, &kwargs, i, PARTS[i]));
                if wanted.iter().all(Option::is_none) {
                    return Err(invalid("`matches` wants a database, a schema or an identifier"));
                }
                let same = |(i, part): (usize, &Option<String>)| part.as_deref().is_none_or(|p| p == self.part(i));
                Ok(Value::from(wanted.iter().enumerate().all(same)))
            }
            "quoted" => {
                let part = arg(0, "identifier").ok_or_else(|| invalid("`quoted` wants a name"))?;
                Ok(Value::from(ident(&part.to_string())))
            }
            "relation_max_name_length" => Ok(Value::from(LONGEST_NAME)),
            "get_materialized_view_config_change_collection" => {
                let there = arg(0, "relation_results").unwrap_or_default();
                changes(&there, &arg(1, "relation_config").unwrap_or_default())
            }
            "get_function_config" => Ok(function_config(&arg(0, "model").unwrap_or_default())),
            "get_function_macro_name" => {
                let config = arg(0, "config").unwrap_or_default();
                let part = |name: &str| config.get_attr(name).map(|v| v.to_string());
                Ok(Value::from(format!("{}_function_{}", part("type")?, part("language")?)))
            }
            _ => class_method(name, args, &kwargs),
        }
    }
}

/// What dbt says of a relation's class.
fn metadata() -> Value {
    PyDict::from_pairs([(Value::from("type"), Value::from("PostgresRelation"))]).into()
}

fn type_constant(name: &str) -> Option<Value> {
    let (_, kind) = TYPES.iter().find(|(constant, _)| *constant == name)?;
    Some(Value::from(*kind))
}

/// The language and the type of a function's node; none for any other node.
fn function_config(model: &Value) -> Value {
    let attribute = |of: &Value, name: &str| of.get_attr(name).ok().filter(given).unwrap_or_else(|| Value::from(()));
    if attribute(model, "resource_type").as_str() != Some("function") {
        return Value::from(());
    }
    let config = attribute(model, "config");
    PyDict::from_pairs([
        (Value::from("language"), attribute(model, "language")),
        (Value::from("type"), attribute(&config, "type")),
        (Value::from("runtime_version"), attribute(&config, "runtime_version")),
        (Value::from("entry_point"), attribute(&config, "entry_point")),
    ])
    .into()
}

/// `api.Relation.create(..)`
fn create(args: &[Value], kwargs: &Kwargs) -> Result<Value, Error> {
    let part = |at: usize| text_argument(args, kwargs, at, PARTS[at]);
    let relation = Relation::new(
        part(0).as_deref(),
        part(1).unwrap_or_default(),
        part(2).unwrap_or_default(),
    );
    let mut object = RelationObject::new(relation);
    if let Some(kind) = argument(args, kwargs, 3, "type").filter(given) {
        object.set_kind(&kind)?;
    }
    for (name, parts) in [
        ("quote_policy", &mut object.relation.quoted),
        ("include_policy", &mut object.include),
    ] {
        if let Some(policy) = kwargs.get::<Option<Value>>(name)? {
            *parts = policy_of(*parts, &policy);
        }
    }
    object.checked()
}

/// `api.Relation.create_from(quoting, node)`: the relation of a node.
fn create_from(args: &[Value], kwargs: &Kwargs) -> Result<Value, Error> {
    let node = argument(args, kwargs, 1, "relation_config").or_else(|| args.first().cloned());
    let node = node.ok_or_else(|| invalid("`create_from` wants a node"))?;
    let part = |name: &str| node.get_attr(name).ok().filter(given).map(|v| v.to_string());
    let identifier = part("identifier").or_else(|| part("alias")).or_else(|| part("name"));
    let relation = Relation::new(
        part("database").as_deref(),
        part("schema").unwrap_or_default(),
        identifier.unwrap_or_default(),
    );
    let mut object = RelationObject::new(relation);
    // What the node says counts over what the project says, and the call over both.
    let of_project = argument(args, kwargs, 0, "quoting").filter(|_| args.len() > 1 || kwargs.has("relation_config"));
    let of_project = of_project.and_then(|quoting| quoting.get_attr("quoting").ok().filter(given));
    let of_node = [Some(node.clone()), node.get_attr("config").ok()].into_iter().flatten();
    let of_node = of_node
        .filter_map(|holder| holder.get_attr("quoting").ok().filter(given))
        .last();
    let of_call = kwargs.get::<Option<Value>>("quote_policy")?;
    for policy in [of_project, of_node, of_call].into_iter().flatten() {
        object.relation.quoted = policy_of(object.relation.quoted, &policy);
    }
    if let Some(kind) = kwargs.get::<Option<Value>>("type")?.filter(given) {
        object.set_kind(&kind)?;
    }
    object.checked()
}

fn class_method(name: &str, args: &[Value], kwargs: &Kwargs) -> Result<Value, Error> {
    match name {
        "create" => create(args, kwargs),
        "create_from" => create_from(args, kwargs),
        "add_ephemeral_prefix" => {
            let name = text_argument(args, kwargs, 0, "name").unwrap_or_default();
            Ok(Value::from(format!("__dbt__cte__{name}")))
        }
        "get_relation_type" => {
            let kind = text_argument(args, kwargs, 0, "value").unwrap_or_default();
            if TYPES.iter().any(|(_, known)| *known == kind) {
                return Ok(Value::from(kind));
            }
            Err(invalid(format!("`{kind}` is no type of relations")))
        }
        "get_default_quote_policy" | "get_default_include_policy" => Ok(by_part([true; 3].map(Value::from))),
        "scd_args" => {
            let key = argument(args, kwargs, 0, "primary_key").unwrap_or_default();
            let updated = argument(args, kwargs, 1, "updated_at").unwrap_or_default();
            let mut parts = if key.kind() == ValueKind::Seq {
                items(&key)?
            } else {
                vec![key]
            };
            parts.push(updated);
            Ok(parts.into_iter().collect::<PyList>().into())
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

#[derive(Debug)]
struct RelationClass;

/// `api.Relation`
pub fn relation_class() -> Value {
    Value::from_object(RelationClass)
}

impl Object for RelationClass {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        type_constant(key.as_str()?)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let (args, kwargs) = split_kwargs(args)?;
        class_method(name, args, &kwargs)
    }
}
