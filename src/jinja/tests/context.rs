//! dbt's context: what templates see, and what they may ask while parsing.

use serde_json::json;

use super::{Global, Project};
use crate::jinja::{Engine, Returned};
use crate::sql::{Column, Relation, RelationKind, Table};

fn table(columns: &[(&str, &str)], rows: &[&[Option<&str>]]) -> Table {
    Table {
        columns: columns
            .iter()
            .map(|(name, data_type)| Column {
                name: (*name).to_owned(),
                data_type: (*data_type).to_owned(),
            })
            .collect(),
        rows: rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect())
            .collect(),
        ..Table::default()
    }
}

fn with_results() -> Project {
    let mut project = Project::new();
    let columns = [
        ("id", "integer"),
        ("name", "text"),
        ("ok", "boolean"),
        ("amount", "numeric(10,2)"),
        ("day", "date"),
        ("at", "timestamp with time zone"),
    ];
    let rows: [&[Option<&str>]; 2] = [
        &[
            Some("1"),
            Some("a"),
            Some("t"),
            Some("1.5"),
            Some("2024-02-29"),
            Some("2024-02-29 10:00:00.5+02"),
        ],
        &[Some("2"), None, Some("f"), Some("2"), None, None],
    ];
    project
        .world
        .results
        .insert("select q".to_owned(), table(&columns, &rows));
    project
}

#[test]
fn references_print_quoted_and_join_as_text() {
    let text = Project::new().render(
        "{{ ref('a') }} {{ ref('p', 'b', v=2) ~ '_x' }} {{ source('s', 't') }} {{ ref('a').schema }}.{{ ref('a').identifier }} \
         {{ ref('a').include(database=false) }} {{ ref('a').quote(identifier=false) }} {{ ref('a').without_identifier() }} \
         {{ ref('a').is_table }} {{ ref('a').type }} {{ ref('a') is mapping }} {{ ref('a') is string }} {{ ref('a').render() | length }} \
         {{ ref('a') == ref('a') }} {{ [ref('a')] }}",
    );
    assert_eq!(
        text,
        "\"db\".\"analytics\".\"a\" \"db\".\"analytics\".\"b\"_x \"db\".\"s\".\"t\" analytics.a \
         \"analytics\".\"a\" \"db\".\"analytics\".a \"db\".\"analytics\" True table True False 20 True [<PostgresRelation \"db\".\"analytics\".\"a\">]"
    );
}

#[test]
fn the_context_is_changed_for_everything_that_follows() {
    let project = Project::new().file(
        "macros/seen.sql",
        "{% macro seen() %}{{ context.get('mine', 'none') }} {{ sql }}{% endmacro %}",
    );
    let text = project.render(
        "{{ seen() }}; {% do context.update({'mine': [1], 'sql': 'select 2'}) %}{{ seen() }} {{ sql }} {{ mine }}",
    );
    assert_eq!(text, "none None; [1] select 2 select 2 [1]");
}

#[test]
fn ref_and_source_tell_of_their_render() {
    let mut project = Project::new();
    project.globals.insert(
        crate::jinja::RUNTIME_CONFIG.to_owned(),
        Global::from(json!({"project_name": "shop", "vars": {"a": 1}, "dependencies": {"p": {"version": "1.2"}}})),
    );
    let text = project.render(
        "{% set c = builtins.ref.config %}{{ c.project_name }} {{ c.dependencies['p'].version }} {{ c.vars.to_dict() }} {{ c.nothing is defined }} \
         {{ ref.config.project_name }} {{ source.current_project }} {{ builtins.ref('a').identifier }} {{ ref is callable }} {{ [] | is_list }} {{ 'a' | is_list }}",
    );
    assert_eq!(text, "shop 1.2 {'a': 1} False shop shop a True True False");
}

#[test]
fn what_nobody_configured_is_none_in_a_result() {
    let mut project = Project::new();
    let results = vec![json!({"status": "pass", "node": {"name": "t", "config": {"limit": 5}}})];
    project
        .globals
        .insert("results".to_owned(), Global::Records(std::sync::Arc::new(results)));
    let text = project.render(
        "{% for r in results %}{% set c = r.node.config %}{{ c.full_refresh is none }} {{ c.limit }} {{ c.get('x', 1) }} {{ r.node.x is defined }}{% endfor %}",
    );
    assert_eq!(text, "True 5 1 False");
}

#[test]
fn methods_of_the_column_class_can_be_asked_for() {
    let text = Project::new().render(
        "{{ api.Column.translate_type is defined }} {{ api.Column.nothing is defined }} {{ api.Column.translate_type('string') }}",
    );
    assert_eq!(text, "True False TEXT");
}

#[test]
fn relations_are_made_and_changed() {
    let text = Project::new().render(
        "{% set r = api.Relation.create(database='d', schema='s', identifier='i', type='view') %}{{ r }} {{ r.is_view }} \
         {{ r.incorporate(type='table').type }} {{ r.incorporate(path={'identifier': 'j'}) }} {{ r.replace_path(schema='z') }} \
         {{ api.Relation.create(schema='s', identifier='i') }} {{ r.get('metadata', {}).get('type', '').endswith('Relation') }}",
    );
    assert_eq!(
        text,
        "\"d\".\"s\".\"i\" True table \"d\".\"s\".\"j\" \"d\".\"z\".\"i\" \"s\".\"i\" True"
    );
}

#[test]
fn config_collects_while_parsing_and_answers_while_running() {
    let mut project = Project::new().parsing();
    project.world.config.insert("x".to_owned(), json!(1));
    let ((), world) = project.with(
        "{{ config(materialized='table', tags=['a'], meta={'k': none}, pre_hook='select 1') }}{{ config.get('x', 5) }}{{ config.set('y', 2) }}",
        |engine, request| assert_eq!(engine.render(request).unwrap(), ""),
    );
    assert_eq!(
        world.heard(),
        [
            r#"config {"materialized":"table","tags":["a"],"meta":{"k":null},"pre-hook":"select 1"}"#,
            r#"config {"y":2}"#
        ]
    );
    let mut project = Project::new();
    project.world.config.insert("x".to_owned(), json!({"a": [1]}));
    assert_eq!(project.render("{{ config.get('x').a[0] }} {{ config.get('z') }} {{ config.get('z', default='d') }} {{ config.require('x') }}"), "1 None d {'a': [1]}");
    assert_eq!(
        Project::new().try_render("{{ config.require('z') }}").unwrap_err().code,
        "missing-config"
    );
}

#[test]
fn results_of_queries_are_typed_and_read_as_tables() {
    let text = with_results().render(
        "{% set t = run_query('select q') %}{{ t.columns[0].values() }} {{ t.columns['name'].values() }} {{ t.column_names }} \
         {{ t | length }} {% for r in t %}{{ r.id + 1 }}{{ r['name'] }}{{ r[2] }}{{ r.amount }} {% endfor %}{{ t.rows[0].values()[3] }} \
         {{ t.rows[0]['day'].year }} {{ t.rows[0].at }} {{ t.columns | map(attribute='name') | join(',') }} {{ t.rows[1].day is none }} \
         {{ 'yes' if t }} {% for id, name, ok, amount, day, at in t.rows %}{{ id }}{% endfor %}",
    );
    assert_eq!(
        text,
        "(1, 2) ('a', None) ('id', 'name', 'ok', 'amount', 'day', 'at') 2 2aTrue1.5 3NoneFalse2 1.5 2024 \
         2024-02-29 10:00:00.500000+02:00 id,name,ok,amount,day,at True yes 12"
    );
    let text = with_results().render(
        "{% call statement('s', fetch_result=true) %}select q{% endcall %}{% set s = load_result('s') %}{{ s.data[1][0] }}{{ s['table'].columns[1].name }}{{ load_result('none') }}",
    );
    assert_eq!(text, "2nameNone");
}

#[test]
fn nothing_is_asked_of_the_database_while_parsing() {
    let (text, world) = Project::new().parsing().with(
        "{% set t = run_query('select q') %}{{ t.columns[0].values() | join }}{% for r in t %}x{% endfor %}{{ 'rows' if t }}\
         {% call statement('s') %}{{ nope() }}{% endcall %}{{ load_result('s').table.rows | length }}{{ load_result('s')['data'] }}\
         {{ adapter.get_columns_in_relation(ref('a')) }}{{ adapter.get_relation('d', 's', 'i') }}{{ load_relation(ref('a')).is_view }}\
         {{ adapter.drop_relation(ref('a')) }}{{ dbt.get_columns_in_query('select 1') }}{{ execute }}{{ var('missing').split(',') }}\
         {{ adapter.check_schema_exists('d', 's') }}{{ graph.nodes.values() | list }}",
        Engine::render,
    );
    assert_eq!(text.unwrap(), "0[]NoneNone[]FalseFalse[]");
    assert!(
        world
            .heard()
            .iter()
            .all(|h| h.starts_with("called") || h.starts_with("ref")),
        "{:?}",
        world.heard()
    );
}

#[test]
fn the_adapter_answers_while_running() {
    let mut project = Project::new();
    let asked = "select
            column_name,
            data_type,
            character_maximum_length,
            numeric_precision,
            numeric_scale
        from \"db\".INFORMATION_SCHEMA.columns
        where table_name = 'a'
        and table_schema = 'analytics'
        order by ordinal_position";
    let names = ["column_name", "data_type"].map(|name| (name, "text"));
    let numbers = ["character_maximum_length", "numeric_precision", "numeric_scale"].map(|name| (name, "integer"));
    let rows: [&[Option<&str>]; 2] = [
        &[Some("id"), Some("integer"), None, Some("32"), Some("0")],
        &[Some("Name"), Some("character varying"), Some("20"), None, None],
    ];
    let columns = [&names[..], &numbers[..]].concat();
    project.world.results.insert(asked.to_owned(), table(&columns, &rows));
    let (text, _) = project.with(
        "{{ adapter.get_relation(database='db', schema='s', identifier='there').is_view }} {{ adapter.get_relation('db', 's', 'gone') }} \
         {% for c in adapter.get_columns_in_relation(ref('a')) %}{{ c.name }}:{{ c.data_type }}:{{ c.dtype }}:{{ c.is_string() }}:{{ c.quoted }} {% endfor %}\
         {{ adapter.quote('A b') }} {{ api.Column.create('x', 'text').name }} {{ adapter.already_exists('s', 'there') }} {{ adapter.type() }}",
        Engine::render,
    );
    assert_eq!(
        text.unwrap(),
        "True None id:integer:integer:False:\"id\" Name:character varying(20):character varying:True:\"Name\" \"A b\" x True postgres"
    );
}

#[test]
fn schemas_and_relations_are_changed_by_macros_too() {
    let mut project = Project::new();
    let relation = "\"db\".\"analytics\".\"a\"";
    let statements = [
        "create schema if not exists \"s\"".to_owned(),
        "drop schema if exists \"s\" cascade".to_owned(),
        format!("drop table if exists {relation} cascade"),
        format!("truncate table {relation}"),
    ];
    for sql in &statements {
        project.world.results.insert(sql.clone(), table(&[], &[]));
    }
    let (text, world) = project.with(
        "{% do create_schema(api.Relation.create(schema='s')) %}{% do drop_schema(api.Relation.create(schema='s')) %}\
         {% do drop_relation_if_exists(ref('a').incorporate(type='table')) %}{% do drop_relation_if_exists(none) %}{% do truncate_relation(ref('a')) %}",
        Engine::render,
    );
    assert_eq!(text.unwrap(), "");
    let mut heard = world.heard();
    heard.retain(|said| said.starts_with("query"));
    assert_eq!(heard, statements.map(|sql| format!("query {sql}")));
}

#[test]
fn variables_of_the_project_and_the_environment() {
    let mut project = Project::new();
    project.world.vars.insert("list".to_owned(), json!(["a"]));
    project.world.env.insert("HOME_DIR".to_owned(), "/x".to_owned());
    assert_eq!(
        project.render("{{ var('list')[0] }}{{ var('no', 3) }}{{ var('no', default=none) }}{{ var.has_var('list') }}{{ env_var('HOME_DIR') }}{{ env_var('NO', 'd') }}"),
        "a3NoneTrue/xd"
    );
}

#[test]
fn a_variable_that_is_a_template_is_rendered_where_it_is_used() {
    let with = |text: &str| {
        let mut project = Project::new();
        project.world.vars.insert("table".to_owned(), json!(text));
        project
    };
    assert_eq!(
        with("{{ ref('a') }}").render("{{ var('table') }}"),
        "\"db\".\"analytics\".\"a\""
    );
    let error = with("{{ var('table') }}").error("{{ var('table') }}");
    assert!(error.contains("refers to itself"), "{error}");
}

#[test]
fn data_functions_and_context() {
    let mut project = Project::new();
    project.globals.insert(
        "this".to_owned(),
        Global::Relation(Relation::new(None, "s", "me").of_kind(RelationKind::Table)),
    );
    project.globals.insert(
        "model".to_owned(),
        Global::from(json!({"name": "m", "meta": {"x": [1]}})),
    );
    project.globals.insert("is_incremental".to_owned(), Global::from(true));
    let text = project.render(
        "{{ this }} {{ model.name }} {{ model['meta'].x }} {{ is_incremental() }} {{ project_name }} {{ dbt_version }} {{ context['this'].identifier }} \
         {{ context.get('nope', 1) }} {{ local_md5('hello world') }} {{ fromyaml('a: [1, b]').a }} {{ toyaml({'a': 1}) | trim }} {{ target.name }} \
         {{ diff_of_two_dicts({'a': ['x', 'y'], 'b': ['z']}, {'A': ['X']}) }} {{ flags.FULL_REFRESH }} {{ log('hi') }}{{ run_started_at.year > 2000 }}",
    );
    assert_eq!(
        text,
        "\"s\".\"me\" m [1] True shop 1.12.6 me 1 5eb63bbbe01eeed093cb22bb8f5acdc3 [1, 'b'] a: 1 dev {'a': ['y'], 'b': ['z']} False True"
    );
}

#[test]
fn calls_from_rust_give_values_texts_and_relations() {
    let project = || {
        Project::new().file(
            "macros/a.sql",
            "{% macro text(a, b='x') %} {{ a }}{{ b }} {% endmacro %}{% macro rel(r) %}{{ return(r) }}{% endmacro %}{% macro list() %}{{ return([1, {'a': none}]) }}{% endmacro %}",
        )
    };
    let call = |name: &str, args: &[Global], kwargs: &[(&str, Global)]| {
        let kwargs = kwargs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        project()
            .with("", |engine, request| engine.call(request, name, args, &kwargs))
            .0
    };
    assert_eq!(
        call("text", &["1".into()], &[("b", "y".into())]).unwrap().text(),
        " 1y "
    );
    assert_eq!(call("list", &[], &[]).unwrap(), Returned::Data(json!([1, {"a": null}])));
    let relation = Relation::new(None, "s", "t");
    assert_eq!(
        call("rel", &[relation.clone().into()], &[]).unwrap(),
        Returned::Relation(relation)
    );
    assert_eq!(
        call("txt", &[], &[]).unwrap_err().help.as_deref(),
        Some("did you mean `text`?")
    );
    let named = json!({"name": "orders"});
    let schema = call("generate_schema_name", &["sales".into(), named.clone().into()], &[]).unwrap();
    assert_eq!(schema.text().trim(), "dbt_ana_sales");
    let schema = call("generate_schema_name", &[json!(null).into(), named.clone().into()], &[]).unwrap();
    assert_eq!(schema.text().trim(), "dbt_ana");
    assert_eq!(
        call("generate_alias_name", &[json!(null).into(), named.into()], &[])
            .unwrap()
            .text()
            .trim(),
        "orders"
    );
}

#[test]
fn values_of_single_expressions() {
    let evaluate = |template: &str| {
        Project::new()
            .with(template, |engine, request| engine.evaluate(request).unwrap())
            .0
    };
    assert_eq!(evaluate(" {{ [1, 'a'] }} "), json!([1, "a"]));
    assert_eq!(evaluate("{{- 1 + 2 -}}"), json!(3));
    assert_eq!(evaluate("{{ true | as_bool }}"), json!(true));
    assert_eq!(evaluate("a {{ 1 }}"), json!("a 1"));
    let error = Project::new()
        .with("x: {{ 1 }}\n  {{ nope() }}", Engine::evaluate)
        .0
        .unwrap_err();
    assert_eq!(error.place.unwrap().to_string(), "models/m.sql:2:6");
    let error = Project::new().with("  {{ nope() }}", Engine::evaluate).0.unwrap_err();
    assert_eq!(error.place.unwrap().to_string(), "models/m.sql:1:6");
}

#[test]
fn a_part_of_a_file_is_a_template() {
    let text = "{% snapshot s %}\nselect {{ nope.x }}{% endsnapshot %}";
    let file = crate::diagnostic::SourceFile::new("snapshots/s.sql", text);
    let blocks = crate::jinja::snapshots(&file).unwrap();
    assert_eq!(blocks[0].name, "s");
    let error = Project::new()
        .with(text, |engine, request| {
            engine.render(&crate::jinja::Render {
                part: Some(blocks[0].body.clone()),
                source: &file,
                host: std::sync::Arc::clone(&request.host),
                globals: request.globals.clone(),
                ..*request
            })
        })
        .0
        .unwrap_err();
    assert_eq!(error.place.unwrap().to_string(), "snapshots/s.sql:2:11");
}
