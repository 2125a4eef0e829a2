//! The planted design: experiments, flows with their hazards, and the effects that analyses must recover.

use super::super::ExpProfile;
use super::super::clock::{DAY, Micros, START};

pub struct ExperimentDesign {
    pub name: &'static str,
    pub description: &'static str,
    pub status: &'static str,
    pub unit_type: &'static str,
    /// Days after the first covered one.
    pub start_day: Option<i64>,
    pub end_day: Option<i64>,
    /// Name and share in ten-thousandths, in the order of creation; the first is the control.
    pub arms: &'static [(&'static str, u32)],
    pub config: ConfigShape,
    /// How often a user is in it.
    pub weight: f64,
}

/// The shapes that variant configurations have had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ConfigShape {
    /// `policy_version_id` at the root.
    Legacy,
    /// `execution_strategy` with `mlflow_model`.
    Unified,
    /// `hybrid` with both a model and a prompt.
    Hybrid,
    /// `prompt_template` with `prompt_config` and `flow_config`.
    Prompt(Flow),
    /// Parameters alone.
    Flag,
    Empty,
}

const HALVES: &[(&str, u32)] = &[("control", 5_000), ("treatment", 5_000)];

pub const PLANNER: usize = 0;
pub const ROLLOUT: usize = 1;
/// The experiment that lost units: mobile ones with these buckets, which are 3% of all and all of one arm.
pub const LOSSY: usize = 3;
pub const LOST_BUCKETS: std::ops::Range<u32> = 5_000..5_460;
pub const ONBOARDING: usize = 5;
pub const MEALS: usize = 6;

pub static EXPERIMENTS: [ExperimentDesign; 8] = [
    ExperimentDesign {
        name: "planner_policy_ab",
        description: "A newer planning policy against the current one",
        status: "active",
        unit_type: "user",
        start_day: Some(10),
        end_day: None,
        arms: HALVES,
        config: ConfigShape::Legacy,
        weight: 0.22,
    },
    ExperimentDesign {
        name: "household_rollout",
        description: "Careful rollout of shared plans to households",
        status: "active",
        unit_type: "household",
        start_day: Some(20),
        end_day: None,
        arms: &[("control", 9_000), ("rollout", 1_000)],
        config: ConfigShape::Legacy,
        weight: 0.0,
    },
    ExperimentDesign {
        name: "edit_assistant_arms",
        description: "Three edit assistants against none",
        status: "completed",
        unit_type: "user",
        start_day: Some(5),
        end_day: Some(60),
        arms: &[("control", 4_000), ("arm_a", 2_000), ("arm_b", 2_000), ("arm_c", 2_000)],
        config: ConfigShape::Hybrid,
        weight: 0.12,
    },
    ExperimentDesign {
        name: "quick_swap_flag",
        description: "Feature flag: swap a meal with one tap",
        status: "active",
        unit_type: "user",
        start_day: Some(10),
        end_day: None,
        arms: &[("control", 5_000), ("enabled", 5_000)],
        config: ConfigShape::Flag,
        weight: 0.14,
    },
    ExperimentDesign {
        name: "unified_model_test",
        description: "The same policy through the unified configuration",
        status: "active",
        unit_type: "user",
        start_day: Some(12),
        end_day: None,
        arms: HALVES,
        config: ConfigShape::Unified,
        weight: 0.08,
    },
    ExperimentDesign {
        name: "onboarding_prompt_test",
        description: "A friendlier onboarding prompt",
        status: "active",
        unit_type: "user",
        start_day: Some(7),
        end_day: None,
        arms: HALVES,
        config: ConfigShape::Prompt(Flow::Onboarding),
        weight: 0.28,
    },
    ExperimentDesign {
        name: "meal_planning_prompt_test",
        description: "A shorter meal planning prompt",
        status: "active",
        unit_type: "user",
        start_day: Some(7),
        end_day: None,
        arms: HALVES,
        config: ConfigShape::Prompt(Flow::MealPlanning),
        weight: 0.16,
    },
    ExperimentDesign {
        name: "voice_channel_pilot",
        description: "Planned: the planner by telephone",
        status: "draft",
        unit_type: "user",
        start_day: None,
        end_day: None,
        arms: HALVES,
        config: ConfigShape::Empty,
        weight: 0.0,
    },
];

impl ExperimentDesign {
    pub fn start(&self) -> Option<Micros> {
        self.start_day.map(|day| START + day * DAY)
    }

    pub fn end(&self) -> Option<Micros> {
        self.end_day.map(|day| START + day * DAY)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    Onboarding,
    Triage,
    MealPlanning,
}

/// A state that asks the user for something.
#[derive(Clone, Copy)]
pub struct State {
    pub name: &'static str,
    /// In hundredths.
    pub progress: i64,
    /// The share of sessions lost here, in control.
    pub hazard: f64,
    pub question: &'static str,
    /// `{}` stands for a number of the session.
    pub answer: &'static str,
}

const fn state(name: &'static str, progress: i64, hazard: f64, question: &'static str, answer: &'static str) -> State {
    State {
        name,
        progress,
        hazard,
        question,
        answer,
    }
}

static ONBOARDING_STATES: [State; 3] = [
    state(
        "ask_name",
        33,
        0.05,
        "Welcome! What may I call you?",
        "You can call me Sam {}",
    ),
    state(
        "ask_email",
        67,
        0.14,
        "Which e-mail address may I use?",
        "sam{}@example.org",
    ),
    state(
        "confirm",
        90,
        0.06,
        "Is everything right like this?",
        "Yes, that is right",
    ),
];
static TRIAGE_STATES: [[State; 3]; 4] = [
    triage("collect_billing", "Which invoice is it about?", "Invoice {}"),
    triage("collect_technical", "What does the screen show?", "It says error {}"),
    triage("collect_account", "What is your customer number?", "Number {}"),
    triage(
        "collect_other",
        "Please describe it in a few words.",
        "The delivery of order {} is missing",
    ),
];
static MEAL_STATES: [State; 5] = [
    state("welcome", 10, 0.04, "Shall we plan your week?", "Yes please"),
    state(
        "collect_preferences",
        30,
        0.06,
        "What do you like to eat?",
        "Quick things, at most {} minutes",
    ),
    state("collect_allergies", 50, 0.08, "Any allergies I should know of?", "Nuts"),
    state(
        "collect_cuisines",
        70,
        0.06,
        "Which cuisines do you like?",
        "Italian and Thai",
    ),
    state("generate_plan", 90, 0.05, "Shall I make the plan now?", "Go ahead"),
];

const fn triage(collect: &'static str, question: &'static str, answer: &'static str) -> [State; 3] {
    [
        state(
            "ask_issue_type",
            20,
            0.08,
            "What can I help you with?",
            "I have a problem",
        ),
        state(collect, 50, 0.10, question, answer),
        state(
            "confirm_submission",
            80,
            0.05,
            "Shall I send this to our team?",
            "Yes, send it",
        ),
    ]
}

impl Flow {
    pub fn id(self) -> &'static str {
        match self {
            Self::Onboarding => "user_onboarding",
            Self::Triage => "support_triage",
            Self::MealPlanning => "meal_planning_flow",
        }
    }

    /// The way through the flow; `branch` (below 4) chooses where it forks.
    pub fn states(self, branch: usize) -> &'static [State] {
        match self {
            Self::Onboarding => &ONBOARDING_STATES,
            Self::Triage => &TRIAGE_STATES[branch],
            Self::MealPlanning => &MEAL_STATES,
        }
    }

    /// The state that a finished session ends in.
    pub fn end(self, cancelled: bool) -> &'static str {
        match self {
            Self::Triage if cancelled => "cancelled",
            Self::Triage => "route_to_support",
            Self::Onboarding | Self::MealPlanning => "complete",
        }
    }

    /// The prompt experiment that governs the flow.
    pub fn experiment(self) -> Option<usize> {
        match self {
            Self::Onboarding => Some(ONBOARDING),
            Self::MealPlanning => Some(MEALS),
            Self::Triage => None,
        }
    }
}

/// The share of sessions lost in a state. Only the onboarding prompt changes any: its treatment loses 10% instead of
/// 14% at `ask_email`, which moves completion from .768 to .804. Where randomisation is broken, mobile sessions are
/// lost more often whatever their arm.
pub fn hazard(profile: ExpProfile, flow: Flow, state: &State, treated: bool, mobile: bool) -> f64 {
    match profile {
        ExpProfile::Effects if treated && flow == Flow::Onboarding && state.name == "ask_email" => 0.10,
        ExpProfile::Broken if mobile => 2.0 * state.hazard,
        _ => state.hazard,
    }
}

/// Whether a unit never got the assignment that its bucket gives it.
pub fn loses_assignment(profile: ExpProfile, experiment: usize, arm: usize, bucket: u32, mobile: bool) -> bool {
    let lossy = experiment == LOSSY && LOST_BUCKETS.contains(&bucket);
    let broken = profile == ExpProfile::Broken && arm > 0 && bucket.is_multiple_of(2);
    mobile && (lossy || broken)
}

/// The share of plans that are accepted: the newer planning policy's is higher.
pub fn acceptance(profile: ExpProfile, treated: bool) -> f64 {
    if profile == ExpProfile::Effects && treated {
        0.66
    } else {
        0.62
    }
}

/// On what the median latency is multiplied: treatments of prompts and of the planning policy are faster.
pub fn latency_factor(profile: ExpProfile, treated: bool) -> f64 {
    if profile == ExpProfile::Effects && treated {
        0.9
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion(treated: bool) -> f64 {
        let states = Flow::Onboarding.states(0).iter();
        states
            .map(|s| 1.0 - hazard(ExpProfile::Effects, Flow::Onboarding, s, treated, false))
            .product()
    }

    #[test]
    fn planted_completion_is_the_stated_one() {
        assert!((completion(false) - 0.768).abs() < 5e-4);
        assert!((completion(true) - 0.804).abs() < 5e-4);
    }

    #[test]
    fn arms_share_everything() {
        for design in &EXPERIMENTS {
            assert_eq!(
                design.arms.iter().map(|(_, share)| share).sum::<u32>(),
                10_000,
                "{}",
                design.name
            );
        }
    }
}
