//! Versions of packages and what is asked of them, compared and combined as dbt does.

use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matcher {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Exact,
}

impl Matcher {
    fn text(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Exact => "=",
        }
    }
}

/// A version, or a bound on versions: `1.0.0`, `>=0.8.0`, `<2.0.0-rc.1`.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    matcher: Matcher,
    numbers: [u64; 3],
    prerelease: Option<String>,
    build: Option<String>,
}

static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    const NUMBER: &str = r"(0|[1-9]\d*)";
    const WORD: &str = r"(?:\d*[a-zA-Z-][0-9a-zA-Z-]*|0|[1-9]\d*)";
    Regex::new(&format!(
        r"^(>=|<=|>|<|=)?{NUMBER}\.{NUMBER}\.{NUMBER}(?:-?({WORD}(?:\.{WORD})*))?(?:\+([0-9A-Za-z-]*(?:\.[0-9A-Za-z-]*)*))?$"
    ))
    .expect("the pattern is fixed")
});

impl Bound {
    /// `None` where the text is no version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let found = VERSION.captures(text)?;
        let number = |index: usize| found.get(index)?.as_str().parse::<u64>().ok();
        let matcher = match found.get(1).map(|m| m.as_str()) {
            Some(">") => Matcher::Greater,
            Some(">=") => Matcher::GreaterOrEqual,
            Some("<") => Matcher::Less,
            Some("<=") => Matcher::LessOrEqual,
            _ => Matcher::Exact,
        };
        Some(Self {
            matcher,
            numbers: [number(2)?, number(3)?, number(4)?],
            prerelease: found.get(5).map(|m| m.as_str().to_owned()),
            build: found.get(6).map(|m| m.as_str().to_owned()),
        })
    }

    pub(super) fn is_prerelease(&self) -> bool {
        self.prerelease.is_some()
    }

    fn is_exact(&self) -> bool {
        self.matcher == Matcher::Exact
    }

    fn is_lower(&self) -> bool {
        matches!(self.matcher, Matcher::Greater | Matcher::GreaterOrEqual)
    }

    fn is_upper(&self) -> bool {
        matches!(self.matcher, Matcher::Less | Matcher::LessOrEqual)
    }

    /// The order of versions; between bounds at the same version, of what they let through.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let by_number = self.numbers.cmp(&other.numbers);
        if by_number != Ordering::Equal {
            return by_number;
        }
        match (&self.prerelease, &other.prerelease) {
            (None, None) => {}
            // `<1.0.0` is not met by a prerelease of 1.0.0.
            (None, Some(_)) if self.matcher == Matcher::Less => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(a), Some(b)) => {
                let by_word = compare_prereleases(a, b);
                if by_word != Ordering::Equal {
                    return by_word;
                }
            }
        }
        self.compare_matchers(other)
    }

    fn compare_matchers(&self, other: &Self) -> Ordering {
        use Matcher::{Greater, GreaterOrEqual, Less, LessOrEqual};
        match (self.matcher, other.matcher) {
            (GreaterOrEqual, LessOrEqual) | (LessOrEqual, GreaterOrEqual) => Ordering::Equal,
            (Less, LessOrEqual) | (GreaterOrEqual, Greater) => Ordering::Less,
            (LessOrEqual, Less) | (Greater, GreaterOrEqual) => Ordering::Greater,
            _ if self.is_upper() && other.is_lower() => Ordering::Less,
            _ if self.is_lower() && other.is_upper() => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{}{major}.{minor}.{patch}", self.matcher.text())?;
        if let Some(prerelease) = &self.prerelease {
            write!(f, "-{prerelease}")?;
        }
        if let Some(build) = &self.build {
            write!(f, "+{build}")?;
        }
        Ok(())
    }
}

/// Numbers before words, numbers by size, words by letter; what is longer comes later.
fn compare_prereleases(a: &str, b: &str) -> Ordering {
    for (one, other) in a.split('.').zip(b.split('.')) {
        let order = match (one.parse::<u64>(), other.parse::<u64>()) {
            (Ok(one), Ok(other)) => one.cmp(&other),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => one.cmp(other),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// What is left after all bounds are put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Range {
    start: Option<Bound>,
    end: Option<Bound>,
}

impl Range {
    fn of(bound: &Bound) -> Self {
        Self {
            start: (!bound.is_upper()).then(|| bound.clone()),
            end: (!bound.is_lower()).then(|| bound.clone()),
        }
    }

    /// The bounds together; `None` where no version can meet them all.
    pub(super) fn reduce(bounds: &[Bound]) -> Option<Self> {
        let Some((last, others)) = bounds.split_last() else {
            return Some(Self::default());
        };
        others
            .iter()
            .try_fold(Self::of(last), |range, bound| range.combined(&Self::of(bound)))
    }

    fn combined(&self, other: &Self) -> Option<Self> {
        let range = match (&self.start, &other.start) {
            (Some(a), Some(b)) if a.is_exact() && b.is_exact() => {
                if a.compare(b) != Ordering::Equal {
                    return None;
                }
                Self {
                    start: Some(a.clone()),
                    end: Some(a.clone()),
                }
            }
            _ => Self {
                start: tighter(self.start.as_ref(), other.start.as_ref(), Ordering::Less)?,
                end: tighter(self.end.as_ref(), other.end.as_ref(), Ordering::Greater)?,
            },
        };
        match (&range.start, &range.end) {
            (Some(start), Some(end)) if start.compare(end) == Ordering::Greater => None,
            _ => Some(range),
        }
    }

    fn admits(&self, version: &Bound) -> bool {
        let mut bounds = vec![version.clone()];
        bounds.extend(self.start.clone());
        bounds.extend(self.end.clone());
        Self::reduce(&bounds).is_some()
    }
}

/// The tighter of two bounds on the same side. `looser` is how the looser one compares: lower bounds are tighter when
/// greater, upper bounds when less. The outer `None` says that they exclude each other.
fn tighter(a: Option<&Bound>, b: Option<&Bound>, looser: Ordering) -> Option<Option<Bound>> {
    let (Some(a), Some(b)) = (a, b) else {
        return Some(a.or(b).cloned());
    };
    let within = |bound: &Bound, exact: &Bound| {
        let order = bound.compare(exact);
        let closed = matches!(bound.matcher, Matcher::GreaterOrEqual | Matcher::LessOrEqual);
        (order == looser || (order == Ordering::Equal && closed)).then(|| Some(exact.clone()))
    };
    match (a.is_exact(), b.is_exact()) {
        (false, false) => Some(Some(if a.compare(b) == looser { b } else { a }.clone())),
        (true, _) => within(b, a),
        (false, true) => within(a, b),
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bounds: Vec<String> = self.start.iter().chain(&self.end).map(ToString::to_string).collect();
        bounds.dedup();
        if bounds.is_empty() {
            return f.write_str("any version");
        }
        f.write_str(&bounds.join(", "))
    }
}

/// Versions from oldest to newest, prereleases only where they are wanted. What is no version is left out.
pub(super) fn installable(versions: &[String], prereleases: bool) -> Vec<String> {
    let mut found: Vec<(Bound, &String)> = versions
        .iter()
        .filter_map(|text| Some((Bound::parse(text)?, text)))
        .filter(|(version, _)| prereleases || !version.is_prerelease())
        .collect();
    found.sort_by(|(a, _), (b, _)| a.compare(b));
    found.into_iter().map(|(_, text)| text.clone()).collect()
}

/// The newest version that the range admits.
pub(super) fn newest<'a>(range: &Range, versions: &'a [String]) -> Option<&'a String> {
    let mut best: Option<(Bound, &String)> = None;
    for text in versions {
        let Some(version) = Bound::parse(text) else { continue };
        if range.admits(&version)
            && best
                .as_ref()
                .is_none_or(|(best, _)| best.compare(&version) == Ordering::Less)
        {
            best = Some((version, text));
        }
    }
    best.map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(texts: &[&str]) -> Vec<Bound> {
        texts.iter().map(|text| Bound::parse(text).unwrap()).collect()
    }

    fn chosen(wanted: &[&str], prereleases: bool) -> Option<String> {
        let versions: Vec<String> = [
            "0.8.0",
            "0.9.0",
            "0.10.0",
            "1.0.0-rc.2",
            "1.0.0-rc.10",
            "1.0.0",
            "1.1.0b1",
            "1.1.0",
            "2.0.0-beta1",
            "2.0.0",
        ]
        .map(str::to_owned)
        .to_vec();
        let range = Range::reduce(&bounds(wanted))?;
        newest(&range, &installable(&versions, prereleases)).cloned()
    }

    #[test]
    fn the_newest_version_within_all_bounds() {
        assert_eq!(chosen(&[], false).as_deref(), Some("2.0.0"));
        assert_eq!(chosen(&[">=0.8.0", "<0.10.0"], false).as_deref(), Some("0.9.0"));
        assert_eq!(
            chosen(&[">=0.8.0", "<1.0.0", "<=0.9.0"], false).as_deref(),
            Some("0.9.0")
        );
        assert_eq!(chosen(&["1.0.0", ">=0.8.0"], false).as_deref(), Some("1.0.0"));
        assert_eq!(chosen(&[">1.0.0", "<2.0.0"], false).as_deref(), Some("1.1.0"));
        assert_eq!(chosen(&["<2.0.0"], true).as_deref(), Some("1.1.0"));
        assert_eq!(chosen(&["<1.0.0"], true).as_deref(), Some("0.10.0"));
        assert_eq!(chosen(&["<=1.0.0-rc.10"], true).as_deref(), Some("1.0.0-rc.10"));
    }

    #[test]
    fn bounds_that_exclude_each_other() {
        for wanted in [
            &["1.0.0", "2.0.0"][..],
            &[">1.0.0", "<1.0.0"],
            &[">=2.0.0", "<2.0.0"],
            &["1.0.0", ">1.0.0"],
            &["1.0.0", "<1.0.0"],
        ] {
            assert!(Range::reduce(&bounds(wanted)).is_none(), "{wanted:?}");
        }
        assert!(Range::reduce(&bounds(&[">=1.0.0", "<=1.0.0"])).is_some());
    }

    #[test]
    fn what_is_no_version() {
        for text in ["1.0", "v1.0.0", "01.0.0", "~1.0.0", ">= 1.0.0", "1.0.0,<2.0.0", ""] {
            assert!(Bound::parse(text).is_none(), "{text}");
        }
        assert!(Bound::parse("1.0.0rc1").unwrap().is_prerelease());
    }
}
