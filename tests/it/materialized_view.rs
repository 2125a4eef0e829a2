//! Materialized views that are refreshed while others read them.

use std::time::{Duration, Instant};

use super::support::{Project, Reader};

fn model(config: &str) -> String {
    format!("{{{{ config(materialized='materialized_view'{config}) }}}}\nselect id, word from public.words")
}

const UNIQUE: &str = ", indexes=[{'columns': ['id'], 'unique': true}]";

fn made(indexes: &str) -> Project {
    let project = Project::with(&[("models/m.sql", &model(indexes))]);
    project.psql("create table public.words (id int, word text); insert into public.words values (1, 'a'), (2, 'b')");
    project.ok(&["run"]);
    project.psql("update public.words set word = 'c' where id = 2; insert into public.words values (3, 'd')");
    project
}

fn sent(project: &Project) -> bool {
    project
        .read("target/run/it/models/m.sql")
        .contains("refresh materialized view concurrently")
}

const ROWS: &str = "select string_agg(id || word, ' ' order by id, word) from dev.m";

#[test]
fn readers_and_a_refresh_do_not_wait_for_each_other() {
    let project = made(UNIQUE);
    // A transaction that has read the view, and goes on.
    let reader = Reader::of(&project.database, "select * from dev.m");
    project.psql(&format!(
        "alter database {} set lock_timeout = '120s'",
        project.database.name
    ));
    let before = Instant::now();
    project.ok(&["run"]);
    assert!(before.elapsed() < Duration::from_secs(120));
    assert_eq!(project.psql(ROWS), "1a 2c 3d");
    assert!(sent(&project));
    drop(reader);
}

#[test]
fn without_rows_or_a_unique_index_of_columns_it_is_refreshed_as_ever() {
    let project = made(UNIQUE);
    project.psql("refresh materialized view dev.m with no data");
    project.ok(&["run"]);
    assert_eq!((project.psql(ROWS), sent(&project)), ("1a 2c 3d".to_owned(), false));
    for by_hand in [
        "create index by_hand on dev.m (id)",
        "create unique index by_hand on dev.m (id) where id > 0",
        "create unique index by_hand on dev.m (abs(id))",
        "create unique index by_hand on dev.m (id, abs(id))",
    ] {
        let project = made("");
        project.psql(by_hand);
        project.ok(&["run"]);
        assert_eq!(
            (project.psql(ROWS), sent(&project)),
            ("1a 2c 3d".to_owned(), false),
            "{by_hand}"
        );
    }
    let project = made("");
    project.psql("create unique index by_hand on dev.m (id, word)");
    // Rows that are the same in all but a NULL are told apart.
    project.psql("insert into public.words values (null, 'n'), (null, 'n')");
    project.ok(&["run"]);
    assert_eq!(
        (project.psql("select count(*) from dev.m"), sent(&project)),
        ("5".to_owned(), true)
    );
}

#[test]
fn a_key_that_is_there_twice_fails_and_leaves_the_rows() {
    let project = made(UNIQUE);
    project.psql("insert into public.words values (1, 'z')");
    let told = project.ends(1, &["run"]).stderr;
    assert!(told.contains("models/m.sql"), "{told}");
    assert_eq!(project.psql(ROWS), "1a 2b");
}

#[test]
fn readers_and_a_new_partition_do_not_wait_for_each_other() {
    let project = Project::with(&[(
        "models/m.sql",
        "{{ config(materialized='incremental', unique_key='id', partition_by={'field': 'at'}) }}\nselect id, at from public.events",
    )]);
    project.psql("create table public.events (id int, at date); insert into public.events values (1, '2025-01-01')");
    project.ok(&["run"]);
    let reader = Reader::of(&project.database, "select * from dev.m");
    project.psql("insert into public.events values (2, '2025-01-02')");
    project.psql(&format!(
        "alter database {} set lock_timeout = '120s'",
        project.database.name
    ));
    project.ok(&["run"]);
    assert_eq!(project.psql("select count(*) from dev.m__p20250102"), "1");
    drop(reader);
}
