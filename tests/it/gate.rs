//! Nothing unaudited is ever visible.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::support::{Brake, Project, Reader, wait_until};

const PROJECT: &str = "
name: shop
profile: it
gate:
  schema: analytics
  readers: [it_reader]
  keep: 2
models:
  shop:
    +materialized: table
";

const PROPERTIES: &str = "
sources:
  - name: raw
    tables:
      - name: orders
models:
  - name: stg_orders
  - name: fact_orders
    access: public
    columns:
      - name: id
        data_tests: [unique, not_null]
      - name: amount
        data_tests:
          - not_null
  - name: daily
    access: public
    columns:
      - name: day
        data_tests: [unique]
  - name: big_orders
    access: public
    columns:
      - name: amount
        data_tests:
          - accepted_values:
              arguments: {values: [100, 200], quote: false}
";

/// Raw orders, a private view, an incremental fact, a table made from it, and a view on the fact.
fn shop() -> Project {
    let project = Project::new()
        .write("project.yml", PROJECT)
        .write("models/schema.yml", PROPERTIES)
        .write(
            "models/stg_orders.sql",
            "{{ config(materialized='view') }} select id, day, amount, loaded_at from {{ source('raw', 'orders') }}",
        )
        .write(
            "models/fact_orders.sql",
            "{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert') }}
             select id, day, amount, loaded_at from {{ ref('stg_orders') }}
             {% if is_incremental() %} where loaded_at > (select max(loaded_at) from {{ this }}) {% endif %}",
        )
        .write(
            "models/daily.sql",
            "select day, count(*) as orders, sum(amount) as amount from {{ ref('fact_orders') }} group by day",
        )
        .write(
            "models/big_orders.sql",
            "{{ config(materialized='view') }} select id, amount from {{ ref('fact_orders') }} where amount >= 100",
        );
    project.psql(
        "create schema raw;
         create table raw.orders (id int, day date, amount int, loaded_at int);
         insert into raw.orders values (1, '2025-01-01', 10, 1), (2, '2025-01-01', 20, 1), (3, '2025-01-02', 100, 1);",
    );
    project
}

fn facts(project: &Project) -> String {
    project.psql("select string_agg(id || ':' || amount, ' ' order by id) from analytics.fact_orders")
}

fn versions(project: &Project) -> String {
    project.psql(
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'analytics__versions' and c.relkind in ('r', 'v')",
    )
}

#[test]
fn readers_see_the_published_schema_and_nothing_else() {
    let project = shop();
    let outcome = project.ok(&["build"]);
    assert!(outcome.stderr.contains("fact_orders"), "{}", outcome.stderr);
    assert_eq!(facts(&project), "1:10 2:20 3:100");
    let read = |sql: &str| project.database.try_psql_as("it_reader", sql);
    assert_eq!(read("select count(*) from analytics.fact_orders").as_deref(), Ok("3"));
    assert_eq!(read("select count(*) from analytics.daily").as_deref(), Ok("2"));
    assert_eq!(read("select count(*) from analytics.big_orders").as_deref(), Ok("1"));
    assert_eq!(
        read("select count(*) from analytics.published_models where certified_at is not null").as_deref(),
        Ok("3")
    );
    // Everything else in the database, whatever it is called.
    let others = project.psql(
        "select string_agg(format('%I.%I', n.nspname, c.relname), ' ')
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'v', 'm', 'p') and n.nspname not in ('analytics', 'pg_catalog', 'information_schema', 'pg_toast')",
    );
    for schema in ["raw.", "dev.", "analytics__versions.", "assay."] {
        assert!(others.contains(schema), "{others}");
    }
    for relation in others.split(' ') {
        let refused = read(&format!("select * from {relation}")).expect_err(relation);
        assert!(refused.contains("42501"), "{relation}: {refused}");
    }
    let refused = read("create table analytics.mine (a int)").expect_err("readers do not write");
    assert!(refused.contains("42501"), "{refused}");
}

#[test]
fn a_failed_delta_is_rolled_back_and_explained() {
    let project = shop();
    project.ok(&["build"]);
    project.psql("insert into raw.orders values (4, '2025-01-03', null, 2), (5, '2025-01-03', 5, 2)");
    let outcome = project.ends(1, &["build"]);
    assert_eq!(facts(&project), "1:10 2:20 3:100");
    assert_eq!(project.psql("select count(*) from analytics.daily"), "2");
    for part in [
        "not_null_fact_orders_amount",
        "models/schema.yml",
        "target/compiled/shop/models/schema.yml/not_null_fact_orders_amount.sql",
    ] {
        assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
    }
    // The compiled SQL shows the rows although they were rolled back.
    let sql = project.read("target/compiled/shop/models/schema.yml/not_null_fact_orders_amount.sql");
    assert_eq!(project.psql(&format!("select count(*) from ({sql}) failing")), "1");
    let shown = project.ok(&[
        "show",
        "--candidate",
        "fact_orders",
        "--limit",
        "-1",
        "--output",
        "json",
    ]);
    assert!(
        shown.stdout.contains("\"id\": 4") || shown.stdout.contains("\"id\":4"),
        "{}",
        shown.stdout
    );
    // Mended, the same rows come in.
    project.psql("update raw.orders set amount = 7 where id = 4");
    project.ok(&["build"]);
    assert_eq!(facts(&project), "1:10 2:20 3:100 4:7 5:5");
    assert_eq!(
        project.psql("select orders from analytics.daily where day = '2025-01-03'"),
        "2"
    );
}

#[test]
fn a_delta_must_pass_the_tests_of_the_views_that_show_it() {
    let project = shop();
    project.ok(&["build"]);
    // Nothing is wrong with the fact itself; the published view on it allows 100 and 200 only.
    project.psql("insert into raw.orders values (4, '2025-01-03', 150, 2)");
    let outcome = project.ends(1, &["build"]);
    assert!(
        outcome.stderr.contains("accepted_values_big_orders"),
        "{}",
        outcome.stderr
    );
    assert_eq!(facts(&project), "1:10 2:20 3:100");
    assert_eq!(project.psql("select count(*) from analytics.big_orders"), "1");
}

#[test]
fn a_failed_version_is_kept_for_inspection_until_the_next_run() {
    let project = shop();
    project.ok(&["build"]);
    project.psql("insert into raw.orders values (6, '2025-01-04', 6, 2)");
    project.put(
        "models/daily.sql",
        "select day, count(*) as orders, sum(amount) as amount from {{ ref('fact_orders') }} group by day
         union all select '2025-01-01', 0, 0",
    );
    let outcome = project.ends(1, &["build"]);
    assert!(outcome.stderr.contains("unique_daily_day"), "{}", outcome.stderr);
    assert_eq!(project.psql("select count(*) from analytics.daily"), "2");
    let shown = project.ok(&["show", "--candidate", "daily", "--limit", "-1", "--output", "json"]);
    assert!(shown.stdout.matches("2025-01-01").count() == 2, "{}", shown.stdout);
    project.put(
        "models/daily.sql",
        "select day, count(*) as orders, sum(amount) as amount from {{ ref('fact_orders') }} group by day",
    );
    project.ok(&["build"]);
    assert_eq!(project.psql("select count(*) from analytics.daily"), "3");
    assert_eq!(
        project.psql("select count(*) from assay.versions where state = 'failed'"),
        "0"
    );
}

#[test]
fn a_changed_definition_is_built_anew_and_can_be_rolled_back() {
    let project = shop();
    project.ok(&["build"]);
    let before =
        project.psql("select version_name from assay.versions where model = 'fact_orders' and state = 'published'");
    project.ok(&["build"]);
    let again =
        project.psql("select version_name from assay.versions where model = 'fact_orders' and state = 'published'");
    assert_eq!(before, again, "the same definition takes a delta");
    let changed = project.read("models/fact_orders.sql").replace(
        "select id, day, amount, loaded_at from {{ ref",
        "select id, day, amount * 2 as amount, loaded_at from {{ ref",
    );
    project.put("models/fact_orders.sql", &changed);
    project.put(
        "models/big_orders.sql",
        "{{ config(materialized='view') }} select id, amount from {{ ref('fact_orders') }} where amount >= 200",
    );
    project.ok(&["build"]);
    assert_eq!(facts(&project), "1:20 2:40 3:200");
    assert_eq!(
        project.psql("select amount from analytics.daily where day = '2025-01-01'"),
        "60"
    );
    let outcome = project.ok(&["rollback"]);
    assert!(outcome.stderr.contains("fact_orders"), "{}", outcome.stderr);
    assert_eq!(facts(&project), "1:10 2:20 3:100");
    assert_eq!(
        project.psql("select amount from analytics.daily where day = '2025-01-01'"),
        "30"
    );
    let history = project.ok(&["history", "fact_orders"]);
    assert!(
        history.stdout.contains("rollback") && history.stdout.contains("publish"),
        "{}",
        history.stdout
    );
}

#[test]
fn old_versions_beyond_keep_are_dropped() {
    let project = shop();
    for _ in 0..5 {
        project.ok(&["build", "--full-refresh"]);
    }
    // Two of each of the three published models.
    assert_eq!(versions(&project), "6");
    assert_eq!(
        project
            .psql("select string_agg(distinct state, ' ' order by state) from assay.versions where state <> 'dropped'"),
        "published retired"
    );
}

#[test]
fn what_others_built_on_a_published_view_survives() {
    let project = shop();
    project.ok(&["build"]);
    project.psql(
        "create schema bi; create view bi.report as select day, orders from analytics.daily;
         comment on view bi.report is 'ours'; grant select on bi.report to it_reader;
         create view bi.second as select day from bi.report;",
    );
    let daily = |columns: &str| {
        project.put(
            "models/daily.sql",
            &format!("select {columns} from {{{{ ref('fact_orders') }}}} group by day"),
        );
    };
    // A column more at the end, then the columns in another order and of other types.
    daily("day, count(*) as orders, sum(amount) as amount, max(amount) as largest");
    project.ok(&["build"]);
    daily("count(*)::int as orders, day");
    project.ok(&["build"]);
    assert_eq!(
        project.psql("select string_agg(orders::text, ' ' order by day) from bi.report"),
        "2 1"
    );
    assert_eq!(project.psql("select count(*) from bi.second"), "2");
    assert_eq!(project.psql("select obj_description('bi.report'::regclass)"), "ours");
    assert_eq!(
        project.psql("select has_table_privilege('it_reader', 'bi.report', 'select')"),
        "t"
    );
    // Gone is a column that the report needs: refused before anything changes, and the report is named.
    daily("day");
    let outcome = project.ends(1, &["build"]);
    assert!(outcome.stderr.contains("bi.report"), "{}", outcome.stderr);
    assert_eq!(
        project.psql("select string_agg(orders::text, ' ' order by day) from bi.report"),
        "2 1"
    );
}

#[test]
fn a_published_view_reads_published_models_only() {
    let project = shop();
    project.put(
        "models/big_orders.sql",
        "{{ config(materialized='view') }} select id, amount from {{ ref('stg_orders') }}",
    );
    let outcome = project.ends(2, &["build"]);
    for part in ["stg_orders", "big_orders", "models/big_orders.sql"] {
        assert!(outcome.stderr.contains(part), "{part} in {}", outcome.stderr);
    }
    assert_eq!(
        project.psql("select count(*) from pg_namespace where nspname = 'analytics'"),
        "0"
    );
}

#[test]
fn audits_run_whatever_was_selected() {
    let project = shop();
    project.psql("insert into raw.orders values (3, '2025-01-03', 5, 1)");
    for arguments in [
        &["run"][..],
        &["run", "--select", "fact_orders", "stg_orders"],
        &["build", "--exclude", "test_type:generic"],
    ] {
        let outcome = project.ends(1, arguments);
        assert!(outcome.stderr.contains("unique_fact_orders_id"), "{}", outcome.stderr);
        assert_eq!(project.psql("select to_regclass('analytics.fact_orders') is null"), "t");
    }
}

#[test]
fn a_second_run_is_refused_and_told_who_holds_the_lock() {
    let project = shop();
    project.ok(&["build"]);
    project.put("models/stg_slow.sql", Brake::MODEL);
    let brake = Brake::on(&project.database);
    let first = project.spawn(&["build", "--select", "stg_slow"]);
    brake.reached();
    let refused = project.ends(2, &["build", "--select", "daily"]);
    for part in ["run-in-progress", "process [pid]", "host"] {
        assert!(refused.stderr.contains(part), "{part} in {}", refused.stderr);
    }
    let mut waits = project.spawn(&["build", "--select", "daily", "--lock-wait", "60"]);
    // It says for whom it waits.
    let waited = Project::told(&mut waits, "process ", || drop(brake));
    assert!(
        waits.wait().expect("ends").success() && waited.contains("process "),
        "{waited}"
    );
    assert!(first.wait_with_output().expect("ends").status.success());
}

#[test]
fn killed_at_any_time_readers_keep_what_was_certified() {
    let project = shop();
    project.ok(&["build"]);
    for (round, delay) in [20_u64, 60, 90, 120, 160, 200, 250, 300].into_iter().enumerate() {
        project.psql(&format!(
            "insert into raw.orders values ({}, '2025-02-01', 100, {})",
            10 + round,
            10 + round
        ));
        let mut child = project
            .command(&["build", "--full-refresh"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("assay starts");
        std::thread::sleep(Duration::from_millis(delay));
        let _ = child.kill();
        let _ = child.wait();
        // Fact and what is made from it always agree: they are one set.
        assert_eq!(
            project.psql(
                "select (select count(*) from analytics.fact_orders) = (select sum(orders) from analytics.daily)"
            ),
            "t",
            "after a kill at {delay} ms"
        );
    }
    project.ok(&["build"]);
    assert_eq!(project.psql("select count(*) from analytics.fact_orders"), "11");
    assert_eq!(
        project.psql(
            "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'analytics__versions' and c.relkind in ('r', 'v')
               and not exists (select from assay.versions v where v.version_name = c.relname and v.state in ('published', 'retired'))"
        ),
        "0",
        "no leftovers after a clean run"
    );
}

#[test]
fn a_polling_reader_never_sees_a_bad_row_or_half_a_set() {
    let project = shop();
    project.ok(&["build"]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut polls = 0;
            while !stop.load(Ordering::SeqCst) {
                let seen = project
                    .database
                    .try_psql_as(
                        "it_reader",
                        "begin isolation level repeatable read;
                         select count(*) filter (where amount is null or amount < 0) || ' ' ||
                                (count(*) = (select sum(orders) from analytics.daily)) from analytics.fact_orders;
                         commit;",
                    )
                    .expect("the published relations are always there");
                assert_eq!(seen, "0 true");
                polls += 1;
            }
            polls
        });
        for round in 0..6 {
            let bad = round % 2 == 0;
            let amount = if bad { "null".to_owned() } else { "100".to_owned() };
            project.psql(&format!(
                "insert into raw.orders values ({}, '2025-03-01', {amount}, {})",
                50 + round,
                50 + round
            ));
            let outcome = project.run(&["build", "--full-refresh"]);
            assert_eq!(outcome.status, Some(i32::from(bad)), "{}", outcome.stderr);
            if bad {
                project.psql("delete from raw.orders where amount is null");
            }
        }
        stop.store(true, Ordering::SeqCst);
        assert!(reader.join().expect("the reader saw nothing wrong") > 0);
    });
}

#[test]
fn a_run_that_loses_its_lock_stops() {
    let project = shop();
    project.ok(&["build"]);
    project.put("models/stg_slow.sql", "select pg_sleep(600)::text as waited");
    let run = project.spawn(&["build", "--select", "stg_slow"]);
    let busy = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid() and datname = current_database()";
    wait_until("the model runs", || project.psql(busy) != "0");
    project.psql(
        "select pg_terminate_backend(l.pid) from pg_locks l
         where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())",
    );
    let begun = Instant::now();
    let output = run.wait_with_output().expect("ends");
    let outcome = project.outcome(output.status.code(), &output.stdout, &output.stderr);
    assert_eq!(outcome.status, Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("lock was lost"), "{}", outcome.stderr);
    assert!(
        begun.elapsed() < Duration::from_secs(300),
        "it waited for the statement"
    );
    project.put("models/stg_slow.sql", "select 1 as waited");
    project.ok(&["build"]);
}

#[test]
fn a_view_built_alone_leaves_the_next_publication_free() {
    let project = shop();
    project.ok(&["build"]);
    project.ok(&["run", "--select", "big_orders"]);
    // Columns in another order: the published view of the fact is dropped and made anew.
    let changed = project.read("models/fact_orders.sql").replace(
        "select id, day, amount, loaded_at from {{ ref",
        "select day, id, amount, loaded_at from {{ ref",
    );
    project.put("models/fact_orders.sql", &changed);
    project.ok(&["build"]);
    assert_eq!(facts(&project), "1:10 2:20 3:100");
    assert_eq!(project.psql("select count(*) from analytics.big_orders"), "1");
}

#[test]
fn a_published_view_can_be_added_and_widened_over_a_delta() {
    let project = shop();
    project.ok(&["build"]);
    project.put(
        "models/small_orders.sql",
        "{{ config(materialized='view') }} select id, amount from {{ ref('fact_orders') }} where amount < 100",
    );
    let widened = "{{ config(materialized='view') }}
        select id, amount, day from {{ ref('fact_orders') }} where amount >= 100";
    project.put("models/big_orders.sql", widened);
    let properties = format!(
        "{PROPERTIES}      - name: day
        data_tests: [not_null]
  - name: small_orders
    access: public
    columns:
      - name: id
        data_tests: [unique]
"
    );
    project.put("models/schema.yml", &properties);
    project.psql("insert into raw.orders values (4, '2025-01-03', 200, 2), (5, '2025-01-03', 5, 2)");
    project.ok(&["build"]);
    assert_eq!(facts(&project), "1:10 2:20 3:100 4:200 5:5");
    assert_eq!(project.psql("select count(day) from analytics.big_orders"), "2");
    assert_eq!(project.psql("select count(*) from analytics.small_orders"), "3");
}

#[test]
fn a_delta_is_audited_against_what_comes_later_in_the_order() {
    let project = shop();
    let related = PROPERTIES.replace(
        "          - not_null\n",
        "          - not_null\n          - relationships:\n              arguments: {to: ref('zones'), field: amount}\n",
    ) + "  - name: zones\n    access: public\n";
    project.put("models/schema.yml", &related);
    // Far down, so that it comes after the fact in the order of the graph.
    project.put(
        "models/zones_1.sql",
        "select amount from (values (10), (20), (100)) as zones (amount)",
    );
    project.put("models/zones_2.sql", "select amount from {{ ref('zones_1') }}");
    project.put("models/zones_3.sql", "select amount from {{ ref('zones_2') }}");
    project.put("models/zones.sql", "select amount from {{ ref('zones_3') }}");
    project.ok(&["build"]);
    project.psql("insert into raw.orders values (4, '2025-01-03', 7, 2)");
    let outcome = project.ends(1, &["build"]);
    assert!(
        outcome.stderr.contains("relationships_fact_orders"),
        "{}",
        outcome.stderr
    );
    assert_eq!(facts(&project), "1:10 2:20 3:100");
}

#[test]
fn a_run_whose_lock_was_taken_over_publishes_nothing() {
    let project = shop();
    project.ok(&["build"]);
    project.put("models/stg_slow.sql", Brake::MODEL);
    project.put(
        "models/daily.sql",
        "-- depends_on: {{ ref('stg_slow') }}
         select day, 0 as orders, sum(amount) as amount from {{ ref('fact_orders') }} group by day",
    );
    let brake = Brake::on(&project.database);
    let first = project.spawn(&["build", "--full-refresh"]);
    brake.reached();
    project.psql("select pg_terminate_backend(pid, 60000) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())");
    project.ok(&["run", "--select", "stg_orders"]);
    drop(brake);
    let output = first.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(project.psql("select sum(orders) from analytics.daily"), "3");
}

#[test]
fn a_definition_is_the_same_whatever_the_command_line() {
    let project = shop();
    let stamped = project.read("models/fact_orders.sql").replace(
        "select id, day",
        "select id, '{{ invocation_id }} {{ run_started_at }} {{ flags.FULL_REFRESH }} {{ flags.WHICH }}' as made, day",
    );
    project.put("models/fact_orders.sql", &stamped);
    let version =
        || project.psql("select version_name from assay.versions where model = 'fact_orders' and state = 'published'");
    project.ok(&["build", "--full-refresh"]);
    let first = version();
    project.ok(&["build"]);
    project.ok(&["run"]);
    assert_eq!(first, version());
}

#[test]
fn an_old_version_that_is_being_read_does_not_stop_a_run() {
    let project = shop();
    project.ok(&["build"]);
    let old = project.psql("select version_name from assay.versions where model = 'daily' and state = 'published'");
    project.ok(&["build", "--full-refresh"]);
    let reader = Reader::of(
        &project.database,
        &format!("select count(*) from analytics__versions.{old}"),
    );
    let outcome = project.ok(&["build", "--full-refresh"]);
    drop(reader);
    assert!(
        outcome.stderr.contains("another session is reading it"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn tests_alone_need_no_ledger() {
    let project = shop();
    let sources = PROPERTIES.replace(
        "      - name: orders\n",
        "      - name: orders\n        columns:\n          - name: id\n            data_tests: [not_null]\n",
    );
    project.put("models/schema.yml", &sources);
    project.ok(&["build", "--select", "source:raw"]);
}

#[test]
fn a_hook_may_not_commit_a_delta() {
    let project = shop();
    project.ok(&["build"]);
    let hooked = project.read("models/fact_orders.sql").replace(
        "incremental_strategy='delete+insert'",
        "incremental_strategy='delete+insert', post_hook='select 1; commit'",
    );
    project.put("models/fact_orders.sql", &hooked);
    project.psql("insert into raw.orders values (4, '2025-01-03', null, 2)");
    let outcome = project.ends(1, &["build"]);
    assert!(outcome.stderr.contains("hook-ends-transaction"), "{}", outcome.stderr);
    assert_eq!(facts(&project), "1:10 2:20 3:100");
}

#[test]
fn a_published_view_that_somebody_dropped_comes_back() {
    let project = shop();
    project.ok(&["build"]);
    project.psql("drop view analytics.fact_orders");
    project.psql("insert into raw.orders values (4, '2025-01-03', 200, 2)");
    project.ok(&["build"]);
    assert_eq!(facts(&project), "1:10 2:20 3:100 4:200");
}

#[test]
fn what_cannot_be_published_does_not_compile() {
    for (config, name, code) in [
        ("materialized='table', unlogged=true", "daily", "published-unlogged"),
        (
            "materialized='table', alias='published_models'",
            "daily",
            "published-name",
        ),
        ("materialized='ephemeral'", "daily", "published-ephemeral"),
    ] {
        let project = shop();
        project.put(
            &format!("models/{name}.sql"),
            &format!("{{{{ config({config}) }}}} select day, 1 as orders from {{{{ ref('fact_orders') }}}}"),
        );
        let outcome = project.ends(2, &["build"]);
        assert!(
            outcome.stderr.contains(code) && outcome.stderr.contains("models/daily.sql"),
            "{}",
            outcome.stderr
        );
    }
}
