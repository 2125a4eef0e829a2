//! Ways around the gate that are closed.

use super::support::Project;

const PROJECT: &str = "
name: shop
profile: it
gate: {schema: analytics, readers: [it_reader], keep: 2}
models: {shop: {+materialized: table}}
";

const ORDERS: &str =
    "create schema raw; create table raw.orders (id int, amount int); insert into raw.orders values (1, 10);";

/// Takes what came after the newest id.
const DELTA: &str = "select id, amount from raw.orders {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}";

fn project(files: &[(&str, &str)], sql: &str) -> Project {
    let mut project = Project::new().write("project.yml", PROJECT);
    for (path, text) in files {
        project = project.write(path, text);
    }
    project.psql(sql);
    project
}

fn read(project: &Project, sql: &str) -> String {
    project
        .database
        .try_psql_as("it_reader", sql)
        .expect("readers read what is published")
}

/// A published incremental model `fact` with a hook, and a test that the hook or the rows break.
fn hooked(hook: &str) -> Project {
    let model = format!("{{{{ config(materialized='incremental', unique_key='id', post_hook=\"{hook}\") }}}} {DELTA}");
    project(
        &[
            (
                "models/schema.yml",
                "models: [{name: fact, access: public, columns: [{name: amount, data_tests: [not_null]}]}]",
            ),
            (
                "macros/spoil.sql",
                "{% macro spoil(relation) %}{% if execute and is_incremental() %}
                 {% do run_query('update ' ~ relation ~ ' set amount = null where id = 1') %}{% endif %}{% endmacro %}",
            ),
            ("models/fact.sql", &model),
        ],
        ORDERS,
    )
}

#[test]
fn no_comment_hides_the_end_of_a_transaction() {
    let project = hooked("{{ '/* flush */ commit' if is_incremental() }}");
    project.ok(&["build"]);
    project.psql("insert into raw.orders values (2, null)");
    let outcome = project.ends(1, &["build"]);
    assert!(outcome.stderr.contains("hook-ends-transaction"), "{}", outcome.stderr);
    assert_eq!(
        read(&project, "select string_agg(id::text, ' ') from analytics.fact"),
        "1"
    );
}

#[test]
fn what_a_template_of_a_hook_writes_is_rolled_back_too() {
    let project = hooked("{{ spoil(this) }}");
    project.ok(&["build"]);
    project.psql("insert into raw.orders values (2, 20)");
    project.ends(1, &["build"]);
    let rows = "select string_agg(id || ':' || coalesce(amount::text, 'none'), ' ') from analytics.fact";
    assert_eq!(read(&project, rows), "1:10");
}

#[test]
fn a_view_is_audited_with_the_delta_against_seeds_too() {
    let project = project(
        &[
            ("seeds/amounts.csv", "amount\n10\n20\n"),
            (
                "models/schema.yml",
                "models:
                   - {name: fact, access: public}
                   - {name: v_fact, access: public, columns: [{name: amount, data_tests: [
                       relationships: {arguments: {to: ref('amounts'), field: amount}}]}]}",
            ),
            (
                "models/fact.sql",
                &format!("{{{{ config(materialized='incremental', unique_key='id') }}}} {DELTA}"),
            ),
            (
                "models/v_fact.sql",
                "{{ config(materialized='view') }} select id, amount from {{ ref('fact') }}",
            ),
        ],
        ORDERS,
    );
    project.ok(&["build"]);
    project.psql("insert into raw.orders values (2, 21)");
    project.ends(1, &["run"]);
    assert_eq!(read(&project, "select count(*) from analytics.v_fact"), "1");
}

/// `dim`, which is built anew in every run; `fact`, which takes in rows made with it; `other`, which can fail its test.
fn rates(kept: &str, published: &str) -> Project {
    let keeps = format!(
        "{{{{ config(materialized='incremental', unique_key='id') }}}}
         select id, amount * rate as amount from raw.orders cross join {{{{ ref('dim') }}}}
         {{% if is_incremental() %}} where id > (select max(id) from {{{{ this }}}}) {{% endif %}} -- {kept}"
    );
    project(
        &[
            (
                "models/schema.yml",
                &format!(
                    "models:
                       - {{name: dim, access: public}}
                       - {{name: other, access: public, columns: [{{name: rate, data_tests: [
                           accepted_values: {{arguments: {{values: [1], quote: false}}}}]}}]}}
                       {published}"
                ),
            ),
            ("models/dim.sql", "select rate from raw.dim"),
            (
                "models/other.sql",
                "select rate, pg_sleep(0.3)::text as slow from {{ ref('dim') }}",
            ),
            ("models/fact.sql", &keeps),
            ("models/report.sql", "select id, amount from {{ ref('fact') }}"),
        ],
        &format!("{ORDERS} create table raw.dim (rate int); insert into raw.dim values (1);"),
    )
}

#[test]
fn a_test_inside_a_delta_does_not_tear_a_set_apart() {
    let project = project(
        &[
            (
                "models/schema.yml",
                "models:
                   - {name: dim, access: public}
                   - {name: sizes, access: public}
                   - {name: fact, access: public, columns: [{name: amount, data_tests: [
                       relationships: {arguments: {to: ref('dim'), field: amount}}]}]}",
            ),
            ("models/dim.sql", "select amount from raw.orders where id = 1"),
            ("models/sizes.sql", "select amount * 2 as size from {{ ref('dim') }}"),
            (
                "models/fact.sql",
                &format!("{{{{ config(materialized='incremental', unique_key='id') }}}} {DELTA}"),
            ),
        ],
        ORDERS,
    );
    project.ok(&["build"]);
    project.psql("update raw.orders set amount = 11; insert into raw.orders values (2, 12)");
    project.ends(1, &["build"]);
    assert_eq!(
        read(&project, "select string_agg(amount::text, ' ') from analytics.fact"),
        "10"
    );
    let seen = "select d.amount || ':' || s.size from analytics.dim d, analytics.sizes s";
    assert_eq!(read(&project, seen), "11:22");
    let at_once = "select count(distinct xmin::text) from assay.publications where model in ('dim', 'sizes')
                   and run_id = (select run_id from assay.runs order by started_at desc limit 1)";
    assert_eq!(project.psql(at_once), "1");
}

#[test]
fn what_keeps_rows_takes_none_from_a_version_that_is_refused() {
    // The one that keeps rows is published itself, or private and read by a published one.
    for published in ["- {name: fact, access: public}", "- {name: report, access: public}"] {
        let project = rates("kept", published);
        let shown = if published.contains("report") { "report" } else { "fact" };
        let rows = format!("select string_agg(id || ':' || amount, ' ' order by id) from analytics.{shown}");
        project.ok(&["build"]);
        project.psql("update raw.dim set rate = 1000; insert into raw.orders values (2, 20)");
        for command in ["build", "run"] {
            project.ends(1, &[command]);
            assert_eq!(read(&project, &rows), "1:10", "{command}");
            assert_eq!(read(&project, "select rate from analytics.dim"), "1");
        }
        project.psql("update raw.dim set rate = 1");
        project.ok(&["build"]);
        assert_eq!(read(&project, &rows), "1:10 2:20");
        // And once the new rate is right, it is taken after it is published.
        project.psql("insert into raw.orders values (3, 30)");
        project.ok(&["build"]);
        assert_eq!(read(&project, &rows), "1:10 2:20 3:30");
    }
}

#[test]
fn a_test_with_a_later_private_model_holds_the_delta_below() {
    let project = project(
        &[
            (
                "models/schema.yml",
                "models:
                   - {name: a, access: public}
                   - {name: b, access: public}
                   - {name: p, columns: [{name: n}]}",
            ),
            ("models/a.sql", "select id, amount from raw.orders"),
            (
                "models/b.sql",
                "{{ config(materialized='incremental', unique_key='id') }} select id, amount from {{ ref('a') }}",
            ),
            ("models/p.sql", "select 1 as n, pg_sleep(0.5)::text as slow"),
            (
                "tests/a_and_p.sql",
                "select a.id from {{ ref('a') }} a cross join {{ ref('p') }} where a.amount > 100",
            ),
        ],
        ORDERS,
    );
    project.ok(&["run"]);
    project.psql("insert into raw.orders values (2, 200)");
    project.ends(1, &["run"]);
    assert_eq!(read(&project, "select count(*) from analytics.b"), "1");
}

#[test]
fn an_empty_build_is_not_published() {
    let project = hooked("select 1");
    project.ok(&["build"]);
    let outcome = project.ends(2, &["build", "--empty"]);
    assert!(outcome.stderr.contains("--empty"), "{}", outcome.stderr);
    assert_eq!(read(&project, "select count(*) from analytics.fact"), "1");
}

#[test]
fn a_published_view_shows_nothing_but_versions() {
    let project = project(
        &[
            (
                "models/schema.yml",
                "models: [{name: v, access: public}, {name: w, access: public}]",
            ),
            (
                "models/v.sql",
                "{{ config(materialized='view') }} select * from raw.orders",
            ),
            (
                "models/w.sql",
                "{{ config(materialized='view') }} select count(*) as tables from pg_catalog.pg_class",
            ),
        ],
        ORDERS,
    );
    let outcome = project.ends(1, &["build", "--select", "v"]);
    assert!(
        outcome.stderr.contains("published-view-reads-private") && outcome.stderr.contains("raw.orders"),
        "{}",
        outcome.stderr
    );
    assert_eq!(project.psql("select to_regclass('analytics.v') is null"), "t");
    project.ok(&["build", "--select", "w"]);
}

#[test]
fn sets_that_publish_at_once_do_not_meet() {
    let names: Vec<String> = (0..6).map(|i| format!("m{i}")).collect();
    let listed: Vec<String> = names
        .iter()
        .map(|name| format!("{{name: {name}, access: public}}"))
        .collect();
    let properties = format!("models: [{}]", listed.join(", "));
    let mut project = project(&[("models/schema.yml", &properties)], "select 1");
    for name in &names {
        project = project.write(&format!("models/{name}.sql"), "select 1 as id");
    }
    for _ in 0..3 {
        project.ok(&["build", "--threads", "6"]);
    }
    assert_eq!(read(&project, "select count(*) from analytics.published_models"), "6");
}

#[test]
fn a_model_that_is_never_built_anew_keeps_its_history() {
    let model = |comment: &str, columns: &str| {
        format!(
            "{{{{ config(materialized='incremental', unique_key='id', full_refresh=false, on_schema_change='append_new_columns') }}}}
             {comment} select {columns} from raw.orders"
        )
    };
    let project = project(
        &[
            (
                "models/schema.yml",
                "models: [{name: fact, access: public, columns: [{name: id, data_tests: [unique, not_null]}]}]",
            ),
            ("models/fact.sql", &model("", "id")),
        ],
        ORDERS,
    );
    project.ok(&["build"]);
    project.psql("delete from raw.orders; insert into raw.orders values (2, 20)");
    project.put("models/fact.sql", &model("-- said otherwise\n", "id"));
    project.ok(&["build"]);
    let ids = "select string_agg(id::text, ' ' order by id) from analytics.fact";
    assert_eq!(read(&project, ids), "1 2");
    assert!(project.ok(&["build"]).stderr.contains("fact"));
    // New columns come in a copy, which is audited like any version.
    project.put("models/fact.sql", &model("", "id, amount"));
    project.psql("insert into raw.orders values (3, 30), (3, 31)");
    project.ends(1, &["build"]);
    assert_eq!(read(&project, ids), "1 2");
    project.psql("delete from raw.orders where amount = 31");
    project.ok(&["build"]);
    let rows = "select string_agg(id || ':' || coalesce(amount::text, 'none'), ' ' order by id) from analytics.fact";
    assert_eq!(read(&project, rows), "1:none 2:20 3:30");
    project.ok(&["rollback"]);
    assert_eq!(read(&project, ids), "1 2");
}

#[test]
fn what_stands_under_execute_is_part_of_a_definition() {
    let model = |factor: &str| {
        format!(
            "{{{{ config(materialized='incremental', unique_key='id') }}}}
             select id, {{% if execute %}}amount * {factor}{{% else %}}amount{{% endif %}} as amount from raw.orders
             {{% if is_incremental() %}} where id > (select max(id) from {{{{ this }}}}) {{% endif %}}"
        )
    };
    let project = project(
        &[
            ("models/schema.yml", "models: [{name: fact, access: public}]"),
            ("models/fact.sql", &model("1")),
        ],
        ORDERS,
    );
    project.ok(&["build"]);
    project.put("models/fact.sql", &model("100"));
    project.ok(&["build"]);
    assert_eq!(read(&project, "select amount from analytics.fact"), "1000");
}

#[test]
fn a_view_of_somebody_else_is_not_replaced() {
    let project = project(
        &[
            ("models/schema.yml", "models: [{name: mine, access: public}]"),
            ("models/mine.sql", "select 1 as mine"),
        ],
        "create schema analytics; create view analytics.mine as select 42 as theirs",
    );
    let outcome = project.ends(1, &["build"]);
    assert!(outcome.stderr.contains("published-name-taken"), "{}", outcome.stderr);
    assert_eq!(project.psql("select theirs from analytics.mine"), "42");
    project.psql("drop view analytics.mine");
    project.ok(&["build"]);
    assert_eq!(read(&project, "select mine from analytics.mine"), "1");
}

#[test]
fn views_follow_what_they_read() {
    let project = project(
        &[
            (
                "models/schema.yml",
                "models: [{name: fact, access: public}, {name: shown, access: public}, {name: daily, access: public}]",
            ),
            (
                "models/fact.sql",
                "{{ config(materialized='incremental', unique_key='id') }} select id, amount from raw.orders",
            ),
            (
                "models/shown.sql",
                "{{ config(materialized='view') }} select id from {{ ref('fact') }}",
            ),
            (
                "models/mid.sql",
                "{{ config(materialized='view') }} select id from {{ ref('fact') }}",
            ),
            ("models/daily.sql", "select count(*) as n from {{ ref('mid') }}"),
        ],
        ORDERS,
    );
    project.ok(&["build"]);
    for id in 2..6 {
        project.psql(&format!("insert into raw.orders values ({id}, 1)"));
        project.ok(&["build", "--full-refresh", "--select", "fact"]);
        assert_eq!(read(&project, "select count(*) from analytics.shown"), id.to_string());
        assert_eq!(project.psql("select count(*) from dev.mid"), id.to_string());
    }
    project.ok(&["build", "--select", "daily"]);
    assert_eq!(read(&project, "select n from analytics.daily"), "5");
    // Nothing keeps old versions but the configuration.
    let kept = "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'analytics__versions' and c.relname like 'fact%' and c.relkind = 'r'";
    assert_eq!(project.psql(kept), "2");
}

#[test]
fn a_private_view_never_goes_on_reading_a_refused_candidate() {
    let project = project(
        &[
            (
                "models/schema.yml",
                "models:
                   - {name: fact, access: public, columns: [{name: amount, data_tests: [not_null]}]}
                   - {name: report, access: public}",
            ),
            ("models/fact.sql", "select id, amount from raw.orders"),
            (
                "models/mid.sql",
                "{{ config(materialized='view') }} select * from {{ ref('fact') }}",
            ),
            ("models/report.sql", "select count(*) as n from {{ ref('mid') }}"),
        ],
        ORDERS,
    );
    project.ok(&["build"]);
    project.psql("insert into raw.orders values (2, null)");
    project.ends(1, &["run"]);
    assert_eq!(project.psql("select count(*) from dev.mid"), "1");
    project.ok(&["run", "--select", "report"]);
    assert_eq!(read(&project, "select n from analytics.report"), "1");
    let left =
        "select count(*) from assay.versions v join pg_class c on c.relname = v.version_name where v.state = 'failed'";
    assert_eq!(project.psql(left), "0", "nothing holds the candidate");
}
