//! What `--select` and `--exclude` say, read but not yet looked up.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, nearest};
use crate::graph::state::PreviousState;

use super::criterion::Criterion;
use super::definition::Definition;

/// Which tests come along with the nodes that were selected
/// (<https://docs.getdbt.com/reference/node-selection/test-selection-examples>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndirectSelection {
    /// Tests with any selected parent.
    #[default]
    Eager,
    /// Tests whose parents are all selected.
    Cautious,
    /// Tests whose parents are all selected, or needed by what is selected.
    Buildable,
    /// None but those selected themselves.
    Empty,
}

impl IndirectSelection {
    const NAMES: [(&str, Self); 4] = [
        ("eager", Self::Eager),
        ("cautious", Self::Cautious),
        ("buildable", Self::Buildable),
        ("empty", Self::Empty),
    ];

    /// Reads the value of `--indirect-selection`.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let names = || Self::NAMES.iter().map(|(name, _)| *name);
        if let Some((_, mode)) = Self::NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*mode);
        }
        let help = match nearest(text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", names().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("`{text}` is not a way to select tests indirectly");
        Err(Diagnostic::error("invalid-selector", message).help(help))
    }
}

/// Criteria joined by commas: what fits them all.
#[derive(Clone, Debug)]
pub(super) struct Intersection {
    pub raw: String,
    /// Empty where nothing was typed, as in `--select ""`.
    pub criteria: Vec<Criterion>,
}

#[derive(Clone, Debug)]
pub struct Selection {
    /// `None`: everything.
    pub(super) select: Option<Vec<Intersection>>,
    pub(super) exclude: Vec<Intersection>,
    /// A selector of `selectors.yml`, where nothing is selected otherwise.
    pub(super) named: Option<Definition>,
    /// What `state:` and its like compare with.
    pub(super) previous: Option<Arc<PreviousState>>,
}

impl Selection {
    /// Reads the values of `--select` and `--exclude`, each of which may hold several selectors between spaces.
    /// Fails with `invalid-selector`.
    pub fn parse(select: &[String], exclude: &[String]) -> Result<Self, Diagnostic> {
        Ok(Self {
            select: if select.is_empty() { None } else { Some(union(select)?) },
            exclude: union(exclude)?,
            named: None,
            previous: None,
        })
    }

    /// What a selector of `selectors.yml` means.
    pub fn named(definition: &Definition) -> Self {
        Self {
            select: None,
            exclude: Vec::new(),
            named: Some(definition.clone()),
            previous: None,
        }
    }

    /// The same, with another run to compare with.
    #[must_use]
    pub fn against(self, previous: Option<Arc<PreviousState>>) -> Self {
        Self { previous, ..self }
    }

    /// Whether nothing was asked, so that everything is meant.
    pub fn is_everything(&self) -> bool {
        self.select.is_none() && self.exclude.is_empty() && self.named.is_none()
    }
}

fn union(values: &[String]) -> Result<Vec<Intersection>, Diagnostic> {
    let mut found = Vec::new();
    for value in values {
        let mut words = value.split_whitespace().peekable();
        // Selecting "" must not mean everything: it is what a script says when its variable is empty.
        if words.peek().is_none() {
            found.push(Intersection {
                raw: value.clone(),
                criteria: Vec::new(),
            });
        }
        for word in words {
            found.push(intersection(word)?);
        }
    }
    Ok(found)
}

fn intersection(word: &str) -> Result<Intersection, Diagnostic> {
    let mut criteria = Vec::new();
    for part in word.split(',') {
        if part.is_empty() {
            let message = format!("`{word}` is not a selector: there is nothing on one side of a comma");
            return Err(Diagnostic::error("invalid-selector", message)
                .help("write `a,b` without spaces for what is in both, `a b` for what is in either"));
        }
        criteria.push(Criterion::parse(part)?);
    }
    Ok(Intersection {
        raw: word.to_owned(),
        criteria,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_commas() {
        let selection = Selection::parse(&["a b,c".into(), "d".into()], &[]).unwrap_or_else(|e| panic!("{e}"));
        let select = selection.select.expect("something was selected");
        assert_eq!(
            select
                .iter()
                .map(|i| (i.raw.as_str(), i.criteria.len()))
                .collect::<Vec<_>>(),
            [("a", 1), ("b,c", 2), ("d", 1)]
        );
    }

    #[test]
    fn a_loose_comma_is_refused() {
        let error = Selection::parse(&["a, b".into()], &[]).expect_err("a loose comma");
        assert_eq!(error.code, "invalid-selector");
        assert!(error.message.contains("`a,`"), "{error}");
    }

    #[test]
    fn indirect_selection_by_name() {
        assert_eq!(
            IndirectSelection::parse("cautious").ok(),
            Some(IndirectSelection::Cautious)
        );
        let error = IndirectSelection::parse("egaer").expect_err("a slip");
        assert_eq!(error.help.as_deref(), Some("did you mean `eager`?"));
    }
}
