//! The shipped project's experiments: statistics against a reference implementation, models built one by one, and a page
//! whose examples run.

use serde_json::Value as Json;

use super::shipped::{assay, contents, incremental_models, read, root, shipped};

/// The values beside the expressions were computed with scipy 1.17.1 and statsmodels 0.15.0.
#[test]
fn statistics_are_those_of_scipy() {
    let project = shipped();
    let folder = root().join("tests/it/fixtures/statistics");
    let sql = read(&folder.join("functions.sql"));
    let shown = assay(
        &project,
        &["show", "--inline", &sql, "--limit", "1000", "--output", "json", "-q"],
    );
    let shown: Json = serde_json::from_str(&shown.stdout).expect("JSON");
    let found = shown["show"].as_array().expect("rows");
    let expected = read(&folder.join("functions.csv"));
    let expected: Vec<&str> = expected.lines().skip(1).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let (name, value) = expected.rsplit_once(',').expect("name,value");
        assert_eq!(found["name"], name);
        let value: f64 = value.parse().expect("a number");
        let found = found["value"].as_f64().expect("a number");
        // Quantiles of t are a series; all else is exact, also in relation where it is a chance in the far tail.
        let near = match name {
            name if name.starts_with("student_quantile") => 3e-4,
            _ if value != 0.0 && value.abs() < 1e-5 => value.abs() * 1e-7,
            _ => 1e-9 * value.abs().max(1.0),
        };
        assert!((found - value).abs() <= near, "{name}: {found}, not {value}");
    }
}

#[test]
fn one_model_and_what_is_above_it_build_in_an_empty_database() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano"]);
    assay(&project, &["build", "--select", "+exp_conversation_sessions"]);
    assay(&project, &["build", "--select", "+fact_voice_ai_sessions"]);
    // A sibling that comes later brings the tests that compare the two.
    let built = assay(
        &project,
        &["build", "--select", "+exp_session_experiments +exp_experiment_variants"],
    );
    let told = built.stdout + &built.stderr;
    assert!(
        told.contains("relationships_exp_session_experiments_session_id"),
        "{told}"
    );
}

/// Every query of the page, on practice data.
#[test]
fn the_pages_questions_have_answers() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "micro"]);
    assay(&project, &["build", "--select", "+tag:exp"]);
    let page = read(&root().join("docs/experiments.md"));
    let queries: Vec<&str> = page
        .split("```sql\n")
        .skip(1)
        .filter_map(|part| part.split("```").next())
        .collect();
    assert_eq!(queries.len(), 5);
    for query in queries {
        let query = query.trim().trim_end_matches(';');
        let rows = project.psql(&format!("select count(*) from ({query}) q"));
        assert!(query.contains("is_firing") || rows != "0", "{query}");
    }
}

/// It would be read in every build, or in none, and the hours up to it have no end.
#[test]
fn an_event_that_arrived_at_no_time_is_shown_by_a_test() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano", "--domain", "exp"]);
    project.psql(
        "create temp table one as select * from exp.events limit 2;
         update one set id = gen_random_uuid();
         update one set created_at = case when ctid = (select min(ctid) from one) then 'infinity'::timestamptz end;
         insert into exp.events select * from one",
    );
    let outcome = project.run(&["build", "--select", "+tag:exp", "--profile", "it"]);
    assert_eq!(outcome.status, Some(1), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("FAIL 2 every_raw_event_has_a_verdict"),
        "{}",
        outcome.stderr
    );
}

/// A setting of the page must not hold tables back because a unit test took another one for granted.
#[test]
fn unit_tests_hold_with_any_settings() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano", "--domain", "exp", "voice"]);
    assay(&project, &["build", "--select", "+tag:exp", "+tag:voice"]);
    for settings in [
        "{reporting_timezone: Pacific/Kiritimati, stitch_missing_sessions: true, pseudonymize: false, min_cell_users: 50,
          daily_metrics_kept: 10 days, hourly_metrics_kept: 2 days, output_token_share: 0.9, srm_alpha: 0.5, significance_alpha: 1e-9,
          min_test_units: 100, default_progressed_min_turns: 9, voice_logit_max_calls: 3}",
        "{reporting_timezone: Pacific/Pago_Pago, min_cell_users: 1, output_token_share: 0, srm_alpha: 1e-9, significance_alpha: 0.9,
          min_test_units: 2, default_progressed_min_turns: 0, expected_relative_effect: 0.5, lookback: 3 days}",
    ] {
        let units = ["tag:exp,test_type:unit", "tag:voice,test_type:unit"];
        assay(
            &project,
            &["test", "--select", units[0], units[1], "--vars", settings],
        );
    }
}

/// Nothing else would tell of them: the unit would be missing, or counted in another experiment.
#[test]
fn assignments_that_would_be_miscounted_are_shown_by_tests() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano", "--domain", "exp"]);
    project.psql(
        "insert into exp.assignments (experiment_id, variant_id, unit_type, unit_id, assigned_at, created_at)
         select a.experiment_id, v.id, 'user', 'elsewhere', a.assigned_at, a.created_at
         from exp.assignments a join exp.variants v on v.experiment_id <> a.experiment_id limit 1;
         insert into exp.assignments (experiment_id, variant_id, unit_type, unit_id, assigned_at, created_at)
         select experiment_id, variant_id, 'user', 'never', assigned_at, null from exp.assignments limit 1;
         update exp.variants set created_at = 'infinity' where id = (select id from exp.variants order by id limit 1)",
    );
    let outcome = project.run(&["build", "--select", "+tag:exp", "--profile", "it"]);
    assert_eq!(outcome.status, Some(1), "{}", outcome.stderr);
    for test in [
        "assignments_name_arms_of_their_experiment",
        "arrived_stg_exp__assignments_created_at",
        "arrived_stg_exp__variants_created_at",
    ] {
        assert!(outcome.stderr.contains(&format!("FAIL 1 {test}")), "{}", outcome.stderr);
    }
}

/// What decides rows beside the events of a batch: prices, `as_of`, assignments, and copies that take the place of an event.
#[test]
fn prices_copies_late_assignments_and_as_of_equal_a_full_refresh() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano", "--seed", "8"]);
    // One request or session id for several events, plans that several units generate: events of other dates, units and
    // experiments become copies of each other, and plans move.
    project.psql(
        "create schema hold;
         update exp.events set context = context || jsonb_build_object('request_id', abs(hashtext(id::text)) % 40)
         where abs(hashtext('r' || id)) % 3 = 0;
         update exp.events set payload = payload || jsonb_build_object('plan_id', 'plan-' || abs(hashtext(id::text)) % 30)
         where payload ? 'plan_id' and abs(hashtext('p' || id)) % 3 = 0;
         update exp.events set context = context || jsonb_build_object('session_id', 's-' || abs(hashtext(id::text)) % 60)
         where abs(hashtext('s' || id)) % 5 = 0;
         update exp.assignments set assigned_at = assigned_at + abs(hashtext(id::text)) % 40 * interval '1 day';
         create table hold.events as table exp.events;
         create table hold.assignments as table exp.assignments;
         truncate exp.events, exp.assignments",
    );
    let build = |batch: usize, more: &[&str]| {
        // The price of a model changes back and forth, from a date on; as_of does too.
        let cut = ["2025-02-10", "2025-03-05", "2025-02-10", "2025-01-20", "2025-03-01"][batch];
        project.put(
            "seeds/model_pricing.csv",
            &format!(
                "model_provider,model_name,input_usd_per_1k,output_usd_per_1k,valid_from,valid_to\n\
                 example-provider,example-large-1,0.003,0.015,2024-01-01T00:00:00Z,{cut}T05:00:00Z\n\
                 example-provider,example-large-1,0.00{batch},0.02,{cut}T05:00:00Z,\n\
                 example-provider,example-large-2,0.003,0.015,2024-01-01T00:00:00Z,\n"
            ),
        );
        let as_of = [
            "2025-03-31T00:00:00",
            "2025-02-01T12:00:00",
            "2025-04-01T00:00:00",
            "2025-01-20T20:00:00",
            "2025-03-20T10:00:00",
        ][batch];
        let vars = format!("{{as_of: '{as_of}Z'}}");
        let always = ["build", "--select", "+tag:exp", "--vars", &vars];
        assay(&project, &[&always[..], more].concat());
    };
    for batch in 0..5 {
        // Arrivals reach back before those of the batch before, within the overlap.
        for table in ["events", "assignments"] {
            project.psql(&format!(
                "insert into exp.{table}
                 select (jsonb_populate_record(null::exp.{table}, to_jsonb(t) || jsonb_build_object('created_at',
                          timestamptz '2025-04-01T00:00:00Z' + {batch} * interval '20 minutes'
                          - abs(hashtext('c' || t.id)) % 3000 * interval '1 second'))).*
                 from hold.{table} t where abs(hashtext('b' || t.id)) % 5 = {batch}"
            ));
        }
        build(batch, &[]);
    }
    let models: Vec<String> = incremental_models(&project)
        .into_iter()
        .filter(|model| model.contains("exp_"))
        .chain(["exp_metric_aggregates", "exp_daily_metrics", "exp_srm"].map(|table| format!("analytics.{table}")))
        .collect();
    assert!(models.len() >= 20, "{models:?}");
    let before: Vec<String> = models.iter().map(|model| contents(&project, model)).collect();
    assert!(before.iter().all(|rows| !rows.is_empty()));
    build(4, &["--full-refresh"]);
    for (model, before) in models.iter().zip(before) {
        assert_eq!(before, contents(&project, model), "{model}");
    }
}
