//! What readers saw, publication after publication, and what it takes to go back.

use indexmap::IndexMap;

use crate::postgres::{Connection, SqlError};

use super::ledger::Ledger;

/// One row of the ledger.
#[derive(Clone, Debug)]
struct Row {
    model: String,
    version_id: i64,
    run_id: String,
    /// Microseconds; the models of one publication share it.
    at: i64,
    rollback: bool,
}

/// A version that readers saw, and the publication that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub version_id: i64,
    publication: usize,
}

/// Models that changed in one transaction.
#[derive(Clone, Debug)]
struct Publication {
    run_id: String,
    at: i64,
}

/// For each model the versions that led to what readers see now; what a rollback took back is not among them.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    publications: Vec<Publication>,
    pub models: IndexMap<String, Vec<Seen>>,
}

impl Past {
    pub async fn read(connection: &Connection, ledger: &Ledger) -> Result<Self, SqlError> {
        let rows = connection
            .query(
                "select model, version_id, run_id::text, (extract(epoch from published_at) * 1000000)::bigint,
                        action = 'rollback'
                 from assay.publications where published_schema = $1 and action in ('publish', 'rollback')
                 order by publication_id",
                &[&ledger.schema],
            )
            .await?;
        let rows = rows.iter().map(|row| Row {
            model: row.get(0),
            version_id: row.get(1),
            run_id: row.get(2),
            at: row.get(3),
            rollback: row.get(4),
        });
        Ok(Self::of(rows))
    }

    fn of(rows: impl IntoIterator<Item = Row>) -> Self {
        let mut past = Self::default();
        for row in rows {
            let known = past
                .publications
                .iter()
                .rposition(|known| known.run_id == row.run_id && known.at == row.at);
            let publication = known.unwrap_or_else(|| {
                past.publications.push(Publication {
                    run_id: row.run_id,
                    at: row.at,
                });
                past.publications.len() - 1
            });
            let seen = past.models.entry(row.model).or_default();
            let before = seen.iter().position(|before| before.version_id == row.version_id);
            match before.filter(|_| row.rollback) {
                Some(before) => seen.truncate(before + 1),
                None => seen.push(Seen {
                    version_id: row.version_id,
                    publication,
                }),
            }
        }
        past
    }

    /// When readers stopped seeing the version at a place of a model's past, in microseconds.
    pub fn replaced_at(&self, model: &str, place: usize) -> i64 {
        let next = self.models.get(model).and_then(|seen| seen.get(place + 1));
        next.map_or(i64::MAX, |next| self.publications[next.publication].at)
    }

    /// How much of each model's past is left once the newest run that changed what readers see is undone.
    pub fn before_last_run(&self) -> IndexMap<String, usize> {
        let newest = self
            .models
            .values()
            .filter_map(|seen| seen.last())
            .map(|seen| seen.publication)
            .max();
        let Some(newest) = newest else {
            return IndexMap::new();
        };
        let run = &self.publications[newest].run_id;
        self.cut(|seen| self.publications[seen.publication].run_id != *run)
    }

    /// What is left once readers see what they saw when a run had ended; `None` where it published nothing.
    pub fn as_of_run(&self, run_id: &str) -> Option<IndexMap<String, usize>> {
        let last = self
            .publications
            .iter()
            .rposition(|known| known.run_id.starts_with(run_id))?;
        Some(self.cut(|seen| seen.publication <= last))
    }

    /// The places of the first versions that are not to be kept, of models that have such.
    fn cut(&self, keeps: impl Fn(&Seen) -> bool) -> IndexMap<String, usize> {
        let cut = self.models.iter().filter_map(|(model, seen)| {
            let place = seen.iter().position(|seen| !keeps(seen))?;
            Some((model.clone(), place))
        });
        cut.collect()
    }

    /// The same with everything that was published together with what is undone.
    pub fn with_sets(&self, mut left: IndexMap<String, usize>) -> IndexMap<String, usize> {
        let undone = |model: &str, from: usize, to: usize| {
            let seen = self.models.get(model).and_then(|seen| seen.get(from..to));
            seen.into_iter()
                .flatten()
                .map(|seen| seen.publication)
                .collect::<Vec<_>>()
        };
        let mut open: Vec<usize> = Vec::new();
        for (model, place) in &left {
            open.extend(undone(model, *place, self.models.get(model).map_or(0, Vec::len)));
        }
        while let Some(publication) = open.pop() {
            for (model, seen) in &self.models {
                let standing = left.get(model).copied().unwrap_or(seen.len());
                let place = seen.iter().position(|seen| seen.publication == publication);
                if let Some(place) = place.filter(|place| *place < standing) {
                    open.extend(undone(model, place, standing));
                    left.insert(model.clone(), place);
                }
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `run/at: model=version ...`; a run that begins with `-` is a rollback.
    fn past(publications: &[(&str, &[(&str, i64)])]) -> Past {
        let rows = publications.iter().enumerate().flat_map(|(at, (run, models))| {
            models.iter().map(move |(model, version_id)| Row {
                model: (*model).to_owned(),
                version_id: *version_id,
                run_id: (*run).to_owned(),
                at: i64::try_from(at).unwrap(),
                rollback: run.starts_with('-'),
            })
        });
        Past::of(rows)
    }

    fn left(left: &IndexMap<String, usize>) -> Vec<(&str, usize)> {
        let mut left: Vec<_> = left.iter().map(|(model, place)| (model.as_str(), *place)).collect();
        left.sort_unstable();
        left
    }

    #[test]
    fn a_set_goes_back_as_it_came() {
        let past = past(&[
            ("1", &[("fact", 1), ("daily", 2)]),
            ("1", &[("aside", 3)]),
            ("2", &[("fact", 4)]),
            ("3", &[("fact", 5), ("daily", 6)]),
            ("4", &[("daily", 7)]),
        ]);
        assert_eq!(left(&past.before_last_run()), [("daily", 2)]);
        let fact = IndexMap::from([("fact".to_owned(), 2)]);
        // What came later of a member goes with it, and nothing else.
        assert_eq!(left(&past.with_sets(fact)), [("daily", 1), ("fact", 2)]);
        let first = past.as_of_run("2").unwrap();
        assert_eq!(left(&past.with_sets(first)), [("daily", 1), ("fact", 2)]);
        let first = past.as_of_run("1").unwrap();
        assert_eq!(left(&past.with_sets(first)), [("daily", 1), ("fact", 1)]);
        assert!(past.as_of_run("9").is_none());
        assert_eq!(past.replaced_at("daily", 0), 3);
    }

    #[test]
    fn what_was_taken_back_is_not_gone_back_to() {
        let past = past(&[
            ("1", &[("fact", 1)]),
            ("2", &[("fact", 2)]),
            ("-3", &[("fact", 1)]),
            ("4", &[("fact", 3)]),
        ]);
        let versions: Vec<i64> = past.models["fact"].iter().map(|seen| seen.version_id).collect();
        assert_eq!(versions, [1, 3]);
        assert_eq!(left(&past.before_last_run()), [("fact", 1)]);
    }
}
