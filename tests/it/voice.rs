//! The shipped project's voice domain: what a regression of abandonment may know, outcomes that change after the fact, and a
//! page whose answers are those of the practice data.

use super::shipped::{assay, read, root, shipped};

#[test]
fn what_happens_later_in_a_call_changes_nothing_that_is_known_early() {
    let project = shipped();
    assay(
        &project,
        &["generate", "--tier", "nano", "--seed", "4", "--domain", "voice"],
    );
    let build = ["build", "--select", "+tag:voice +snap_voice_session_outcomes"];
    assay(&project, &build);
    let early = || {
        project.psql(
            "select session_id, first3_asr_confidence, first3_intent_confidence, first3_error_share, is_rural, is_first_time_user,
                    language, hour_band, fold
             from analytics.voice_logit_features order by session_id",
        )
    };
    let late = || {
        project.psql(
            "select session_id, final_outcome, late_total_turns, late_total_duration_seconds, late_is_escalated
             from analytics.voice_logit_features order by session_id",
        )
    };
    let (early_before, late_before) = (early(), late());
    assert!(early_before.lines().count() > 80, "{early_before}");
    // Everything after the third turn of the user goes otherwise, and so does every call's end.
    project.psql(
        "update voice_raw.voice_turns
         set asr_confidence = 0.01, intent_confidence = 0.02, error_type = 'noise', ingested_at = ingested_at + interval '100 days'
         where turn_number > 7;
         insert into voice_raw.voice_turns
         select 'more-' || turn_id, session_id, 100, speaker, detected_intent, 0.5, 0.5, 'silence', 3, created_at, started_at,
                ingested_at + interval '100 days'
         from voice_raw.voice_turns
         where turn_number = 1 and session_id in (select session_id from voice_raw.voice_turns where turn_number = 7);
         update voice_raw.voice_sessions
         set final_outcome = case final_outcome when 'completed' then 'abandoned' else 'completed' end, transfer_reason = null,
             total_duration_sec = 999, ingested_at = ingested_at + interval '100 days';
         update voice_raw.voice_ai_metrics
         set escalation_flag = case escalation_flag when 'yes' then 'no' else 'yes' end,
             ingested_at = ingested_at + interval '100 days'",
    );
    let changed = project.psql("select count(*) from analytics_int.snap_voice_session_outcomes");
    assay(&project, &build);
    for (before, after) in early_before.lines().zip(early().lines()) {
        assert_eq!(before, after);
    }
    assert_eq!(early_before.lines().count(), early().lines().count());
    let differ = late_before
        .lines()
        .zip(late().lines())
        .filter(|(before, after)| before != after)
        .count();
    assert_eq!(differ, late_before.lines().count());
    // Every call has its outcome of then and its outcome of now.
    assert_eq!(
        project.psql(
            "select count(*) filter (where dbt_valid_to is not null) || ' ' || count(*) filter (where dbt_valid_to is null)
                    || ' ' || count(distinct session_id) filter (where dbt_valid_to is null)
             from analytics_int.snap_voice_session_outcomes"
        ),
        format!("{changed} {changed} {changed}")
    );
}

/// Every query of the page, and below each the answer that it prints.
#[test]
fn the_page_of_calls_shows_what_its_questions_answer() {
    let project = shipped();
    assay(
        &project,
        &["generate", "--tier", "micro", "--seed", "42", "--domain", "voice"],
    );
    assay(&project, &["build", "--select", "+tag:voice"]);
    let page = read(&root().join("docs/voice.md"));
    let mut asked = 0;
    for part in page.split("```sql\n").skip(1) {
        let (query, rest) = part.split_once("```\n").expect("an end");
        let shown = rest
            .strip_prefix("\n```text\n")
            .unwrap_or_else(|| panic!("no answer to {query}"));
        let (shown, _) = shown.split_once("```").expect("an end");
        // Below the names and the line under them, cell by cell.
        let shown: Vec<Vec<&str>> = shown
            .lines()
            .skip(2)
            .map(|row| row.split('|').map(str::trim).collect())
            .collect();
        let found = project.psql(query.trim().trim_end_matches(';'));
        let found: Vec<Vec<&str>> = found.lines().map(|row| row.split('|').collect()).collect();
        assert_eq!(found, shown, "{query}");
        asked += 1;
    }
    assert_eq!(asked, 18);
}

/// Where the recogniser's confidence decides, the regression says so; where nothing does, it does not.
#[test]
fn the_confidence_of_the_first_turns_is_found_where_it_was_planted() {
    for (profile, strongest, from, to) in [("planted", "t", 0.62, 0.75), ("independent", "f", 0.46, 0.54)] {
        let project = shipped();
        let generate = ["generate", "--tier", "small", "--seed", "1", "--domain", "voice"];
        assay(&project, &[&generate[..], &["--voice-profile", profile]].concat());
        assay(&project, &["build", "--select", "+voice_logit_metrics"]);
        let found = project.psql(
            "select m.run, m.status, m.strongest_predictor is not distinct from 'first3_asr_confidence', m.auc_held_out
             from analytics.voice_logit_metrics m order by m.run",
        );
        assert_eq!(found.lines().count(), 3, "{found}");
        for line in found.lines() {
            let cells: Vec<&str> = line.split('|').collect();
            // That other outcomes than the planted one are less clear is no fault.
            let is_less_clear = profile == "planted" && cells[0] == "sensitivity";
            assert!(
                cells[1] == "fitted" && (cells[2] == strongest || is_less_clear),
                "{profile}: {found}"
            );
            let area: f64 = cells[3].parse().expect("a number");
            assert!(area < to && (area > from || is_less_clear), "{profile}: {found}");
        }
        if profile == "planted" {
            // -4 per unit of confidence were planted, and 1.2 per unit of the share of errors.
            let planted = project.psql(
                "select abs(coefficient / standard_deviation - case feature when 'first3_asr_confidence' then -4 else 1.2 end)
                          < 3 * standard_error / standard_deviation
                 from analytics.voice_logit_coefficients
                 where run = 'main' and feature in ('first3_asr_confidence', 'first3_error_share')",
            );
            assert_eq!(planted, "t\nt");
        }
    }
}
