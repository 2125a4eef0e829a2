//! The injected defects, and how often each is.

crate::generate::defects::defects! {
    /// A defect is decided for each row or session that can have it by a draw of its own.
    pub enum Defect {
        /// A retried request stored a second row with another id.
        RetryDuplicate = "retry_duplicate", 0.008;
        /// The row arrived 1 hour to 9 days after its client time.
        LateArrival = "late_arrival", 0.02;
        /// The client time is minutes to hours ahead of the arrival.
        FutureTimestamp = "future_timestamp", 0.0005;
        /// The row arrived after later ones of its session.
        OutOfOrderArrival = "out_of_order_arrival", 0.01;
        MissingSessionId = "missing_session_id", 0.005;
        /// A message without `flow_id`.
        MissingFlowId = "missing_flow_id", 0.03;
        /// `experiments` is empty though the unit is in one.
        EmptyExperiments = "empty_experiments", 0.01;
        /// The unit's events name its several experiments in reverse; counted for units.
        ReversedExperiments = "reversed_experiments", 0.5;
        /// The event names another variant than the assignment.
        VariantMismatch = "variant_mismatch", 0.003;
        /// The event names a variant that does not exist.
        OrphanVariant = "orphan_variant", 0.0002;
        /// A session that completes has a drop-off as well, before or after.
        CompletionAndDropOff = "completion_and_drop_off", 0.012;
        /// A session that reaches the end of its flow reports `user_cancelled`.
        CompletedAsCancelled = "completed_as_cancelled", 0.02;
        LostStart = "lost_start", 0.007;
        /// A session stops without any terminal event; a share of the lost sessions, so that completion is not touched.
        NeverEnding = "never_ending", 0.04;
        NumberAsString = "number_as_string", 0.01;
        NumberMalformed = "number_malformed", 0.002;
        ProgressAsPercentage = "progress_as_percentage", 0.02;
        /// A drop-off names different states in payload and context.
        StateConflict = "state_conflict", 0.01;
        /// Two units share a session id; sessions of every second unit can have it, at twice the rate.
        SharedSessionId = "shared_session_id", 0.0002;
    }
}
