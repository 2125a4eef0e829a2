//! Batches of a microbatch model: spans of time, one after the other.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde_json::{Value as Json, json};

/// How long a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    Hour,
    Day,
    Month,
    Year,
}

impl BatchSize {
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            _ => None,
        }
    }

    fn span(self, count: i32) -> Span {
        match self {
            Self::Hour => count.hours(),
            Self::Day => count.days(),
            Self::Month => count.months(),
            Self::Year => count.years(),
        }
    }

    /// The start of the batch that a moment lies in. All of this is in UTC.
    fn floor(self, at: DateTime) -> DateTime {
        let day = at.date();
        let date = match self {
            Self::Hour => return day.at(at.hour(), 0, 0, 0),
            Self::Day => day,
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
        };
        date.at(0, 0, 0, 0)
    }

    /// The start of a batch so many after the one that a moment lies in; the moment's own where time ends.
    fn offset(self, at: DateTime, count: i32) -> DateTime {
        let floor = self.floor(at);
        floor.checked_add(self.span(count)).unwrap_or(floor)
    }

    fn ceiling(self, at: DateTime) -> DateTime {
        let floor = self.floor(at);
        if floor == at { at } else { self.offset(at, 1) }
    }
}

/// What the configuration of a microbatch model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicrobatchSpec {
    /// The column that dates a row.
    pub event_time: String,
    pub size: BatchSize,
    /// Before it there is nothing to build.
    pub begin: Timestamp,
    /// Batches before the newest that are built again.
    pub lookback: i32,
}

/// One batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
    pub size: BatchSize,
}

impl MicrobatchSpec {
    /// The batches to build up to `now`, in order; there is always one. `given` is a span that was asked for; where the model
    /// is not `incremental`, it is built from its beginning.
    #[must_use]
    pub fn batches(&self, incremental: bool, given: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Vec<Batch> {
        let size = self.size;
        let end = size.ceiling(utc(given.map_or(now, |(_, end)| end)));
        let start = match given {
            Some((start, _)) => size.floor(utc(start)),
            None if !incremental => size.floor(utc(self.begin)),
            // The end is where a batch begins, which the newest batch does not reach.
            None => size.offset(end, -(self.lookback.saturating_add(1))),
        };
        let mut batches = Vec::new();
        let mut from = start;
        loop {
            let to = size.offset(from, 1);
            let last = to >= end || to == from;
            batches.push(Batch {
                start: instant(from),
                end: instant(if last { end } else { to }),
                size,
            });
            if last {
                return batches;
            }
            from = to;
        }
    }
}

impl Batch {
    /// `2024`, `2024-01`, `2024-01-31`, `2024-01-31T09`
    #[must_use]
    pub fn label(&self) -> String {
        let format = match self.size {
            BatchSize::Hour => "%Y-%m-%dT%H",
            BatchSize::Day => "%Y-%m-%d",
            BatchSize::Month => "%Y-%m",
            BatchSize::Year => "%Y",
        };
        utc(self.start).strftime(format).to_string()
    }

    /// The label without dashes.
    #[must_use]
    pub fn id(&self) -> String {
        self.label().replace('-', "")
    }

    /// `model.batch`, with times as text.
    #[must_use]
    pub fn entry(&self) -> Json {
        json!({
            "id": self.id(),
            "event_time_start": Self::written(self.start),
            "event_time_end": Self::written(self.end),
        })
    }

    /// A date, or a date and a time, with a zone or in UTC.
    #[must_use]
    pub fn moment(text: &str) -> Option<Timestamp> {
        let text = text.trim();
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(at);
        }
        text.parse::<DateTime>().ok().map(instant)
    }

    /// `2024-01-01 00:00:00+00:00`
    #[must_use]
    pub fn written(at: Timestamp) -> String {
        let at = utc(at);
        let fraction = if at.subsec_nanosecond() == 0 { "" } else { "%.6f" };
        at.strftime(&format!("%Y-%m-%d %H:%M:%S{fraction}+00:00")).to_string()
    }
}

fn utc(at: Timestamp) -> DateTime {
    at.to_zoned(TimeZone::UTC).datetime()
}

/// A moment at the end of what can be told stays there.
fn instant(at: DateTime) -> Timestamp {
    at.to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Batch::moment(text).expect("a time")
    }

    fn batches(size: BatchSize, lookback: i32, incremental: bool, given: Option<(&str, &str)>, now: &str) -> String {
        let spec = MicrobatchSpec {
            event_time: "at".into(),
            size,
            begin: at("2023-11-15"),
            lookback,
        };
        let given = given.map(|(from, to)| (at(from), at(to)));
        let found = spec.batches(incremental, given, at(now));
        let shown = found.iter().map(|batch| {
            let (from, to) = (Batch::written(batch.start), Batch::written(batch.end));
            format!("{} {} .. {}", batch.id(), &from[..16], &to[..16])
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn from_the_beginning_to_now() {
        assert_eq!(
            batches(BatchSize::Month, 1, false, None, "2024-01-31 10:00:00"),
            "202311 2023-11-01 00:00 .. 2023-12-01 00:00; 202312 2023-12-01 00:00 .. 2024-01-01 00:00; \
             202401 2024-01-01 00:00 .. 2024-02-01 00:00"
        );
    }

    #[test]
    fn the_newest_and_those_before_it() {
        assert_eq!(
            batches(BatchSize::Day, 1, true, None, "2024-03-01 10:00:00"),
            "20240229 2024-02-29 00:00 .. 2024-03-01 00:00; 20240301 2024-03-01 00:00 .. 2024-03-02 00:00"
        );
        // The moment at which a batch begins does not open it.
        assert_eq!(
            batches(BatchSize::Day, 0, true, None, "2024-03-01"),
            "20240229 2024-02-29 00:00 .. 2024-03-01 00:00"
        );
        assert_eq!(
            batches(BatchSize::Year, 1, true, None, "2024-03-01"),
            "2023 2023-01-01 00:00 .. 2024-01-01 00:00; 2024 2024-01-01 00:00 .. 2025-01-01 00:00"
        );
    }

    #[test]
    fn what_was_asked_for() {
        assert_eq!(
            batches(
                BatchSize::Hour,
                1,
                true,
                Some(("2024-01-01 22:30:00", "2024-01-02 00:10:00")),
                "2025-01-01"
            ),
            "20240101T22 2024-01-01 22:00 .. 2024-01-01 23:00; 20240101T23 2024-01-01 23:00 .. 2024-01-02 00:00; \
             20240102T00 2024-01-02 00:00 .. 2024-01-02 01:00"
        );
    }

    #[test]
    fn a_beginning_after_the_end_is_one_batch() {
        assert_eq!(
            batches(BatchSize::Year, 1, false, None, "2020-05-05"),
            "2023 2023-01-01 00:00 .. 2021-01-01 00:00"
        );
    }
}
