//! What a project asks of its certificates.

use serde_json::Value as Json;

use super::{Reader, Section, Threshold};

/// The defaults of `gate:` for every published model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certification {
    /// A source beyond its `error_after` blocks what stands on it.
    pub require_fresh: bool,
    /// How long a certificate holds.
    pub certify_within: Option<Threshold>,
    /// The rows that a publication adds, changes and removes are counted.
    pub record_changes: bool,
}

impl Default for Certification {
    fn default() -> Self {
        Self {
            require_fresh: false,
            certify_within: None,
            record_changes: true,
        }
    }
}

impl Certification {
    /// Takes its keys out of `gate:`.
    pub(super) fn read(section: &mut Section, reader: &mut Reader) -> Self {
        let require_fresh = section.flag("require_fresh", reader).unwrap_or(false);
        let record_changes = section.flag("record_changes", reader).unwrap_or(true);
        let certify_within = section.take("certify_within").and_then(|yaml| {
            let span = validity(&yaml.to_json());
            if span.is_none() {
                reader.wrong_type("certify_within", VALIDITY, yaml);
            }
            span
        });
        Self {
            require_fresh,
            certify_within,
            record_changes,
        }
    }
}

/// What `certify_within` takes, for messages.
pub const VALIDITY: &str = "a span like {count: 24, period: hour}, with minute, hour or day";

/// A span that is whole and longer than nothing.
#[must_use]
pub fn validity(value: &Json) -> Option<Threshold> {
    let entries = value.as_object()?;
    if entries.keys().any(|key| key != "count" && key != "period") {
        return None;
    }
    let count = entries.get("count")?;
    let count = count.as_i64().or_else(|| count.as_str()?.trim().parse().ok());
    let span = Threshold {
        count: count.filter(|count| *count > 0),
        period: entries.get("period")?.as_str().and_then(super::Period::named),
    };
    span.seconds().map(|_| span)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_span_is_whole() {
        let seconds = |value: Json| validity(&value).and_then(Threshold::seconds);
        assert_eq!(seconds(json!({"count": 24, "period": "hour"})), Some(86_400));
        assert_eq!(seconds(json!({"count": "2", "period": "day"})), Some(172_800));
        for wrong in [
            json!({"count": 24}),
            json!({"count": 0, "period": "hour"}),
            json!({"count": 1, "period": "week"}),
            json!({"count": 1, "period": "day", "filter": "x"}),
            json!("24 hours"),
        ] {
            assert_eq!(seconds(wrong.clone()), None, "{wrong}");
        }
    }
}
