//! The shipped project's voice domain: what a regression of abandonment may know, and outcomes that change after the fact.

use super::shipped::{assay, shipped};

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
