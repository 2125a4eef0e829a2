//! Which defects a row or session has, which it could have had, and their counts.

use std::collections::BTreeMap;

use super::DefectCount;

/// A set of defects by their place in the domain's list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    injected: u32,
    eligible: u32,
}

impl Marks {
    /// Whether any defect was injected.
    pub fn any(self) -> bool {
        self.injected != 0
    }

    /// Without what the defect would have brought, such as a copy that has not arrived.
    #[must_use]
    pub fn without(self, defect: usize) -> Self {
        Self {
            injected: self.injected & !(1 << defect),
            ..self
        }
    }

    /// Notes that the defect was possible, and whether it was injected; gives that back.
    pub fn note(&mut self, defect: usize, injected: bool) -> bool {
        self.eligible |= 1 << defect;
        self.injected |= u32::from(injected) << defect;
        injected
    }
}

#[derive(Clone, Debug)]
pub(super) struct Counts<const N: usize>([DefectCount; N]);

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Self([DefectCount::default(); N])
    }
}

impl<const N: usize> Counts<N> {
    pub fn add(&mut self, marks: Marks) {
        let mut left = marks.eligible;
        while left != 0 {
            let defect = left.trailing_zeros();
            left &= left - 1;
            let count = &mut self.0[defect as usize];
            count.eligible += 1;
            count.injected += u64::from(marks.injected >> defect & 1);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            count.eligible += more.eligible;
            count.injected += more.injected;
        }
    }

    /// By name, with the stated rates.
    pub fn named(&self, names: impl IntoIterator<Item = (&'static str, f64)>) -> BTreeMap<String, DefectCount> {
        names
            .into_iter()
            .zip(&self.0)
            .map(|((name, rate), count)| (name.to_owned(), DefectCount { rate, ..*count }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let mut marks = Marks::default();
        assert!(marks.note(0, true));
        assert!(!marks.note(2, false));
        let mut counts = Counts::<3>::default();
        counts.add(marks);
        counts.merge(&counts.clone());
        counts.add(marks.without(0));
        let named = counts.named([("a", 0.1), ("b", 0.2), ("c", 0.3)]);
        let expect = |injected, eligible, rate| DefectCount {
            injected,
            eligible,
            rate,
        };
        assert_eq!(named["a"], expect(2, 3, 0.1));
        assert_eq!(named["b"], expect(0, 0, 0.2));
        assert_eq!(named["c"], expect(0, 3, 0.3));
    }
}
