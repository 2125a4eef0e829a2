//! Who is to be erased.

use std::io::Read as _;

use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::gate::SubjectCondition;
use crate::graph::{Graph, subject_keys};
use crate::postgres::Connection;
use crate::sql::Relation;

use super::arguments::EraseArguments;

/// Who is to be erased: named, or found by conditions.
pub(super) struct Whom {
    subjects: Vec<(String, String)>,
    conditions: Vec<SubjectCondition>,
}

impl Whom {
    /// Keys that no column declares are refused.
    pub fn read(graph: &Graph, subjects: Vec<(String, String)>, conditions: &[String]) -> Result<Self, Diagnostic> {
        let declared = declared_keys(graph);
        known_keys(&declared, &subjects)?;
        let conditions = conditions.iter().map(|text| SubjectCondition::read(text, &declared));
        Ok(Self {
            subjects,
            conditions: conditions.collect::<Result<_, _>>()?,
        })
    }

    /// Keys with values that were given.
    pub fn named(&self) -> &[(String, String)] {
        &self.subjects
    }

    /// Names of the keys.
    pub fn keys(&self) -> Vec<&str> {
        let named = self.subjects.iter().map(|(key, _)| key.as_str());
        named
            .chain(self.conditions.iter().map(|condition| condition.key.as_str()))
            .collect()
    }

    /// Adds those who meet a condition, by the columns that hold a key itself.
    pub async fn found(
        mut self,
        connection: &Connection,
        holding: impl Fn(&str) -> Vec<(String, Relation)>,
    ) -> Result<Vec<(String, String)>, Diagnostics> {
        for condition in &self.conditions {
            let columns = holding(&condition.key);
            if columns.is_empty() {
                return Err(Diagnostic::error(
                    "unknown-subject-key",
                    "nobody can be found by the condition of --where",
                )
                .because(format!(
                    "no table that is there has a column that holds `{}` itself",
                    condition.key
                ))
                .help("build the models or load the sources that hold it, or name persons by --subject")
                .into());
            }
            let values = condition.values(connection, &columns).await?;
            self.subjects
                .extend(values.into_iter().map(|value| (condition.key.clone(), value)));
        }
        // Who was named and is found as well is one person.
        self.subjects.sort();
        self.subjects.dedup();
        Ok(self.subjects)
    }
}

/// Keys with values, as they were typed or listed. What is wrong with them is told without the values.
pub(super) fn named(arguments: &EraseArguments) -> Result<Vec<(String, String)>, Diagnostic> {
    let mut lines = arguments.subject.clone();
    if let Some(path) = &arguments.subjects_file {
        let mut text = String::new();
        let read = if path.as_os_str() == "-" {
            std::io::stdin().read_to_string(&mut text).map(drop)
        } else {
            std::fs::read_to_string(path).map(|read| text = read)
        };
        read.map_err(|error| {
            Diagnostic::error("invalid-argument", format!("{} cannot be read", path.display()))
                .because(error.to_string())
                .help("name a text file with one KEY=VALUE a line, or - for the standard input")
        })?;
        lines.extend(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
    }
    let read: Option<Vec<(String, String)>> = lines
        .iter()
        .map(|line| {
            let (key, value) = line.split_once('=')?;
            (!value.is_empty()).then(|| (key.trim().to_owned(), value.to_owned()))
        })
        .collect();
    let enough = |subjects: &Vec<_>| !(subjects.is_empty() && arguments.conditions.is_empty());
    read.filter(enough).ok_or_else(|| {
        Diagnostic::error("invalid-argument", "it is not said who is to be erased")
            .because("every subject is a key, an equals sign and a value")
            .help("write --subject user_id=VALUE, --subjects-file FILE with one KEY=VALUE a line, or --where CONDITION")
    })
}

/// Names of the subject keys that columns declare.
fn declared_keys(graph: &Graph) -> Vec<String> {
    let mut known: Vec<String> = graph
        .nodes()
        .flat_map(|node| subject_keys(node).into_iter().map(|(_, key)| key.name))
        .collect();
    known.sort();
    known.dedup();
    known
}

fn known_keys(known: &[String], subjects: &[(String, String)]) -> Result<(), Diagnostic> {
    let Some((unknown, _)) = subjects.iter().find(|(key, _)| !known.contains(key)) else {
        return Ok(());
    };
    let error = Diagnostic::error(
        "unknown-subject-key",
        format!("no column declares the subject key `{unknown}`"),
    );
    Err(match nearest(unknown, known.iter().map(String::as_str)) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("declare it in a properties file, on each column that holds it: `meta: {subject_key: ..}`"),
    })
}
