//! The injected defects, and how often each is.

crate::generate::defects::defects! {
    /// A defect is decided for each row that can have it by a draw of its own.
    pub enum Defect {
        SessionWithoutTurns = "session_without_turns", 0.0033;
        SessionWithoutMetrics = "session_without_metrics", 0.0033;
        /// The same row again, loaded later.
        DuplicateTurn = "duplicate_turn", 0.005;
        /// A turn carries the number of the turn before it.
        DuplicateTurnNumber = "duplicate_turn_number", 0.005;
        ConfidenceOutOfRange = "confidence_out_of_range", 0.0005;
        /// A confidence such as `85`.
        ConfidenceAsPercent = "confidence_as_percent", 0.001;
        /// A turn of a session that does not exist.
        OrphanTurn = "orphan_turn", 0.001;
        NegativeDuration = "negative_duration", 0.0005;
        ReasonWithoutTransfer = "reason_without_transfer", 0.05;
        EscalationConflict = "escalation_conflict", 0.05;
        LateTurn = "late_turn", 0.01;
        /// No outcome, end or duration.
        NeverClosed = "never_closed", 0.005;
        MixedCaseRegion = "mixed_case_region", 0.005;
    }
}
