//! Audits of a delta look at what it touched, and say the same as audits of everything.

use std::fmt::Write as _;

use super::support::{Numbers, Outcome, Project};

const PROJECT: &str = "
name: scoped
profile: it
gate:
  schema: analytics
  readers: [it_reader]
";

const PROPERTIES: &str = r#"
models:
  - name: people
    access: public
    data_tests:
      - not_ann_alone: {arguments: {by: [grp]}}
    columns:
      - name: id
        data_tests: [unique, not_null]
      - name: name
        data_tests:
          - accepted_values: {arguments: {values: [ann, bob, cy]}}
  - name: visits
    access: public
    data_tests:
      - positive: {arguments: {column: amount}}
    columns:
      - name: id
        data_tests: [unique]
      - name: kind
        data_tests:
          - not_null
          - accepted_values: {arguments: {values: [phone, web]}, config: {where: "amount > 1 and lower(kind) <> 'x'"}}
      - name: person_id
        data_tests:
          - relationships: {arguments: {to: ref('people'), field: id}}
  - name: notes
    access: public
    data_tests:
      - one_of_each: {arguments: {columns: [person_id, line]}}
    columns:
      - name: person_id
        data_tests:
          - relationships: {arguments: {to: ref('people'), field: id}}
  - name: days
    access: public
    data_tests:
      - one_of_each: {arguments: {columns: [day, region, id]}}
      - few: {arguments: {most: 6}}
    columns:
      - name: id
        data_tests:
          - not_null: {config: {severity: warn}}
"#;

const MACROS: &str = "
{% test positive(model, column) %}{{ config(audit_scope='rows') }}
select * from {{ model }} where {{ column }} <= 0{% endtest %}
{% test one_of_each(model, columns) %}{{ config(audit_scope='keys') }}
select {{ columns | join(', ') }} from {{ model }} group by {{ columns | join(', ') }} having count(*) > 1{% endtest %}
{% test not_ann_alone(model, by) %}{{ config(audit_scope='keys', audit_keys=by) }}
select {{ by | join(', ') }} from {{ model }} group by {{ by | join(', ') }} having count(*) = 1 and min(id) = 2 and min(name) = 'ann'{% endtest %}
{% test few(model, most) %}
select count(*) from {{ model }} having count(*) > {{ most }}{% endtest %}
";

/// Four published models with the four ways of taking in rows; each delta is whatever stands in `<model>_batch`.
fn scoped() -> Project {
    let model = |name: &str, config: &str| {
        let batch = "{% if is_incremental() %}_batch{% endif %}";
        format!("{{{{ config(materialized='incremental', {config}) }}}} select * from raw.{name}{batch}")
    };
    let project = Project::new()
        .write("project.yml", PROJECT)
        .write("models/schema.yml", PROPERTIES)
        .write("macros/tests.sql", MACROS)
        .write(
            "tests/amounts_are_small.sql",
            "{{ config(audit_scope='rows') }} -- each by itself
             select id from {{ ref('visits') }} where amount > 1000 or lower(kind) = 'never'",
        )
        .write(
            "tests/nobody_is_left_alone.sql",
            // Of a name that a delta took persons from, too.
            "{{ config(audit_scope='keys', audit_keys=['name']) }}
             select name from (select name, id, lag(id) over (partition by name order by id) as before from {{ ref('people') }}) p
             where exists (select) group by name having sum(p.id) = 4 or max(p.id - coalesce(p.before, 0)) > 5",
        )
        .write(
            "models/people.sql",
            &model("people", "unique_key='grp', incremental_strategy='delete+insert'"),
        )
        .write(
            "models/visits.sql",
            &model(
                "visits",
                "unique_key='id', incremental_strategy='merge', merge_update_columns=['amount', 'person_id']",
            ),
        )
        .write("models/notes.sql", &model("notes", "incremental_strategy='append'"))
        .write(
            "models/days.sql",
            &model(
                "days",
                "unique_key=['day', 'region'], incremental_strategy='delete+insert'",
            ),
        );
    project.psql(
        "create schema raw;
         create table raw.people (id int, grp int, name text);
         insert into raw.people values (1, 1, 'ann'), (2, 1, 'bob'), (3, 2, 'cy'), (4, 3, 'ann');
         create table raw.visits (id int, person_id int, amount int, kind text);
         insert into raw.visits values (1, 1, 10, 'web'), (2, 3, 20, 'phone');
         create table raw.notes (person_id int, line text);
         insert into raw.notes values (2, 'a'), (3, null);
         create table raw.days (day int, region text, id int);
         insert into raw.days values (1, 'eu', 1), (1, null, 1), (2, null, 2);",
    );
    for table in ["people", "visits", "notes", "days"] {
        project.psql(&format!("create table raw.{table}_batch (like raw.{table})"));
    }
    project
}

/// New batches; now and then with a row that some test objects to.
fn batches(numbers: &mut Numbers) -> String {
    let mut sql = String::new();
    for table in ["people", "visits", "notes", "days"] {
        let _ = writeln!(sql, "truncate raw.{table}_batch;");
        for _ in 0..numbers.below(4) {
            let odd = numbers.below(12) == 0;
            let row = match table {
                "people" => {
                    let id = numbers.below(6) + 1;
                    // One group a person, but for the odd one; a group without its persons loses them.
                    let grp = if odd { numbers.below(4) } else { id.div_ceil(2) };
                    let name = if numbers.below(15) == 0 {
                        "eve"
                    } else {
                        numbers.pick(&["ann", "bob"])
                    };
                    format!("({id}, {grp}, '{name}')")
                }
                "visits" => {
                    let amount = if odd { 0 } else { numbers.below(9) + 1 };
                    let kind = numbers.pick(&["'web'", "'web'", "'phone'", "'phone'", "'phone'", "null", "'fax'"]);
                    format!(
                        "({}, {}, {amount}, {kind})",
                        numbers.below(30) + 1,
                        numbers.below(4) + 1
                    )
                }
                "notes" => format!(
                    "({}, {})",
                    numbers.pick(&["1", "2", "3", "4", "5", "null"]),
                    numbers.pick(&["'a'", "'b'", "'c'", "'d'", "'e'", "'f'", "null"])
                ),
                _ => format!(
                    "({}, {}, {})",
                    numbers.below(4) + 1,
                    numbers.pick(&["'eu'", "'us'", "null"]),
                    if odd {
                        "null".to_owned()
                    } else {
                        (numbers.below(9) + 1).to_string()
                    }
                ),
            };
            let _ = writeln!(sql, "insert into raw.{table}_batch values {row};");
        }
    }
    // A merge refuses a batch that has its key twice, whatever the audits would say.
    sql.push_str("delete from raw.visits_batch a using raw.visits_batch b where a.id = b.id and a.ctid < b.ctid;");
    sql
}

fn statuses(project: &Project) -> Vec<String> {
    let results: serde_json::Value = serde_json::from_str(&project.read("target/run_results.json")).expect("JSON");
    let mut all: Vec<String> = results["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| format!("{} {} {}", result["unique_id"], result["status"], result["failures"]))
        .collect();
    all.sort();
    all
}

fn rows(project: &Project) -> String {
    ["people", "visits", "notes", "days"]
        .map(|table| {
            project.psql(&format!(
                "select string_agg(t::text, ' ' order by t::text) from analytics.{table} t"
            ))
        })
        .join("\n")
}

/// How often audits of the newest certificates looked at what the delta touched, and how often at everything.
fn scopes(project: &Project) -> (usize, usize) {
    let counted = project.psql(
        "select count(*) filter (where t->>'scope' = 'delta') || ' ' || count(*) filter (where t->>'scope' = 'all')
         from assay.certificates c, jsonb_array_elements(c.tests) t where c.scope = 'delta'",
    );
    let (delta, all) = counted.split_once(' ').expect("two numbers");
    (delta.parse().expect("a number"), all.parse().expect("a number"))
}

/// One project audits what deltas touch, the other everything; they must never disagree.
fn same_verdicts(seed: u64, steps: usize) -> (usize, usize) {
    let (narrow, full) = (scoped(), scoped());
    let mut numbers = Numbers(seed);
    narrow.ok(&["build"]);
    full.ok(&["build"]);
    for step in 0..steps {
        let sql = batches(&mut numbers);
        narrow.psql(&sql);
        full.psql(&sql);
        // Not every model every time, so that a test sees parents that changed without it.
        let chosen = match numbers.below(5) {
            0 => "people",
            1 => "visits notes",
            2 => "people visits",
            _ => "people visits notes days",
        };
        let select: Vec<&str> = ["build", "--select"].into_iter().chain(chosen.split(' ')).collect();
        let outcome: Outcome = narrow.run(&select);
        let expected = full.run(&[&select[..], &["--audit", "full"]].concat());
        let context = || {
            format!(
                "seed {seed}, step {step}, {chosen}\n{sql}\n{}\n{}",
                outcome.stderr, expected.stderr
            )
        };
        assert_eq!(statuses(&narrow), statuses(&full), "{}", context());
        assert_eq!(outcome.status, expected.status, "{}", context());
        assert_eq!(rows(&narrow), rows(&full), "{}", context());
    }
    assert_eq!(scopes(&full).0, 0, "--audit full looks at everything");
    let left = "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'analytics__versions' and c.relname like '%gone%'";
    assert_eq!(narrow.psql(left), "0");
    scopes(&narrow)
}

#[test]
fn narrow_audits_say_what_full_ones_say() {
    for seed in [3, 11] {
        let (delta, all) = same_verdicts(seed, 7);
        assert!(delta > all, "{delta} audits were narrow, {all} looked at everything");
    }
}

#[test]
#[ignore = "takes many minutes; run it by hand after a change to what audits look at"]
fn narrow_audits_say_what_full_ones_say_many_times() {
    for seed in 100..140 {
        let (delta, all) = same_verdicts(seed, 25);
        println!("seed {seed}: {delta} narrow, {all} full");
    }
}

#[test]
fn what_nobody_vouches_for_is_looked_at_whole() {
    let project = scoped();
    project.ok(&["build"]);
    let scope = |test: &str| {
        project.psql(&format!(
            "select t->>'scope' from assay.certificates c, jsonb_array_elements(c.tests) t
             where c.scope = 'delta' and t->>'test' like 'test.scoped.{test}%' order by c.certificate_id desc limit 1"
        ))
    };
    project.psql("insert into raw.visits_batch values (7, 1, 5, 'web')");
    project.ok(&["build"]);
    assert_eq!(scope("not_null_visits_kind"), "delta");
    assert_eq!(scope("unique_visits_id"), "delta");
    assert_eq!(scope("relationships_visits"), "delta");
    assert_eq!(scope("positive_visits"), "delta");
    assert_eq!(scope("amounts_are_small"), "delta");
    assert_eq!(scope("nobody_is_left_alone"), "delta");
    assert_eq!(scope("not_ann_alone_people"), "delta");
    assert_eq!(scope("few_days"), "all");
    // A test that asks something else than when the rows were certified.
    project.put(
        "models/schema.yml",
        &PROPERTIES.replace("{column: amount}", "{column: amount - 0}"),
    );
    project.ok(&["build"]);
    assert_eq!(scope("positive_visits"), "all");
    project.ok(&["build"]);
    assert_eq!(scope("positive_visits"), "delta");
    // A condition that moves with time.
    project.put(
        "models/schema.yml",
        &PROPERTIES.replace("lower(kind) <> 'x'", "now() > '2020-01-01'"),
    );
    project.ok(&["build"]);
    project.ok(&["build"]);
    assert_eq!(scope("accepted_values_visits"), "all");
    assert_eq!(scope("positive_visits"), "delta");
    // The project's own idea of a test.
    project.put(
        "macros/not_null.sql",
        "{% test not_null(model, column_name) %} select * from {{ model }} where {{ column_name }} is null {% endtest %}",
    );
    project.ok(&["build"]);
    project.ok(&["build"]);
    assert_eq!(scope("not_null_visits_kind"), "all");
}

/// Nothing comes in that shares its name with what goes.
#[test]
fn a_group_that_lost_a_row_is_judged_again() {
    let project = scoped();
    project.ok(&["build"]);
    project.psql("insert into raw.people_batch values (2, 1, 'bob')");
    let outcome = project.run(&["build", "--select", "people"]);
    assert_eq!(outcome.status, Some(1), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("FAIL nobody_is_left_alone: 1 failure"),
        "{}",
        outcome.stderr
    );
    assert_eq!(project.psql("select count(*) from analytics.people"), "4");
}

#[test]
fn keys_without_their_scope_are_refused() {
    let project = scoped();
    project.put(
        "tests/amounts_are_small.sql",
        "{{ config(audit_scope='rows', audit_keys=['id']) }} select id from {{ ref('visits') }} where amount > 1000",
    );
    let outcome = project.run(&["build"]);
    assert_eq!(outcome.status, Some(2), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("error[wrong-value]")
            && outcome
                .stderr
                .contains("amounts_are_small` has `audit_keys` without `audit_scope: keys`")
            && outcome.stderr.contains("tests/amounts_are_small.sql:1:"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_a_delta_changed_is_recorded() {
    let project = scoped();
    project.ok(&["build"]);
    project.psql(
        "insert into raw.visits_batch values (1, 1, 10, 'web'), (2, 1, 21, 'phone'), (3, 2, 5, 'web');
         insert into raw.people_batch values (1, 1, 'ann'), (5, 9, 'cy'), (2, 1, 'bob'), (6, 1, 'bob');
         insert into raw.notes_batch values (1, 'z'), (4, 'z');
         insert into raw.days_batch values (1, null, 3), (2, 'us', 1);",
    );
    project.ok(&["build"]);
    let changes = project.psql(
        "select string_agg(format('%s +%s ~%s -%s', model, rows_added, rows_changed, rows_removed), ', ' order by model)
         from assay.publications where action = 'delta'",
    );
    assert_eq!(
        changes,
        "days +1 ~1 -0, notes +2 ~0 -0, people +2 ~0 -0, visits +1 ~1 -0"
    );
    assert_eq!(
        project.psql("select string_agg(model || ' ' || rows, ', ' order by model) from analytics.published_models"),
        "days 4, notes 4, people 6, visits 3"
    );
}

/// What a hook does is in no delta: parents that it deletes must be missed by the tests of their children, too.
#[test]
fn parents_that_a_hook_deletes_are_missed() {
    let project = scoped();
    project.psql("create table raw.struck (id int)");
    let people = "{{ config(materialized='incremental', unique_key='grp', incremental_strategy='delete+insert', \
                  post_hook='delete from {{ this }} where id in (select id from raw.struck)') }} \
                  select * from raw.people{% if is_incremental() %}_batch{% endif %}";
    project.put("models/people.sql", people);
    project.ok(&["build"]);
    project.psql(
        "insert into raw.people_batch values (8, 8, 'ann');
         insert into raw.struck values (1);",
    );
    let outcome = project.run(&["build"]);
    assert_eq!(outcome.status, Some(1), "{}", outcome.stderr);
    assert_eq!(
        project.psql("select count(*) from analytics.visits where person_id = 1"),
        "1"
    );
    assert!(
        outcome.stderr.contains("visits kept its certified rows"),
        "{}",
        outcome.stderr
    );
}
