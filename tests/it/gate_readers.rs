//! Who can read what.

use serde_json::Value as Json;

use super::support::{Project, Reader, Server};

/// A public fact made by deltas, a public table made from it, a private one, and roles of this test alone.
fn shop(reader: &str) -> Project {
    let project = Project::new()
        .write("project.yml", &project_yml(&[reader], ""))
        .write("models/schema.yml", &properties("[]", "Orders.", "public"))
        .write(
            "models/fact.sql",
            "{{ config(materialized='incremental', unique_key='id') }} select id, status from raw.orders
             {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
        )
        .write(
            "models/dim.sql",
            "select status, count(*) as orders from {{ ref('fact') }} group by status",
        )
        .write(
            "models/v_fact.sql",
            "{{ config(materialized='view') }} select id, status from {{ ref('fact') }}",
        )
        .write("models/secret.sql", "select 1 as ssn")
        .write(
            "macros/schema.sql",
            "{% macro generate_schema_name(custom, node) %}{{ custom or target.schema }}{% endmacro %}",
        );
    project.psql(
        "create schema raw; create table raw.orders (id int, status text); insert into raw.orders values (1, 'ok')",
    );
    project
}

fn project_yml(readers: &[&str], more: &str) -> String {
    format!(
        "name: shop\nprofile: it\ngate:\n  schema: analytics\n  readers: [{}]\n  keep: 2\n{more}models:\n  shop:\n    +materialized: table\n",
        readers.join(", ")
    )
}

fn properties(grantees: &str, description: &str, view_access: &str) -> String {
    format!(
        "models:\n  - name: fact\n    access: public\n    description: {description}\n    config: {{grants: {{select: {grantees}}}}}\n    \
         columns: [{{name: id, description: {description}}}]\n  - name: dim\n    access: public\n    config: {{grants: {{select: {grantees}}}}}\n  \
         - name: v_fact\n    access: {view_access}\n    columns: [{{name: status, data_tests: [{{accepted_values: {{arguments: {{values: [ok]}}}}}}]}}]\n"
    )
}

fn reads(project: &Project, role: &str, relation: &str) -> bool {
    let answer = project.database.try_psql_as(role, &format!("select * from {relation}"));
    assert!(
        answer.is_ok()
            || answer
                .as_ref()
                .is_err_and(|e| e.contains("42501") || e.contains("42P01")),
        "{answer:?}"
    );
    answer.is_ok()
}

fn role(name: &str, what: &str) {
    Server::shared().psql("postgres", "postgres", &format!("create role {name} login {what}"));
}

/// The project's profile with another user, who owns nothing yet.
fn built_by(project: &Project, user: &str) {
    role(user, "");
    let profile = project
        .read("profiles.yml")
        .replace("user: postgres", &format!("user: {user}"));
    project.put("profiles.yml", &profile);
    project.psql(&format!(
        "grant usage on schema raw to {user}; grant select on all tables in schema raw to {user}"
    ));
}

fn check(project: &Project, status: i32) -> Json {
    let outcome = project.ends(status, &["gate", "check", "--output", "json"]);
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

/// The findings, as `kind object` lines.
fn findings(checked: &Json) -> Vec<String> {
    let found = checked["found"].as_array().expect("a list");
    found
        .iter()
        .filter(|found| found["level"] == "finding")
        .map(|found| {
            format!(
                "{} {}",
                found["kind"].as_str().unwrap(),
                found["object"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn only_what_is_published_is_granted() {
    let project = shop("gr_only");
    project.psql(
        "create schema analytics; create table analytics.raw_people (ssn text); create sequence analytics.numbers;
         create role gr_only login; grant select on analytics.raw_people to gr_only; grant usage on sequence analytics.numbers to gr_only",
    );
    let outcome = project.ok(&["build"]);
    assert!(
        outcome
            .stderr
            .contains("gr_only no longer has SELECT on analytics.raw_people"),
        "{}",
        outcome.stderr
    );
    for relation in ["fact", "dim", "v_fact", "published_models"] {
        assert!(
            reads(&project, "gr_only", &format!("analytics.{relation}")),
            "{relation}"
        );
    }
    for relation in [
        "analytics.raw_people",
        "analytics.numbers",
        "dev.secret",
        "raw.orders",
        "assay.versions",
    ] {
        assert!(!reads(&project, "gr_only", relation), "{relation}");
    }
    // A second run has nothing to say about readers.
    let again = project.ok(&["build"]);
    assert!(!again.stderr.contains("Readers"), "{}", again.stderr);
}

#[test]
fn nothing_else_goes_where_readers_look() {
    let stored = "models:\n  - name: fact\n    access: public\n    columns:\n      - name: id\n        data_tests: [{not_null: {config: {schema: ANALYTICS, store_failures: true}}}]\n";
    for (file, text, code) in [
        (
            "models/secret.sql",
            "{{ config(schema='ANALYTICS') }} select 1 as ssn",
            "private-in-published-schema",
        ),
        (
            "models/secret.sql",
            "{{ config(schema='analytics__versions') }} select 1 as ssn",
            "schema-of-the-gate",
        ),
        (
            "models/secret.sql",
            "{{ config(schema='assay') }} select 1 as ssn",
            "schema-of-the-gate",
        ),
        ("models/schema.yml", stored, "private-in-published-schema"),
        ("seeds/people.csv", "ssn\n1\n", "private-in-published-schema"),
    ] {
        let project = shop("gr_places");
        let config = project.read("project.yml") + "quoting: {schema: false}\nseeds: {shop: {+schema: analytics}}\n";
        project.put("project.yml", &config);
        project.put(file, text);
        let outcome = project.ends(2, &["build"]);
        assert!(
            outcome.stderr.contains(&format!("error[{code}]")),
            "{file}: {}",
            outcome.stderr
        );
        assert_eq!(
            project.psql("select count(*) from pg_namespace where nspname = 'analytics'"),
            "0"
        );
    }
}

#[test]
fn a_role_without_rights_on_the_database_builds_where_others_made_the_schemas() {
    let project = shop("gr_builder_reader");
    built_by(&project, "gr_builder");
    let refused = project.ends(2, &["build"]);
    assert!(refused.stderr.contains("error[gate-not-set-up]"), "{}", refused.stderr);
    // The help is what an administrator runs.
    let (_, help) = refused.stderr.split_once("must run once:").expect("statements");
    let sql: Vec<&str> = help
        .lines()
        .map(str::trim)
        .filter(|line| ["create ", "grant ", "do "].iter().any(|word| line.starts_with(word)))
        .collect();
    project.psql(&sql.join("\n"));
    project.psql("create schema dev authorization gr_builder; create schema dbt_test__audit authorization gr_builder; create table analytics.notes (x int)");
    project.ok(&["build"]);
    project.ok(&["build", "--store-failures"]);
    assert!(reads(&project, "gr_builder_reader", "analytics.fact"));
    assert!(!reads(&project, "gr_builder_reader", "analytics.notes"));
}

#[test]
fn the_role_that_builds_is_no_reader() {
    let project = shop("postgres");
    let outcome = project.ends(2, &["build"]);
    assert!(outcome.stderr.contains("error[reader-builds]"), "{}", outcome.stderr);
}

#[test]
fn a_reader_in_the_projects_role_is_told() {
    let project = shop("gr_member");
    built_by(&project, "gr_owner");
    project.psql(&format!(
        "grant create on database {} to gr_owner",
        project.database.name
    ));
    role("gr_member", "in role gr_owner");
    let outcome = project.ok(&["build"]);
    assert!(
        outcome.stderr.contains("warning[reader-reads-more]"),
        "{}",
        outcome.stderr
    );
    let checked = check(&project, 1);
    let membership = checked["found"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["kind"] == "membership");
    assert_eq!(
        membership.expect("a finding")["close"],
        "revoke \"gr_owner\" from \"gr_member\";"
    );
    project.psql("revoke gr_owner from gr_member");
    let outcome = project.ok(&["build"]);
    assert!(!outcome.stderr.contains("reader-reads-more"), "{}", outcome.stderr);
}

#[test]
fn grants_and_descriptions_follow_the_model() {
    for name in ["gr_one", "gr_two"] {
        role(name, "");
    }
    let project = shop("gr_follow");
    let may = || {
        project.psql(
            "select string_agg(r || ':' || t, ' ' order by r, t) from unnest('{gr_follow,gr_one,gr_two}'::text[]) r,
             unnest('{analytics.fact,analytics.dim}'::text[]) t where has_table_privilege(r, t, 'select')",
        )
    };
    project.put("models/schema.yml", &properties("[gr_one]", "Old.", "public"));
    project.ok(&["build"]);
    let readers = "gr_follow:analytics.dim gr_follow:analytics.fact";
    assert_eq!(may(), format!("{readers} gr_one:analytics.dim gr_one:analytics.fact"));
    // `fact` takes a delta, `dim` is a new version.
    project.put("models/schema.yml", &properties("[gr_two]", "New.", "public"));
    project.psql("insert into raw.orders values (2, 'ok')");
    project.ok(&["build"]);
    assert_eq!(may(), format!("{readers} gr_two:analytics.dim gr_two:analytics.fact"));
    let described =
        "select obj_description('analytics.fact'::regclass), col_description('analytics.fact'::regclass, 1)";
    assert_eq!(project.psql(described), "New.|New.");
    project.put("models/schema.yml", &properties("[]", "''", "public"));
    project.ok(&["build"]);
    assert_eq!(may(), readers);
    assert_eq!(project.psql(described), "|");
    project.put("models/schema.yml", &properties("[public]", "''", "public"));
    project.ok(&["build"]);
    assert!(
        may().contains("gr_one:analytics.dim") && may().contains("gr_one:analytics.fact"),
        "{}",
        may()
    );
}

#[test]
fn a_role_that_is_no_reader_any_more_loses_what_it_had() {
    let project = shop("gr_former");
    project.ok(&["build"]);
    assert!(reads(&project, "gr_former", "analytics.fact"));
    project.put("project.yml", &project_yml(&["gr_next"], ""));
    let outcome = project.ok(&["run", "--select", "secret"]);
    assert!(
        outcome.stderr.contains("gr_former is no reader any more"),
        "{}",
        outcome.stderr
    );
    for relation in ["fact", "dim", "published_models"] {
        assert!(
            !reads(&project, "gr_former", &format!("analytics.{relation}")),
            "{relation}"
        );
        assert!(
            reads(&project, "gr_next", &format!("analytics.{relation}")),
            "{relation}"
        );
    }
    assert_eq!(
        project.psql("select string_agg(role, ',') from assay.readers"),
        "gr_next"
    );
}

#[test]
fn a_view_that_is_not_public_any_more_shows_no_delta() {
    let project = shop("gr_view");
    project.ok(&["build"]);
    project.put("models/schema.yml", &properties("[]", "Orders.", "protected"));
    project.psql("insert into raw.orders values (2, 'bad')");
    project.psql("create view public.on_it as select id from analytics.v_fact");
    let refused = project.ends(2, &["run", "--select", "fact"]);
    for part in ["error[dependents-in-the-way]", "analytics.v_fact", "on_it"] {
        assert!(refused.stderr.contains(part), "{part} in {}", refused.stderr);
    }
    assert_eq!(project.psql("select count(*) from analytics.fact"), "1");
    project.psql("drop view public.on_it");
    let outcome = project.ok(&["run", "--select", "fact"]);
    assert!(
        outcome.stderr.contains("analytics.v_fact is gone"),
        "{}",
        outcome.stderr
    );
    assert!(!reads(&project, "gr_view", "analytics.v_fact"));
    assert_eq!(
        project.psql("select string_agg(model, ' ' order by model) from analytics.published_models"),
        "dim fact"
    );
    // Public again, it is built and audited as new, and now fails.
    project.put("models/schema.yml", &properties("[]", "Orders.", "public"));
    project.ends(1, &["build"]);
    assert!(!reads(&project, "gr_view", "analytics.v_fact"));
}

#[test]
fn a_table_that_is_not_public_any_more_goes_with_the_next_whole_build() {
    let project = shop("gr_table");
    project.ok(&["build"]);
    let without =
        properties("[]", "Orders.", "public").replace("  - name: dim\n    access: public\n", "  - name: dim\n");
    project.put("models/schema.yml", &without);
    project.ok(&["run", "--select", "fact"]);
    assert!(
        reads(&project, "gr_table", "analytics.dim"),
        "a part of the project says nothing of the rest"
    );
    project.put("project.yml", &project_yml(&["gr_table"], "  keep_removed: true\n"));
    project.ok(&["build"]);
    project.ok(&["gc"]);
    assert!(reads(&project, "gr_table", "analytics.dim"), "it is to be kept");
    project.put("project.yml", &project_yml(&["gr_table"], ""));
    let outcome = project.ok(&["build"]);
    assert!(outcome.stderr.contains("analytics.dim is gone"), "{}", outcome.stderr);
    assert!(!reads(&project, "gr_table", "analytics.dim"));
    // Another project that publishes there is not this one's to clear away.
    project.psql("update assay.runs set project = 'other'");
    project.put("models/schema.yml", &properties("[]", "Orders.", "protected"));
    project.ok(&["gc"]);
    assert!(reads(&project, "gr_table", "analytics.v_fact"));
}

#[test]
fn grant_says_what_it_does_and_check_finds_nothing_after_it() {
    let project = shop("gr_grant");
    let rehearsed = project.ok(&["gate", "grant", "--dry-run"]);
    for part in [
        "create schema \"analytics\" authorization \"postgres\";",
        "gr_grant",
        "lo_create",
    ] {
        assert!(rehearsed.stdout.contains(part), "{part} in {}", rehearsed.stdout);
    }
    assert_eq!(
        project.psql("select count(*) from pg_roles where rolname = 'gr_grant'"),
        "0"
    );
    let before = check(&project, 1);
    assert_eq!(findings(&before), ["function lo_create and others", "role gr_grant"]);
    assert_eq!(before["readers"][0]["asked"], "missing");
    let outcome = project.ok(&["gate", "grant"]);
    assert!(outcome.stderr.contains("role gr_grant is made"), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("it can write large objects: not any more"),
        "{}",
        outcome.stderr
    );
    let again = project.ok(&["gate", "grant"]);
    assert!(again.stderr.contains("as they should be"), "{}", again.stderr);
    assert_eq!(project.ok(&["gate", "grant", "--dry-run"]).stdout, "-- nothing to do\n");
    project.ok(&["build"]);
    let after = check(&project, 0);
    assert_eq!(findings(&after), [""; 0]);
    assert_eq!(after["readers"][0]["asked"], "in_its_role");
    let refused = project
        .database
        .try_psql_as("gr_grant", "select lo_create(0)")
        .expect_err("it may not write");
    assert!(refused.contains("42501"), "{refused}");
}

#[test]
fn check_finds_every_way_in_and_its_statements_close_them() {
    let project = shop("gr_ways");
    project.ok(&["gate", "grant"]);
    project.ok(&["build"]);
    role("gr_ways_group", "");
    project.psql(
        "grant usage on schema raw, dev, assay to gr_ways;
         grant select on raw.orders to public;
         grant select (ssn) on dev.secret to gr_ways;
         create materialized view raw.mat as select 1 as x; grant select on raw.mat to gr_ways_group; grant gr_ways_group to gr_ways;
         create sequence raw.numbers; grant usage on sequence raw.numbers to gr_ways;
         create table raw.mine (x int); alter table raw.mine owner to gr_ways;
         create view raw.through as select * from dev.secret; grant select on raw.through to gr_ways;
         create table analytics.notes (x int); grant select on analytics.notes to gr_ways;
         grant update on analytics.fact to gr_ways;
         create function raw.peek() returns bigint security definer language sql as 'select count(*) from dev.secret';
         grant create on schema public to public;
         grant execute on function pg_read_file(text) to gr_ways;
         grant pg_read_server_files to gr_ways;
         grant execute on function lo_create(oid) to public;
         select lo_create(4711); grant select on large object 4711 to gr_ways;
         alter default privileges in schema dev grant select on tables to gr_ways;
         revoke select on analytics.dim from gr_ways;
         alter role gr_ways createdb;",
    );
    project.psql(&format!(
        "grant create on database {} to gr_ways",
        project.database.name
    ));
    let checked = check(&project, 1);
    let found = findings(&checked);
    for expected in [
        "column dev.secret.ssn",
        "default privilege postgres in dev",
        "function lo_create and others",
        "function pg_read_file(text)",
        "function raw.peek()",
        "large object 4711",
        "materialized view raw.mat",
        "membership pg_read_server_files",
        "missing grant analytics.dim",
        "role gr_ways",
        "schema assay",
        "schema dev",
        "schema public",
        "sequence raw.numbers",
        "table analytics.notes",
        "table raw.mine",
        "table raw.orders",
        "view analytics.fact",
        "view raw.through",
    ] {
        assert!(found.iter().any(|found| found == expected), "{expected} in {found:#?}");
    }
    assert!(found.iter().any(|found| found.starts_with("database ")), "{found:#?}");
    let text = project.ends(1, &["gate", "check"]).stdout;
    assert!(
        text.contains("close it with: revoke select on \"raw\".\"orders\" from public;"),
        "{text}"
    );
    let statements: Vec<&str> = checked["found"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| found["level"] == "finding")
        .map(|found| found["close"].as_str().unwrap())
        .collect();
    project.psql(&statements.join("\n"));
    let after = check(&project, 0);
    assert_eq!(findings(&after), [""; 0]);
    assert!(reads(&project, "gr_ways", "analytics.dim") && !reads(&project, "gr_ways", "raw.orders"));
}

#[test]
fn a_role_that_may_not_become_the_reader_asks_the_catalogue() {
    let project = shop("gr_plain");
    built_by(&project, "gr_plain_builder");
    project.psql(&format!(
        "create role gr_plain login; grant create on database {} to gr_plain_builder; grant usage on schema raw to gr_plain; \
         grant select on raw.orders to gr_plain",
        project.database.name
    ));
    project.ok(&["build"]);
    let checked = check(&project, 1);
    assert_eq!(checked["readers"][0]["asked"], "catalogue");
    let found = findings(&checked);
    assert!(found.contains(&"table raw.orders".to_owned()), "{found:?}");
    // This role may not close what only a superuser may, and says so.
    let outcome = project.ok(&["gate", "grant"]);
    assert!(outcome.stderr.contains("can still reach"), "{}", outcome.stderr);
    assert!(findings(&check(&project, 1)).contains(&"function lo_create and others".to_owned()));
}

#[test]
fn without_a_gate_there_is_nothing_to_check() {
    let project = Project::with(&[("models/a.sql", "select 1 as a")]);
    for arguments in [["gate", "check"], ["gate", "grant"]] {
        let outcome = project.ends(2, &arguments);
        assert!(outcome.stderr.contains("error[no-gate]"), "{}", outcome.stderr);
    }
}

#[test]
fn a_reader_that_holds_the_lock_of_a_run_is_named() {
    let project = shop("it_locks");
    project.psql("create role it_locks login");
    project.ok(&["build"]);
    let take = "select pg_advisory_lock(hashtextextended('assay run analytics', 0))";
    let reader = Reader::as_role(&project.database, "it_locks", take);
    let refused = project.ends(2, &["build"]);
    for part in [
        "run-in-progress",
        "a session of the role it_locks, backend",
        "pg_terminate_backend",
    ] {
        assert!(refused.stderr.contains(part), "{part} in {}", refused.stderr);
    }
    drop(reader);
    project.ok(&["build", "--lock-wait", "20"]);
}
