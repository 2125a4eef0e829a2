//! Edits of a text, and the way back from the edited text to the original one.

use std::ops::Range;

/// One replacement; an insertion where the range is empty.
#[derive(Clone, Debug)]
struct Edit {
    at: Range<usize>,
    text: String,
    /// Among insertions at one place: what encloses more stands further out.
    order: i64,
}

/// Edits of a text, collected in any order.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits {
    edits: Vec<Edit>,
}

impl Edits {
    /// Inserts before what stands at `at`; later calls go further out (to the left).
    pub(super) fn open(&mut self, at: usize, text: &str) {
        let order = -self.next();
        self.push(at..at, text, order);
    }

    /// Inserts after what ends at `at`; later calls go further out (to the right).
    pub(super) fn close(&mut self, at: usize, text: &str) {
        let order = self.next();
        self.push(at..at, text, order);
    }

    pub(super) fn replace(&mut self, at: Range<usize>, text: &str) {
        self.push(at, text, 0);
    }

    /// How many edits there are; see [`Self::forget_after`].
    pub(super) fn len(&self) -> usize {
        self.edits.len()
    }

    /// Drops all edits but the first `len`.
    pub(super) fn forget_after(&mut self, len: usize) {
        self.edits.truncate(len);
    }

    /// Applies the edits that lie in `part` of the text.
    pub(super) fn apply(mut self, text: &str, part: Range<usize>) -> Rewritten {
        self.edits
            .sort_by_key(|edit| (edit.at.start, !edit.at.is_empty(), edit.order));
        let mut out = Rewritten {
            text: String::with_capacity(part.len() + self.edits.iter().map(|e| e.text.len()).sum::<usize>()),
            runs: Vec::with_capacity(2 * self.edits.len() + 1),
        };
        let mut done = part.start;
        for edit in &self.edits {
            if edit.at.start > done {
                out.copy(text, done..edit.at.start);
            }
            out.insert(&edit.text, edit.at.clone());
            done = done.max(edit.at.end);
        }
        if part.end > done {
            out.copy(text, done..part.end);
        }
        out
    }

    fn next(&self) -> i64 {
        i64::try_from(self.edits.len()).unwrap_or(i64::MAX - 1) + 1
    }

    fn push(&mut self, at: Range<usize>, text: &str, order: i64) {
        self.edits.push(Edit {
            at,
            text: text.to_owned(),
            order,
        });
    }
}

#[derive(Clone, Debug)]
struct Run {
    /// Where it begins in the new text.
    new: usize,
    /// What it stands for in the original.
    old: Range<usize>,
    copied: bool,
}

/// A text with its edits applied.
#[derive(Clone, Debug)]
pub struct Rewritten {
    pub text: String,
    /// By place in the new text, without gaps.
    runs: Vec<Run>,
}

impl Rewritten {
    /// The place in the original text that an offset of the new one comes from.
    pub fn original(&self, offset: usize) -> usize {
        let index = self.runs.partition_point(|run| run.new <= offset);
        let Some(run) = index.checked_sub(1).and_then(|i| self.runs.get(i)) else {
            return self.runs.first().map_or(0, |run| run.old.start);
        };
        if run.copied {
            (run.old.start + (offset - run.new)).min(run.old.end)
        } else {
            run.old.start
        }
    }

    /// The range in the original text that a range of the new one comes from.
    pub fn original_range(&self, range: Range<usize>) -> Range<usize> {
        let start = self.original(range.start);
        if range.end <= range.start {
            return start..start;
        }
        let last = self.runs.partition_point(|run| run.new < range.end).saturating_sub(1);
        let end = self.runs.get(last).map_or(start, |run| {
            if run.copied {
                (run.old.start + (range.end - run.new)).min(run.old.end)
            } else {
                run.old.end
            }
        });
        start..end.max(start)
    }

    /// The original place of the first visible character of a line (1-based) of the new text.
    pub fn original_line(&self, line: usize) -> Range<usize> {
        let mut start = 0;
        for (number, text) in self.text.split_inclusive('\n').enumerate() {
            if number + 1 == line {
                let lead = text.len() - text.trim_start().len();
                return self.original_range(start + lead..start + text.trim_end().len().max(lead));
            }
            start += text.len();
        }
        let end = self.original(self.text.len());
        end..end
    }

    /// Text that stands at the very end, belonging to no place of its own.
    pub(super) fn append(&mut self, text: &str) {
        let end = self.runs.last().map_or(0, |run| run.old.end);
        self.insert(text, end..end);
    }

    /// Text that stands at the very beginning.
    pub(super) fn prepend(&mut self, text: &str) {
        let start = self.runs.first().map_or(0, |run| run.old.start);
        for run in &mut self.runs {
            run.new += text.len();
        }
        self.runs.insert(
            0,
            Run {
                new: 0,
                old: start..start,
                copied: false,
            },
        );
        self.text.insert_str(0, text);
    }

    fn copy(&mut self, text: &str, old: Range<usize>) {
        self.runs.push(Run {
            new: self.text.len(),
            old: old.clone(),
            copied: true,
        });
        self.text.push_str(&text[old]);
    }

    fn insert(&mut self, text: &str, old: Range<usize>) {
        if text.is_empty() {
            return;
        }
        self.runs.push(Run {
            new: self.text.len(),
            old,
            copied: false,
        });
        self.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of numbers, so that a failure can be repeated.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, below: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % below.max(1)
        }
    }

    #[test]
    fn every_kept_character_maps_back_to_itself() {
        for seed in 0..500 {
            let mut dice = Dice(seed);
            let text: String = (0..dice.roll(60))
                .map(|_| char::from(b'a' + u8::try_from(dice.roll(26)).unwrap()))
                .collect();
            let mut edits = Edits::default();
            let mut kept = vec![true; text.len()];
            let mut at = 0;
            while at < text.len() {
                match dice.roll(5) {
                    0 => edits.open(at, "<<"),
                    1 => edits.close(at, ">"),
                    2 => {
                        let end = (at + 1 + dice.roll(3)).min(text.len());
                        edits.replace(at..end, &"#".repeat(dice.roll(4)));
                        kept[at..end].fill(false);
                        at = end;
                        continue;
                    }
                    _ => {}
                }
                at += 1 + dice.roll(4);
            }
            let new = edits.apply(&text, 0..text.len());
            let mut seen = vec![false; text.len()];
            for (offset, byte) in new.text.bytes().enumerate().filter(|(_, b)| b.is_ascii_lowercase()) {
                let old = new.original(offset);
                assert_eq!(text.as_bytes()[old], byte, "seed {seed}: {text} -> {}", new.text);
                assert_eq!(new.original_range(offset..offset + 1), old..old + 1);
                seen[old] = true;
            }
            assert_eq!(seen, kept, "seed {seed}");
        }
    }

    #[test]
    fn nested_insertions_stand_inside_each_other() {
        let mut edits = Edits::default();
        edits.open(1, "(");
        edits.close(2, ")");
        edits.open(1, "[");
        edits.close(2, "]");
        assert_eq!(edits.apply("abc", 0..3).text, "a[(b)]c");
    }
}
