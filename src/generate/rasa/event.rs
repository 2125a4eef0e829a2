//! One event of a tracker, and its row.

use super::super::clock::{MINUTE, Micros, SECOND};
use super::super::copy::{Json, Rows};
use super::super::marks::Marks;
use super::user::User;

/// Loads are cut so often.
pub const LOAD: Micros = 15 * MINUTE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    Bot,
    Action,
    Slot,
    SessionStarted,
    ActiveLoop,
    Restart,
    Rewind,
    Featurization,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Bot => "bot",
            Self::Action => "action",
            Self::Slot => "slot",
            Self::SessionStarted => "session_started",
            Self::ActiveLoop => "active_loop",
            Self::Restart => "restart",
            Self::Rewind => "rewind",
            Self::Featurization => "user_featurization",
        }
    }
}

/// How a confidence is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Number,
    Text,
    NaN,
}

#[derive(Clone, Debug)]
pub struct Event {
    pub at: Micros,
    pub kind: Kind,
    /// Intent, utterance, action, slot or form.
    pub name: Option<&'static str>,
    /// The value of a slot as JSON; `null` empties it.
    pub slot: &'static str,
    /// In hundredths.
    pub confidence: i64,
    pub written: Written,
    /// Identifies the person, and as which.
    pub person: Option<bool>,
    pub environment: &'static str,
    /// Place among the user's senders.
    pub sender: u64,
    pub session: u64,
    pub number: u64,
    pub id: u64,
    pub arrived_at: Micros,
    /// The copy's id and arrival.
    pub again: Option<(u64, Micros)>,
    pub marks: Marks,
}

/// The load that an arrival belongs to ends here; only then is it complete.
pub fn load_end(arrival: Micros) -> Micros {
    (arrival.div_euclid(LOAD) + 1) * LOAD
}

/// Seconds with a fraction, as text.
pub fn load_id(end: Micros) -> String {
    format!("{}.{:06}", end / SECOND, end % SECOND)
}

/// Models change every 30 days.
pub fn model_id(index: i64) -> String {
    format!("{:032x}", super::super::random::mix(index.unsigned_abs()))
}

impl Event {
    pub fn is(&self, kind: Kind, name: &str) -> bool {
        self.kind == kind && self.name == Some(name)
    }

    pub fn filled(&self) -> bool {
        self.slot != "null"
    }

    pub fn write(&self, user: &User, rows: &mut Rows, json: &mut Json, id: u64, arrival: Micros) {
        let stamp = format!("{}.{:06}", self.at / SECOND, self.at % SECOND);
        let name_of = |kind| (self.kind == kind).then_some(self.name).flatten();
        self.document(user, json, &stamp);
        rows.int(i64::try_from(id).unwrap_or(i64::MAX))
            .text(&user.sender(self.sender))
            .text(self.kind.name())
            .text(&stamp)
            .maybe(name_of(Kind::User))
            .maybe(name_of(Kind::Action))
            .json(json)
            .text(&load_id(load_end(arrival)))
            .time(arrival);
        rows.end();
    }

    fn document(&self, user: &User, json: &mut Json, stamp: &str) {
        json.clear()
            .open('{')
            .string("event", self.kind.name())
            .raw("timestamp", format_args!("{stamp}"))
            .string("model_id", &model_id(super::model_of(self.at)))
            .string("environment", self.environment);
        match self.kind {
            Kind::User => self.message(user, json),
            Kind::Bot => {
                json.string("text", "Here is what I found.")
                    .key("data")
                    .open('{')
                    .key("buttons")
                    .open('[');
                if self.number.is_multiple_of(4) {
                    json.open('{')
                        .string("title", "Yes")
                        .string("payload", "/affirm")
                        .close('}');
                }
                json.close(']').close('}').key("metadata").open('{');
                // The bot's messages repeat what slots hold; no model may carry it on.
                json.string("utter_action", self.name.unwrap_or("utter_default"))
                    .raw("account_balance", format_args!("{}.5", self.number * 100))
                    .close('}');
            }
            Kind::Action => {
                json.string("name", self.name.unwrap_or("action_listen"));
                if matches!(self.name, Some("action_listen" | "action_session_start")) {
                    json.raw("policy", format_args!("null"))
                        .raw("confidence", format_args!("null"));
                } else {
                    json.string("policy", "policy_1_TEDPolicy")
                        .raw("confidence", format_args!("0.98"));
                }
            }
            Kind::Slot => {
                json.string("name", self.name.unwrap_or("slot"))
                    .raw("value", format_args!("{}", self.slot));
            }
            Kind::ActiveLoop => match self.name {
                Some(name) => {
                    json.string("name", name);
                }
                None => {
                    json.raw("name", format_args!("null"));
                }
            },
            Kind::Featurization => {
                json.raw("use_text_for_featurization", format_args!("true"));
            }
            Kind::SessionStarted | Kind::Restart | Kind::Rewind => {}
        }
        json.close('}');
    }

    fn message(&self, user: &User, json: &mut Json) {
        let id = format!("{:016x}{:016x}", self.session, self.number);
        let intent = |json: &mut Json, name: Option<&str>| {
            match name {
                Some(name) => json.string("name", name),
                None => json.raw("name", format_args!("null")),
            };
            let (whole, rest) = (self.confidence / 100, self.confidence % 100);
            match self.written {
                Written::Number => json.raw("confidence", format_args!("{whole}.{rest:02}")),
                Written::Text => json.string("confidence", &format!("{whole}.{rest:02}")),
                Written::NaN => json.string("confidence", "NaN"),
            };
        };
        json.string("text", "a sentence of the user")
            .string("input_channel", user.channel)
            .string("message_id", &id);
        json.key("parse_data").open('{').key("intent").open('{');
        intent(json, self.name);
        json.close('}')
            .key("entities")
            .open('[')
            .close(']')
            .string("message_id", &id);
        json.key("intent_ranking").open('[').open('{');
        intent(json, self.name);
        json.close('}').open('{').string(
            "name",
            if self.name == Some("faq") {
                "out_of_scope"
            } else {
                "faq"
            },
        );
        json.raw("confidence", format_args!("0.{:02}", (100 - self.confidence) / 2))
            .close('}')
            .close(']')
            .close('}');
        json.key("metadata").open('{');
        if let Some(changed) = self.person {
            json.string("user_id", &user.person(changed));
        }
        json.close('}');
    }
}
