//! The injected defects, and how often each is.

/// A defect is decided for each row or session that can have it by a draw of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Defect {
    /// A retried request stored a second row with another id.
    RetryDuplicate,
    /// The row arrived 1 hour to 9 days after its client time.
    LateArrival,
    /// The client time is minutes to hours ahead of the arrival.
    FutureTimestamp,
    /// The row arrived after later ones of its session.
    OutOfOrderArrival,
    MissingSessionId,
    /// A message without `flow_id`.
    MissingFlowId,
    /// `experiments` is empty though the unit is in one.
    EmptyExperiments,
    /// The unit's events name its several experiments in reverse; counted for units.
    ReversedExperiments,
    /// The event names another variant than the assignment.
    VariantMismatch,
    /// The event names a variant that does not exist.
    OrphanVariant,
    /// A session that completes has a drop-off as well, before or after.
    CompletionAndDropOff,
    /// A session that reaches the end of its flow reports `user_cancelled`.
    CompletedAsCancelled,
    LostStart,
    /// A session stops without any terminal event; a share of the lost sessions, so that completion is not touched.
    NeverEnding,
    NumberAsString,
    NumberMalformed,
    ProgressAsPercentage,
    /// A drop-off names different states in payload and context.
    StateConflict,
    /// Two units share a session id; sessions of every second unit can have it, at twice the rate.
    SharedSessionId,
}

impl Defect {
    pub const ALL: [(Self, &'static str, f64); 19] = [
        (Self::RetryDuplicate, "retry_duplicate", 0.008),
        (Self::LateArrival, "late_arrival", 0.02),
        (Self::FutureTimestamp, "future_timestamp", 0.0005),
        (Self::OutOfOrderArrival, "out_of_order_arrival", 0.01),
        (Self::MissingSessionId, "missing_session_id", 0.005),
        (Self::MissingFlowId, "missing_flow_id", 0.03),
        (Self::EmptyExperiments, "empty_experiments", 0.01),
        (Self::ReversedExperiments, "reversed_experiments", 0.5),
        (Self::VariantMismatch, "variant_mismatch", 0.003),
        (Self::OrphanVariant, "orphan_variant", 0.0002),
        (Self::CompletionAndDropOff, "completion_and_drop_off", 0.012),
        (Self::CompletedAsCancelled, "completed_as_cancelled", 0.02),
        (Self::LostStart, "lost_start", 0.007),
        (Self::NeverEnding, "never_ending", 0.04),
        (Self::NumberAsString, "number_as_string", 0.01),
        (Self::NumberMalformed, "number_malformed", 0.002),
        (Self::ProgressAsPercentage, "progress_as_percentage", 0.02),
        (Self::StateConflict, "state_conflict", 0.01),
        (Self::SharedSessionId, "shared_session_id", 0.0002),
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
