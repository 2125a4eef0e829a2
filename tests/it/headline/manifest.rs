//! The generator's own truth under the names of the figures.

use serde_json::Value as Json;

pub fn figures(domain: &str, truth: &Json) -> Vec<(String, String)> {
    match domain {
        "voice" => voice(truth),
        "exp" => exp(truth),
        "chat" => chat(truth),
        other => panic!("no domain {other}"),
    }
}

/// Null is no text.
fn text(value: &Json) -> String {
    if value.is_null() {
        String::new()
    } else {
        assert!(value.is_number(), "{value}");
        value.to_string()
    }
}

fn voice(truth: &Json) -> Vec<(String, String)> {
    let mut list = vec![
        ("repeat_users".to_owned(), text(&truth["repeat_users"])),
        ("orphan_turns".to_owned(), text(&truth["orphan_turns"])),
        ("all/without_turns".to_owned(), text(&truth["sessions_without_turns"])),
        (
            "all/without_metrics".to_owned(),
            text(&truth["sessions_without_metrics"]),
        ),
    ];
    let segments = truth["by_segment"].as_object().expect("segments");
    let all = std::iter::once(("all", &truth["sessions"]));
    for (segment, calls) in all.chain(segments.iter().map(|(name, calls)| (name.as_str(), calls))) {
        for (figure, name) in [
            ("sessions", "sessions"),
            ("completed", "completed"),
            ("abandoned", "abandoned"),
            ("transferred", "transferred"),
            ("open", "not_closed"),
            ("turns", "turns"),
            ("error_turns", "error_turns"),
            ("misunderstanding_turns", "misunderstanding_turns"),
            ("silence_turns", "silence_turns"),
            ("noise_turns", "noise_turns"),
            ("with_turns", "sessions_with_turns"),
            ("with_errors", "sessions_with_errors"),
            ("recovered", "recovered"),
            ("completion_rate", "completion_rate"),
            ("abandonment_rate", "abandonment_rate"),
            ("transfer_rate", "transfer_rate"),
            ("turn_error_rate", "turn_error_rate"),
            ("avg_turns", "avg_turns"),
            ("recovery_rate", "recovery_rate"),
        ] {
            list.push((format!("{segment}/{figure}"), text(&calls[name])));
        }
    }
    list
}

fn exp(truth: &Json) -> Vec<(String, String)> {
    let mut list = Vec::new();
    for (figure, value) in [
        ("events/raw", &truth["raw_events"]),
        ("events/duplicate", &truth["duplicate_events"]),
        ("events/quarantined", &truth["quarantined_events"]),
        ("events/kept", &truth["kept_events"]),
        ("start_inferred", &truth["start_inferred"]),
        ("conflicting_terminal", &truth["conflicting_terminal"]),
        ("recovered_after_drop_off", &truth["recovered_after_drop_off"]),
        ("plans/plans", &truth["plans"]["plans"]),
        ("plans/accepted", &truth["plans"]["accepted"]),
        ("plans/edits_of_accepted", &truth["plans"]["edits_of_accepted"]),
        ("plans/with_intervention", &truth["plans"]["with_intervention"]),
        ("plans/acceptance_rate", &truth["plans"]["acceptance_rate"]),
        ("plans/avg_edits", &truth["plans"]["avg_edits"]),
    ] {
        list.push((figure.to_owned(), text(value)));
    }
    for (reason, name) in [
        ("unknown_variant", "unknown_variant"),
        ("timestamp_in_future", "timestamp_ahead"),
        ("session_without_id", "missing_session_id"),
    ] {
        let count = &truth["quarantined"][name];
        if *count != 0 {
            list.push((format!("quarantined/{reason}"), text(count)));
        }
    }
    for arm in truth["assignments"].as_array().expect("assignments") {
        let name = |key: &str| arm[key].as_str().expect("a name").to_owned();
        list.push((
            format!("assigned/{}/{}", name("experiment"), name("variant")),
            text(&arm["units"]),
        ));
    }
    cohort(&mut list, "all", &truth["sessions"]);
    for kind in ["by_flow", "by_variant", "by_flow_and_variant"] {
        for each in truth[kind].as_array().expect("cohorts") {
            let mut name = Vec::new();
            if let Some(flow) = each["flow_id"].as_str() {
                name.push(format!("flow {flow}"));
            }
            if let (Some(experiment), Some(variant)) = (each["experiment"].as_str(), each["variant"].as_str()) {
                name.push(format!("arm {experiment}/{variant}"));
            }
            cohort(&mut list, &name.join(" "), &each["sessions"]);
        }
    }
    list
}

fn cohort(list: &mut Vec<(String, String)>, name: &str, sessions: &Json) {
    for (figure, value) in [
        ("sessions", &sessions["total"]),
        ("completed", &sessions["completed"]),
        ("cancelled", &sessions["cancelled"]),
        ("dropped_off", &sessions["dropped_off"]),
        ("timed_out", &sessions["timed_out"]),
        ("in_progress", &sessions["in_progress"]),
        ("settled", &sessions["settled"]),
        ("settled_turns", &sessions["turns"]),
        ("engaged", &sessions["funnel"]["engaged"]),
        ("progressed", &sessions["funnel"]["progressed"]),
        ("funnel_completed", &sessions["funnel"]["completed"]),
        ("completion_rate", &sessions["completion_rate"]),
        ("drop_off_rate", &sessions["drop_off_rate"]),
        ("reported_drop_off_rate", &sessions["reported_drop_off_rate"]),
        ("avg_turns", &sessions["avg_turns"]),
    ] {
        list.push((format!("{name}/{figure}"), text(value)));
    }
    let milliseconds = sessions["time_to_completion_ms"].as_i64().expect("milliseconds");
    list.push((
        format!("{name}/completion_microseconds"),
        (milliseconds * 1_000).to_string(),
    ));
}

fn chat(truth: &Json) -> Vec<(String, String)> {
    [
        ("loads", "loads"),
        ("events/all", "events"),
        ("events/copies", "duplicate_events"),
        ("senders", "senders"),
        ("users", "users"),
        ("all/sessions", "sessions"),
        ("all/bounced", "bounced_sessions"),
        ("all/handed_off", "handed_off_sessions"),
        ("all/contained", "contained_sessions"),
        ("all/contained_no_return", "contained_no_return_sessions"),
        ("all/frustrated", "frustrated_sessions"),
        ("all/interactions", "user_messages"),
        ("all/dialogue_interactions", "dialogue_interactions"),
        ("all/fallback_interactions", "fallback_interactions"),
        ("all/bounce_rate", "bounce_rate"),
        ("all/containment_rate", "containment_rate"),
        ("all/fallback_rate", "fallback_rate"),
        ("all/open", "open_sessions"),
        ("all/closed_dialogues", "closed_dialogues"),
        ("all/contained_closed", "contained_closed_sessions"),
        ("all/contained_no_return_closed", "contained_no_return_closed_sessions"),
        ("all/containment_no_return_rate", "containment_no_return_rate"),
        ("all/handover_rate", "handover_rate"),
        ("all/frustration_rate", "frustration_rate"),
        ("all/interactions_per_session", "interactions_per_session"),
        ("all/intent_confidence_avg", "intent_confidence_avg"),
        ("slot/requests", "slot_requests"),
        ("slot/filled", "filled_requests"),
        ("slot/attempts", "attempts_until_fill"),
        ("slot/fill_rate", "slot_fill_rate"),
        ("slot/attempts_per_fill", "attempts_per_fill"),
    ]
    .into_iter()
    .map(|(figure, name)| (figure.to_owned(), text(&truth[name])))
    .collect()
}
