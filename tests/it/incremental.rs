//! Incremental models where Assay does more than dbt: keys that hold a NULL, indexes of a table that stays, and what cannot be
//! merged.

use super::support::Project;

const ROWS: &str = "create table public.rows (id int, part text, n int); \
                    insert into public.rows values (1, 'a', 1), (null, 'a', 2), (3, null, 3), (null, null, 4)";

/// A model on `public.rows` for each strategy, with a key of one column and of two.
fn keyed(more: &str) -> Project {
    let project = Project::new().write("project.yml", "name: it\nprofile: it\n");
    for strategy in ["delete+insert", "merge"] {
        for (suffix, key) in [("one", "['id']"), ("two", "['id', 'part']")] {
            let filter = if suffix == "one" {
                " where id is not null or part = 'a'"
            } else {
                ""
            };
            let name = format!("{}_{suffix}", &strategy[..5]);
            project.put(
                &format!("models/{name}.sql"),
                &format!(
                    "{{{{ config(materialized='incremental', incremental_strategy='{strategy}', unique_key={key}{more}) }}}}\n\
                     select * from public.rows{filter}"
                ),
            );
        }
    }
    project.psql(ROWS);
    project
}

const MODELS: [&str; 4] = ["delet_one", "delet_two", "merge_one", "merge_two"];

fn rows(project: &Project, model: &str) -> String {
    project.psql(&format!("select id, part, n from dev.{model} order by id, part, n"))
}

#[test]
fn a_null_in_the_key_finds_the_row_with_the_same_null() {
    let project = keyed("");
    project.ok(&["run"]);
    project.psql("update public.rows set n = n * 10; insert into public.rows values (null, 'b', 7), (5, null, 8)");
    // The key of one column has one row without an id only.
    project.psql("delete from public.rows where id is null and part = 'b'");
    project.ok(&["run"]);
    project.ok(&["run"]);
    let one = "1|a|10\n3||30\n5||8\n|a|20";
    let two = "1|a|10\n3||30\n5||8\n|a|20\n||40";
    for model in MODELS {
        let wanted = if model.ends_with("one") { one } else { two };
        assert_eq!(rows(&project, model), wanted, "{model}");
    }
    let sent = project.read("target/run/it/models/delet_two.sql");
    assert!(
        sent.contains("\"id\" is null\nand DBT_INTERNAL_DEST.\"part\" is null"),
        "{sent}"
    );
}

#[test]
fn predicates_hold_for_keys_that_hold_a_null() {
    let project = keyed(", incremental_predicates=['DBT_INTERNAL_DEST.n < 3']");
    project.ok(&["run"]);
    project.psql("update public.rows set n = n * 10");
    project.ok(&["run"]);
    // What the predicate keeps away stays, and the new row comes beside it.
    assert_eq!(rows(&project, "delet_two"), "1|a|10\n3||3\n3||30\n|a|20\n||4\n||40");
    assert_eq!(rows(&project, "merge_two"), "1|a|10\n3||3\n3||30\n|a|20\n||4\n||40");
}

#[test]
fn a_batch_of_a_microbatch_model_finds_its_nulls() {
    let project = Project::with(&[(
        "models/daily.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day', \
         begin='2024-01-01', unique_key=['id', 'part']) }}\nselect id, part, timestamp '2024-01-01 10:00' as at from public.rows",
    )]);
    project.psql(ROWS);
    let day = [
        "run",
        "--event-time-start",
        "2024-01-01",
        "--event-time-end",
        "2024-01-02",
    ];
    project.ok(&day);
    project.ok(&day);
    assert_eq!(project.psql("select count(*) from dev.daily"), "4");
}

#[test]
fn a_key_that_the_query_does_not_have_takes_nothing_away() {
    let model = "{{ config(materialized='incremental', unique_key='id', on_schema_change='append_new_columns') }}\n\
                 {% if is_incremental() %} select 'b' as part {% else %} select 1 as id, 'a' as part {% endif %}";
    let project = Project::with(&[("models/m.sql", model)]);
    project.ok(&["run"]);
    let outcome = project.ends(1, &["run"]);
    assert!(outcome.stderr.contains("\"id\" does not exist"), "{}", outcome.stderr);
    assert_eq!(project.psql("select * from dev.m"), "1|a");
}

#[test]
fn indexes_of_a_table_that_stays_follow_the_configuration() {
    let model = |indexes: &str| {
        format!(
            "{{{{ config(materialized='incremental', unique_key='id', indexes={indexes}) }}}}\nselect 1 as id, 'a' as word, 2 as n"
        )
    };
    let project = Project::with(&[(
        "models/m.sql",
        &model("[{'columns': ['id'], 'unique': true}, {'columns': ['n']}]"),
    )]);
    let found = || {
        project.psql(
            "select regexp_replace(indexdef, '^CREATE (.*)INDEX \\S+ ON dev.m USING', '\\1') from pg_indexes where schemaname = 'dev' order by 1",
        )
    };
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        lines.sort();
        lines.join("\n")
    };
    project.ok(&["run"]);
    assert_eq!(sorted(&found()), "UNIQUE  btree (id)\nbtree (n)");
    let names = "select indexname from pg_indexes where schemaname = 'dev' order by 1";
    let before = project.psql(names);
    project.ok(&["run"]);
    assert_eq!(project.psql(names), before, "nothing changed, nothing is made anew");
    project.psql("create index by_hand on dev.m (word); create index lowered on dev.m (lower(word))");
    // One goes, one becomes unique, one is new, one has another type, and one is there already under another name.
    project.put(
        "models/m.sql",
        &model("[{'columns': ['n'], 'unique': true}, {'columns': ['id'], 'type': 'hash'}, {'columns': ['word']}, {'columns': ['n desc', 'id']}]"),
    );
    project.ok(&["run"]);
    let wanted = "UNIQUE  btree (n)\nbtree (lower(word))\nbtree (n DESC, id)\nbtree (word)\nhash (id)";
    assert_eq!(sorted(&found()), wanted);
    project.put("models/m.sql", &model("[]"));
    project.ok(&["run"]);
    assert_eq!(
        sorted(&found()),
        "btree (lower(word))\nbtree (word)",
        "what was made by hand stays"
    );
}

#[test]
fn an_index_that_the_rows_break_leaves_the_table_as_it_was() {
    let model =
        "{{ config(materialized='incremental', indexes=[{'columns': ['id'], 'unique': true}]) }}\nselect 1 as id";
    let project = Project::with(&[("models/m.sql", model)]);
    project.ok(&["run"]);
    project.ends(1, &["run"]);
    assert_eq!(project.psql("select count(*) from dev.m"), "1");
}

#[test]
fn a_key_that_comes_twice_is_told() {
    let model = "{{ config(materialized='incremental', incremental_strategy='merge', unique_key=['id', 'part']) }}\n\
                 select 1 as id, 'a' as part, 1 as n {% if is_incremental() %} union all select 1, 'a', 2 {% endif %}";
    let project = Project::with(&[("models/m.sql", model)]);
    project.ok(&["run"]);
    let outcome = project.ends(1, &["run"]);
    assert!(
        outcome
            .stderr
            .contains("several rows with the same unique_key (id, part)"),
        "{}",
        outcome.stderr
    );
    assert_eq!(project.psql("select n from dev.m"), "1");
}

#[test]
fn columns_of_a_merge_are_named_rightly() {
    let model = |more: &str| {
        format!(
            "{{{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id'{more}) }}}}\nselect 1 as id, 2 as n"
        )
    };
    let project = Project::with(&[
        (
            "models/both.sql",
            &model(", merge_update_columns=['n'], merge_exclude_columns=['id']"),
        ),
        ("models/unknown.sql", &model(", merge_update_columns=['amount']")),
        ("models/fine.sql", &model(", merge_exclude_columns=['N']")),
    ]);
    project.ok(&["run"]);
    project.psql("update dev.fine set n = 5");
    let outcome = project.ends(1, &["run"]);
    for said in [
        "both `merge_update_columns` and `merge_exclude_columns`",
        "`merge_update_columns` names `amount`",
    ] {
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
    assert_eq!(project.psql("select n from dev.fine"), "5");
}

#[test]
fn columns_change_under_views() {
    let model = "{{ config(materialized='incremental', unique_key='id', on_schema_change='sync_all_columns') }}\n\
                 {% if is_incremental() %} select 1 as id, 2.5::numeric as n {% else %} select 1 as id, 2 as n, 3 as gone {% endif %}";
    let project = Project::with(&[("models/m.sql", model)]);
    project.ok(&["run"]);
    project
        .psql("create view dev.sums as select sum(n) as n from dev.m; create view dev.goes as select gone from dev.m");
    let outcome = project.ok(&["run"]);
    assert_eq!(project.psql("select n from dev.sums"), "2.5");
    assert!(outcome.stderr.contains("dev.goes"), "{}", outcome.stderr);
}
