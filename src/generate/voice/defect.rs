//! The injected defects, and how often each is.

/// A defect is decided for each row that can have it by a draw of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Defect {
    SessionWithoutTurns,
    SessionWithoutMetrics,
    /// The same row again, loaded later.
    DuplicateTurn,
    /// A turn carries the number of the turn before it.
    DuplicateTurnNumber,
    ConfidenceOutOfRange,
    /// A confidence such as `85`.
    ConfidenceAsPercent,
    /// A turn of a session that does not exist.
    OrphanTurn,
    NegativeDuration,
    ReasonWithoutTransfer,
    EscalationConflict,
    LateTurn,
    /// No outcome, end or duration.
    NeverClosed,
    MixedCaseRegion,
}

impl Defect {
    pub const ALL: [(Self, &'static str, f64); 13] = [
        (Self::SessionWithoutTurns, "session_without_turns", 0.0033),
        (Self::SessionWithoutMetrics, "session_without_metrics", 0.0033),
        (Self::DuplicateTurn, "duplicate_turn", 0.005),
        (Self::DuplicateTurnNumber, "duplicate_turn_number", 0.005),
        (Self::ConfidenceOutOfRange, "confidence_out_of_range", 0.0005),
        (Self::ConfidenceAsPercent, "confidence_as_percent", 0.001),
        (Self::OrphanTurn, "orphan_turn", 0.001),
        (Self::NegativeDuration, "negative_duration", 0.0005),
        (Self::ReasonWithoutTransfer, "reason_without_transfer", 0.05),
        (Self::EscalationConflict, "escalation_conflict", 0.05),
        (Self::LateTurn, "late_turn", 0.01),
        (Self::NeverClosed, "never_closed", 0.005),
        (Self::MixedCaseRegion, "mixed_case_region", 0.005),
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
