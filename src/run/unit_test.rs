//! Unit tests: the model's template over given rows, compared with the rows that are expected of it.
//!
//! Every input becomes a common table expression that casts its rows to the column types of the relation it stands for.

use std::sync::{Arc, Mutex, PoisonError};

use indexmap::{IndexMap, IndexSet};
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::graph::{Graph, InputCall, Materialization, Node, NodeId, ResourceType, UnitTestSpec};
use crate::jinja::Refusal;
use crate::postgres::catalog;
use crate::project::{Fixture, Overrides, WrittenRows};
use crate::sql::{Column, Relation, RelationKind, Table, ident, literal, with_expressions};

use super::compile::{Compiled, View, compile_node, render_given, render_tested};
use super::execute::NodeRun;
use super::host::RunHost;
use super::result::Status;
use super::row_diff::RowDiff;
use super::test::Verdict;

/// What the template of a tested model finds in place of the world.
#[derive(Debug)]
pub struct Stage {
    /// `unit test totals`: for messages.
    what: String,
    /// The inputs that are given, by the node that each stands for, with the name of its common table expression.
    inputs: IndexMap<NodeId, String>,
    overrides: Overrides,
    used: Mutex<IndexSet<NodeId>>,
}

impl Stage {
    /// What `ref` and `source` give for a node.
    pub fn input(&self, node: &Node) -> Result<Relation, Refusal> {
        let Some(name) = self.inputs.get(&node.id) else {
            let call = match &node.source_spec {
                Some(spec) => format!("source('{}', '{}')", spec.source_name, node.name),
                None => format!("ref('{}')", node.name),
            };
            return Err(
                Refusal::new("missing-input", format!("the {} gives no rows for {call}", self.what))
                    .help(format!("add `- input: {call}` with its rows below `given`")),
            );
        };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(Arc::clone(&node.id));
        Ok(Relation::new(None, "", name).of_kind(RelationKind::Ephemeral))
    }

    pub fn var(&self, name: &str) -> Option<Json> {
        self.overrides.vars.get(name).cloned()
    }

    pub fn env(&self, name: &str) -> Option<String> {
        self.overrides.env_vars.get(name).map(|value| match value {
            Json::String(text) => text.clone(),
            Json::Bool(true) => "True".to_owned(),
            Json::Bool(false) => "False".to_owned(),
            other => other.to_string(),
        })
    }

    /// What a call of a macro gives. A name of the package `dbt` and the bare name mean the same, the bare one first.
    pub fn macro_value(&self, package: Option<&str>, name: &str) -> Option<Json> {
        let macros = &self.overrides.macros;
        let qualified = |package: &str| macros.get(&format!("{package}.{name}")).cloned();
        match package {
            None | Some("dbt") => macros.get(name).cloned().or_else(|| qualified("dbt")),
            Some(package) => qualified(package),
        }
    }
}

/// The name of the expression that stands in for a node.
fn expression_name(node: &Node) -> String {
    let name = match &node.source_spec {
        Some(spec) => format!("__dbt__cte__{}__{}", spec.source_name, node.name),
        None => format!("__dbt__cte__{}", node.ref_names().swap_remove(0).replace('.', "_")),
    };
    let plain = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name } else { ident(&name) }
}

impl NodeRun {
    /// Runs a unit test on this connection.
    pub(super) async fn run_unit_test(&self, test: &Arc<Node>) -> Result<Verdict, Diagnostic> {
        let internal = || Diagnostic::error("internal", format!("{} is not a unit test", test.id));
        let spec = test.unit_test.as_ref().ok_or_else(internal)?;
        let model = test.depends_on.first().and_then(|id| self.context.graph.node(id));
        let model = model.cloned().ok_or_else(internal)?;
        let mut targets = Vec::with_capacity(spec.inputs.len());
        for (call, given) in spec.inputs.iter().zip(&spec.properties.given) {
            let target = input_node(&self.context.graph, call, &model).ok_or_else(|| {
                Diagnostic::error(
                    "missing-input",
                    format!("the input `{}` of unit test {} does not exist", given.input, test.name),
                )
                .at(given.fixture.place.clone())
            })?;
            targets.push(target);
        }
        let stage = Arc::new(Stage {
            what: format!("unit test {}", test.name),
            inputs: targets
                .iter()
                .map(|node| (Arc::clone(&node.id), expression_name(node)))
                .collect(),
            overrides: spec.properties.overrides.clone().unwrap_or_default(),
            used: Mutex::default(),
        });
        let host = Arc::new(RunHost::new(&self.context, &model, Some(Arc::clone(&self.connection))).on(&stage));
        let this = spec
            .inputs
            .contains(&InputCall::This)
            .then(|| stage.input(&model))
            .transpose()
            .map_err(Diagnostic::from)?;
        let sql = render_tested(&self.context, &model, this.as_ref(), &host)?;
        let used = stage.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut expressions: Vec<(String, String)> = Vec::new();
        for (target, given) in targets.iter().zip(&spec.properties.given) {
            let name = &stage.inputs[&target.id];
            if used.contains(&target.id) && !expressions.iter().any(|(known, _)| known == name) {
                expressions.push((name.clone(), self.given_sql(test, target, &given.fixture, &host).await?));
            }
        }
        let list = expressions.iter().map(|(name, body)| (name.as_str(), body.as_str()));
        let compiled = self.written(test, with_expressions(&sql, list))?;
        let compiled_at = Timestamp::now();
        let (actual, expected) = self.compared(test, spec, &compiled, &host).await?;
        let mut verdict = Verdict {
            status: Status::Pass,
            failures: 0,
            message: None,
            compiled,
            compiled_at,
        };
        if let Some(diff) = RowDiff::new(&expected, &actual) {
            verdict.status = Status::Fail;
            verdict.failures = 1;
            verdict.message = Some(format!("\n\nactual differs from expected:\n\n{diff}\n"));
        }
        Ok(verdict)
    }

    fn written(&self, test: &Node, sql: String) -> Result<Compiled, Diagnostic> {
        let path = self.context.layout.compiled(test);
        self.context.layout.write(&path, &sql)?;
        Ok(Compiled {
            file: SourceFile::new(path.clone(), sql.clone()),
            path,
            sql,
        })
    }

    /// The query that stands in for an input.
    async fn given_sql(
        &self,
        test: &Node,
        target: &Arc<Node>,
        fixture: &Fixture,
        host: &Arc<RunHost>,
    ) -> Result<String, Diagnostic> {
        let rows = match &fixture.rows {
            Some(WrittenRows::Text(sql)) => return render_given(&self.context, test, fixture, sql, host),
            Some(WrittenRows::Rows(rows)) => &rows[..],
            None => &[],
        };
        let columns = self.input_columns(target).await?;
        if columns.is_empty() {
            return Err(Diagnostic::error(
                "missing-input",
                format!("unit test {} cannot tell the columns of `{}`", test.name, target.name),
            )
            .at(fixture.place.clone())
            .because(format!("{} does not exist", target.relation.plain()))
            .help("build it first, an empty one will do: assay run --select .. ; or give its rows as `format: sql`"));
        }
        let mut selects = Vec::with_capacity(rows.len().max(1));
        for row in rows {
            let given = formatted(row, &columns, &format!("`{}`", target.name), fixture)?;
            let cells: Vec<String> = columns
                .iter()
                .map(|column| {
                    let value = given.get(&column.name.to_lowercase());
                    let value = value.cloned().unwrap_or_else(|| cast(&Json::Null, &column.data_type));
                    format!("{value} as {}", ident(&column.name))
                })
                .collect();
            selects.push(format!("select {}", cells.join(", ")));
        }
        if selects.is_empty() {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| format!("{} as {}", cast(&Json::Null, &column.data_type), ident(&column.name)))
                .collect();
            selects.push(format!("select {}\nlimit 0", cells.join(", ")));
        }
        Ok(selects.join("\nunion all\n"))
    }

    /// The columns of an input: those of its relation, here or where another run built it, or those that a model's query
    /// would have.
    async fn input_columns(&self, target: &Arc<Node>) -> Result<Vec<Column>, Diagnostic> {
        if target.config.materialized != Materialization::Ephemeral {
            let own = self.context.readable(target);
            for place in std::iter::once(&own).chain(self.context.deferred(target)) {
                let found =
                    catalog::columns(&self.connection, &place.stored_schema(), &place.stored_identifier()).await;
                let found = found.map_err(|error| self.database_error(&error))?;
                if !found.is_empty() {
                    return Ok(found);
                }
            }
        }
        if target.resource_type != ResourceType::Model {
            return Ok(Vec::new());
        }
        let view = View {
            this: target.relation.clone(),
            incremental: false,
        };
        let Ok(compiled) = compile_node(&self.context, target, &view, Some(&self.connection)) else {
            return Ok(Vec::new());
        };
        // It may read what is not there either: then the columns stay unknown.
        Ok(self.connection.describe(&compiled.sql).await.unwrap_or_default())
    }

    /// The rows that the model made, and those that it should have made.
    async fn compared(
        &self,
        test: &Node,
        spec: &UnitTestSpec,
        compiled: &Compiled,
        host: &Arc<RunHost>,
    ) -> Result<(Table, Table), Diagnostic> {
        let columns = match self.connection.describe(&compiled.sql).await {
            Ok(columns) => columns,
            Err(error) => return Err(self.sql_error(test, &error, &compiled.sql, compiled)),
        };
        let fixture = spec.expected();
        let wanted: Vec<&str> = spec
            .expected_columns()
            .unwrap_or_else(|| columns.iter().map(|column| column.name.as_str()).collect());
        let mut names = Vec::with_capacity(wanted.len());
        for name in wanted {
            let found =
                find(&columns, name).ok_or_else(|| unknown_column(name, &columns, "what is expected", fixture))?;
            names.push(ident(&found.name));
        }
        let expected = match &fixture.rows {
            Some(WrittenRows::Text(sql)) => render_given(&self.context, test, fixture, sql, host)?,
            Some(WrittenRows::Rows(rows)) if !rows.is_empty() => {
                let mut selects = Vec::with_capacity(rows.len());
                for row in rows {
                    let cells: Vec<String> = formatted(row, &columns, "what is expected", fixture)?
                        .iter()
                        .filter_map(|(name, value)| Some(format!("{value} as {}", ident(&find(&columns, name)?.name))))
                        .collect();
                    selects.push(format!("select {}", cells.join(", ")));
                }
                selects.join("\nunion all\n")
            }
            _ => "select * from dbt_internal_unit_test_actual\nlimit 0".to_owned(),
        };
        let sql = comparison(&names, &compiled.sql, &expected);
        self.note_sql_of(test, &sql);
        let mut table = match self.connection.table(&sql).await {
            Ok(table) => table,
            Err(error) => {
                let diagnostic = self.sql_error(test, &error, &sql, compiled);
                return Err(diagnostic.help("look at the given and expected values: do they fit the columns' types?"));
            }
        };
        let mark = table.columns.len().saturating_sub(1);
        table.columns.truncate(mark);
        let (mut actual, mut expected) = (Vec::new(), Vec::new());
        for mut row in std::mem::take(&mut table.rows) {
            let side = row.pop().flatten();
            if side.as_deref() == Some("actual") {
                actual.push(row);
            } else {
                expected.push(row);
            }
        }
        let of = |rows| Table { rows, ..table.clone() };
        Ok((of(actual), of(expected)))
    }
}

/// Both results in one, told apart by a last column.
fn comparison(columns: &[String], actual: &str, expected: &str) -> String {
    let list = columns.join(", ");
    let part = |name: &str, sql: &str| {
        format!(
            "dbt_internal_unit_test_{name} as (\nselect {list}, {} as \"actual_or_expected\"\nfrom (\n{sql}\n) _dbt_internal_unit_test_{name}\n)",
            literal(name)
        )
    };
    format!(
        "with {},\n{}\nselect * from dbt_internal_unit_test_actual\nunion all\nselect * from dbt_internal_unit_test_expected",
        part("actual", actual),
        part("expected", expected)
    )
}

/// What an input stands for; of two with one name the one that the model reads.
fn input_node(graph: &Graph, call: &InputCall, model: &Arc<Node>) -> Option<Arc<Node>> {
    match call {
        InputCall::This => Some(Arc::clone(model)),
        InputCall::Ref(reference) => {
            let named = |node: &&Arc<Node>| {
                node.ref_names().contains(&reference.wanted())
                    && node.resource_type != ResourceType::Source
                    && reference
                        .package
                        .as_ref()
                        .is_none_or(|package| *package == node.package)
            };
            let parents = graph.parents(&model.id);
            let read = parents.into_iter().find(named);
            read.or_else(|| graph.by_ref(reference.package.as_deref(), &reference.wanted(), &model.package))
                .cloned()
        }
        InputCall::Source(source, table) => {
            let named = |node: &&Arc<Node>| {
                let spec = node.source_spec.as_ref();
                node.name == *table && spec.is_some_and(|spec| spec.source_name == *source)
            };
            let parents = graph.parents(&model.id);
            let read = parents.into_iter().find(named);
            read.or_else(|| graph.nodes().find(named)).cloned()
        }
    }
}

fn find<'c>(columns: &'c [Column], name: &str) -> Option<&'c Column> {
    columns
        .iter()
        .find(|column| column.name.to_lowercase() == name.to_lowercase())
}

/// The cells of a row, cast to the types of their columns, by lower-case name.
fn formatted(
    row: &IndexMap<String, Json>,
    columns: &[Column],
    what: &str,
    fixture: &Fixture,
) -> Result<IndexMap<String, String>, Diagnostic> {
    let mut cells = IndexMap::new();
    for (name, value) in row {
        let column = find(columns, name).ok_or_else(|| unknown_column(name, columns, what, fixture))?;
        cells.insert(name.to_lowercase(), cast(value, &column.data_type));
    }
    Ok(cells)
}

fn unknown_column(name: &str, columns: &[Column], what: &str, fixture: &Fixture) -> Diagnostic {
    let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let diagnostic = Diagnostic::error("unknown-column", format!("{what} has no column `{name}`"))
        .at(fixture.place.clone())
        .because(format!("its columns are {}", known.join(", ")));
    match crate::diagnostic::nearest(name, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// A value as PostgreSQL reads it. Text is not cut to a column's length, so that what is too long shows.
fn cast(value: &Json, data_type: &str) -> String {
    let array = data_type.strip_suffix("[]");
    let data_type = match (value, data_type.split_once('(')) {
        (Json::String(_), Some((name, _))) if data_type.starts_with("character varying") && array.is_none() => name,
        _ => data_type,
    };
    match (value, array) {
        (Json::Array(items), Some(element)) => {
            let items: Vec<String> = items.iter().map(|item| cast(item, element)).collect();
            format!("cast(array[{}] as {data_type})", items.join(", "))
        }
        _ => format!("cast({} as {data_type})", plain(value)),
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => literal(text),
        Json::Array(_) | Json::Object(_) => literal(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_cast() {
        let shown = [
            cast(&json!(null), "integer"),
            cast(&json!("it's"), "character varying(2)"),
            cast(&json!(1.50), "numeric(10,2)"),
            cast(&json!(true), "boolean"),
            cast(&json!(["a", null]), "text[]"),
            cast(&json!({"a": [1]}), "jsonb"),
            cast(&json!("{1,2}"), "integer[]"),
        ];
        insta::assert_snapshot!(shown.join("\n"), @r#"
            cast(null as integer)
            cast('it''s' as character varying)
            cast(1.5 as numeric(10,2))
            cast(true as boolean)
            cast(array[cast('a' as text), cast(null as text)] as text[])
            cast('{"a":[1]}' as jsonb)
            cast('{1,2}' as integer[])
            "#);
    }

    #[test]
    fn one_query_compares() {
        insta::assert_snapshot!(comparison(&["\"a\"".to_owned()], "select 1 as a -- x", "select 2 as a"), @r#"
            with dbt_internal_unit_test_actual as (
            select "a", 'actual' as "actual_or_expected"
            from (
            select 1 as a -- x
            ) _dbt_internal_unit_test_actual
            ),
            dbt_internal_unit_test_expected as (
            select "a", 'expected' as "actual_or_expected"
            from (
            select 2 as a
            ) _dbt_internal_unit_test_expected
            )
            select * from dbt_internal_unit_test_actual
            union all
            select * from dbt_internal_unit_test_expected
            "#);
    }

    #[test]
    fn bare_and_dbt_names_of_macros_mean_the_same() {
        let stage = |macros: Json| Stage {
            what: String::new(),
            inputs: IndexMap::new(),
            overrides: Overrides {
                macros: serde_json::from_value(macros).expect("a mapping"),
                ..Overrides::default()
            },
            used: Mutex::default(),
        };
        let both = stage(json!({"dbt.now": 1, "now": 2, "u.x": 3}));
        assert_eq!(both.macro_value(Some("dbt"), "now"), Some(json!(2)));
        assert_eq!(both.macro_value(Some("u"), "x"), Some(json!(3)));
        assert_eq!(both.macro_value(None, "x"), None);
        assert_eq!(stage(json!({"dbt.now": 1})).macro_value(None, "now"), Some(json!(1)));
    }
}
