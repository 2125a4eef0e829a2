//! How old the rows of a source may be: <https://docs.getdbt.com/reference/resource-properties/freshness>.

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, nearest};

/// The unit of an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Minute,
    Hour,
    Day,
}

impl Period {
    pub(in crate::project) fn named(name: &str) -> Option<Self> {
        match name {
            "minute" => Some(Self::Minute),
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            _ => None,
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }
}

/// An age. Without a count or a period it sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Threshold {
    pub count: Option<i64>,
    pub period: Option<Period>,
}

impl Threshold {
    /// In seconds; `None` where it sets no limit.
    #[must_use]
    pub fn seconds(self) -> Option<i64> {
        Some(self.count?.saturating_mul(self.period?.seconds()))
    }

    /// For people, such as `12 hours`; `None` where it sets no limit.
    #[must_use]
    pub fn text(self) -> Option<String> {
        let (count, period) = (self.count?, self.period?);
        let name = match period {
            Period::Minute => "minute",
            Period::Hour => "hour",
            Period::Day => "day",
        };
        Some(format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
    }

    fn is_exceeded(self, age: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "an age has no more digits than that")]
        self.seconds().is_some_and(|limit| age > limit as f64)
    }
}

/// From which age on a source is worth a warning or an error; `None` for a threshold that is switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    pub warn_after: Option<Threshold>,
    pub error_after: Option<Threshold>,
    /// A condition in SQL on the rows to look at.
    pub filter: Option<String>,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            warn_after: Some(Threshold::default()),
            error_after: Some(Threshold::default()),
            filter: None,
        }
    }
}

impl Serialize for Freshness {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("warn_after", &self.warn_after)?;
        map.serialize_entry("error_after", &self.error_after)?;
        map.serialize_entry("filter", &self.filter)?;
        map.end()
    }
}

/// What an age means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    Pass,
    Warn,
    Error,
}

impl Freshness {
    /// What is written under `freshness`; `None` for null, which switches it off. What is wrong goes to `problems`.
    pub fn read(value: &Json, what: &str, place: &Place, problems: &mut Diagnostics) -> Option<Self> {
        let mut found = Self::default();
        match value {
            Json::Null => return None,
            Json::Object(entries) => {
                for (key, value) in entries {
                    match key.as_str() {
                        "warn_after" => found.warn_after = threshold(value, key, what, place, problems),
                        "error_after" => found.error_after = threshold(value, key, what, place, problems),
                        "filter" => match value {
                            Json::Null => {}
                            Json::String(text) => found.filter = Some(text.clone()),
                            _ => problems.push(wrong("`filter`", "a condition in SQL", what, place)),
                        },
                        _ => problems.push(unknown(key, &["warn_after", "error_after", "filter"], what, place)),
                    }
                }
            }
            _ => problems.push(wrong(
                "`freshness`",
                "a mapping with warn_after and error_after",
                what,
                place,
            )),
        }
        Some(found)
    }

    /// Whether there is any limit, so that the source is looked at.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        let limit = |threshold: Option<Threshold>| threshold.and_then(Threshold::seconds).is_some();
        limit(self.warn_after) || limit(self.error_after)
    }

    /// What several places say, from the most general to the most particular: the last word on each threshold holds. Null
    /// switches everything off that was said before it.
    #[must_use]
    pub fn merged<'a>(written: impl IntoIterator<Item = &'a Option<Self>>) -> Option<Self> {
        let mut merged = Some(Self::default());
        for (index, update) in written.into_iter().enumerate() {
            merged = match (merged, update) {
                (_, update) if index == 0 => update.clone(),
                (Some(base), Some(update)) => Some(Self {
                    warn_after: over(base.warn_after, update.warn_after),
                    error_after: over(base.error_after, update.error_after),
                    filter: update.filter.clone().or(base.filter),
                }),
                (None, Some(update)) if update.is_asked_for() => Some(update.clone()),
                _ => None,
            };
        }
        merged
    }

    /// `age` is in seconds.
    #[must_use]
    pub fn judge(&self, age: f64) -> Judgement {
        let exceeded = |threshold: Option<Threshold>| threshold.is_some_and(|threshold| threshold.is_exceeded(age));
        if exceeded(self.error_after) {
            Judgement::Error
        } else if exceeded(self.warn_after) {
            Judgement::Warn
        } else {
            Judgement::Pass
        }
    }
}

/// A threshold without a limit changes nothing, one that is null takes the limit away.
fn over(base: Option<Threshold>, update: Option<Threshold>) -> Option<Threshold> {
    let update = update?;
    if update.seconds().is_some() {
        Some(update)
    } else {
        base.or(Some(update))
    }
}

fn threshold(value: &Json, key: &str, what: &str, place: &Place, problems: &mut Diagnostics) -> Option<Threshold> {
    let mut found = Threshold::default();
    match value {
        Json::Null => return None,
        Json::Object(entries) => {
            for (name, value) in entries {
                match name.as_str() {
                    _ if value.is_null() => {}
                    "count" => {
                        let count = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
                        found.count = count;
                        if count.is_none() {
                            problems.push(wrong(&format!("`count` of `{key}`"), "a whole number", what, place));
                        }
                    }
                    "period" => {
                        found.period = value.as_str().and_then(Period::named);
                        if found.period.is_none() {
                            problems.push(wrong(
                                &format!("`period` of `{key}`"),
                                "minute, hour or day",
                                what,
                                place,
                            ));
                        }
                    }
                    _ => problems.push(unknown(name, &["count", "period"], what, place)),
                }
            }
            if found.count.is_some() != found.period.is_some() && !problems.has_errors() {
                let missing = if found.count.is_some() { "period" } else { "count" };
                problems.push(
                    Diagnostic::warning("bad-freshness", format!("`{key}` of {what} has no `{missing}`"))
                        .at(place.clone())
                        .because("a threshold that is not whole sets no limit, and one that is inherited holds on")
                        .help("write both: {count: 12, period: hour}"),
                );
            }
        }
        _ => problems.push(wrong(
            &format!("`{key}`"),
            "a mapping: {count: 12, period: hour}",
            what,
            place,
        )),
    }
    Some(found)
}

fn wrong(key: &str, wanted: &str, what: &str, place: &Place) -> Diagnostic {
    Diagnostic::error(
        "bad-freshness",
        format!("{key} in the freshness of {what} is not {wanted}"),
    )
    .at(place.clone())
    .help(
        "write it like this: freshness: {warn_after: {count: 12, period: hour}, error_after: {count: 1, period: day}}",
    )
}

fn unknown(key: &str, known: &[&str], what: &str, place: &Place) -> Diagnostic {
    let diagnostic =
        Diagnostic::warning("unknown-key", format!("the freshness of {what} has no key `{key}`")).at(place.clone());
    match nearest(key, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("one of: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::SourceFile;

    fn read(value: &Json) -> (Option<Freshness>, String) {
        let mut problems = Diagnostics::default();
        let place = Place::new(&SourceFile::new("models/s.yml", ""), 0..0);
        let found = Freshness::read(value, "source `raw`", &place, &mut problems);
        (found, problems.to_string())
    }

    /// What dbt 1.12 writes into the manifest for the same.
    #[test]
    fn the_last_word_on_each_threshold_holds() {
        let general =
            json!({"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 2, "period": "day"}});
        let merged = |own: Json| {
            let (general, own) = (read(&general).0, read(&own).0);
            json!(Freshness::merged([&general, &Some(Freshness::default()), &own]))
        };
        let day = json!({"count": 2, "period": "day"});
        assert_eq!(
            merged(json!({"warn_after": {"count": 4, "period": "day"}, "filter": "a"})),
            json!({"warn_after": {"count": 4, "period": "day"}, "error_after": day, "filter": "a"})
        );
        assert_eq!(
            merged(json!({"warn_after": null})),
            json!({"warn_after": null, "error_after": day, "filter": null})
        );
        // Half a threshold is none.
        assert_eq!(
            merged(json!({"warn_after": {"count": 4}}))["warn_after"],
            json!({"count": 1, "period": "hour"})
        );
        assert_eq!(merged(Json::Null), Json::Null);
        let off = Freshness::merged([&None, &Some(Freshness::default()), &read(&general).0]);
        assert!(
            off.is_some_and(|off| off.is_asked_for()),
            "a table may switch it on again"
        );
    }

    #[test]
    fn an_age_is_judged_by_the_worse_threshold() {
        use Judgement::{Error, Pass, Warn};
        let (found, _) = read(
            &json!({"warn_after": {"count": 1, "period": "minute"}, "error_after": {"count": 1, "period": "hour"}}),
        );
        let found = found.expect("thresholds");
        let judged = [60.0, 60.1, 3600.0, 3600.5].map(|age| found.judge(age));
        assert_eq!(judged, [Pass, Warn, Warn, Error]);
    }

    #[test]
    fn slips_are_named() {
        let (_, problems) = read(&json!({"warn_after": {"count": 1, "period": "week"}}));
        assert!(
            problems.contains("`period` of `warn_after` in the freshness of source `raw` is not minute, hour or day"),
            "{problems}"
        );
        let (_, problems) = read(&json!({"warn_afte": {}}));
        assert!(problems.contains("did you mean `warn_after`?"), "{problems}");
        let (_, problems) = read(&json!({"error_after": {"count": 1}}));
        assert!(problems.contains("has no `period`"), "{problems}");
    }
}
