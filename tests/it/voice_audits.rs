//! The tests of the shipped project's voice domain: each passes on rows that are right, finds the one that is made wrong,
//! and has something to look at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::shipped::{assay, shipped};

/// What the tests that are no standard ones look at: the relation, what mends rows that the generator left wrong on purpose,
/// and what makes a row wrong.
const BY_HAND: [(&str, &str, &str, &str); 37] = [
    (
        "voice_user_months_completed_within_sessions",
        "voice_user_months",
        "",
        "update R set is_repeat = not is_repeat W",
    ),
    (
        "fact_voice_ai_sessions_one_outcome",
        "fact_voice_ai_sessions",
        "",
        "update R set is_completed = not is_completed W",
    ),
    (
        "fact_voice_ai_sessions_ratios_sum_to_one",
        "fact_voice_ai_sessions",
        "",
        "update R set ratio_noise_turns = ratio_noise_turns + 0.00001 where has_turns",
    ),
    (
        "fact_voice_ai_sessions_errors_within_turns",
        "fact_voice_ai_sessions",
        "",
        "update R set error_turns = total_turns + 1 W",
    ),
    (
        "fact_voice_ai_sessions_has_turns_is_counted",
        "fact_voice_ai_sessions",
        "",
        "update R set has_turns = not has_turns W",
    ),
    (
        "fact_voice_ai_sessions_reason_only_with_transfer",
        "fact_voice_ai_sessions",
        "",
        "update R set transfer_reason = 'system' where not is_transferred",
    ),
    (
        "voice_kpi_daily_outcomes_partition",
        "voice_kpi_daily",
        "",
        "update R set completed_sessions = completed_sessions + 1 W",
    ),
    (
        "voice_kpi_daily_errors_within_turns",
        "voice_kpi_daily",
        "",
        "update R set error_turns = total_turns + 1 W",
    ),
    (
        "voice_segment_kpis_suppressed_show_nothing",
        "voice_segment_kpis",
        "",
        "update R set users = 3 where is_suppressed",
    ),
    (
        "voice_error_reduction_reached_is_certain",
        "voice_error_reduction",
        "",
        "update R set is_reached = true, is_certain = false",
    ),
    (
        "voice_logit_coefficients_strongest_is_certain",
        "voice_logit_coefficients",
        "",
        "update R set is_strongest = true, folds_agreeing = 4 W",
    ),
    (
        "voice_logit_metrics_events_within_sessions",
        "voice_logit_metrics",
        "",
        "update R set events = sessions + 1 W",
    ),
    (
        "voice_logit_metrics_figures_where_fitted",
        "voice_logit_metrics",
        "",
        "update R set auc_in_sample = null where status = 'fitted'",
    ),
    (
        "logit_fits_are_maxima",
        "int_voice__logit_fits",
        "",
        "update R set coefficients[2] = coefficients[2] + 0.001",
    ),
    (
        "logit_levels_are_common_enough",
        "int_voice__logit_values",
        "",
        "update R set is_event = true",
    ),
    (
        "voice_targets_two_versions",
        "voice_targets",
        "",
        "update R set version = baseline_version",
    ),
    (
        "voice_targets_days_in_order",
        "voice_targets",
        "",
        "update R set baseline_until = baseline_from - 1",
    ),
    (
        "voice_users_known_region",
        "users",
        "",
        "update R set region = 'suburban' W",
    ),
    (
        "voice_users_known_disability_flag",
        "users",
        "",
        "update R set disability_flag = 'maybe' W",
    ),
    (
        "voice_users_known_first_time_digital_user",
        "users",
        "",
        "update R set first_time_digital_user = '1' W",
    ),
    (
        "voice_ai_metrics_known_recovery_success",
        "voice_ai_metrics",
        "",
        "update R set recovery_success = 'true' W",
    ),
    (
        "voice_ai_metrics_known_escalation_flag",
        "voice_ai_metrics",
        "",
        "update R set escalation_flag = '' W",
    ),
    (
        "voice_ai_metrics_within_range",
        "voice_ai_metrics",
        "",
        "update R set silence_rate = 1.5 W",
    ),
    (
        "declared_turns_agree",
        "fact_voice_ai_sessions",
        "",
        "update R set turns_declared = total_turns + 1",
    ),
    (
        "delivered_metrics_reconcile",
        "voice_metric_reconciliation",
        "update R set is_reconciled = true",
        "update R set is_reconciled = false W",
    ),
    (
        "fact_has_every_session",
        "fact_voice_ai_sessions",
        "",
        "delete from R W",
    ),
    (
        "fact_has_every_session",
        "fact_voice_ai_sessions",
        "",
        "insert into R select * from R W",
    ),
    (
        "fact_has_every_session",
        "fact_voice_ai_sessions",
        "",
        "update R set session_id = 'nobody' W",
    ),
    (
        "kpi_daily_counts_every_session",
        "voice_kpi_daily",
        "",
        "update R set sessions = sessions + 1 W",
    ),
    (
        "kpi_daily_counts_every_session",
        "fact_voice_ai_sessions",
        "",
        "update R set error_turns = error_turns + 1 W",
    ),
    // 7 of 119 are above 5%; 1 of 119 is above 0.5%.
    (
        "sessions_without_turns_are_rare",
        "fact_voice_ai_sessions",
        "update R set has_turns = ctid not in (select ctid from R limit 5)",
        "update R set has_turns = ctid not in (select ctid from R limit 7)",
    ),
    (
        "sessions_without_turns_are_very_rare",
        "fact_voice_ai_sessions",
        "update R set has_turns = true",
        "update R set has_turns = false W",
    ),
    (
        "small_segments_are_withheld",
        "voice_segment_kpis",
        "",
        "update R set users = 9 where not is_suppressed",
    ),
    (
        "small_segments_are_withheld",
        "voice_segment_kpis",
        "",
        "update R set is_suppressed = false, users = 10; update R set is_suppressed = true, users = null W",
    ),
    (
        "transfer_reason_only_with_transfer",
        "fact_voice_ai_sessions",
        "update R set dq_flags = '{}'",
        "update R set dq_flags = '{no_turns,transfer_reason_without_transfer}' W",
    ),
    (
        "turn_durations_fit_the_session",
        "fact_voice_ai_sessions",
        "update R set turn_duration_seconds = total_duration_seconds",
        "update R set turn_duration_seconds = total_duration_seconds + 0.001 where total_duration_seconds is not null",
    ),
    (
        "stg_voice__turns_orphans",
        "stg_voice__turns",
        "delete from R where session_id not in (select session_id from analytics_staging.stg_voice__sessions)",
        "update R set session_id = 'nobody' W",
    ),
];

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Json) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().map(text)
}

/// The ways in which a standard test's column may go wrong; none for a test that is told by hand.
fn spoils(test: &Json) -> Vec<String> {
    let column = text(&test["column_name"]);
    let arguments = &test["test_metadata"]["kwargs"];
    let condition = test["config"]["where"]
        .as_str()
        .map_or("true".to_owned(), str::to_owned);
    let one = format!("where ctid = (select ctid from R where {condition} and {column} is not null limit 1)");
    let set = |value: &str| format!("update R set {column} = {value} {one}");
    match text(&test["test_metadata"]["name"]) {
        "not_null" => vec![set("null")],
        "arrived" => vec![set("null"), set("'infinity'"), set("'-infinity'")],
        "unique" => vec![format!("insert into R select * from R {one}")],
        "unique_combination" => vec!["insert into R select * from R W".to_owned()],
        "row_count_equal" => vec![
            "delete from R W".to_owned(),
            "insert into R select * from R W".to_owned(),
        ],
        "accepted_values" => vec![set("'nonsense'")],
        "relationships" => vec![set("'nobody'")],
        "no_pii_pattern" => vec![
            set("'me@example.org'"),
            set("'+250 788 123 456'"),
            set("'4111-1111-1111-1111'"),
        ],
        "accepted_range" => [("min_value", "-"), ("max_value", "+")]
            .into_iter()
            .filter(|(bound, _)| arguments[bound].is_number())
            .map(|(bound, sign)| set(&format!("{} {sign} 1", arguments[bound])))
            .collect(),
        _ => Vec::new(),
    }
}

/// Counts the failures of a test after statements on a copy of a relation, which nobody else sees.
fn count(relation: &str, statements: &[&str], query: &str) -> String {
    let (schema, name) = relation.split_once('.').expect("a schema");
    let done: Vec<String> = statements
        .iter()
        .map(|statement| {
            let one = statement.replace(" W", " where ctid = (select ctid from R limit 1)");
            one.replace(" R", &format!(" {relation}"))
        })
        .collect();
    format!(
        "begin;
         create temp table spare on commit drop as table {relation};
         alter table {relation} rename to away_{name};
         create table {schema}.{name} as table spare;
         {};
         select count(*) from (\n{query}\n) t;
         rollback;\n",
        done.join(";\n")
    )
}

#[test]
fn each_test_of_calls_finds_what_it_is_for_and_looks_at_something() {
    let project = shipped();
    assay(&project, &["generate", "--tier", "nano", "--domain", "voice"]);
    let scope = "+tag:voice +snap_voice_session_outcomes";
    assay(&project, &["build", "--select", scope]);
    assay(&project, &["compile", "--select", scope]);
    let manifest: Json = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    let nodes = manifest["nodes"].as_object().expect("nodes");
    // Relations by their short names, in SQL of this database.
    let relations: BTreeMap<&str, String> = nodes
        .values()
        .chain(manifest["sources"].as_object().into_iter().flat_map(|s| s.values()))
        .filter(|node| node["relation_name"].is_string() && text(&node["resource_type"]) != "test")
        .map(|node| {
            (
                text(&node["name"]),
                format!("{}.{}", text(&node["schema"]), text(&node["name"])),
            )
        })
        .collect();
    let tests = nodes.values().filter(|node| {
        text(&node["resource_type"]) == "test"
            && (text(&node["original_file_path"]).contains("voice")
                || list(&node["depends_on"]["nodes"]).any(|on| on.contains("voice")))
    });
    let mut wrong = Vec::new();
    let mut by_hand: BTreeSet<&str> = BY_HAND.iter().map(|(name, ..)| *name).collect();
    let (mut script, mut tried) = (String::new(), Vec::new());
    for test in tests {
        let (name, query) = (text(&test["name"]), text(&test["compiled_code"]));
        assert!(!query.is_empty(), "{name} was not compiled");
        let mut trials: Vec<(String, String, String)> = Vec::new();
        if by_hand.remove(name) {
            for (_, relation, mend, spoil) in BY_HAND.iter().filter(|(of, ..)| *of == name) {
                trials.push((relations[relation].clone(), (*mend).to_owned(), (*spoil).to_owned()));
            }
        } else {
            // Tests of sources are attached to nothing.
            let on = test["attached_node"]
                .as_str()
                .or_else(|| list(&test["depends_on"]["nodes"]).next());
            let on = on.and_then(|on| on.rsplit('.').next()).unwrap_or_default();
            trials.extend(
                spoils(test)
                    .into_iter()
                    .map(|spoil| (relations[on].clone(), String::new(), spoil)),
            );
        }
        if trials.is_empty() {
            wrong.push(format!("nothing makes {name} fail"));
        }
        for (relation, mend, spoil) in trials {
            script += &count(&relation, &[&mend], query);
            script += &count(&relation, &[&mend, &spoil], query);
            tried.push((name, spoil));
        }
    }
    let counts = project.psql(&script);
    let counts: Vec<&str> = counts.lines().collect();
    assert_eq!(counts.len(), 2 * tried.len());
    for ((name, spoil), counts) in tried.iter().zip(counts.chunks(2)) {
        if counts[0] != "0" || counts[1] == "0" {
            wrong.push(format!(
                "{name}: {} failures of right rows, {} after {spoil}",
                counts[0], counts[1]
            ));
        }
    }
    wrong.extend(by_hand.into_iter().map(|name| format!("there is no test {name}")));
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried.len() > 200, "{}", tried.len());
}

#[test]
fn texts_that_are_published_are_checked_for_personal_data_or_are_from_a_list() {
    let project = shipped();
    assay(&project, &["parse"]);
    let manifest: Json = serde_json::from_str(&project.read("target/manifest.json")).expect("JSON");
    let nodes = manifest["nodes"].as_object().expect("nodes");
    let looked_at: BTreeSet<(&str, &str)> = nodes
        .values()
        .filter(|node| {
            matches!(
                text(&node["test_metadata"]["name"]),
                "no_pii_pattern" | "accepted_values"
            )
        })
        .map(|node| (text(&node["attached_node"]), text(&node["column_name"])))
        .collect();
    let mut columns = 0;
    for (id, node) in nodes
        .iter()
        .filter(|(_, node)| text(&node["original_file_path"]).starts_with("models/voice/published"))
    {
        for (column, stated) in node["columns"].as_object().into_iter().flatten() {
            if text(&stated["data_type"]) == "text" {
                columns += 1;
                assert!(looked_at.contains(&(id.as_str(), column.as_str())), "{id}: {column}");
            }
        }
    }
    assert!(columns > 30, "{columns}");
}
