//! The fixed calendar of the generated data, in microseconds since 1970 (UTC). No clock is read.

use std::io::Write as _;

use jiff::Timestamp;

use super::random::Entity;

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

pub const MILLISECOND: Micros = 1_000;
pub const SECOND: Micros = 1_000_000;
pub const MINUTE: Micros = 60 * SECOND;
pub const HOUR: Micros = 60 * MINUTE;
pub const DAY: Micros = 24 * HOUR;

/// How many days the data covers.
pub const DAYS: i64 = 90;
/// 2024-12-31T00:00:00Z.
pub const START: Micros = END - DAYS * DAY;
/// 2025-03-31T00:00:00Z: what would arrive later has not arrived yet, unless a later moment is asked for.
pub const END: Micros = 1_743_379_200 * SECOND;

/// How busy each hour of the day is.
const HOURS: [f64; 24] = [
    0.4, 0.2, 0.1, 0.1, 0.1, 0.3, 0.7, 1.2, 1.8, 2.4, 2.9, 2.9, 2.5, 2.1, 2.0, 2.0, 2.1, 2.3, 2.6, 3.0, 3.0, 2.5, 1.6,
    0.8,
];

/// A moment in the covered days, to the millisecond; takes draws `draw` (day), `draw + 1` (hour), `draw + 2` (rest).
pub fn moment(entity: Entity, draw: u64) -> Micros {
    let day = entity.between(draw, 0, DAYS - 1);
    let hours: [(i64, f64); 24] = std::array::from_fn(|hour| (i64::try_from(hour).unwrap_or(0), HOURS[hour]));
    let hour = entity.pick(draw + 1, &hours);
    START + day * DAY + hour * HOUR + entity.between(draw + 2, 0, 3_599_999) * MILLISECOND
}

/// The covered day a moment lies in, 0 for the first; negative before it.
pub fn day_of(moment: Micros) -> i64 {
    (moment - START).div_euclid(DAY)
}

/// Year, month and day of a moment.
fn date(moment: Micros) -> (i64, i64, i64) {
    // Days are counted from 0000-03-01, so that the leap day ends the year.
    let days = moment.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// As PostgreSQL reads a `date`.
pub fn write_date(out: &mut Vec<u8>, moment: Micros) {
    let (year, month, day) = date(moment);
    // Writing to a vector cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// As PostgreSQL reads a `timestamptz`, with all six digits.
pub fn write_timestamp(out: &mut Vec<u8>, moment: Micros) {
    write_date(out, moment);
    let of_day = moment.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / HOUR, of_day / MINUTE % 60, of_day / SECOND % 60);
    let _ = write!(out, " {hour:02}:{minute:02}:{second:02}.{:06}+00", of_day % SECOND);
}

/// Moments outside what `Timestamp` can hold are cut to its bounds; generated ones never are.
pub fn timestamp(moment: Micros) -> Timestamp {
    Timestamp::from_microsecond(moment).unwrap_or(if moment < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::super::random::Stream;
    use super::*;

    #[test]
    fn the_end_is_the_end_of_march() {
        assert_eq!(timestamp(END).to_string(), "2025-03-31T00:00:00Z");
        assert_eq!(timestamp(START).to_string(), "2024-12-31T00:00:00Z");
    }

    #[test]
    fn dates_agree_with_a_calendar_library() {
        let stream = Stream::new(1, "dates");
        for i in 0..5_000 {
            let moment = stream.entity(i).between(0, -4_000_000_000, 8_000_000_000) * SECOND + 123_456;
            let mut text = Vec::new();
            write_timestamp(&mut text, moment);
            let expected = timestamp(moment).strftime("%Y-%m-%d %H:%M:%S.%6f+00").to_string();
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }

    #[test]
    fn moments_lie_in_the_covered_days() {
        let stream = Stream::new(1, "moments");
        let days: Vec<i64> = (0..5_000).map(|i| day_of(moment(stream.entity(i), 0))).collect();
        assert_eq!((days.iter().min(), days.iter().max()), (Some(&0), Some(&89)));
    }
}
