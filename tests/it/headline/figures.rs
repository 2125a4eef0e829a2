//! Named figures, and what it takes for two lists of them to agree.

use std::collections::BTreeMap;

/// Counts agree exactly; rates within a billionth, of nothing with nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    Count(i64),
    Rate(Option<f64>),
}

#[derive(Debug, Default)]
pub struct Figures(pub BTreeMap<String, Figure>);

impl Figures {
    pub fn count(&mut self, name: impl Into<String>, count: i64) {
        self.0.insert(name.into(), Figure::Count(count));
    }

    pub fn more(&mut self, name: impl Into<String>, more: i64) {
        let Figure::Count(count) = self.0.entry(name.into()).or_insert(Figure::Count(0)) else {
            panic!("a rate is not counted up");
        };
        *count += more;
    }

    pub fn rate(&mut self, name: impl Into<String>, part: i64, whole: i64) {
        self.quotient(name, float(part), float(whole));
    }

    pub fn quotient(&mut self, name: impl Into<String>, part: f64, whole: f64) {
        let rate = (whole != 0.0).then(|| part / whole);
        self.0.insert(name.into(), Figure::Rate(rate));
    }
}

pub fn float(count: i64) -> f64 {
    count as f64
}

impl Figure {
    /// Whether it is what the text says; nothing is the text of no rate.
    pub fn is(self, text: &str) -> bool {
        match self {
            Self::Count(count) => text.parse() == Ok(count),
            Self::Rate(None) => text.is_empty(),
            Self::Rate(Some(rate)) => text
                .parse::<f64>()
                .is_ok_and(|found| (found - rate).abs() <= 1e-9 * rate.abs().max(1.0)),
        }
    }
}
