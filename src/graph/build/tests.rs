use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::stub::Stub;
use super::{Target, build};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{Graph, IncrementalStrategy, Node};
use crate::project::{Project, YamlScope};

fn built(files: &[(&str, &str)], macros: &[(&str, &str)]) -> Result<(Graph, Diagnostics), Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let plain = |_: &YamlScope, text: &str| -> Result<Json, Diagnostic> { Ok(text.into()) };
    let (project, _) = Project::load(folder.path(), &plain, true)?;
    let target = Target {
        database: "db".to_owned(),
        schema: "main".to_owned(),
    };
    build(&project, &Stub::with(macros), &target, &IndexMap::new())
}

fn graph(files: &[(&str, &str)]) -> Graph {
    match built(files, &[]) {
        Ok((graph, _)) => graph,
        Err(problems) => panic!("{problems}"),
    }
}

fn refused(files: &[(&str, &str)]) -> String {
    match built(files, &[]) {
        Ok(_) => panic!("nothing was wrong"),
        Err(problems) => problems.to_string(),
    }
}

fn ids(nodes: Vec<&Arc<Node>>) -> Vec<&str> {
    nodes.into_iter().map(|node| &*node.id).collect()
}

const PROJECT: (&str, &str) = ("project.yml", "name: shop\n");

#[test]
fn the_file_wins_over_properties_and_those_over_the_project_file() {
    let graph = graph(&[
        (
            "project.yml",
            "name: shop\nmodels:\n  +tags: base\n  +meta: {a: 1, b: 1}\n  shop:\n    staging:\n      +materialized: table\n      +schema: stage\n",
        ),
        (
            "models/staging/x.sql",
            "{{ config(materialized='view', tags='file') }} select 1",
        ),
        (
            "models/staging/x.yml",
            "models:\n- name: x\n  description: An x.\n  config: {tags: [yml], meta: {b: 2}, materialized: incremental, alias: y}\n  columns:\n  - {name: id, data_type: int}\n",
        ),
    ]);
    let node = graph.node("model.shop.x").unwrap();
    assert_eq!(node.config.materialized_name, "view");
    assert_eq!(node.config.tags, ["base", "yml", "file"]);
    assert_eq!((&node.meta["a"], &node.meta["b"]), (&json!(1), &json!(2)));
    assert_eq!(node.relation.to_string(), "\"db\".\"main_stage\".\"y\"");
    assert_eq!(node.fqn, ["shop", "staging", "x"]);
    assert_eq!(node.patch_path.as_deref(), Some("shop://models/staging/x.yml"));
    assert_eq!(
        (node.description.as_str(), node.columns["id"].data_type.as_deref()),
        ("An x.", Some("int"))
    );
}

#[test]
fn the_root_project_has_the_last_word_about_packages() {
    let graph = graph(&[
        ("project.yml", "name: shop\nmodels: {dep: {+schema: mine}}\n"),
        ("models/m.sql", "select * from {{ ref('dep', 'd') }} {{ ref('e') }}"),
        (
            "dbt_packages/dep/dbt_project.yml",
            "name: dep\nmodels: {+schema: theirs, +materialized: table}\n",
        ),
        ("dbt_packages/dep/models/d.sql", "{{ config(schema='file') }} select 1"),
        ("dbt_packages/dep/models/e.sql", "select 1"),
    ]);
    let node = graph.node("model.dep.d").unwrap();
    assert_eq!(
        (node.relation.schema.as_str(), node.config.materialized_name.as_str()),
        ("main_mine", "table")
    );
    assert_eq!(ids(graph.parents("model.shop.m")), ["model.dep.d", "model.dep.e"]);
    assert_eq!(node.original_path, "models/d.sql");
}

#[test]
fn generic_tests_of_models_columns_and_sources() {
    let graph = graph(&[
        PROJECT,
        ("models/stg_orders.sql", "select * from {{ source('raw', 'orders') }}"),
        ("models/people.sql", "select 1"),
        (
            "models/a.yml",
            "sources:\n- name: raw\n  tags: [s]\n  tables:\n  - name: orders\n    columns: [{name: id, data_tests: [not_null]}]\n\
             models:\n- name: stg_orders\n  columns:\n  - name: id\n    tags: [pk]\n    data_tests:\n    - unique\n    \
             - relationships: {to: ref('people'), field: id, config: {severity: warn, where: x > 1}}\n",
        ),
        (
            "tests/one.sql",
            "{{ config(severity='warn') }} select * from {{ ref('people') }}",
        ),
    ]);
    let unique = graph
        .nodes()
        .find(|node| node.id.starts_with("test.shop.unique_stg_orders_id."))
        .unwrap();
    assert_eq!(&*unique.id, "test.shop.unique_stg_orders_id.beb6e97f2f");
    assert_eq!(unique.config.tags, ["pk"]);
    assert_eq!(unique.relation.schema, "main_dbt_test__audit");
    assert_eq!(unique.declared.to_string(), "models/a.yml:13:7");
    let relationships = graph
        .node("test.shop.relationships_stg_orders_id__id__ref_people_.ef4edc46f6")
        .unwrap();
    let spec = relationships.test.as_ref().unwrap();
    assert_eq!(spec.where_.as_deref(), Some("x > 1"));
    assert_eq!(spec.severity, crate::graph::Severity::Warn);
    assert_eq!(relationships.depends_on.len(), 2);
    assert_eq!(
        relationships.source.text,
        "{{ test_relationships(to=ref('people'), field='id', column_name='id', model=(get_where_subquery(ref('stg_orders')))) }}"
    );
    let of_source = graph.children("source.shop.raw.orders");
    assert_eq!(ids(of_source)[1], "test.shop.source_not_null_raw_orders_id.f232a64478");
    let one = graph.node("test.shop.one").unwrap();
    assert_eq!(one.test.as_ref().unwrap().severity, crate::graph::Severity::Warn);
}

#[test]
fn a_seed_described_below_models_keeps_its_tests_in_a_dbt_project() {
    let (graph, problems) = built(
        &[
            ("dbt_project.yml", "name: shop\n"),
            ("seeds/rates.csv", "id\n1\n"),
            (
                "models/m.yml",
                "models:\n- name: rates\n  columns:\n  - {name: id, tests: [unique]}\n",
            ),
        ],
        &[],
    )
    .unwrap();
    let test = graph.nodes().find(|node| node.name == "unique_rates_id").unwrap();
    assert_eq!(ids(graph.parents(&test.id)), ["seed.shop.rates"]);
    let shown = problems.to_string();
    assert!(
        shown.contains("there is no model `rates`") && shown.contains("move the entry below `seeds`"),
        "{shown}"
    );
}

#[test]
fn missing_things_are_named_with_the_nearest() {
    let shown = refused(&[
        PROJECT,
        (
            "models/orders.sql",
            "select *\nfrom {{ ref('custmers') }} {{ source('raw', 'order') }} {{ ref('orders_test') }}",
        ),
        ("models/customers.sql", "select 1"),
        ("models/off.sql", "{{ config(enabled=false) }}"),
        ("models/reads_off.sql", "{{ ref('off') }}"),
        ("tests/orders_test.sql", "{{ ref('orders') }}"),
        (
            "models/a.yml",
            "sources: [{name: raw, tables: [{name: orders}]}]\nmodels: [{name: custoomers}, {name: customers, data_tests: [uniq]}]\n",
        ),
    ]);
    for part in [
        "model `orders` refers to `custmers`, which does not exist\n  --> models/orders.sql:2:13",
        "did you mean `customers`?",
        "model `orders` reads source `raw.order`, which is not declared\n  --> models/orders.sql:2:38",
        "did you mean `orders`?",
        "`orders_test` is a test, and `ref` takes models and seeds",
        "model `reads_off` refers to `off`, which is disabled",
        "there is no model `custoomers`",
        "there is no test `uniq`, wanted by model `customers`\n  --> models/a.yml:2:61",
        "did you mean `unique`?",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
}

#[test]
fn a_cycle_shows_its_path_and_places() {
    let shown = refused(&[
        PROJECT,
        ("models/a.sql", "select * from {{ ref('b') }}"),
        ("models/b.sql", "select * from {{ ref('c') }}"),
        ("models/c.sql", "select * from {{ ref('a') }}"),
    ]);
    assert!(
        shown.contains("error[cycle]: these depend on themselves: a -> b -> c -> a\n  --> models/a.sql:1:22"),
        "{shown}"
    );
    assert!(shown.contains("models/c.sql:1:22 in model `c`"), "{shown}");
}

#[test]
fn names_and_relations_meet_only_once() {
    let shown = refused(&[
        PROJECT,
        ("models/a.sql", "select 1"),
        ("models/sub/a.sql", "select 1"),
        ("models/b.sql", "{{ config(alias='a') }} select 1"),
        ("seeds/b.csv", "x\n"),
        ("models/a.yml", "models: [{name: b, data_tests: [t, t]}, {name: b}]\n"),
        ("macros/t.sql", ""),
    ]);
    for part in [
        "model `a` and model `a` have the same name\n  --> models/sub/a.sql:1:1",
        "model `b` and seed `b` have the same name",
        "model `a` and model `b` both build main.a",
        "model `b` is described twice",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
}

#[test]
fn the_gate_publishes_public_models_and_guards_its_views() {
    let files = [
        ("project.yml", "name: shop\ngate: {schema: analytics}\n"),
        ("models/secret.sql", "select 1"),
        (
            "models/eph.sql",
            "{{ config(materialized='ephemeral') }} select * from {{ ref('secret') }}",
        ),
        (
            "models/fact.sql",
            "{{ config(materialized='table', access='public') }} select * from {{ ref('eph') }}",
        ),
        (
            "models/good.sql",
            "{{ config(access='public') }} select * from {{ ref('fact') }}",
        ),
    ];
    let graph = graph(&files);
    assert_eq!(
        graph.node("model.shop.fact").unwrap().relation.plain(),
        "analytics.fact"
    );
    assert_eq!(graph.node("model.shop.secret").unwrap().relation.plain(), "main.secret");
    let mut more = files.to_vec();
    more.push((
        "models/bad.sql",
        "{{ config(access='public') }} select * from {{ ref('eph') }}",
    ));
    let shown = refused(&more);
    assert!(
        shown.contains("the published view `bad` reads model `secret` through `eph`, which is not published\n  --> models/eph.sql:1:61"),
        "{shown}"
    );
}

#[test]
fn groups_guard_private_models() {
    let shown = refused(&[
        PROJECT,
        ("models/a.sql", "{{ config(access='private', group='fin') }} select 1"),
        ("models/b.sql", "{{ config(group='fin') }} {{ ref('a') }}"),
        ("models/c.sql", "{{ ref('a') }}"),
        ("models/d.sql", "{{ config(group='fim') }}"),
        ("models/g.yml", "groups: [{name: fin, owner: {name: x}}]\n"),
    ]);
    assert!(shown.contains("model `c` refers to `a`, which is private"), "{shown}");
    assert!(!shown.contains("model `b` refers"), "{shown}");
    assert!(shown.contains("did you mean `fin`?"), "{shown}");
}

#[test]
fn macros_decide_where_the_project_has_them() {
    let (graph, _) = built(
        &[
            PROJECT,
            (
                "models/a.sql",
                "{{ config(schema='exact', materialized='incremental', unique_key='id') }}",
            ),
        ],
        &[("shop", "generate_schema_name")],
    )
    .unwrap();
    let node = graph.node("model.shop.a").unwrap();
    assert_eq!(node.relation.schema, "exact");
    assert_eq!(
        node.config.incremental_strategy,
        Some(IncrementalStrategy::DeleteInsert)
    );
}

#[test]
fn hooks_exposures_and_what_is_switched_off() {
    let graph = graph(&[
        (
            "project.yml",
            "name: shop\non-run-start: [\"select 1\"]\non-run-end: \"{{ ref('a') }}\"\n",
        ),
        ("models/a.sql", "select 1"),
        ("models/gone.sql", "{{ config(enabled=false) }} {{ fail() }}"),
        (
            "models/a.yml",
            "models: [{name: gone, data_tests: [unique]}]\nexposures:\n- {name: weekly, type: dashboard, depends_on: [ref('a')]}\n",
        ),
    ]);
    assert_eq!(ids(graph.parents("operation.shop.shop-on-run-end-0")), ["model.shop.a"]);
    assert_eq!(ids(graph.parents("exposure.shop.weekly")), ["model.shop.a"]);
    let start = graph.node("operation.shop.shop-on-run-start-0").unwrap();
    assert_eq!(
        (start.config.tags[0].as_str(), start.original_path.as_str()),
        ("on-run-start", "./project.yml")
    );
    let off: Vec<&str> = graph.disabled().iter().map(|node| node.name.as_str()).collect();
    assert_eq!(off, ["gone", "unique_gone_"]);
}

#[test]
fn what_a_hook_asks_for_is_asked_for_by_its_node() {
    let graph = graph(&[
        ("project.yml", "name: shop\n"),
        ("models/log.sql", "select 1"),
        ("models/noise.sql", "select 1"),
        (
            "models/a.sql",
            "{{ config(pre_hook=\"select {{ ref('noise') }}\", post_hook=['vacuum', \"insert into {{ ref('log') }}\"]) }} select 1",
        ),
    ]);
    assert_eq!(
        ids(graph.parents("model.shop.a")),
        ["model.shop.noise", "model.shop.log"]
    );
}

#[test]
fn configuration_that_reaches_nothing_is_told() {
    let (_, warnings) = built(
        &[
            (
                "project.yml",
                "name: shop\nmodels:\n  shop:\n    stagin: {+materialized: table}\n    staging: {x: {+tags: t}}\n",
            ),
            ("models/staging/x.sql", "select 1"),
        ],
        &[],
    )
    .unwrap();
    let shown = warnings.to_string();
    assert!(
        shown.contains("`models.shop.stagin` configures nothing\n  --> project.yml:4:5"),
        "{shown}"
    );
    assert!(shown.contains("did you mean `staging`?"), "{shown}");
    assert_eq!(warnings.0.len(), 1, "{shown}");
}

#[test]
fn a_bad_value_of_the_project_file_is_told_once() {
    let shown = refused(&[
        (
            "project.yml",
            "name: shop\nmodels: {+materialized: tabel}\non-run-end: select 1\n",
        ),
        ("models/a.sql", "select 1"),
        ("models/b.sql", "select 1"),
        ("models/c.sql", "select 1"),
    ]);
    assert_eq!(shown.matches("error[").count(), 1, "{shown}");
    assert!(
        shown.contains("project.yml:2:25") && shown.contains("it reaches 2 more nodes"),
        "{shown}"
    );
}

#[test]
fn a_failing_template_says_where() {
    let shown = refused(&[
        PROJECT,
        ("models/a.sql", "select\n{{ fail() }}"),
        ("models/b.sql", "{{ config(tagz='x') }}"),
    ]);
    assert!(shown.contains("models/a.sql:2:4"), "{shown}");
    assert!(
        shown.contains("the config of model `b` has no key `tagz`\n  --> models/b.sql:1:11"),
        "{shown}"
    );
}

#[test]
fn a_snapshot_says_what_it_lacks() {
    let shown = refused(&[
        PROJECT,
        ("models/a.sql", "select 1 as id"),
        (
            "snapshots/s.sql",
            "-- two of them\n{% snapshot one %}\n{{ config(unique_key='id', strategy='timestamp') }}\nselect * from {{ ref('b') }}\n{% endsnapshot %}\n{% snapshot two %}{{ config(strategy='check', check_cols='some') }}{% endsnapshot %}",
        ),
        (
            "snapshots/s.yml",
            "snapshots:\n- {name: three, relation: ref('a'), config: {unique_key: id}}\n- {name: four, relation: a}\n- {name: five, relation: ref('a'), config: {unique_key: id, strategy: timestamp, updated_at: u, hard_deletes: x, invalidate_hard_deletes: true, snapshot_meta_column_names: {dbt_valid_form: y}}}\n",
        ),
    ]);
    for part in [
        "snapshot `one` has no `updated_at`\n  --> snapshots/s.sql:3:",
        "snapshot `two` has no `unique_key`\n  --> snapshots/s.sql:6:13",
        "`check_cols` of snapshot `two` takes `all`",
        "snapshot `three` has no `strategy`\n  --> snapshots/s.yml:2:10",
        "`a` is no call of `ref` or `source`\n  --> snapshots/s.yml:3:26",
        "snapshot `five` has `hard_deletes: x`, which does not exist",
        "snapshot `five` has both `hard_deletes`",
        "did you mean `dbt_valid_from`?",
        "snapshot `one` refers to `b`, which does not exist\n  --> snapshots/s.sql:4:",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
}

#[test]
fn versions_that_are_old_or_to_come() {
    let files = [
        PROJECT,
        ("models/m_v1.sql", "select 1"),
        ("models/m.sql", "select 2"),
        ("models/m_v3.sql", "select 3"),
        ("models/reads.sql", "{{ ref('m') }}"),
        (
            "models/m.yml",
            "models:\n- name: m\n  latest_version: 2\n  versions: [{v: 1, deprecation_date: 2020-01-01}, {v: 2, deprecation_date: 2999-12-31 10:00:00}, {v: 3}]\n",
        ),
    ];
    let (graph, warnings) = built(&files, &[]).unwrap();
    assert_eq!(ids(graph.parents("model.shop.reads")), ["model.shop.m.v2"]);
    let node = graph.node("model.shop.m.v2").unwrap();
    assert_eq!(
        (node.alias.as_str(), &node.fqn[1..]),
        ("m_v2", &["m".to_owned(), "v2".to_owned()][..])
    );
    let shown = warnings.to_string();
    for part in [
        "model `m.v1` has passed its deprecation date of 2020-01-01T00:00:00+00:00",
        "model `reads` reads model `m.v2`, which will be deprecated on 2999-12-31T10:00:00+00:00",
        "model `reads` refers to `m` without a version\n  --> models/reads.sql:1:8",
        "version 2 now, and version 3 once",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
    let mut more = files.to_vec();
    more.push((
        "models/c.yml",
        "models: [{name: k, latest_version: 4, versions: [{v: 1}, {v: 1}]}]",
    ));
    let shown = refused(&more);
    for part in [
        "`latest_version: 4` of model `k` is none of its versions",
        "model `k` has two versions called `1`",
    ] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
}

#[test]
fn a_package_can_keep_to_itself_what_is_not_public() {
    let shown = refused(&[
        PROJECT,
        ("models/a.sql", "{{ ref('dep', 'closed') }}"),
        ("models/b.sql", "{{ ref('dep', 'open') }}"),
        ("dbt_packages/dep/dbt_project.yml", "name: dep\nrestrict-access: true\n"),
        ("dbt_packages/dep/models/closed.sql", "select 1"),
        (
            "dbt_packages/dep/models/open.sql",
            "{{ config(access='public') }} {{ ref('closed') }}",
        ),
        ("dbt_packages/dep/models/draft.sql", "{{ ref('nothing') }}"),
        ("dbt_packages/dep/.dbtignore", "draft.sql\n"),
    ]);
    assert!(
        shown.contains("model `a` refers to `closed`, which is not public\n  --> models/a.sql:1:15"),
        "{shown}"
    );
    assert_eq!(shown.matches("error[").count(), 1, "{shown}");
}
