//! Deterministic raw data: the same seed gives the same bytes on every platform, in any number of threads, and a
//! manifest says what the models must find in them.

mod chunk;
mod clock;
mod copy;
mod defects;
mod distribution;
mod exp;

mod load;
mod manifest;
mod marks;
#[cfg(test)]
mod oracle;
mod origin;
mod producer;
mod random;
mod rasa;
#[cfg(test)]
mod recount;
mod sink;
mod spec;
mod table;
#[cfg(test)]
mod tests;
mod voice;

pub use self::exp::truth::ExpTruth;

pub use self::load::{LoadMode, LoadOptions, load};
pub use self::manifest::{DefectCount, DomainManifest, Manifest, TableManifest};
pub use self::producer::Progress;
pub use self::rasa::truth::RasaTruth;
pub use self::sink::{DirectorySink, Part, PartName, Sink};
pub use self::spec::{Domain, ExpProfile, RasaProfile, Spec, Tier, VoiceProfile};
pub use self::table::Table;
pub use self::voice::truth::VoiceTruth;

use crate::diagnostic::Diagnostic;

/// Changes whenever the same seed would give other bytes.
pub const GENERATOR_VERSION: &str = "3";

/// Generates every domain of `spec` into `sink`. Fails where the spec makes no sense or the sink fails.
pub fn generate(spec: &Spec, sink: &dyn Sink, progress: &(dyn Fn(Progress) + Sync)) -> Result<Manifest, Diagnostic> {
    spec.check()?;
    let mut manifest = Manifest::of(spec);
    for domain in spec.distinct_domains() {
        match domain {
            Domain::Exp => {
                let outcome = producer::run(&exp::Experiments::new(spec), spec, sink, progress)?;
                manifest.exp = Some(exp::manifest(spec, outcome));
            }
            Domain::Voice => {
                let outcome = producer::run(&voice::Voice::new(spec), spec, sink, progress)?;
                manifest.voice = Some(voice::manifest(spec, outcome));
            }
            Domain::Rasa => {
                let outcome = producer::run(&rasa::Rasa::new(spec), spec, sink, progress)?;
                manifest.rasa = Some(rasa::manifest(spec, outcome));
            }
        }
    }
    Ok(manifest)
}

/// The raw tables of a domain with their indexes; safe to run where they exist already.
#[must_use]
pub fn ddl(domain: Domain) -> &'static str {
    match domain {
        Domain::Exp => include_str!("schema/exp.sql"),
        Domain::Voice => include_str!("schema/voice.sql"),
        Domain::Rasa => include_str!("schema/rasa.sql"),
    }
}

/// The tables of a domain in an order that satisfies their foreign keys; the main one sets the size.
#[must_use]
pub fn tables(domain: Domain) -> &'static [&'static Table] {
    match domain {
        Domain::Exp => exp::table::ALL,
        Domain::Voice => voice::table::ALL,
        Domain::Rasa => rasa::table::ALL,
    }
}

/// The table whose rows a tier counts.
#[must_use]
pub fn main_table(domain: Domain) -> &'static Table {
    match domain {
        Domain::Exp => &exp::table::EVENTS,
        Domain::Voice => &voice::table::TURNS,
        Domain::Rasa => &rasa::table::EVENTS,
    }
}
