//! The injected defects, and how often each is.

/// A defect is decided for each sender, session, event or load that can have it by a draw of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Defect {
    /// The same event again, in a later load.
    DuplicateEvent,
    /// An event that arrives 1 hour to 10 days late.
    LateEvent,
    /// An event stored after later ones of its load.
    OutOfOrder,
    /// The microsecond of the event before.
    EqualTimestamp,
    /// A session that nothing marks as begun.
    NoMarker,
    /// A sender of whom only the bot's side is there.
    BotOnly,
    /// The value of a slot has another JSON type.
    SlotOfOtherType,
    IntentMissing,
    /// A confidence such as `"0.87"`.
    ConfidenceAsText,
    ConfidenceNaN,
    EnvironmentChange,
    /// A sender who becomes another person.
    UserIdChange,
    /// A load announced twice.
    RetriedLoad,
}

impl Defect {
    pub const ALL: [(Self, &'static str, f64); 13] = [
        (Self::DuplicateEvent, "duplicate_event", 0.003),
        (Self::LateEvent, "late_event", 0.005),
        (Self::OutOfOrder, "out_of_order", 0.01),
        (Self::EqualTimestamp, "equal_timestamp", 0.0005),
        (Self::NoMarker, "session_without_marker", 0.02),
        (Self::BotOnly, "bot_only_sender", 0.001),
        (Self::SlotOfOtherType, "slot_of_other_type", 0.005),
        (Self::IntentMissing, "intent_missing", 0.002),
        (Self::ConfidenceAsText, "confidence_as_text", 0.001),
        (Self::ConfidenceNaN, "confidence_nan", 0.0001),
        (Self::EnvironmentChange, "environment_change", 0.0001),
        (Self::UserIdChange, "user_id_change", 0.001),
        (Self::RetriedLoad, "retried_load", 0.01),
    ];

    pub fn rate(self) -> f64 {
        Self::ALL[self as usize].2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        for (index, (defect, _, _)) in Defect::ALL.into_iter().enumerate() {
            assert_eq!(defect as usize, index);
        }
    }
}
