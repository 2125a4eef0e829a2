//! Sessions, the pool and the catalogue on a live server.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use assay::postgres::{Connection, Notice, Pool, Session, catalog};
use assay::project::profile::Secret;
use assay::sql::RelationKind;
use futures_util::stream;

use crate::server::{Project, connect, number, target};

#[tokio::test(flavor = "multi_thread")]
async fn statements_and_their_results() {
    let project = Project::new();
    let server = project.ensure().await;
    let connection = connect(&server).await;

    let counts = connection
        .batch("create table t (a int, b varchar(20)); insert into t values (1, 'x'), (2, null); select * from t; ; ")
        .await
        .expect("run");
    assert_eq!(counts, [0, 2, 2]);

    let table = connection
        .table("select a, b, 1.50::numeric(6,2) as n, array[1,2] as l, true as t from t order by a -- all")
        .await
        .expect("rows");
    let columns: Vec<(&str, &str)> = table
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.data_type.as_str()))
        .collect();
    assert_eq!(
        columns,
        [
            ("a", "integer"),
            ("b", "character varying(20)"),
            ("n", "numeric(6,2)"),
            ("l", "integer[]"),
            ("t", "boolean")
        ]
    );
    let row = |index: usize| -> Vec<Option<&str>> { table.rows[index].iter().map(Option::as_deref).collect() };
    assert_eq!(row(0), [Some("1"), Some("x"), Some("1.50"), Some("{1,2}"), Some("t")]);
    assert_eq!(row(1)[1], None);
    assert_eq!(table.affected, Some(2));

    let last = connection
        .table("select 1; select 2 as two, null as n")
        .await
        .expect("rows");
    assert_eq!(last.rows, [[Some("2".to_owned()), None]]);
    assert_eq!(last.columns[0].name, "two");
    let none = connection
        .table("select 1; delete from t where a = 2")
        .await
        .expect("run");
    assert_eq!((none.columns.len(), none.affected), (0, Some(1)));
    let empty = connection.table("select a from t where false").await.expect("no rows");
    assert_eq!((empty.columns.len(), empty.rows.len()), (1, 0));

    let described = connection
        .describe("select b, now() as at from t")
        .await
        .expect("columns");
    assert_eq!(described[1].data_type, "timestamp with time zone");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_tell_what_the_server_told() {
    let project = Project::new();
    let server = project.ensure().await;
    let connection = connect(&server).await;
    connection
        .batch("create table t (a int primary key)")
        .await
        .expect("run");

    let sql = "select 'é', nope from t";
    for error in [
        connection.batch(sql).await.expect_err("wrong"),
        connection.table(sql).await.expect_err("wrong"),
        connection.describe(sql).await.expect_err("wrong"),
    ] {
        assert_eq!((error.sqlstate.as_deref(), error.position), (Some("42703"), Some(13)));
        assert!(!error.lost);
    }
    connection.begin().await.expect("begun");
    let error = connection.table("select 1/0 as x").await.expect_err("wrong");
    assert_eq!(error.sqlstate.as_deref(), Some("22012"));
    assert!(connection.in_transaction());
    connection.rollback().await.expect("rolled back");
    assert!(!connection.in_transaction());

    let error = connection
        .batch("insert into t values (1), (1)")
        .await
        .expect_err("twice");
    assert_eq!(error.constraint.as_deref(), Some("t_pkey"));
    let shown = error.diagnostic().to_string();
    assert!(
        shown.contains("SQLSTATE 23505") && shown.contains("Key (a)=(1) already exists."),
        "{shown}"
    );

    let pid = number(&connection, "select pg_backend_pid()::int8").await;
    connect(&server)
        .await
        .query("select pg_terminate_backend($1::int8::int, 60000)", &[&pid])
        .await
        .expect("terminated");
    let error = connection.batch("select 1").await.expect_err("gone");
    assert!(error.lost && connection.is_lost(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_rows_in() {
    let project = Project::new();
    let server = project.ensure().await;
    let connection = connect(&server).await;
    connection.batch("create table t (a int, b text)").await.expect("run");
    let chunks = stream::iter([Ok(b"1,x\n2,".to_vec()), Ok(b"\n".to_vec())]);
    let copied = connection.copy_in("copy t from stdin (format csv)", chunks).await;
    assert_eq!(copied, Ok(2));
    let chunks = stream::iter([Ok(b"3,x\n".to_vec()), Err(std::io::Error::other("no more disk"))]);
    let error = connection
        .copy_in("copy t from stdin (format csv)", chunks)
        .await
        .expect_err("broken");
    assert!(error.message.contains("no more disk"), "{error}");
    let chunks = stream::iter([Ok(b"3,x\nfour,x\n".to_vec())]);
    let error = connection
        .copy_in("copy t from stdin (format csv)", chunks)
        .await
        .expect_err("no number");
    assert!(
        error
            .context
            .as_deref()
            .is_some_and(|context| context.contains("line 2, column a")),
        "{error:?}"
    );
    assert_eq!(number(&connection, "select count(*) from t").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_configured() {
    let project = Project::new();
    let server = project.ensure().await;
    connect(&server)
        .await
        .batch("create role \"Odd \"\"Role\"; grant \"Odd \"\"Role\" to assay; create schema s; grant usage on schema s to public")
        .await
        .expect("run");
    let mut target = target(&server);
    target.role = Some("Odd \"Role".into());
    target.search_path = Some("s, public".into());
    "the test".clone_into(&mut target.application_name);
    let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
    let heard = Arc::clone(&notices);
    let session = Session {
        pseudonym_secret: Some(Secret::new("it's")),
        notices: Some(Arc::new(move |notice| heard.lock().expect("whole").push(notice))),
        ..Session::default()
    };
    let connection = Connection::open(&target, &session).await.expect("a connection");
    let table = connection
        .table(
            "select current_user, session_user, current_schema(), current_setting('assay.pseudonym_secret'), \
             current_setting('application_name')",
        )
        .await
        .expect("settings");
    let row: Vec<&str> = table.rows[0]
        .iter()
        .map(|value| value.as_deref().unwrap_or(""))
        .collect();
    assert_eq!(row, ["Odd \"Role", "assay", "s", "it's", "the test"]);
    connection
        .batch("do $$ begin raise warning 'look'; end $$")
        .await
        .expect("run");
    assert_eq!(notices.lock().expect("whole")[0].message, "look");

    "nobody_here".clone_into(target.role.as_mut().expect("set"));
    let error = Connection::open(&target, &session).await.err().expect("no such role");
    assert!(error.to_string().contains("nobody_here"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_reuses_replaces_and_cancels() {
    let project = Project::new();
    let server = project.ensure().await;
    let pool = Pool::new(target(&server), Session::default(), 2);
    let pid = "select pg_backend_pid()::int8";

    let first = pool.get().await.expect("a connection");
    let first_pid = number(&first, pid).await;
    drop(first);
    let again = pool.get().await.expect("a connection");
    assert_eq!(number(&again, pid).await, first_pid);

    // An open transaction does not survive, the connection does.
    again.batch("begin; create table t (a int)").await.expect("run");
    drop(again);
    let (a, b) = tokio::join!(pool.get(), pool.get());
    let (a, b) = (a.expect("one"), b.expect("two"));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), pool.get())
            .await
            .is_err()
    );
    assert_eq!(number(&b, "select count(*) from pg_class where relname = 't'").await, 0);
    assert!(!a.in_transaction());

    // What runs is cancelled on the server.
    let slow = tokio::spawn(async move {
        let error = a.batch("select pg_sleep(600)").await.expect_err("cancelled");
        (a, error)
    });
    let sleeping = "select count(*) from pg_stat_activity
                    where query like '%pg_sleep%' and state = 'active' and pid <> pg_backend_pid()";
    while number(&b, sleeping).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(pool.cancel_all().await, []);
    let (a, error) = slow.await.expect("joined");
    assert!(error.is_cancelled());
    assert_eq!(number(&a, "select 1::int8").await, 1);

    // A statement that nobody waits for is cancelled, and its connection not used again.
    let a_pid = number(&a, pid).await;
    let started = Instant::now();
    let waited = tokio::time::timeout(Duration::from_millis(100), async move {
        a.batch("select pg_sleep(600)").await.map(|_| ())
    });
    assert!(waited.await.is_err());
    let c = pool.get().await.expect("a connection");
    assert_ne!(number(&c, pid).await, a_pid);
    while number(&c, sleeping).await > 0 {
        assert!(started.elapsed() < Duration::from_secs(120), "it goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // A connection that the server ended is replaced.
    let c_pid = number(&c, pid).await;
    b.query("select pg_terminate_backend($1::int8::int, 60000)", &[&c_pid])
        .await
        .expect("terminated");
    while !c.is_lost() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(c);
    let d = pool.get().await.expect("a connection");
    assert_ne!(number(&d, pid).await, c_pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_in_one_query() {
    let project = Project::new();
    let server = project.ensure().await;
    let connection = connect(&server).await;
    connection
        .batch(
            "create schema empty; create schema \"Shop\"; \
             create table \"Shop\".orders (id bigint, at timestamp(3), gone int, note text); \
             alter table \"Shop\".orders drop column gone; \
             comment on table \"Shop\".orders is 'what was bought'; \
             create view \"Shop\".a as select id from \"Shop\".orders; \
             create view \"Shop\".b as select a.id from \"Shop\".a join \"Shop\".orders using (id); \
             create materialized view \"Shop\".c as select * from \"Shop\".b; \
             create table \"Shop\".parts (d date) partition by range (d); \
             create table \"Shop\".part1 partition of \"Shop\".parts for values from ('2026-01-01') to ('2027-01-01')",
        )
        .await
        .expect("created");
    let asked = ["Shop", "empty", "nowhere"].map(str::to_owned);
    let found = catalog::catalog(&connection, &asked).await.expect("a catalogue");
    assert_eq!(found.schemas, ["Shop", "empty"]);
    assert!(found.has_schema("empty") && !found.has_schema("nowhere"));
    let names: Vec<&str> = found.relations.iter().map(|relation| relation.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "orders", "part1", "parts"]);
    let orders = found.relation("Shop", "orders").expect("there");
    assert_eq!(
        (orders.kind, orders.comment.as_deref(), orders.owner.as_str()),
        (Some(RelationKind::Table), Some("what was bought"), "assay")
    );
    assert!(found.relation("Shop", "parts").expect("there").partitioned);
    assert!(found.relation("Shop", "part1").expect("there").is_partition);
    assert_eq!(
        found.relation("Shop", "c").expect("there").kind,
        Some(RelationKind::MaterializedView)
    );

    let columns = catalog::columns(&connection, "Shop", "orders").await.expect("columns");
    let columns: Vec<(&str, &str)> = columns
        .iter()
        .map(|c| (c.name.as_str(), c.data_type.as_str()))
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "bigint"),
            ("at", "timestamp(3) without time zone"),
            ("note", "text")
        ]
    );

    let dependents = catalog::dependents(&connection, "Shop", "orders").await.expect("views");
    let shown: Vec<(&str, i32)> = dependents.iter().map(|view| (view.name.as_str(), view.depth)).collect();
    assert_eq!(shown, [("a", 1), ("b", 2), ("c", 3)]);
    assert!(
        dependents[0].definition.contains("orders.id"),
        "{}",
        dependents[0].definition
    );
    assert_eq!(dependents[2].kind, RelationKind::MaterializedView);
}
