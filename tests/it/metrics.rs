//! The metrics of the shipped project: what the semantic manifest says can be asked is asked, of the tables it names.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::shipped::{assay, shipped};
use super::support::Project;

/// The metrics that are promised, by domain; names that a domain shares with another one begin with its own.
const PROMISED: &str = "
    chat_sessions_total chat_users chat_new_users bounce_rate containment_rate containment_no_return_rate handover_rate fallback_rate
    frustration_rate dispute_rate interactions_per_session intent_confidence_avg slot_fill_rate attempts_per_fill
    active_experiments assigned_units exp_events plans acceptance_rate avg_edits validator_rate plan_latency_p50 plan_latency_p95
    plan_latency_p99 message_latency_p50 message_latency_p95 message_latency_p99 tokens_per_request cost_usd
    conversations_started completion_rate drop_off_rate reported_drop_off_rate engagement_rate avg_turns avg_time_to_completion_seconds
    state_hazard satisfaction_avg tokens_per_conversation
    voice_sessions voice_completion_rate voice_abandonment_rate voice_transfer_rate turn_error_rate misunderstanding_rate silence_rate
    noise_rate recovery_rate escalation_rate asr_confidence_avg turns_per_session repeat_usage_rate application_completion_rate";

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    value[key].as_array().into_iter().flatten()
}

/// Reads the semantic manifest as a tool for metrics does.
struct Layer(Json);

impl Layer {
    fn metric(&self, name: &str) -> &Json {
        let mut metrics = list(&self.0, "metrics");
        metrics
            .find(|metric| text(&metric["name"]) == name)
            .unwrap_or_else(|| panic!("there is no metric {name}"))
    }

    /// The semantic model that has the measure of a simple metric, and the measure.
    fn measure(&self, metric: &Json) -> (&Json, &Json) {
        let wanted = text(&metric["type_params"]["measure"]["name"]);
        list(&self.0, "semantic_models")
            .flat_map(|model| list(model, "measures").map(move |measure| (model, measure)))
            .find(|(_, measure)| text(&measure["name"]) == wanted)
            .unwrap_or_else(|| panic!("there is no measure {wanted}"))
    }

    /// A simple metric in SQL, in all and by a dimension.
    fn simple(&self, metric: &Json, by: &str) -> String {
        let (model, measure) = self.measure(metric);
        let expression = measure["expr"].as_str().unwrap_or(text(&measure["name"]));
        let aggregate = match text(&measure["agg"]) {
            "sum" => format!("sum({expression})::numeric"),
            "count_distinct" => format!("count(distinct {expression})::numeric"),
            "percentile" => format!(
                "(percentile_cont({}) within group (order by {expression}))::numeric",
                measure["agg_params"]["percentile"]
            ),
            other => panic!("{other}"),
        };
        format!(
            "select coalesce(({by})::text, '(none)') as part, {aggregate} as value from {} group by 1",
            text(&model["node_relation"]["relation_name"])
        )
    }

    /// Any metric: parts of a ratio are computed on their own and meet at the dimension.
    fn sql(&self, name: &str, by: &str) -> String {
        let metric = self.metric(name);
        if text(&metric["type"]) == "simple" {
            return self.simple(metric, by);
        }
        let part = |key: &str| self.sql(text(&metric["type_params"][key]["name"]), by);
        format!(
            "select part, n.value / nullif(d.value, 0) as value from ({}) n full join ({}) d using (part)",
            part("numerator"),
            part("denominator")
        )
    }

    /// The simple metrics that a metric is made of.
    fn leaves<'a>(&'a self, name: &'a str) -> Vec<&'a Json> {
        let metric = self.metric(name);
        if text(&metric["type"]) == "simple" {
            return vec![metric];
        }
        ["numerator", "denominator"]
            .iter()
            .flat_map(|key| self.leaves(text(&metric["type_params"][*key]["name"])))
            .collect()
    }

    /// The dimensions that all semantic models below a metric have, with the SQL of each, and that of its time.
    fn dimensions(&self, name: &str) -> BTreeMap<String, String> {
        let mut shared: Option<BTreeMap<String, String>> = None;
        for leaf in self.leaves(name) {
            let (model, _) = self.measure(leaf);
            let own: BTreeMap<String, String> = list(model, "dimensions")
                .map(|dimension| {
                    let column = dimension["expr"].as_str().unwrap_or(text(&dimension["name"]));
                    (text(&dimension["name"]).to_owned(), column.to_owned())
                })
                .collect();
            shared = Some(match shared {
                None => own,
                Some(known) => known
                    .into_iter()
                    .filter(|(name, sql)| own.get(name) == Some(sql))
                    .collect(),
            });
        }
        shared.unwrap_or_default()
    }
}

fn asked(project: &Project, layer: &Layer, metric: &str) -> String {
    project.psql(&format!(
        "select round(value, 9) from ({}) m",
        layer.sql(metric, "'all'")
    ))
}

#[test]
fn every_metric_is_answered_in_all_and_by_each_of_its_dimensions() {
    let project = shipped();
    // Public models are in the published schema wherever the rest is.
    project.put(
        "profiles.yml",
        &project.read("profiles.yml").replace("schema: analytics", "schema: dev"),
    );
    assay(&project, &["generate", "--tier", "nano", "--seed", "5"]);
    assay(&project, &["build"]);
    let layer = Layer(serde_json::from_str(&project.read("target/semantic_manifest.json")).expect("JSON"));
    for name in PROMISED.split_whitespace() {
        layer.metric(name);
    }
    // One answer a line: the sum of the parts, and how many there are.
    let (mut script, mut questions) = (String::new(), Vec::new());
    for metric in list(&layer.0, "metrics") {
        let name = text(&metric["name"]);
        let dimensions = layer.dimensions(name);
        assert!(!dimensions.is_empty(), "{name} has no dimension");
        // What is counted once in all is counted once by a dimension.
        let adds_up = text(&metric["type"]) == "simple" && text(&layer.measure(metric).1["agg"]) == "sum";
        for by in ["'all'"].into_iter().chain(dimensions.values().map(String::as_str)) {
            script += &format!(
                "select coalesce(round(sum(value), 6)::text, '-') || ' ' || count(*) from ({}) m;\n",
                layer.sql(name, by)
            );
            questions.push((name, by.to_owned(), adds_up));
        }
    }
    let answers = project.psql(&script);
    assert_eq!(answers.lines().count(), questions.len());
    let (mut wrong, mut total) = (Vec::new(), "");
    for ((name, by, adds_up), answer) in questions.iter().zip(answers.lines()) {
        let (value, parts) = answer.split_once(' ').expect("a value and a count");
        if by == "'all'" {
            total = value;
        }
        if value == "-" || parts == "0" || (*adds_up && value != total) {
            wrong.push(format!("{name} by {by}: {answer}; in all {total}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert!(questions.len() > 400, "{}", questions.len());
    // Two of them against the raw rows.
    assert_eq!(
        asked(&project, &layer, "application_completion_rate"),
        project.psql(
            "select round(avg((lower(status) = 'completed')::int), 9)
             from (select distinct on (application_id) * from voice_raw.applications order by application_id, ingested_at desc) a"
        )
    );
    assert_eq!(
        asked(&project, &layer, "repeat_usage_rate"),
        project.psql(
            "select round(avg((calls > 1)::int), 9)
             from (
               select user_id, date_trunc('month', started_at at time zone 'UTC'), count(distinct session_id) as calls
               from voice_raw.voice_sessions group by 1, 2
             ) u"
        )
    );
}
