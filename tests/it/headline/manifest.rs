//! The generator's own truth under the names of the figures.

use serde_json::Value as Json;

pub fn figures(domain: &str, truth: &Json) -> Vec<(String, String)> {
    match domain {
        "voice" => voice(truth),
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
        ("all/without_metrics".to_owned(), text(&truth["sessions_without_metrics"])),
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
