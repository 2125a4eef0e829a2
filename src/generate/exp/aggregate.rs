//! `exp.metric_aggregates` as the platform's own nightly job fills it: for each day, from the rows that had arrived
//! five minutes after it, duplicates included. Later rows are missed, which is why models do not build on it.

use std::collections::BTreeMap;

use super::super::clock::{DAY, MINUTE, Micros, START, day_of};
use super::super::copy::Rows;
use super::super::distribution::float;
use super::super::random::Stream;
use super::super::spec::Window;
use super::catalog::Catalog;
use super::event::{Body, Event};

const METRICS: [(&str, &str); 3] = [
    ("plan_latency_ms", "latency_ms"),
    ("plan_token_count", "token_count"),
    ("plan_input_tokens", "input_tokens"),
];
/// Numbers beyond this are refused by the job.
const MOST: i64 = 1_000_000;

/// Experiment, arm, metric, day.
type Bucket = (usize, usize, usize, i64);

#[derive(Clone, Debug, Default)]
pub struct Aggregates(BTreeMap<Bucket, Moments>);

#[derive(Clone, Copy, Debug)]
struct Moments {
    count: i64,
    sum: i64,
    squares: i128,
    min: i64,
    max: i64,
}

impl Moments {
    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Of the sample; nothing for fewer than two.
    fn stddev(self) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let (count, sum) = (i128::from(self.count), i128::from(self.sum));
        let spread = self.squares * count - sum * sum;
        Some((float(i64::try_from(spread).ok()?) / float(self.count * (self.count - 1))).sqrt())
    }
}

/// When the job has done a day.
fn done(day: i64) -> Micros {
    START + (day + 1) * DAY + 5 * MINUTE
}

impl Aggregates {
    pub fn add(&mut self, event: &Event) {
        let day = day_of(event.timestamp);
        if !matches!(event.body, Body::Generated { .. }) || event.created_at > done(day) {
            return;
        }
        for (metric, (_, key)) in METRICS.into_iter().enumerate() {
            let Some(value) = event.metric(key).filter(|value| (0..=MOST).contains(value)) else {
                continue;
            };
            let one = Moments {
                count: 1,
                sum: value,
                squares: i128::from(value) * i128::from(value),
                min: value,
                max: value,
            };
            for exposure in event.exposures.iter().filter(|exposure| exposure.known) {
                self.put((exposure.experiment, exposure.assigned_arm, metric, day), one);
            }
        }
    }

    fn put(&mut self, bucket: Bucket, moments: Moments) {
        self.0
            .entry(bucket)
            .and_modify(|sum| sum.merge(moments))
            .or_insert(moments);
    }

    pub fn merge(&mut self, other: Self) {
        for (bucket, moments) in other.0 {
            self.put(bucket, moments);
        }
    }

    pub fn write(&self, seed: u64, catalog: &Catalog, window: Window, rows: &mut Rows) {
        let stream = Stream::new(seed, "exp.metric_aggregate");
        for ((experiment, arm, metric, day), moments) in &self.0 {
            let created = done(*day);
            if !window.written(created) {
                continue;
            }
            let index = ((*experiment as u64 * 16 + *arm as u64) * 16 + *metric as u64) * 4_096 + day.unsigned_abs();
            let ids = &catalog.experiments[*experiment];
            rows.uuid(stream.entity(index).uuid(0))
                .uuid(ids.id)
                .uuid(ids.variants[*arm]);
            rows.text(METRICS[*metric].0)
                .text("daily")
                .time(START + day * DAY)
                .int(moments.count);
            rows.decimal(float(moments.sum), 6)
                .decimal(float(moments.sum) / float(moments.count), 6);
            rows.decimal(float(moments.min), 6).decimal(float(moments.max), 6);
            match moments.stddev() {
                Some(stddev) => rows.decimal(stddev, 6),
                None => rows.null(),
            };
            rows.time(created).end();
        }
    }
}
