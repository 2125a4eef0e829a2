//! A window of time that what is read is narrowed to, as `--sample` names it.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::Value as Json;

use super::{Batch, BatchSize};

/// `3 days`, or `{start: 2024-01-01, end: 2024-02-01}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// So many hours, days, months or years up to now.
    Last(u16, BatchSize),
    /// From the first moment up to the second, which is no longer part of it.
    Between(Timestamp, Timestamp),
}

impl Sample {
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('{') {
            return Self::between(text);
        }
        let wanted = "it takes a time such as \"3 days\", or {start: 2024-01-01, end: 2024-02-01}";
        let Some((count, grain)) = text.split_once(' ') else {
            return Err(wanted.to_owned());
        };
        let count = count
            .parse()
            .map_err(|_| format!("`{count}` is no whole number from 0 to {}; {wanted}", u16::MAX))?;
        let grain = grain.to_lowercase();
        let size = BatchSize::named(grain.trim_end_matches('s'));
        let size = size.ok_or_else(|| format!("`{grain}` is none of hours, days, months and years"))?;
        Ok(Self::Last(count, size))
    }

    fn between(text: &str) -> Result<Self, String> {
        let given: Json = serde_yaml::from_str(text).map_err(|error| format!("it is no YAML: {error}"))?;
        let moment = |key: &str| {
            let found = given[key].as_str().and_then(Batch::moment);
            found.ok_or_else(|| format!("`{key}` must be a time such as 2024-01-31 or 2024-01-31T06:00:00"))
        };
        let (start, end) = (moment("start")?, moment("end")?);
        if start >= end {
            return Err("`start` must be before `end`".to_owned());
        }
        Ok(Self::Between(start, end))
    }

    /// Its first moment, and the first one after it. Months and years end on the last day of a month that is shorter.
    #[must_use]
    pub fn window(self, now: Timestamp) -> (Timestamp, Timestamp) {
        let (count, size) = match self {
            Self::Between(start, end) => return (start, end),
            Self::Last(count, size) => (i64::from(count), size),
        };
        let span = match size {
            BatchSize::Hour => Span::new().try_hours(count),
            BatchSize::Day => Span::new().try_days(count),
            BatchSize::Month => Span::new().try_months(count),
            BatchSize::Year => Span::new().try_years(count),
        };
        let start = span.and_then(|span| now.to_zoned(TimeZone::UTC).checked_sub(span));
        (start.map_or(Timestamp::MIN, |start| start.timestamp()), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> String {
        let now = Batch::moment("2024-03-31T16:06:00").expect("a time");
        match Sample::parse(text) {
            Ok(sample) => {
                let (start, end) = sample.window(now);
                format!("{} to {}", Batch::written(start), Batch::written(end))
            }
            Err(problem) => problem,
        }
    }

    #[test]
    fn windows_end_now_or_where_they_say() {
        let now = "2024-03-31 16:06:00+00:00";
        for (text, start) in [
            ("3 days", "2024-03-28 16:06:00+00:00"),
            ("1 day", "2024-03-30 16:06:00+00:00"),
            ("1 Hour", "2024-03-31 15:06:00+00:00"),
            ("1 month", "2024-02-29 16:06:00+00:00"),
            ("2 YEARS", "2022-03-31 16:06:00+00:00"),
        ] {
            assert_eq!(window(text), format!("{start} to {now}"), "{text}");
        }
        for text in [
            "{start: 2024-01-01, end: 2024-01-02T12:00:00}",
            "{'start': '2024-01-01 00:00:00', 'end': '2024-01-02 12:00:00'}",
        ] {
            assert_eq!(window(text), "2024-01-01 00:00:00+00:00 to 2024-01-02 12:00:00+00:00");
        }
    }

    #[test]
    fn what_is_no_window_is_told() {
        for (text, part) in [
            ("3", "such as \"3 days\""),
            ("three days", "`three` is no whole number"),
            ("3 fortnights", "`fortnights` is none of"),
            ("{start: 2024-01-01}", "`end` must be a time"),
            ("{start: 2024-01-02, end: 2024-01-01}", "before"),
            ("{start: ", "no YAML"),
        ] {
            assert!(window(text).contains(part), "{text}: {}", window(text));
        }
    }
}
