//! Experiments, variants, policies, prompts, tools and offline replays: the rows that belong to no session.

use super::super::clock::{DAY, DAYS, HOUR, MINUTE, Micros, SECOND, START};
use super::super::copy::Json;
use super::super::distribution::{beta, rounded};
use super::super::producer::Batch;
use super::super::random::Stream;
use super::super::spec::Window;
use super::design::{ConfigShape, EXPERIMENTS, Flow};
use super::table;

/// Name, mlflow model, and how many versions.
const POLICIES: [(&str, &str, u32); 3] = [
    ("meal_planner", "meal-planner", 3),
    ("edit_assistant", "edit-assistant", 4),
    ("shared_planner", "shared-planner", 2),
];
const PROMPTS: [(&str, Option<Flow>); 3] = [
    ("onboarding", Some(Flow::Onboarding)),
    ("meal_planning", Some(Flow::MealPlanning)),
    ("support_triage", Some(Flow::Triage)),
];
const TOOLS: [(&str, &str); 5] = [
    ("recipe_search", "recipes"),
    ("nutrition_lookup", "recipes"),
    ("calendar_read", "calendar"),
    ("shopping_list", "grocery"),
    ("ticket_create", "support"),
];
/// The version of `edit_assistant` whose replays break constraints now and then.
const CARELESS: (usize, usize) = (1, 3);
const CREATED: Micros = START - 30 * DAY;

/// The ids that everything else refers to.
pub struct Catalog {
    seed: u64,
    pub experiments: Vec<Experiment>,
    /// By policy, by version.
    policies: Vec<Vec<u128>>,
    prompts: Vec<Vec<u128>>,
}

pub struct Experiment {
    pub id: u128,
    /// In the order of creation.
    pub variants: Vec<u128>,
}

impl Catalog {
    pub fn new(seed: u64) -> Self {
        let id = |stream: &str, index: usize| Stream::new(seed, stream).entity(wide(index)).uuid(0);
        let experiment = |(index, design): (usize, &super::design::ExperimentDesign)| Experiment {
            id: id("exp.experiment", index),
            variants: (0..design.arms.len())
                .map(|arm| id("exp.variant", index * 16 + arm))
                .collect(),
        };
        let versions = |stream: &'static str, outer: usize, count: u32| {
            (0..count as usize)
                .map(|version| id(stream, outer * 16 + version))
                .collect()
        };
        Self {
            seed,
            experiments: EXPERIMENTS.iter().enumerate().map(experiment).collect(),
            policies: (0..3)
                .map(|p| versions("exp.policy_version", p, POLICIES[p].2))
                .collect(),
            prompts: (0..3).map(|p| versions("exp.prompt_version", p, 2)).collect(),
        }
    }

    /// The version of the planner that a plan is made with.
    pub fn planner_version(&self, treated: bool) -> u128 {
        self.policies[0][usize::from(treated)]
    }

    pub fn prompt_version(&self, flow: Flow, treated: bool) -> u128 {
        let index = PROMPTS.iter().position(|(_, of)| *of == Some(flow)).unwrap_or(0);
        self.prompts[index][usize::from(treated)]
    }

    pub fn write(&self, window: Window, batch: &mut Batch) {
        if window.written(CREATED) {
            self.write_experiments(batch);
            self.write_variants(batch);
            self.write_versions(batch);
            self.write_tools(batch);
        }
        self.write_replays(window, batch);
    }

    fn id(&self, stream: &str, index: usize) -> u128 {
        Stream::new(self.seed, stream).entity(wide(index)).uuid(0)
    }

    fn write_experiments(&self, batch: &mut Batch) {
        let rows = batch.rows(&table::EXPERIMENTS);
        for (design, experiment) in EXPERIMENTS.iter().zip(&self.experiments) {
            rows.uuid(experiment.id)
                .text(design.name)
                .text(design.description)
                .text(design.status);
            rows.text(design.unit_type)
                .maybe_time(design.start())
                .maybe_time(design.end());
            rows.time(CREATED).time(CREATED).end();
        }
    }

    fn write_variants(&self, batch: &mut Batch) {
        let rows = batch.rows(&table::VARIANTS);
        let mut json = Json::default();
        for (index, design) in EXPERIMENTS.iter().enumerate() {
            for (arm, (name, share)) in design.arms.iter().enumerate() {
                self.config(json.clear(), design.config, index, arm);
                rows.uuid(self.experiments[index].variants[arm])
                    .uuid(self.experiments[index].id)
                    .text(name);
                rows.text(if arm == 0 { "As it is today" } else { "Changed" });
                rows.text(&format!("{}.{:04}", share / 10_000, share % 10_000))
                    .json(&json);
                rows.time(CREATED + ordinal(index) * MINUTE + ordinal(arm) * SECOND)
                    .end();
            }
        }
    }

    fn config(&self, json: &mut Json, shape: ConfigShape, experiment: usize, arm: usize) {
        let policy = match shape {
            ConfigShape::Hybrid => 1,
            _ if experiment == super::design::ROLLOUT => 2,
            _ => 0,
        };
        let versions = &self.policies[policy];
        let version = versions[arm.min(versions.len() - 1)];
        json.open('{');
        match shape {
            ConfigShape::Legacy => {
                json.uuid("policy_version_id", version);
            }
            ConfigShape::Unified | ConfigShape::Hybrid => {
                let hybrid = shape == ConfigShape::Hybrid;
                json.string("execution_strategy", if hybrid { "hybrid" } else { "mlflow_model" });
                json.key("mlflow_model").open('{').uuid("policy_version_id", version);
                json.string("model_name", POLICIES[policy].1).close('}');
                if hybrid {
                    self.prompt_config(json, Flow::MealPlanning, false);
                }
                json.key("params")
                    .open('{')
                    .raw("temperature", format_args!("0.{}", 2 + arm))
                    .close('}');
            }
            ConfigShape::Prompt(flow) => {
                json.string("execution_strategy", "prompt_template");
                self.prompt_config(json, flow, arm > 0);
                json.key("flow_config").open('{').string("flow_id", flow.id());
                json.string("initial_state", flow.states(0)[0].name).close('}');
            }
            ConfigShape::Flag => {
                json.key("params")
                    .open('{')
                    .raw("quick_swap", format_args!("{}", arm > 0))
                    .close('}');
            }
            ConfigShape::Empty => {}
        }
        json.close('}');
    }

    fn prompt_config(&self, json: &mut Json, flow: Flow, treated: bool) {
        json.key("prompt_config")
            .open('{')
            .uuid("prompt_version_id", self.prompt_version(flow, treated));
        json.string("model_provider", PROVIDER)
            .string("model_name", model(treated))
            .close('}');
    }

    fn write_versions(&self, batch: &mut Batch) {
        for (index, (name, model_name, count)) in POLICIES.into_iter().enumerate() {
            let policy = self.id("exp.policy", index);
            batch
                .rows(&table::POLICIES)
                .uuid(policy)
                .text(name)
                .text("Learned policy")
                .time(CREATED)
                .end();
            for version in 1..=count {
                let rows = batch.rows(&table::POLICY_VERSIONS);
                rows.uuid(self.policies[index][version as usize - 1])
                    .uuid(policy)
                    .int(i64::from(version));
                rows.text(model_name)
                    .text(&version.to_string())
                    .text("{\"temperature\":0.2}");
                rows.text(if version == count && count > 2 {
                    "deprecated"
                } else {
                    "active"
                });
                rows.time(CREATED + i64::from(version) * HOUR).end();
            }
        }
        for (index, (name, _)) in PROMPTS.into_iter().enumerate() {
            let prompt = self.id("exp.prompt", index);
            batch
                .rows(&table::PROMPTS)
                .uuid(prompt)
                .text(name)
                .text("Prompt of a flow")
                .time(CREATED)
                .end();
            for version in 1..=2_usize {
                let rows = batch.rows(&table::PROMPT_VERSIONS);
                rows.uuid(self.prompts[index][version - 1])
                    .uuid(prompt)
                    .int(ordinal(version));
                rows.text(&format!("prompts/{name}/v{version}.md"))
                    .text(PROVIDER)
                    .text(model(version > 1));
                rows.text("{\"max_tokens\":512}")
                    .text("active")
                    .time(CREATED + ordinal(version) * HOUR)
                    .end();
            }
        }
    }

    fn write_tools(&self, batch: &mut Batch) {
        for (index, (name, server)) in TOOLS.into_iter().enumerate() {
            let rows = batch.rows(&table::MCP_TOOLS);
            rows.uuid(self.id("exp.mcp_tool", index))
                .text(name)
                .text("Tool of a variant")
                .text(server);
            rows.text("{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\"}}}");
            rows.text("{\"read_only\":true}")
                .text(if index == 4 { "unavailable" } else { "active" });
            rows.time(CREATED).time(CREATED).end();
        }
        let hybrid = EXPERIMENTS
            .iter()
            .position(|design| design.config == ConfigShape::Hybrid)
            .unwrap_or(0);
        for (arm, variant) in self.experiments[hybrid].variants.iter().enumerate() {
            for tool in 0..=arm.min(TOOLS.len() - 1) {
                let rows = batch.rows(&table::VARIANT_TOOLS);
                rows.uuid(self.id("exp.variant_tool", arm * 16 + tool)).uuid(*variant);
                rows.uuid(self.id("exp.mcp_tool", tool))
                    .flag(tool != 3)
                    .int(ordinal(tool))
                    .time(CREATED)
                    .end();
            }
        }
    }

    /// Every policy version is replayed once a week.
    fn write_replays(&self, window: Window, batch: &mut Batch) {
        let stream = Stream::new(self.seed, "exp.offline_replay");
        for (policy, versions) in self.policies.iter().enumerate() {
            for (version, id) in versions.iter().enumerate() {
                for week in 0..DAYS / 7 {
                    let draws = stream.entity((wide(policy) * 16 + wide(version)) * 64 + week.unsigned_abs());
                    let created = START + week * 7 * DAY + 4 * HOUR + draws.between(2, 0, 3_599) * SECOND;
                    if !window.written(created) {
                        continue;
                    }
                    let failed = draws.chance(3, 0.04);
                    let careless = (policy, version) == CARELESS && draws.chance(4, 0.5);
                    let rows = batch.rows(&table::OFFLINE_REPLAY_RESULTS);
                    rows.uuid(draws.uuid(0))
                        .uuid(*id)
                        .text(&format!("replay-2025w{:02}", week + 1));
                    rows.text(&format!("{:032x}", draws.uuid(5)));
                    if failed {
                        rows.null().null().null().null().null();
                    } else {
                        let lift = if version > 0 { 0.02 } else { 0.0 };
                        rows.decimal(rounded(beta(draws, 16, 12, 4) * 0.9 + lift, 6), 6);
                        rows.decimal(if careless { 0.998 } else { 1.0 }, 6);
                        rows.decimal(rounded(beta(draws, 32, 8, 3), 6), 6);
                        rows.decimal(rounded(beta(draws, 48, 6, 4), 6), 6);
                        rows.decimal(rounded(beta(draws, 64, 3, 5), 6), 6);
                    }
                    if version == 0 {
                        rows.null().null();
                    } else {
                        rows.uuid(versions[0]);
                        if failed {
                            rows.null();
                        } else {
                            rows.flag(draws.chance(7, 0.6));
                        }
                    }
                    rows.text(if failed { "failed" } else { "completed" });
                    rows.maybe(failed.then_some("replay worker ran out of memory"))
                        .time(created)
                        .end();
                }
            }
        }
    }
}

pub const PROVIDER: &str = "example-provider";

pub fn model(treated: bool) -> &'static str {
    if treated { "example-large-2" } else { "example-large-1" }
}

fn wide(index: usize) -> u64 {
    index as u64
}

fn ordinal(index: usize) -> Micros {
    Micros::try_from(index).unwrap_or(0)
}
