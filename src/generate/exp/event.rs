//! An event of schema `exp`: what it says, and how it is written.

use super::super::clock::{Micros, SECOND};
use super::super::copy::{Json, Rows};
use super::super::marks::Marks;
use super::super::random::Entity;
use super::catalog::{Catalog, PROVIDER, model};
use super::design::{Flow, State};
use super::unit::Unit;

#[derive(Clone)]
pub struct Event {
    pub id: u128,
    /// Of the group of units that is made together.
    pub unit: usize,
    pub timestamp: Micros,
    pub created_at: Micros,
    pub exposures: Vec<Exposure>,
    /// Nothing for plan events.
    pub talk: Option<Talk>,
    /// The request that brought it; nothing where the server itself wrote the event.
    pub request: Option<u64>,
    /// Counted from 2 on; the first attempt does not say so.
    pub attempt: Option<u8>,
    pub metrics: Vec<Metric>,
    pub body: Body,
    pub marks: Marks,
    /// Where its dirt comes from.
    pub draws: Entity,
}

/// An element of `experiments`.
#[derive(Clone, Copy, Debug)]
pub struct Exposure {
    pub experiment: usize,
    pub assigned_arm: usize,
    pub variant: u128,
    /// Whether the variant exists.
    pub known: bool,
}

/// The context of a conversation event.
#[derive(Clone, Copy)]
pub struct Talk {
    pub session: Option<u128>,
    pub flow: Option<Flow>,
    pub flow_version: &'static str,
    pub prompt_version: Option<u128>,
    pub treated: bool,
    pub current_state: Option<&'static str>,
    pub last_active_state: Option<&'static str>,
}

/// A number in `metrics`.
#[derive(Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    /// In units of its last decimal place.
    pub value: i64,
    pub places: u32,
    pub written: Written,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Number,
    Text,
    /// This JSON instead of the number.
    Malformed(&'static str),
}

impl Metric {
    pub fn whole(name: &'static str, value: i64) -> Self {
        Self::decimal(name, value, 0)
    }

    pub fn decimal(name: &'static str, value: i64, places: u32) -> Self {
        Self {
            name,
            value,
            places,
            written: Written::Number,
        }
    }

    /// The value, unless it is written in a way that a careful reader rejects.
    pub fn valid(&self) -> Option<i64> {
        (!matches!(self.written, Written::Malformed(_))).then_some(self.value)
    }

    fn write(&self, json: &mut Json) {
        let scale = 10_i64.pow(self.places);
        let (whole, part, width) = (self.value / scale, self.value % scale, self.places as usize);
        match (self.written, width) {
            (Written::Malformed(text), _) => json.raw(self.name, format_args!("{text}")),
            (Written::Number, 0) => json.raw(self.name, format_args!("{whole}")),
            (Written::Number, _) => json.raw(self.name, format_args!("{whole}.{part:0width$}")),
            (Written::Text, 0) => json.raw(self.name, format_args!("\"{whole}\"")),
            (Written::Text, _) => json.raw(self.name, format_args!("\"{whole}.{part:0width$}\"")),
        };
    }
}

#[derive(Clone, Copy)]
pub enum Body {
    Started {
        entry: &'static str,
        referral: &'static str,
    },
    Message {
        from_user: bool,
        state: State,
        /// The state it leads to.
        next: Option<&'static str>,
        number: u64,
    },
    Completed {
        cancelled: bool,
        final_state: &'static str,
        score: Option<i64>,
        number: u64,
    },
    Dropped {
        reason: &'static str,
        last_state: &'static str,
        /// In hundredths.
        progress: i64,
        percent: bool,
    },
    Generated {
        plan: u128,
        meals: i64,
        policy_version: u128,
    },
    Accepted {
        plan: u128,
    },
    Rejected {
        plan: u128,
        reason: &'static str,
    },
    Swapped {
        plan: u128,
        day: i64,
        from: i64,
        to: i64,
    },
    Edited {
        plan: u128,
        edit: &'static str,
        servings: i64,
    },
    Intervened {
        plan: u128,
        intervention: &'static str,
    },
}

impl Body {
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::Started { .. } => "conversation_started",
            Self::Message { .. } => "message_sent",
            Self::Completed { .. } => "flow_completed",
            Self::Dropped { .. } => "user_dropped_off",
            Self::Generated { .. } => "plan_generated",
            Self::Accepted { .. } => "plan_accepted",
            Self::Rejected { .. } => "plan_rejected",
            Self::Swapped { .. } => "meal_swapped",
            Self::Edited { .. } => "edit_applied",
            Self::Intervened { .. } => "validator_intervention",
        }
    }
}

impl Event {
    pub fn metric(&self, name: &str) -> Option<i64> {
        self.metrics
            .iter()
            .find(|metric| metric.name == name)
            .and_then(Metric::valid)
    }

    pub fn write(&self, rows: &mut Rows, json: &mut Json, unit: &Unit, catalog: &Catalog) {
        rows.uuid(self.id)
            .text(self.body.event_type())
            .text(unit.unit_type)
            .text(&unit.id);
        json.clear().open('[');
        for exposure in &self.exposures {
            json.open('{')
                .uuid("experiment_id", catalog.experiments[exposure.experiment].id);
            json.uuid("variant_id", exposure.variant).close('}');
        }
        json.close(']');
        rows.json(json);
        json.clear().open('{');
        self.write_context(json, unit);
        json.close('}');
        rows.json(json);
        json.clear().open('{');
        for metric in &self.metrics {
            metric.write(json);
        }
        json.close('}');
        rows.json(json);
        json.clear().open('{');
        self.write_payload(json);
        json.close('}');
        rows.json(json).time(self.timestamp).time(self.created_at).end();
    }

    fn write_context(&self, json: &mut Json, unit: &Unit) {
        if let Some(talk) = &self.talk {
            if let Some(session) = talk.session {
                json.uuid("session_id", session);
            }
            if let Some(flow) = talk.flow {
                json.string("flow_id", flow.id());
            }
            json.string("flow_version", talk.flow_version);
            if let Some(state) = talk.current_state {
                json.string("current_state", state);
            }
            if let Some(state) = talk.last_active_state {
                json.string("last_active_state", state);
            }
            if let Some(prompt) = talk.prompt_version {
                json.uuid("prompt_version_id", prompt);
            }
            json.string("model_provider", PROVIDER)
                .string("model_name", model(talk.treated));
        }
        if let Body::Generated { policy_version, .. } = self.body {
            json.uuid("policy_version_id", policy_version);
            json.string("model_provider", PROVIDER)
                .string("model_name", model(false));
        }
        json.string("app_version", unit.app_version)
            .string("platform", unit.platform);
        if let Some(request) = self.request {
            json.raw("request_id", format_args!("\"req-{request:016x}\""));
        }
        if let Some(attempt) = self.attempt {
            json.raw("attempt", format_args!("{attempt}"));
        }
    }

    fn write_payload(&self, json: &mut Json) {
        match &self.body {
            Body::Started { entry, referral } => {
                json.string("entry_point", entry).string("referral_source", referral);
            }
            Body::Message {
                from_user,
                state,
                next,
                number,
            } => write_message(json, *from_user, state, *next, *number),
            Body::Completed {
                cancelled,
                final_state,
                score,
                number,
            } => {
                json.string(
                    "completion_reason",
                    if *cancelled { "user_cancelled" } else { "success" },
                );
                json.string("final_state", final_state);
                if let Some(score) = score {
                    json.raw("satisfaction_score", format_args!("{score}"));
                }
                json.key("data_collected")
                    .open('{')
                    .raw("name", format_args!("\"Sam {number}\""));
                json.raw("email", format_args!("\"sam{number}@example.org\""))
                    .close('}');
            }
            Body::Dropped {
                reason,
                last_state,
                progress,
                percent,
            } => {
                json.string("drop_off_reason", reason)
                    .string("last_active_state", last_state);
                if *percent {
                    json.raw("progress", format_args!("{progress}"));
                } else {
                    json.raw("progress", format_args!("0.{progress:02}"));
                }
                json.key("data_collected").open('{').close('}');
            }
            Body::Generated { plan, meals, .. } => {
                json.uuid("plan_id", *plan).raw("meal_count", format_args!("{meals}"));
            }
            Body::Accepted { plan } => {
                json.uuid("plan_id", *plan);
            }
            Body::Rejected { plan, reason } => {
                json.uuid("plan_id", *plan).string("rejection_reason", reason);
            }
            Body::Swapped { plan, day, from, to } => {
                json.uuid("plan_id", *plan).raw("day", format_args!("{day}"));
                json.raw("from_meal_id", format_args!("\"meal-{from}\""));
                json.raw("to_meal_id", format_args!("\"meal-{to}\""));
            }
            Body::Edited { plan, edit, servings } => {
                json.uuid("plan_id", *plan).string("edit_type", edit);
                json.key("edit_details")
                    .open('{')
                    .raw("servings", format_args!("{servings}"))
                    .close('}');
            }
            Body::Intervened { plan, intervention } => {
                json.uuid("plan_id", *plan).string("intervention_type", intervention);
            }
        }
    }
}

fn write_message(json: &mut Json, from_user: bool, state: &State, next: Option<&'static str>, number: u64) {
    let text = if from_user {
        state.answer.replace("{}", &number.to_string())
    } else {
        state.question.to_owned()
    };
    json.string("sender", if from_user { "user" } else { "bot" })
        .string("message_text", &text);
    json.raw("message_length", format_args!("{}", text.chars().count()));
    json.raw("state_transition", format_args!("{}", next.is_some()));
    if let Some(next) = next {
        json.string("next_state", next);
    }
}

/// Whole seconds between two moments.
pub fn seconds(from: Micros, to: Micros) -> i64 {
    (to - from) / SECOND
}
