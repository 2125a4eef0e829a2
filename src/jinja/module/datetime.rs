//! `datetime`: dates and times with Python's methods.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};
use minijinja::value::{DynObject, Object, ObjectRepr, Tuple};
use minijinja::{Error, ErrorKind, State, Value};

use super::class::{Call, Class, Methods, not_callable};
use super::duration::{Lapse, create as create_lapse};
use super::zone::Zone;
use crate::jinja::value::{argument, integer, invalid, split_kwargs, text_argument};

/// A date with a time, with or without a zone.
#[derive(Clone)]
pub(super) struct Moment {
    pub(super) at: DateTime,
    pub(super) zone: Option<TimeZone>,
}

/// A date.
pub(super) struct Day(pub(super) Date);

impl Moment {
    pub(super) fn value(at: DateTime, zone: Option<TimeZone>) -> Value {
        Value::from_object(Self { at, zone })
    }

    fn zoned(&self) -> Result<Zoned, Error> {
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        self.at.to_zoned(zone).map_err(|e| invalid(e.to_string()))
    }

    /// Its offset from UTC in seconds.
    pub(super) fn offset(&self) -> Result<i32, Error> {
        if let Ok(zoned) = self.zoned() {
            return Ok(zoned.offset().seconds());
        }
        // The first and the last days that a date can name are no instants yet in every zone; a week nearer they are.
        let week = SignedDuration::from_hours(if self.at.year() > 0 { -7 * 24 } else { 7 * 24 });
        let at = self.at.checked_add(week).map_err(wrong)?;
        let near = Self {
            at,
            zone: self.zone.clone(),
        };
        Ok(near.zoned()?.offset().seconds())
    }

    /// Since the beginning of 1970 in UTC.
    fn instant(&self) -> Result<SignedDuration, Error> {
        if let Ok(zoned) = self.zoned() {
            return Ok(zoned.timestamp().as_duration());
        }
        let local = self.at.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
        Ok(local - SignedDuration::from_secs(self.offset()?.into()))
    }

    fn format(&self, format: &str) -> Result<String, Error> {
        if self.zone.is_none() {
            return strtime::format(pattern(format).replace("%z", "").replace("%Z", ""), self.at).map_err(wrong);
        }
        if let Ok(zoned) = self.zoned() {
            return strtime::format(pattern(format), &zoned).map_err(wrong);
        }
        let mut parts = strtime::BrokenDownTime::from(self.at);
        parts.set_offset(Some(Offset::from_seconds(self.offset()?).map_err(wrong)?));
        parts.to_string(pattern(format)).map_err(wrong)
    }

    /// The same instant in another zone.
    pub(super) fn moved_to(&self, zone: &TimeZone) -> Result<Value, Error> {
        Ok(Self::of(&self.zoned()?.with_time_zone(zone.clone())))
    }

    fn of(zoned: &Zoned) -> Value {
        Self::value(zoned.datetime(), Some(zoned.time_zone().clone()))
    }

    fn iso(&self, separator: char) -> String {
        self.iso_to(separator, None)
    }

    /// `isoformat(sep, timespec)`
    fn iso_to(&self, separator: char, spec: Option<&str>) -> String {
        let time = self.at.time();
        let (second, nanos) = (time.second(), time.subsec_nanosecond());
        let shown = match spec {
            Some("hours") => format!("{:02}", time.hour()),
            Some("minutes") => format!("{:02}:{:02}", time.hour(), time.minute()),
            Some("seconds") => format!("{:02}:{:02}:{second:02}", time.hour(), time.minute()),
            Some("milliseconds") => {
                format!(
                    "{:02}:{:02}:{second:02}.{:03}",
                    time.hour(),
                    time.minute(),
                    nanos / 1_000_000
                )
            }
            Some("microseconds") => {
                format!(
                    "{:02}:{:02}:{second:02}.{:06}",
                    time.hour(),
                    time.minute(),
                    nanos / 1000
                )
            }
            _ => clock(time),
        };
        let mut text = format!("{}{separator}{shown}", self.at.date());
        if let (Some(_), Ok(offset)) = (&self.zone, self.offset()) {
            let sign = if offset < 0 { '-' } else { '+' };
            let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
            let _ = write!(text, "{sign}{hours:02}:{minutes:02}");
        }
        text
    }
}

fn clock(time: Time) -> String {
    let text = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    match time.subsec_nanosecond() / 1000 {
        0 => text,
        micros => format!("{text}.{micros:06}"),
    }
}

/// Python's `%f` always has six digits.
pub(super) fn pattern(text: &str) -> String {
    text.replace("%f", "%6f")
        .replace("%c", "%a %b %e %H:%M:%S %Y")
        .replace("%x", "%m/%d/%y")
        .replace("%X", "%H:%M:%S")
}

/// A date or a moment by the pattern; `None` for any other value.
pub fn strftime(value: &Value, format: &str) -> Option<Result<String, Error>> {
    if let Some(moment) = value.downcast_object_ref::<Moment>() {
        return Some(moment.format(format));
    }
    let at = value.downcast_object_ref::<Day>()?.0.to_datetime(Time::midnight());
    Some(strtime::format(pattern(format), at).map_err(wrong))
}

pub(super) fn wrong(error: impl fmt::Display) -> Error {
    invalid(error.to_string())
}

/// When the program started, in UTC.
pub fn started_at() -> Value {
    moment(Timestamp::now())
}

/// A moment, in UTC.
pub fn moment(at: Timestamp) -> Value {
    Moment::of(&at.to_zoned(TimeZone::UTC))
}

/// A date as the server prints it; `infinity` is the last that Python has.
pub fn date_value(text: &str) -> Option<Value> {
    let day = match text {
        "infinity" => Date::MAX,
        "-infinity" => Date::constant(1, 1, 1),
        _ => text.parse().ok()?,
    };
    Some(Value::from_object(Day(day)))
}

/// A timestamp as the server prints it.
pub fn timestamp_value(text: &str) -> Option<Value> {
    match text {
        "infinity" => {
            return Some(Moment::value(
                DateTime::constant(9999, 12, 31, 23, 59, 59, 999_999_000),
                None,
            ));
        }
        "-infinity" => return Some(Moment::value(DateTime::constant(1, 1, 1, 0, 0, 0, 0), None)),
        _ => {}
    }
    let after_date = text.get(10..)?;
    match after_date.rfind(['+', '-']) {
        Some(sign) => {
            let at: DateTime = text[..10 + sign].parse().ok()?;
            let offset = &text[10 + sign..];
            let mut parts = offset[1..].split(':').map(|n| n.parse::<i32>().ok());
            let seconds = parts.next()?? * 3600 + parts.next().flatten().unwrap_or(0) * 60;
            let seconds = if offset.starts_with('-') { -seconds } else { seconds };
            let offset = Offset::from_seconds(seconds).ok()?;
            Some(Moment::value(at, Some(TimeZone::fixed(offset))))
        }
        None => Some(Moment::value(text.parse().ok()?, None)),
    }
}

fn shifted(value: &Value, by: SignedDuration) -> Option<Value> {
    if let Some(moment) = value.downcast_object_ref::<Moment>() {
        return Some(Moment::value(moment.at.checked_add(by).ok()?, moment.zone.clone()));
    }
    let day = value.downcast_object_ref::<Day>()?;
    let days = by.as_secs().div_euclid(86_400);
    let by = SignedDuration::from_hours(days.checked_mul(24)?);
    Some(Value::from_object(Day(day.0.checked_add(by).ok()?)))
}

/// `moment + lapse`, `lapse + moment`, `lapse + lapse`; `None` for anything else.
pub fn moment_plus(left: &Value, right: &Value) -> Option<Value> {
    match (
        left.downcast_object_ref::<Lapse>(),
        right.downcast_object_ref::<Lapse>(),
    ) {
        (Some(a), Some(b)) => a.0.checked_add(b.0).map(Lapse::value),
        (None, Some(by)) => shifted(left, by.0),
        (Some(by), None) => shifted(right, by.0),
        (None, None) => None,
    }
}

/// `moment - lapse`, `moment - moment`, `lapse - lapse`; `None` for anything else.
pub fn moment_minus(left: &Value, right: &Value) -> Option<Value> {
    if let Some(by) = right.downcast_object_ref::<Lapse>() {
        return match left.downcast_object_ref::<Lapse>() {
            Some(from) => from.0.checked_sub(by.0).map(Lapse::value),
            None => shifted(left, by.0.checked_neg()?),
        };
    }
    if let (Some(a), Some(b)) = (
        left.downcast_object_ref::<Moment>(),
        right.downcast_object_ref::<Moment>(),
    ) {
        return Some(Lapse::value(a.instant().ok()? - b.instant().ok()?));
    }
    let (a, b) = (left.downcast_object_ref::<Day>()?, right.downcast_object_ref::<Day>()?);
    Some(Lapse::value(a.0.duration_since(b.0)))
}

/// Numbers from the arguments, or from `old`.
fn numbers<const N: usize>(args: &[Value], names: [&str; N], old: [Option<i64>; N]) -> Result<[i64; N], Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let mut found = [0; N];
    for i in 0..N {
        found[i] = match argument(args, &kwargs, i, names[i]) {
            Some(value) => integer(&value)?,
            None => old[i].ok_or_else(|| invalid(format!("`{}` is missing", names[i])))?,
        };
    }
    Ok(found)
}

fn small<T: TryFrom<i64>>(number: i64) -> Result<T, Error> {
    T::try_from(number).map_err(|_| invalid(format!("{number} is out of range")))
}

fn make_date(numbers: [i64; 3]) -> Result<Date, Error> {
    Date::new(small(numbers[0])?, small(numbers[1])?, small(numbers[2])?).map_err(wrong)
}

fn make_moment(n: [i64; 7]) -> Result<DateTime, Error> {
    let nanos = n[6].checked_mul(1000).ok_or_else(|| invalid("out of range"))?;
    let time = Time::new(small(n[3])?, small(n[4])?, small(n[5])?, small(nanos)?).map_err(wrong)?;
    Ok(make_date([n[0], n[1], n[2]])?.to_datetime(time))
}

const DATE_PARTS: [&str; 3] = ["year", "month", "day"];
const MOMENT_PARTS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "microsecond"];

fn zone_argument(args: &[Value], at: usize, name: &str) -> Result<Option<TimeZone>, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let zone = argument(args, &kwargs, at, name);
    Ok(zone.and_then(|z| z.downcast_object_ref::<Zone>().map(|z| z.0.clone())))
}

fn create_moment(args: &[Value]) -> Result<Value, Error> {
    let zero = Some(0);
    let found = numbers(args, MOMENT_PARTS, [None, None, None, zero, zero, zero, zero])?;
    Ok(Moment::value(make_moment(found)?, zone_argument(args, 7, "tzinfo")?))
}

fn parse_moment(text: &str, format: &str) -> Result<Value, Error> {
    let parsed = strtime::parse(pattern(format).replace("%6f", "%f"), text).map_err(wrong)?;
    let named = ["%Y", "%y", "%D", "%F", "%s", "%G", "%x", "%c"];
    let date = if named.iter().any(|part| format.contains(part)) {
        parsed.to_date().map_err(wrong)?
    } else {
        Date::constant(1900, 1, 1)
            .with()
            .month(parsed.month().unwrap_or(1))
            .day(parsed.day().unwrap_or(1))
            .build()
            .map_err(wrong)?
    };
    let time = parsed.to_time().unwrap_or(Time::midnight());
    let zone = parsed.offset().map(TimeZone::fixed);
    Ok(Moment::value(date.to_datetime(time), zone))
}

fn iso_moment(text: &str) -> Result<Value, Error> {
    let text = text.replace('T', " ").replace('Z', "+00:00");
    let found = if text.len() == 10 {
        text.parse::<Date>()
            .ok()
            .map(|d| Moment::value(d.to_datetime(Time::midnight()), None))
    } else {
        timestamp_value(&text)
    };
    found.ok_or_else(|| invalid(format!("{text:?} is not a date in ISO format")))
}

fn moment_class(name: &str, args: &[Value]) -> Result<Value, Error> {
    let text = |i: usize| args.get(i).map(ToString::to_string).unwrap_or_default();
    match name {
        "now" => {
            let zone = zone_argument(args, 0, "tz")?;
            let now = Timestamp::now().to_zoned(zone.clone().unwrap_or_else(TimeZone::system));
            Ok(Moment::value(now.datetime(), zone))
        }
        "today" => Ok(Moment::value(Zoned::now().datetime(), None)),
        "utcnow" => Ok(Moment::value(Timestamp::now().to_zoned(TimeZone::UTC).datetime(), None)),
        "strptime" => parse_moment(&text(0), &text(1)),
        "fromisoformat" => iso_moment(&text(0)),
        "fromtimestamp" | "utcfromtimestamp" => {
            let seconds = f64::try_from(args.first().cloned().unwrap_or_default())?;
            let since = SignedDuration::try_from_secs_f64(seconds).map_err(wrong)?;
            let zone = zone_argument(args, 1, "tz")?;
            let at = Timestamp::from_duration(since).map_err(wrong)?;
            let local = zone.clone().unwrap_or(TimeZone::UTC);
            Ok(Moment::value(at.to_zoned(local).datetime(), zone))
        }
        "combine" => {
            let day = args.first().and_then(Value::downcast_object_ref::<Day>);
            let day = day.ok_or_else(|| invalid("`combine` wants a date"))?;
            let time: Time = text(1).parse().map_err(wrong)?;
            Ok(Moment::value(day.0.to_datetime(time), None))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn day_class(name: &str, args: &[Value]) -> Result<Value, Error> {
    let text = |i: usize| args.get(i).map(ToString::to_string).unwrap_or_default();
    match name {
        "today" => Ok(Value::from_object(Day(Zoned::now().date()))),
        "fromordinal" => {
            let days = args.first().map_or(Ok(0), integer)?;
            let first = Date::new(1, 1, 1).map_err(wrong)?;
            let hours = days.checked_sub(1).and_then(|n| n.checked_mul(24));
            let by = SignedDuration::from_hours(hours.ok_or_else(|| invalid("out of range"))?);
            first.checked_add(by).map(|d| Value::from_object(Day(d))).map_err(wrong)
        }
        "fromisoformat" => text(0).parse().map(|d| Value::from_object(Day(d))).map_err(wrong),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn create_day(args: &[Value]) -> Result<Value, Error> {
    Ok(Value::from_object(Day(make_date(numbers(
        args, DATE_PARTS, [None; 3],
    )?)?)))
}

fn create_time(args: &[Value]) -> Result<Value, Error> {
    let found = numbers(args, ["hour", "minute", "second"], [Some(0); 3])?;
    let time = Time::new(small(found[0])?, small(found[1])?, small(found[2])?, 0).map_err(wrong)?;
    Ok(Value::from(clock(time)))
}

fn class(name: &str) -> Option<Value> {
    let unknown: Methods = |_, _| Err(Error::from(ErrorKind::UnknownMethod));
    let (name, call, method): (_, Call, Methods) = match name {
        "datetime" => ("datetime.datetime", create_moment, moment_class),
        "date" => ("datetime.date", create_day, day_class),
        "time" => ("datetime.time", create_time, unknown),
        "timedelta" => ("datetime.timedelta", create_lapse, unknown),
        "timezone" => {
            return Some(
                Class {
                    name: "datetime.timezone",
                    call: not_callable,
                    member: |name| (name == "utc").then(|| Zone::value(TimeZone::UTC)),
                    method: unknown,
                }
                .value(),
            );
        }
        _ => return None,
    };
    let member: fn(&str) -> Option<Value> = match name {
        "datetime.datetime" => |name| match name {
            "min" => timestamp_value("-infinity"),
            "max" => timestamp_value("infinity"),
            _ => None,
        },
        "datetime.date" => |name| match name {
            "min" => date_value("-infinity"),
            "max" => date_value("infinity"),
            _ => None,
        },
        _ => |_| None,
    };
    Some(
        Class {
            name,
            call,
            member,
            method,
        }
        .value(),
    )
}

pub(super) fn module() -> Value {
    Class {
        name: "datetime",
        call: not_callable,
        member: class,
        method: |name, args| match name {
            "datetime" => create_moment(args),
            "date" => create_day(args),
            "time" => create_time(args),
            "timedelta" => create_lapse(args),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        },
    }
    .value()
}

/// What dates and moments share.
pub(super) fn date_method(date: Date, name: &str, args: &[Value]) -> Result<Value, Error> {
    match name {
        "weekday" => Ok(Value::from(date.weekday().to_monday_zero_offset())),
        "isocalendar" => {
            let week = date.iso_week_date();
            let day = week.weekday().to_monday_one_offset();
            Ok(Tuple::from([Value::from(week.year()), Value::from(week.week()), Value::from(day)]).into())
        }
        "isoweekday" => Ok(Value::from(date.weekday().to_monday_one_offset())),
        "toordinal" => {
            let first = Date::new(1, 1, 1).map_err(wrong)?;
            Ok(Value::from(date.duration_since(first).as_secs() / 86_400 + 1))
        }
        "replace" => {
            let old = [i64::from(date.year()), i64::from(date.month()), i64::from(date.day())];
            Ok(Value::from_object(Day(make_date(numbers(
                args,
                DATE_PARTS,
                old.map(Some),
            )?)?)))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, time) = (self.at.date(), self.at.time());
        write!(f, "datetime.datetime({}, {}, {}, ", day.year(), day.month(), day.day())?;
        f.write_str(&clock_parts(time))?;
        if let Some(zone) = &self.zone {
            match zone.iana_name() {
                Some("UTC") => f.write_str(", tzinfo=datetime.timezone.utc")?,
                _ => write!(f, ", tzinfo={:?}", Zone(zone.clone()))?,
            }
        }
        f.write_str(")")
    }
}

/// Hour, minute, and what follows them where it is not zero.
fn clock_parts(time: Time) -> String {
    let mut text = format!("{}, {}", time.hour(), time.minute());
    let micros = time.subsec_nanosecond() / 1000;
    if time.second() != 0 || micros != 0 {
        let _ = write!(text, ", {}", time.second());
    }
    if micros != 0 {
        let _ = write!(text, ", {micros}");
    }
    text
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "year" => Value::from(self.at.year()),
            "month" => Value::from(self.at.month()),
            "day" => Value::from(self.at.day()),
            "hour" => Value::from(self.at.hour()),
            "minute" => Value::from(self.at.minute()),
            "second" => Value::from(self.at.second()),
            "microsecond" => Value::from(self.at.subsec_nanosecond() / 1000),
            "tzinfo" => self.zone.clone().map_or(Value::from(()), Zone::value),
            _ => return None,
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso(' '))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Some(self.instant().ok()?.cmp(&other.instant().ok()?))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match name {
            "strftime" => {
                let format = args.first().map(ToString::to_string).unwrap_or_default();
                self.format(&format).map(Value::from)
            }
            "isoformat" => {
                let (args, kwargs) = split_kwargs(args)?;
                let separator = text_argument(args, &kwargs, 0, "sep").and_then(|s| s.chars().next());
                let spec = text_argument(args, &kwargs, 1, "timespec");
                Ok(Value::from(self.iso_to(separator.unwrap_or('T'), spec.as_deref())))
            }
            "date" => Ok(Value::from_object(Day(self.at.date()))),
            "time" => Ok(Value::from(clock(self.at.time()))),
            "timestamp" => {
                let micros = self.instant()?.as_micros();
                #[allow(clippy::cast_precision_loss)] // a float is what Python gives
                Ok(Value::from(micros as f64 / 1e6))
            }
            "ctime" => self.format("%a %b %e %H:%M:%S %Y").map(Value::from),
            "timetuple" => {
                let parts = [
                    ("tm_year", i64::from(self.at.year())),
                    ("tm_mon", self.at.month().into()),
                    ("tm_mday", self.at.day().into()),
                    ("tm_hour", self.at.hour().into()),
                    ("tm_min", self.at.minute().into()),
                    ("tm_sec", self.at.second().into()),
                    ("tm_wday", self.at.weekday().to_monday_zero_offset().into()),
                    ("tm_yday", self.at.date().day_of_year().into()),
                ];
                Ok(Value::from_pairs(parts))
            }
            "astimezone" => {
                let zone = zone_argument(args, 0, "tz")?.unwrap_or_else(TimeZone::system);
                Ok(Moment::of(&self.zoned()?.with_time_zone(zone)))
            }
            "utcoffset" => Ok(match self.zone {
                Some(_) => Lapse::value(SignedDuration::from_secs(self.offset()?.into())),
                None => Value::from(()),
            }),
            "replace" => {
                let (d, t) = (self.at.date(), self.at.time());
                let old = [
                    i64::from(d.year()),
                    d.month().into(),
                    d.day().into(),
                    t.hour().into(),
                    t.minute().into(),
                    t.second().into(),
                    i64::from(t.subsec_nanosecond() / 1000),
                ];
                let at = make_moment(numbers(args, MOMENT_PARTS, old.map(Some))?)?;
                let (_, kwargs) = split_kwargs(args)?;
                let zone = if kwargs.has("tzinfo") {
                    zone_argument(args, 7, "tzinfo")?
                } else {
                    self.zone.clone()
                };
                Ok(Moment::value(at, zone))
            }
            _ => date_method(self.at.date(), name, args),
        }
    }
}
