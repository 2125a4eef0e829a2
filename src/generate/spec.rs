//! What to generate: seed, size, domains, profiles, and the moment up to which rows have arrived.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::clock::{self, END, Micros, START};
use crate::diagnostic::{Diagnostic, nearest};

/// Size of the data: about so many rows in the main raw table of each domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// 1,000 rows.
    Nano,
    /// 10,000 rows.
    Micro,
    /// 100,000 rows.
    Small,
    /// 1,000,000 rows.
    Medium,
    /// 10,000,000 rows.
    Large,
    /// 100,000,000 rows.
    Xlarge,
}

impl Tier {
    pub const ALL: [Self; 6] = [
        Self::Nano,
        Self::Micro,
        Self::Small,
        Self::Medium,
        Self::Large,
        Self::Xlarge,
    ];

    #[must_use]
    pub fn rows(self) -> u64 {
        match self {
            Self::Nano => 1_000,
            Self::Micro => 10_000,
            Self::Small => 100_000,
            Self::Medium => 1_000_000,
            Self::Large => 10_000_000,
            Self::Xlarge => 100_000_000,
        }
    }
}

/// A source system whose raw tables can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// Experiments and conversation flows: schema `exp`.
    Exp,
    /// Voice assistant calls: schema `voice_raw`.
    Voice,
    /// Conversations with a bot: schemas `rasa_tracker` and `rasa_model`.
    Rasa,
}

impl Domain {
    pub const ALL: [Self; 3] = [Self::Exp, Self::Voice, Self::Rasa];
}

/// Which truth is planted in the experiments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpProfile {
    /// Treatments differ from control where the design says so.
    #[default]
    Effects,
    /// No treatment has any effect.
    Null,
    /// No treatment has any effect, and assignments are lost: half of the mobile units of every arm but the
    /// control. Mobile sessions are lost more often than others, so whoever trusts the assignment finds an effect.
    Broken,
}

/// Which truth is planted in the calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoiceProfile {
    /// Speech recognition confidence drives errors and abandonment.
    #[default]
    Planted,
    /// Outcomes depend on nothing.
    Independent,
}

/// What the bot of the conversations can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RasaProfile {
    /// Stories with forms.
    #[default]
    Stories,
    /// No forms: a tracker without any `active_loop`.
    Formless,
}

/// `Display` and `FromStr` by the names that the command line uses.
macro_rules! named_by_value {
    ($($type:ty, $what:literal;)*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.to_possible_value() {
                    Some(value) => f.write_str(value.get_name()),
                    None => fmt::Debug::fmt(self, f),
                }
            }
        }

        impl FromStr for $type {
            type Err = Diagnostic;

            fn from_str(name: &str) -> Result<Self, Diagnostic> {
                <Self as ValueEnum>::from_str(name, false).map_err(|_| {
                    let known: Vec<String> = Self::value_variants().iter().map(ToString::to_string).collect();
                    let list = format!("use one of {}", known.join(", "));
                    let help = match nearest(name, known.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean `{near}`? {list}"),
                        None => list,
                    };
                    Diagnostic::error("unknown-name", format!("`{name}` is not a {}", $what)).help(help)
                })
            }
        }
    )*};
}

named_by_value! {
    Tier, "size";
    Domain, "domain";
    ExpProfile, "profile of the experiments";
    VoiceProfile, "profile of the calls";
    RasaProfile, "profile of the conversations";
}

#[derive(Clone, Debug)]
pub struct Spec {
    pub seed: u64,
    pub tier: Tier,
    /// Overrides the tier's number of rows of the main raw table.
    pub rows: Option<u64>,
    pub domains: Vec<Domain>,
    pub exp_profile: ExpProfile,
    pub voice_profile: VoiceProfile,
    pub rasa_profile: RasaProfile,
    /// Only rows that had arrived by then (inclusive); the end of the covered days if not given.
    pub until: Option<Timestamp>,
    /// Leaves out rows that had arrived by then; the manifest's truth counts them nevertheless.
    pub after: Option<Timestamp>,
    /// Rows of the main table that are made at a time; bounds the memory of each thread, changes no byte.
    pub chunk_rows: u64,
    pub threads: usize,
}

impl Spec {
    pub fn new(seed: u64, tier: Tier) -> Self {
        Self {
            seed,
            tier,
            rows: None,
            domains: Domain::ALL.to_vec(),
            exp_profile: ExpProfile::default(),
            voice_profile: VoiceProfile::default(),
            rasa_profile: RasaProfile::default(),
            until: None,
            after: None,
            chunk_rows: 65_536,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        }
    }

    /// About how many rows of the main raw table each domain gets.
    pub fn target_rows(&self) -> u64 {
        self.rows.unwrap_or(self.tier.rows())
    }

    /// The moment up to which rows have arrived.
    pub fn arrived_by(&self) -> Timestamp {
        self.until.unwrap_or(clock::timestamp(END))
    }

    /// `n` moments that cut the covered days into equal parts; the last is `arrived_by`. Generating up to each in
    /// turn, with `after` the one before, gives the rows of one generation up to the last.
    pub fn batches(&self, n: u32) -> Vec<Timestamp> {
        let until = self.arrived_by().as_microsecond();
        let parts = i64::from(n.max(1));
        (1..=parts)
            .map(|part| clock::timestamp(until - (until - START) / parts * (parts - part)))
            .collect()
    }

    pub(super) fn window(&self) -> Window {
        Window {
            after: self.after.map_or(Micros::MIN, Timestamp::as_microsecond),
            until: self.arrived_by().as_microsecond(),
        }
    }

    pub(super) fn distinct_domains(&self) -> Vec<Domain> {
        let mut domains = self.domains.clone();
        domains.sort_unstable();
        domains.dedup();
        domains
    }

    pub(super) fn check(&self) -> Result<(), Diagnostic> {
        if self.domains.is_empty() {
            return Err(Diagnostic::error("generate-nothing", "no domain to generate was named")
                .help("name at least one of exp, voice, rasa"));
        }
        let rows = self.target_rows();
        if !(1..=1_000_000_000).contains(&rows) {
            return Err(
                Diagnostic::error("generate-rows", format!("{rows} rows cannot be generated"))
                    .help("ask for 1 to 1,000,000,000 rows"),
            );
        }
        if self.arrived_by() < clock::timestamp(START) {
            let message = format!("nothing had arrived by {}", self.arrived_by());
            return Err(Diagnostic::error("generate-until", message).help(format!(
                "the data covers the days from {} to {}",
                clock::timestamp(START),
                clock::timestamp(END)
            )));
        }
        if self.after.is_some_and(|after| after > self.arrived_by()) {
            let message = format!(
                "no row arrives after {} and by {}",
                self.window().after_text(),
                self.arrived_by()
            );
            return Err(Diagnostic::error("generate-until", message).help("give a later moment"));
        }
        Ok(())
    }
}

/// Which arrivals count, and which of them are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    after: Micros,
    until: Micros,
}

impl Window {
    pub fn arrived(self, at: Micros) -> bool {
        at <= self.until
    }

    pub fn written(self, at: Micros) -> bool {
        at > self.after && at <= self.until
    }

    fn after_text(self) -> String {
        clock::timestamp(self.after).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for tier in Tier::ALL {
            assert_eq!(tier.to_string().parse::<Tier>().unwrap(), tier);
        }
        assert_eq!("voice".parse::<Domain>().unwrap(), Domain::Voice);
        let error = "smal".parse::<Tier>().unwrap_err().to_string();
        assert!(error.contains("did you mean `small`?"), "{error}");
    }

    #[test]
    fn batches_end_at_the_end() {
        let spec = Spec::new(1, Tier::Nano);
        let cuts: Vec<String> = spec.batches(3).iter().map(ToString::to_string).collect();
        assert_eq!(
            cuts,
            ["2025-01-30T00:00:00Z", "2025-03-01T00:00:00Z", "2025-03-31T00:00:00Z"]
        );
    }

    #[test]
    fn senseless_specs_are_refused() {
        let mut spec = Spec::new(1, Tier::Nano);
        assert!(spec.check().is_ok());
        spec.until = Some("2020-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(spec.check().unwrap_err().code, "generate-until");
        spec.until = None;
        spec.after = Some("2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(spec.check().unwrap_err().code, "generate-until");
        spec.after = None;
        spec.rows = Some(0);
        assert_eq!(spec.check().unwrap_err().code, "generate-rows");
        spec.rows = None;
        spec.domains.clear();
        assert_eq!(spec.check().unwrap_err().code, "generate-nothing");
    }
}
