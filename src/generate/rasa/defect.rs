//! The injected defects, and how often each is.

crate::generate::defects::defects! {
    /// A defect is decided for each sender, session, event or load that can have it by a draw of its own.
    pub enum Defect {
        /// The same event again, in a later load.
        DuplicateEvent = "duplicate_event", 0.003;
        /// An event that arrives 1 hour to 10 days late.
        LateEvent = "late_event", 0.005;
        /// An event stored after later ones of its load.
        OutOfOrder = "out_of_order", 0.01;
        /// The microsecond of the event before.
        EqualTimestamp = "equal_timestamp", 0.0005;
        /// A session that nothing marks as begun.
        NoMarker = "session_without_marker", 0.02;
        /// A sender of whom only the bot's side is there.
        BotOnly = "bot_only_sender", 0.001;
        /// The value of a slot has another JSON type.
        SlotOfOtherType = "slot_of_other_type", 0.005;
        IntentMissing = "intent_missing", 0.002;
        /// A confidence such as `"0.87"`.
        ConfidenceAsText = "confidence_as_text", 0.001;
        ConfidenceNaN = "confidence_nan", 0.0001;
        EnvironmentChange = "environment_change", 0.0001;
        /// A sender who becomes another person.
        UserIdChange = "user_id_change", 0.001;
        /// A load announced twice.
        RetriedLoad = "retried_load", 0.01;
    }
}
