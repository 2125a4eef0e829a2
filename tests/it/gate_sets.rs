//! What is published together, and what goes back together.

use super::support::{Brake, Project, Reader, wait_until};

const GATE: &str = "name: shop\nprofile: it\ngate: {schema: analytics, readers: [it_reader], keep: 5, sets: [SETS]}\n\
                    models: {shop: {+materialized: table}}\n";

/// A project with raw orders and these files; `sets` is the value of `gate.sets`.
fn project(sets: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::new().write("project.yml", &GATE.replace("[SETS]", sets));
    for (path, text) in files {
        project.put(path, text);
    }
    project
        .psql("create schema raw; create table raw.orders (id int, amount int); insert into raw.orders values (1, 10)");
    project
}

const THREE: &str =
    "models:\n  - {name: left_one, access: public}\n  - {name: right_one, access: public}\n  - name: inner_one\n";

const LEFT: (&str, &str) = ("models/left_one.sql", "select id, amount from raw.orders");
const RIGHT: (&str, &str) = ("models/right_one.sql", "select id from raw.orders");
const INNER: (&str, &str) = ("models/inner_one.sql", "select 1 as id");

#[test]
fn a_named_set_is_published_together_or_not_at_all() {
    let tested = THREE.replace(
        "{name: right_one, access: public}",
        "{name: right_one, access: public, columns: [{name: id, data_tests: [unique]}]}",
    );
    let project = project(
        "{pair: [left_one, right_one]}",
        &[("models/schema.yml", &tested), LEFT, RIGHT, INNER],
    );
    let plan = project.ends(3, &["plan"]);
    assert!(
        plan.stdout.contains("Published together (pair): left_one, right_one"),
        "{}",
        plan.stdout
    );
    project.ok(&["build"]);
    let moments =
        "select count(*) || ' ' || count(distinct published_at) from assay.publications where action = 'publish'";
    assert_eq!(project.psql(moments), "2 1", "one transaction has one moment");
    project.psql("insert into raw.orders values (1, 11)");
    project.ends(1, &["build"]);
    assert_eq!(
        project.psql("select count(*) from analytics.left_one"),
        "1",
        "held with the other"
    );
    // Without the name they have nothing to do with each other.
    project.put("project.yml", &GATE.replace("[SETS]", "{}"));
    project.ends(1, &["build"]);
    assert_eq!(project.psql("select count(*) from analytics.left_one"), "2");
    assert_eq!(project.psql("select count(*) from analytics.right_one"), "1");
}

#[test]
fn selectors_and_configuration_name_sets_too() {
    let config = "{{ config(publish_set='pair') }} select id from raw.orders";
    let named = project(
        "{}",
        &[
            ("models/schema.yml", THREE),
            INNER,
            ("models/left_one.sql", config),
            ("models/right_one.sql", config),
        ],
    );
    let plan = named.ends(3, &["plan"]);
    assert!(
        plan.stdout.contains("Published together (pair): left_one, right_one"),
        "{}",
        plan.stdout
    );
    // A selector and a folder mean what is published there.
    let selected = project(
        "{pair: ['path:models']}",
        &[("models/schema.yml", THREE), LEFT, RIGHT, INNER],
    );
    let plan = selected.ends(3, &["plan", "--output", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("JSON");
    assert_eq!(
        plan["publish_sets"],
        serde_json::json!([["model.shop.left_one", "model.shop.right_one"]])
    );
    assert_eq!(plan["publish_set_names"], serde_json::json!([["pair"]]));
    let folder = GATE
        .replace("[SETS]", "{}")
        .replace("+materialized: table", "+materialized: table, +publish_set: pair");
    selected.put("project.yml", &folder);
    let plan = selected.ends(3, &["plan"]);
    assert!(
        plan.stdout.contains("Published together (pair): left_one, right_one"),
        "{}",
        plan.stdout
    );
}

#[test]
fn sets_that_cannot_be_meant_do_not_compile() {
    let project = project("{}", &[("models/schema.yml", THREE), LEFT, RIGHT, INNER]);
    for (sets, told) in [
        ("{pair: [left_on]}", "did you mean `left_one`?"),
        ("{pair: ['tag:nothing']}", "error[unknown-model]"),
        (
            "{pair: [left_one], other: [left_one]}",
            "model `left_one` is in the publish sets `pair` and `other`",
        ),
        (
            "{pair: [inner_one]}",
            "model `inner_one` is in the publish set `pair`, and is not published",
        ),
        ("{pair: ['path:models/inner_one.sql']}", "error[private-in-set]"),
        ("{pair: ['nonsense:x']}", "project.yml:3"),
    ] {
        project.put("project.yml", &GATE.replace("[SETS]", sets));
        let outcome = project.ends(2, &["parse"]);
        assert!(outcome.stderr.contains(told), "{sets}: {}", outcome.stderr);
    }
}

const LAYERS: &[(&str, &str)] = &[
    (
        "models/schema.yml",
        "models: [{name: dim, access: public}, {name: fact, access: public}, {name: daily, access: public}]",
    ),
    ("models/dim.sql", "select id from raw.orders"),
    (
        "models/fact.sql",
        "{{ config(materialized='incremental', unique_key='id') }} select id, amount from raw.orders join {{ ref('dim') }} using (id)",
    ),
    (
        "models/daily.sql",
        "select sum(amount) as amount from {{ ref('fact') }}",
    ),
];

#[test]
fn sets_that_would_each_have_to_be_published_before_the_other_are_refused() {
    let project = project("{voice: [dim, other_fact], chat: [other_dim, fact]}", LAYERS);
    project.put("models/other_dim.sql", "select id from raw.orders");
    project.put("models/other_fact.sql", &LAYERS[2].1.replace("'dim'", "'other_dim'"));
    project.put(
        "models/others.yml",
        "models: [{name: other_dim, access: public}, {name: other_fact, access: public}]",
    );
    project.ok(&["build"]);
    for command in ["plan", "build"] {
        let outcome = project.ends(2, &[command]);
        for part in [
            "error[parted-set]",
            "`dim` would be published before `other_fact`",
            "`other_fact` takes in new rows",
            "--full-refresh",
        ] {
            assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
        }
    }
    project.ok(&["build", "--full-refresh"]);
    project.ok(&["build", "--select", "fact"]);
    // In one set they are one transaction.
    for sets in [
        "{voice: [dim, daily]}",
        "{voice: [fact, daily]}",
        "{voice: [dim, fact, other_dim, other_fact]}",
    ] {
        project.put("project.yml", &GATE.replace("[SETS]", sets));
        project.ok(&["build"]);
    }
}

#[test]
fn retry_builds_what_a_failed_audit_held_back() {
    let tested = "models:\n  - {name: fact, access: public, columns: [{name: amount, data_tests: [not_null]}]}\n  \
                  - {name: daily, access: public}\n  - {name: aside, access: public}\n";
    let project = project(
        "{}",
        &[
            ("models/schema.yml", tested),
            ("models/fact.sql", "select id, amount from raw.orders"),
            ("models/daily.sql", "select count(*) as n from {{ ref('fact') }}"),
            ("models/aside.sql", "select count(*) as n from raw.orders"),
        ],
    );
    project.ok(&["build"]);
    project.psql("insert into raw.orders values (2, null)");
    project.ends(1, &["build"]);
    assert_eq!(project.psql("select count(*) from analytics.fact"), "1");
    project.psql("update raw.orders set amount = 1");
    let outcome = project.ok(&["retry"]);
    assert_eq!(project.psql("select count(*) from analytics.fact"), "2");
    assert_eq!(project.psql("select n from analytics.daily"), "2");
    assert!(!outcome.stderr.contains("aside"), "{}", outcome.stderr);
}

#[test]
fn fail_fast_lets_a_publication_come_to_its_end() {
    let project = project(
        "{}",
        &[
            ("models/schema.yml", "models: [{name: fact, access: public}]"),
            ("models/fact.sql", "select id from raw.orders"),
            (
                "models/bad.sql",
                &format!(
                    "select 1 / (length(waited) - length(waited)) as x from ({}) b",
                    Brake::MODEL
                ),
            ),
        ],
    );
    project.ok(&["build", "--select", "fact"]);
    project.psql("insert into raw.orders values (2, 20)");
    let reader = Reader::of(&project.database, "select * from analytics.fact");
    let brake = Brake::on(&project.database);
    let mut build = project.spawn(&["build", "--fail-fast", "--threads", "4"]);
    // The publication waits for the reader while the other model fails.
    brake.reached();
    let waits = "select count(*) from pg_locks where not granted and relation = 'analytics.fact'::regclass
                 and database = (select oid from pg_database where datname = current_database())";
    wait_until("the publication waits", || project.psql(waits) != "0");
    drop(brake);
    let told = Project::told(&mut build, "ERROR creating", || drop(reader));
    assert_eq!(build.wait().expect("assay ends").code(), Some(1), "{told}");
    assert_eq!(project.psql("select count(*) from analytics.fact"), "2", "{told}");
    let results: serde_json::Value = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    let of = |id: &str| {
        let mut all = results["results"].as_array().expect("results").iter();
        all.find(|result| result["unique_id"] == id)
            .map(|result| result["status"].clone())
    };
    assert_eq!(of("model.shop.fact"), Some("success".into()), "{told}");
    assert_eq!(of("model.shop.bad"), Some("error".into()), "{told}");
}

const FACT_AND_DAILY: &str = "models:\n  - {name: fact, access: public}\n  - {name: daily, access: public}\n";

#[test]
fn a_set_goes_back_whole_or_by_name() {
    let project = project(
        "{}",
        &[
            ("models/schema.yml", "models: [{name: fact, access: public}]"),
            ("models/fact.sql", "select 1 as id"),
        ],
    );
    project.ok(&["build"]);
    project.put("models/schema.yml", FACT_AND_DAILY);
    project.put("models/fact.sql", "select g as id from generate_series(1, 9) g");
    project.put("models/daily.sql", "select count(*) as n from {{ ref('fact') }}");
    project.ok(&["build"]);
    let seen = "select (select count(*) from analytics.fact) || ' ' || n from analytics.daily";
    for arguments in [&["rollback"][..], &["rollback", "fact"]] {
        let outcome = project.ends(2, arguments);
        for part in [
            "error[rollback-parts]",
            "part fact from `daily`",
            "assay rollback --only fact",
        ] {
            assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
        }
        assert_eq!(project.psql(seen), "9 9");
    }
    let outcome = project.ends(2, &["rollback", "fcat"]);
    assert!(outcome.stderr.contains("did you mean `fact`?"), "{}", outcome.stderr);
    project.ok(&["rollback", "--only", "fact"]);
    assert_eq!(project.psql(seen), "1 9");
    project.put("models/fact.sql", "select g as id from generate_series(1, 4) g");
    project.ok(&["build"]);
    project.put("models/fact.sql", "select g as id from generate_series(1, 5) g");
    project.ok(&["build"]);
    assert_eq!(project.psql(seen), "5 5");
    // One is named, both go.
    let outcome = project.ok(&["rollback", "daily", "--dry-run"]);
    assert!(
        outcome.stderr.contains("readers would see fact__"),
        "{}",
        outcome.stderr
    );
    assert_eq!(project.psql(seen), "5 5");
    project.ok(&["rollback", "daily"]);
    assert_eq!(project.psql(seen), "4 4");
    // Further back: what was rolled back to by itself, and the nine that it was made from.
    project.ok(&["rollback"]);
    assert_eq!(project.psql(seen), "1 9");
}

#[test]
fn readers_can_go_back_to_a_run_and_to_a_version() {
    let project = project(
        "{}",
        &[
            ("models/schema.yml", FACT_AND_DAILY),
            ("models/fact.sql", "select id from raw.orders"),
            ("models/daily.sql", "select count(*) as n from {{ ref('fact') }}"),
        ],
    );
    for id in 2..5 {
        project.ok(&["build"]);
        project.psql(&format!("insert into raw.orders values ({id}, 0)"));
    }
    let seen = "select (select count(*) from analytics.fact) || ' ' || n from analytics.daily";
    assert_eq!(project.psql(seen), "3 3");
    let run = project.psql("select run_id from assay.runs order by started_at limit 1");
    let second = project
        .psql("select version_name from assay.versions where model = 'fact' order by version_id offset 1 limit 1");
    project.ok(&["rollback", "--to", &second]);
    assert_eq!(project.psql(seen), "2 2");
    project.ok(&["rollback", "--to", &run]);
    assert_eq!(project.psql(seen), "1 1");
    for (to, told) in [
        (
            "nonsense",
            "`nonsense` is no version, and no run that published anything",
        ),
        (&second, "an earlier rollback took it back"),
    ] {
        let outcome = project.ends(2, &["rollback", "--to", to]);
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    }
    let outcome = project.ends(2, &["rollback"]);
    assert!(
        outcome.stderr.contains("error[nothing-to-roll-back]"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        project.psql("select count(*) from assay.runs where status = 'running'"),
        "0"
    );
}

#[test]
fn words_and_privileges_stay_with_a_published_name() {
    let described =
        "models: [{name: fact, access: public, description: the fact, columns: [{name: id, description: key}]}]";
    let project = project(
        "{}",
        &[("models/schema.yml", described), ("models/fact.sql", "select 1 as id")],
    );
    project.ok(&["build"]);
    project.psql("grant select on analytics.fact to public");
    project.put("models/fact.sql", "select 'x' as name, 1 as id");
    project.ok(&["build"]);
    project.psql("grant select on analytics.fact to public; comment on view analytics.fact is 'said by hand'");
    project.ok(&["rollback"]);
    assert_eq!(
        project.psql(
            "select array_to_string(relacl, ' ') ~ '(^| )=r/' , obj_description(oid), col_description(oid, 1)
             from pg_class where oid = 'analytics.fact'::regclass"
        ),
        "t|said by hand|key"
    );
}

#[test]
fn a_view_does_not_go_back_over_rows_that_its_tests_never_saw() {
    let project = project(
        "{}",
        &[
            (
                "models/schema.yml",
                "models: [{name: fact, access: public}, {name: shown, access: public}]",
            ),
            (
                "models/fact.sql",
                "{{ config(materialized='incremental', unique_key='id') }} select id, amount from raw.orders",
            ),
            (
                "models/shown.sql",
                "{{ config(materialized='view') }} select id, amount from {{ ref('fact') }}",
            ),
        ],
    );
    project.ok(&["build"]);
    project.put(
        "models/shown.sql",
        "{{ config(materialized='view') }} select id, amount from {{ ref('fact') }} where amount < 100",
    );
    project.ok(&["build"]);
    project.ok(&["rollback", "--dry-run"]);
    project.psql("insert into raw.orders values (2, 1000)");
    project.ok(&["build", "--select", "fact"]);
    let outcome = project.ends(2, &["rollback"]);
    for part in [
        "error[view-moved-on]",
        "`shown` cannot go back",
        "`fact` took in new rows since",
    ] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    assert_eq!(project.psql("select count(*) from analytics.shown"), "1");
}
