//! The whole generator: reproducible bytes, stated rates, and a manifest that the rows bear out.

#![allow(clippy::cast_precision_loss, reason = "counts of a test are small")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use super::oracle::{self, Calls, Cohort};
use super::recount;
use super::{
    DefectCount, Domain, ExpProfile, ExpTruth, Manifest, Part, PartName, RasaProfile, Sink, Spec, Table, Tier,
    VoiceProfile, generate,
};
use crate::diagnostic::Diagnostic;
use crate::generate::exp::truth::{CohortTruth, SessionTruth};
use crate::generate::voice::truth::CallTruth;

/// Keeps parts by table and first session.
#[derive(Default)]
struct Memory {
    parts: Mutex<BTreeMap<(String, u64), Vec<u8>>>,
}

struct MemoryPart<'a> {
    memory: &'a Memory,
    key: (String, u64),
    bytes: Vec<u8>,
}

impl Sink for Memory {
    fn begin<'a>(&'a self, table: &'static Table, part: &PartName) -> Result<Box<dyn Part + 'a>, Diagnostic> {
        let place = match part {
            PartName::Head => 0,
            PartName::Sessions(range) => 1 + range.start,
            PartName::Tail => u64::MAX,
        };
        let key = (table.plain(), place);
        Ok(Box::new(MemoryPart {
            memory: self,
            key,
            bytes: Vec::new(),
        }))
    }
}

impl Part for MemoryPart<'_> {
    fn write(&mut self, copy_text: &[u8]) -> Result<(), Diagnostic> {
        self.bytes.extend_from_slice(copy_text);
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<(), Diagnostic> {
        self.memory.parts.lock().unwrap().insert(self.key, self.bytes);
        Ok(())
    }
}

impl Memory {
    fn table(&self, name: &str) -> String {
        let parts = self.parts.lock().unwrap();
        let bytes: Vec<u8> = parts
            .iter()
            .filter(|((table, _), _)| table == name)
            .flat_map(|(_, b)| b.clone())
            .collect();
        String::from_utf8(bytes).unwrap()
    }
}

fn made(spec: &Spec) -> (Manifest, Memory) {
    let memory = Memory::default();
    let manifest = generate(spec, &memory, &|_| ()).unwrap();
    (manifest, memory)
}

fn hashes(manifest: &Manifest) -> BTreeMap<String, (u64, String)> {
    let exp = manifest.exp.iter().flat_map(|exp| &exp.tables);
    let voice = manifest.voice.iter().flat_map(|voice| &voice.tables);
    let rasa = manifest.rasa.iter().flat_map(|rasa| &rasa.tables);
    exp.chain(voice)
        .chain(rasa)
        .map(|(name, table)| (name.clone(), (table.rows, table.sha256.clone())))
        .collect()
}

#[test]
fn bytes_depend_neither_on_chunks_nor_on_threads() {
    let mut spec = Spec::new(42, Tier::Micro);
    let (whole, memory) = made(&spec);
    spec.chunk_rows = 700;
    for threads in [1, 3] {
        spec.threads = threads;
        let (cut, cut_memory) = made(&spec);
        assert_eq!(whole, cut);
        assert_eq!(memory.table("exp.events"), cut_memory.table("exp.events"));
        assert!(cut_memory.parts.lock().unwrap().len() > memory.parts.lock().unwrap().len());
    }
}

#[test]
fn hashes_are_of_the_bytes() {
    let (manifest, memory) = made(&Spec::new(5, Tier::Nano));
    for (name, (rows, hash)) in hashes(&manifest) {
        let text = memory.table(&name);
        assert_eq!(super::producer::hex(&Sha256::digest(&text)), hash, "{name}");
        assert_eq!(text.lines().count() as u64, rows, "{name}");
    }
}

#[test]
fn a_larger_size_begins_with_the_smaller_one() {
    let (_, nano) = made(&Spec::new(42, Tier::Nano));
    let (_, micro) = made(&Spec::new(42, Tier::Micro));
    for table in [
        "exp.events",
        "exp.assignments",
        "voice_raw.voice_turns",
        "voice_raw.voice_sessions",
        "voice_raw.users",
    ] {
        let (small, large) = (nano.table(table), micro.table(table));
        assert!(large.len() > 5 * small.len() && large.starts_with(&small), "{table}");
    }
}

#[test]
fn sizes_are_about_what_was_asked_for() {
    for (rows, tolerance) in [(1_000, 100), (10_000, 300), (30_000, 600)] {
        let mut spec = Spec::new(42, Tier::Nano);
        spec.rows = Some(rows);
        let hashes = hashes(&made(&spec).0);
        for (table, tolerance) in [
            ("exp.events", tolerance),
            ("voice_raw.voice_turns", tolerance),
            // Few users, and sessions of very different lengths.
            ("rasa_tracker.events", 4 * tolerance),
        ] {
            assert!(
                hashes[table].0.abs_diff(rows) < tolerance,
                "{table}: {} for {rows}",
                hashes[table].0
            );
        }
    }
}

#[test]
fn nano_is_what_it_was() {
    let (manifest, _) = made(&Spec::new(42, Tier::Nano));
    let lines: Vec<String> = hashes(&manifest)
        .iter()
        .map(|(name, (rows, hash))| format!("{name} {rows} {hash}"))
        .collect();
    insta::assert_snapshot!("nano", lines.join("\n"));
}

#[test]
fn another_seed_is_other_data() {
    let (one, two) = (made(&Spec::new(1, Tier::Nano)).0, made(&Spec::new(2, Tier::Nano)).0);
    assert_ne!(hashes(&one)["exp.events"], hashes(&two)["exp.events"]);
    assert_ne!(
        hashes(&one)["voice_raw.voice_turns"],
        hashes(&two)["voice_raw.voice_turns"]
    );
}

#[test]
fn batches_join_to_the_whole() {
    let spec = Spec::new(42, Tier::Micro);
    let (whole, memory) = made(&spec);
    let mut joined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut after = None;
    let mut last = None;
    for until in spec.batches(4) {
        let mut batch = spec.clone();
        (batch.after, batch.until) = (after, Some(until));
        let (manifest, part) = made(&batch);
        for name in hashes(&manifest).into_keys() {
            joined
                .entry(name.clone())
                .or_default()
                .extend(part.table(&name).lines().map(str::to_owned));
        }
        after = Some(until);
        last = Some(manifest);
    }
    for (name, mut rows) in joined {
        rows.sort_unstable();
        let mut expected: Vec<String> = memory.table(&name).lines().map(str::to_owned).collect();
        expected.sort_unstable();
        assert_eq!(rows, expected, "{name}");
    }
    let last = last.unwrap();
    assert_eq!(last.exp.unwrap().truth, whole.exp.unwrap().truth);
    assert_eq!(last.voice.unwrap().truth, whole.voice.unwrap().truth);
    assert_eq!(last.rasa.unwrap().truth, whole.rasa.unwrap().truth);
}

/// Within five standard deviations; rare defects get three more for luck.
fn assert_rates(defects: &BTreeMap<String, DefectCount>) {
    for (name, count) in defects {
        let (n, injected) = (count.eligible as f64, count.injected as f64);
        let tolerance = 5.0 * (n * count.rate * (1.0 - count.rate)).sqrt() + 3.0;
        assert!(
            n > 0.0 && (injected - n * count.rate).abs() < tolerance,
            "{name}: {count:?}"
        );
    }
}

/// Up to the moment at which the last late row has arrived, since late rows are what the end cuts off.
fn small() -> Spec {
    let mut spec = Spec::new(42, Tier::Small);
    spec.until = Some("2025-05-01T00:00:00Z".parse().unwrap());
    spec
}

#[test]
fn defects_come_at_their_rates() {
    let (manifest, _) = made(&small());
    assert_rates(&manifest.exp.unwrap().defects);
    assert_rates(&manifest.voice.unwrap().defects);
    assert_rates(&manifest.rasa.unwrap().defects);
}

/// Of what arrived by the middle of a day: copies and late rows that come after it do not count, nor does what
/// another defect hides.
#[test]
fn the_manifest_counts_the_defects_that_the_rows_show() {
    let mut spec = Spec::new(7, Tier::Nano);
    spec.rows = Some(40_000);
    spec.until = Some("2025-02-20T12:07:00Z".parse().unwrap());
    let (manifest, memory) = made(&spec);
    let (exp, voice, rasa) = (manifest.exp.unwrap(), manifest.voice.unwrap(), manifest.rasa.unwrap());
    let found = [
        (recount::exp(|table| memory.table(&format!("exp.{table}"))), exp.defects),
        (
            recount::voice(|table| memory.table(&format!("voice_raw.{table}"))),
            voice.defects,
        ),
        (
            recount::rasa(
                &memory.table("rasa_tracker.events"),
                &memory.table("rasa_tracker._loads"),
            ),
            rasa.defects,
        ),
    ];
    for (found, defects) in found {
        for (name, count) in found {
            assert_eq!(defects[name].injected, count, "{name}");
        }
    }
}

/// A user who writes once cannot be known only later, nor write from several senders; the shares are of all.
#[test]
fn people_become_known_and_write_from_several_senders_as_often_as_stated() {
    let spec = Spec {
        domains: vec![Domain::Rasa],
        ..small()
    };
    let (_, memory) = made(&spec);
    let mut people: BTreeMap<u64, Person> = BTreeMap::new();
    let mut days = [0_u64; 7];
    for row in oracle::rows(&memory.table("rasa_tracker.events")) {
        let text = |place: usize| row[place].as_ref().unwrap();
        let number = text(1).trim_start_matches("sender-").trim_start_matches("+2507");
        let number: u64 = number.parse().unwrap();
        let (seconds, fraction) = text(3).split_once('.').unwrap();
        let seconds: u64 = seconds.parse().unwrap();
        if row[5].as_deref() == Some("action_session_start") {
            // 1970 began on a Thursday.
            days[usize::try_from((seconds / 86_400 + 3) % 7).unwrap()] += 1;
        }
        let person = people.entry(number / 4).or_default();
        person.senders.insert(number % 4);
        if text(2) == "user" {
            let place = (seconds, fraction.to_owned(), text(0).parse().unwrap());
            person.known.insert(place, text(6).contains("\"user_id\""));
        }
    }
    let count = |wanted: fn(&Person) -> bool| people.values().filter(|person| wanted(person)).count() as f64;
    let identified = count(Person::is_identified);
    let near = |share: f64, stated: f64, tolerance: f64| {
        assert!((share - stated).abs() < tolerance, "{share} for {stated}");
    };
    // Three standard deviations of so many people.
    near(identified / count(|person| !person.known.is_empty()), 0.6, 0.05);
    near(
        count(|person| person.is_identified() && !person.begins_known()) / identified,
        0.2,
        0.053,
    );
    near(
        count(|person| person.is_identified() && person.senders.len() > 1) / identified,
        0.15,
        0.047,
    );
    let weekend = (days[5] + days[6]) as f64 / 2.0;
    near(weekend / (days[..5].iter().sum::<u64>() as f64 / 5.0), 0.6, 0.06);
}

#[derive(Default)]
struct Person {
    senders: BTreeSet<u64>,
    /// Whether each message tells who writes, by its time and id.
    known: BTreeMap<(u64, String, u64), bool>,
}

impl Person {
    fn is_identified(&self) -> bool {
        self.known.values().any(|known| *known)
    }

    fn begins_known(&self) -> bool {
        self.known.values().next() == Some(&true)
    }
}

/// As in the trackers of bots that are known: 7.5 events a message, an eighth of them messages.
#[test]
fn a_message_comes_with_seven_and_a_half_events_and_a_bot_without_forms_has_no_loops() {
    for (profile, least, most) in [(RasaProfile::Stories, 7.3, 7.7), (RasaProfile::Formless, 7.3, 8.1)] {
        let mut spec = small();
        (spec.rasa_profile, spec.domains) = (profile, vec![Domain::Rasa]);
        let (manifest, memory) = made(&spec);
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for line in memory.table("rasa_tracker.events").lines() {
            let kind = line.split('\t').nth(2).unwrap_or_default();
            *counts.entry(kind.to_owned()).or_default() += 1;
        }
        let per_message = counts.values().sum::<u64>() as f64 / counts["user"] as f64;
        assert!(least < per_message && per_message < most, "{profile}: {per_message}");
        let truth = manifest.rasa.unwrap().truth;
        let forms = profile == RasaProfile::Stories;
        assert_eq!(counts.contains_key("active_loop"), forms, "{counts:?}");
        assert_eq!(truth.slot_requests > 0, forms);
        assert_eq!(truth.slot_fill_rate.is_some(), forms);
    }
}

fn assert_exp_truth(spec: &Spec) {
    let spec = Spec {
        domains: vec![Domain::Exp],
        ..spec.clone()
    };
    let (manifest, memory) = made(&spec);
    let truth = manifest.exp.unwrap().truth;
    let ids = |name: &str| oracle::rows(&memory.table(name));
    let text = |field: &Option<String>| field.clone().unwrap();
    let experiments: HashMap<String, String> = ids("exp.experiments")
        .iter()
        .map(|row| (text(&row[0]), text(&row[1])))
        .collect();
    let variants: HashMap<String, String> = ids("exp.variants")
        .iter()
        .map(|row| {
            (
                text(&row[0]),
                format!("{}/{}", experiments[&text(&row[1])], text(&row[2])),
            )
        })
        .collect();
    let assigned: HashMap<(String, String), (String, i64)> = ids("exp.assignments")
        .iter()
        .map(|row| {
            let at = oracle::time(row[5].as_deref().unwrap());
            ((text(&row[1]), text(&row[4])), (text(&row[2]), at))
        })
        .collect();
    let found = oracle::exp(oracle::events(&memory.table("exp.events")), &variants, &assigned);

    assert_eq!(truth.as_of.map(jiff::Timestamp::as_microsecond), Some(found.newest));
    assert_eq!(truth.duplicate_events, found.duplicates);
    let quarantined: BTreeMap<String, u64> = truth.quarantined.clone().into_iter().filter(|(_, n)| *n > 0).collect();
    assert_eq!(quarantined, found.quarantined);
    assert_eq!(
        truth.raw_events,
        truth.kept_events + truth.quarantined_events + truth.duplicate_events
    );
    assert_eq!(
        [
            truth.start_inferred,
            truth.conflicting_terminal,
            truth.recovered_after_drop_off
        ],
        [found.start_inferred, found.conflicting, found.recovered]
    );
    let plans = &truth.plans;
    assert_eq!(
        [
            plans.plans,
            plans.accepted,
            plans.edits_of_accepted,
            plans.with_intervention
        ],
        found.plans
    );
    assert_cohort(&truth.sessions, &found.all, "all");
    assert_cohorts(&truth.by_flow, &found.by_flow);
    assert_cohorts(&truth.by_variant, &found.by_variant);
    assert_cohorts(&truth.by_flow_and_variant, &found.by_flow_and_variant);
    let units: u64 = truth.assignments.iter().map(|arm| arm.units).sum();
    assert_eq!(units, assigned.len() as u64);
}

fn assert_cohorts(truth: &[CohortTruth], found: &BTreeMap<String, Cohort>) {
    assert_eq!(truth.len(), found.len());
    for cohort in truth {
        let names = [&cohort.flow_id, &cohort.experiment, &cohort.variant];
        let name = names
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("/");
        assert_cohort(&cohort.sessions, &found[&name], &name);
    }
}

fn assert_cohort(truth: &SessionTruth, found: &Cohort, name: &str) {
    let status = |name: &str| found.statuses.get(name).copied().unwrap_or(0);
    let counted = [
        truth.completed,
        truth.cancelled,
        truth.dropped_off,
        truth.timed_out,
        truth.in_progress,
    ];
    let statuses = ["completed", "cancelled", "dropped_off", "timed_out", "in_progress"].map(status);
    assert_eq!(counted, statuses, "{name}");
    assert_eq!(
        (truth.turns, truth.time_to_completion_ms),
        (found.turns, found.completion_ms),
        "{name}"
    );
    let funnel = truth.funnel;
    assert_eq!(
        [funnel.started, funnel.engaged, funnel.progressed, funnel.completed],
        found.funnel,
        "{name}"
    );
    assert_eq!(truth.total, statuses.iter().sum::<u64>(), "{name}");
    let settled = truth.total - truth.in_progress;
    let share = |part: u64| (settled > 0).then(|| part as f64 / settled as f64);
    for (rate, part) in [
        (truth.completion_rate, truth.completed),
        (truth.reported_drop_off_rate, truth.dropped_off),
        (
            truth.drop_off_rate,
            truth.dropped_off + truth.timed_out + truth.cancelled,
        ),
    ] {
        let close = rate
            .zip(share(part))
            .is_none_or(|(rate, share)| (rate - share).abs() < 1e-9);
        assert!(close && rate.is_some() == share(part).is_some(), "{name}");
    }
}

#[test]
fn the_truth_of_experiments_is_what_the_rows_say() {
    assert_exp_truth(&Spec::new(42, Tier::Small));
    let mut spec = Spec::new(7, Tier::Micro);
    spec.chunk_rows = 2_000;
    spec.exp_profile = ExpProfile::Null;
    assert_exp_truth(&spec);
    spec.exp_profile = ExpProfile::Broken;
    assert_exp_truth(&spec);
    for until in ["2025-01-01T12:34:56Z", "2025-02-11T17:00:03Z"] {
        spec.until = Some(until.parse().unwrap());
        assert_exp_truth(&spec);
    }
}

fn calls(truth: &CallTruth) -> Calls {
    Calls {
        sessions: truth.sessions,
        outcomes: [truth.completed, truth.abandoned, truth.transferred, truth.not_closed],
        turns: truth.turns,
        errors: [truth.misunderstanding_turns, truth.silence_turns, truth.noise_turns],
        with_turns: truth.sessions_with_turns,
        with_errors: truth.sessions_with_errors,
        recovered: truth.recovered,
    }
}

#[test]
fn the_truth_of_calls_is_what_the_rows_say() {
    let mut spec = Spec::new(42, Tier::Micro);
    for (until, profile) in [
        (None, VoiceProfile::Planted),
        (Some("2025-02-03T09:00:00Z"), VoiceProfile::Planted),
        (None, VoiceProfile::Independent),
    ] {
        spec.until = until.map(|until| until.parse().unwrap());
        spec.voice_profile = profile;
        let (manifest, memory) = made(&spec);
        let truth = manifest.voice.unwrap().truth;
        let found = oracle::voice(|table| memory.table(&format!("voice_raw.{table}")));
        assert_eq!(calls(&truth.sessions), found.all);
        let segments: BTreeMap<String, Calls> = truth.by_segment.iter().map(|(k, v)| (k.clone(), calls(v))).collect();
        assert_eq!(segments, found.by_segment);
        assert_eq!(
            [
                truth.duplicate_turns,
                truth.orphan_turns,
                truth.sessions_without_metrics,
                truth.repeat_users
            ],
            [
                found.duplicates,
                found.orphans,
                found.without_metrics,
                found.repeat_users
            ]
        );
        assert_eq!(truth.sessions_without_turns, found.all.sessions - found.all.with_turns);
    }
}

fn completion(truth: &ExpTruth, variant: &str) -> (f64, f64) {
    let cohort = truth.by_flow_and_variant.iter().find(|c| {
        c.flow_id.as_deref() == Some("user_onboarding")
            && c.experiment.as_deref() == Some("onboarding_prompt_test")
            && c.variant.as_deref() == Some(variant)
    });
    let sessions = &cohort.unwrap().sessions;
    // Reported cancellations are completions of the planted walk.
    (
        (sessions.completed + sessions.cancelled) as f64 / sessions.settled as f64,
        sessions.settled as f64,
    )
}

#[test]
fn the_planted_effect_is_there_and_absent_from_the_null_profile() {
    let mut spec = Spec::new(42, Tier::Small);
    spec.rows = Some(150_000);
    spec.domains = vec![Domain::Exp];
    for (profile, treatment) in [(ExpProfile::Effects, 0.804), (ExpProfile::Null, 0.768)] {
        spec.exp_profile = profile;
        let truth = made(&spec).0.exp.unwrap().truth;
        for (variant, planted) in [("control", 0.768), ("treatment", treatment)] {
            let (rate, n) = completion(&truth, variant);
            // Lost session ids and the like take up to one percent of the completions away.
            let tolerance = 4.0 * (planted * (1.0 - planted) / n).sqrt();
            assert!(
                rate < planted + tolerance && rate > planted - tolerance - 0.01,
                "{profile} {variant} {rate}"
            );
        }
    }
}

/// Pearson's statistic of the units of an experiment against its allocation.
fn imbalance(truth: &ExpTruth, experiment: &str) -> f64 {
    let arms: Vec<_> = truth
        .assignments
        .iter()
        .filter(|arm| arm.experiment == experiment)
        .collect();
    let units = arms.iter().map(|arm| arm.units as f64).sum::<f64>();
    arms.iter()
        .map(|arm| (arm.units as f64 - units * arm.allocation).powi(2) / (units * arm.allocation))
        .sum()
}

#[test]
fn broken_randomisation_shows_an_effect_that_nothing_has() {
    let mut spec = Spec::new(42, Tier::Small);
    spec.rows = Some(150_000);
    spec.domains = vec![Domain::Exp];
    for profile in [ExpProfile::Null, ExpProfile::Broken] {
        spec.exp_profile = profile;
        let truth = made(&spec).0.exp.unwrap().truth;
        let (control, treatment) = (completion(&truth, "control").0, completion(&truth, "treatment").0);
        let imbalances = [
            "planner_policy_ab",
            "onboarding_prompt_test",
            "meal_planning_prompt_test",
        ]
        .map(|experiment| imbalance(&truth, experiment));
        // Chance exceeds 7.88 five times in a thousand, 10.83 once.
        if profile == ExpProfile::Broken {
            assert!(imbalances.iter().all(|found| *found > 7.88), "{imbalances:?}");
            assert!(treatment - control > 0.02, "{control} {treatment}");
        } else {
            assert!(imbalances.iter().all(|found| *found < 10.83), "{imbalances:?}");
        }
    }
}

#[test]
fn early_confidence_drives_abandonment_only_where_it_is_planted() {
    let mut gaps = Vec::new();
    for profile in [VoiceProfile::Planted, VoiceProfile::Independent] {
        let mut spec = Spec::new(42, Tier::Small);
        (spec.voice_profile, spec.domains) = (profile, vec![Domain::Voice]);
        let (_, memory) = made(&spec);
        let mut heard: HashMap<String, (f64, f64)> = HashMap::new();
        for row in oracle::rows(&memory.table("voice_raw.voice_turns")) {
            let field = |i: usize| row[i].clone().unwrap();
            if ["1", "3", "5"].contains(&field(2).as_str()) {
                let sum = heard.entry(field(1)).or_default();
                *sum = (sum.0 + field(6).parse::<f64>().unwrap().clamp(0.0, 1.0), sum.1 + 1.0);
            }
        }
        let (mut low, mut high) = ((0.0, 0.0), (0.0, 0.0));
        for row in oracle::rows(&memory.table("voice_raw.voice_sessions")) {
            let Some((sum, count)) = heard.get(row[0].as_ref().unwrap()) else {
                continue;
            };
            let side = if sum / count < 0.75 { &mut low } else { &mut high };
            *side = (side.0 + f64::from(row[6].as_deref() == Some("abandoned")), side.1 + 1.0);
        }
        gaps.push(low.0 / low.1 - high.0 / high.1);
    }
    assert!(gaps[0] > 0.08, "planted {}", gaps[0]);
    assert!(gaps[1].abs() < 0.03, "independent {}", gaps[1]);
}

#[test]
fn a_failing_sink_stops_the_generation() {
    struct Full;
    impl Sink for Full {
        fn begin<'a>(&'a self, table: &'static Table, _: &PartName) -> Result<Box<dyn Part + 'a>, Diagnostic> {
            Err(Diagnostic::error(
                "generate-write",
                format!("no room for {}", table.plain()),
            ))
        }
    }
    let mut spec = Spec::new(42, Tier::Micro);
    spec.domains = vec![Domain::Voice];
    (spec.chunk_rows, spec.threads) = (100, 3);
    assert_eq!(generate(&spec, &Full, &|_| ()).unwrap_err().code, "generate-write");
}

#[test]
fn manifests_survive_json() {
    let (manifest, _) = made(&Spec::new(42, Tier::Nano));
    let text = serde_json::to_string_pretty(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
}
