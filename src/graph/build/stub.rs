//! A template engine for unit tests that knows a few calls only, found by their looks.

use std::collections::HashSet;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::templates::{Job, Templates};

/// Macros as package and name; `generate_schema_name` gives its first argument back where the project has one.
#[derive(Default)]
pub struct Stub(pub HashSet<(String, String)>);

impl Stub {
    pub fn with(macros: &[(&str, &str)]) -> Self {
        let builtin = ["unique", "not_null", "accepted_values", "relationships"];
        let mut all: HashSet<(String, String)> = builtin
            .iter()
            .map(|name| ("dbt".to_owned(), format!("test_{name}")))
            .collect();
        all.extend(
            macros
                .iter()
                .map(|(package, name)| ((*package).to_owned(), (*name).to_owned())),
        );
        Self(all)
    }
}

impl Templates for Stub {
    fn render(&self, job: &Job) -> Result<String, Diagnostic> {
        let text = &job.source.text;
        let call = Regex::new(r"(ref|source|config|fail)\(([^()]*)\)").unwrap();
        for found in call.captures_iter(text) {
            let args: Vec<&str> = found[2]
                .split(',')
                .map(|arg| arg.trim().trim_matches('\''))
                .filter(|arg| !arg.is_empty())
                .collect();
            let refused = match (&found[1], &args[..]) {
                ("ref", [name]) => job.host.reference(None, name, None).map(|_| ()),
                ("ref", [package, name]) => job.host.reference(Some(package), name, None).map(|_| ()),
                ("source", [source, table]) => job.host.source(source, table).map(|_| ()),
                ("config", args) => {
                    let values: IndexMap<String, Json> = args
                        .iter()
                        .filter_map(|arg| arg.split_once('='))
                        .map(|(key, value)| {
                            let value = value.trim_matches('\'');
                            (
                                key.to_owned(),
                                value.parse().map_or_else(|_| Json::from(value), Json::Bool),
                            )
                        })
                        .collect();
                    job.host.configure(values)
                }
                _ => {
                    let place = Place::new(job.source, found.get(0).unwrap().range());
                    return Err(Diagnostic::error("undefined-macro", "`fail` is not defined").at(place));
                }
            };
            refused.map_err(Diagnostic::from)?;
        }
        Ok(text.clone())
    }

    fn call(&self, _job: &Job, _name: &str, args: &[Json]) -> Result<String, Diagnostic> {
        Ok(args[0].as_str().unwrap_or("main").to_owned())
    }

    fn has_macro(&self, package: &str, name: &str) -> bool {
        self.0.contains(&(package.to_owned(), name.to_owned()))
    }

    fn instead_of(&self, wanted: &str, package: &str, name: &str) -> Option<String> {
        let own = format!("macro.{package}.{name}");
        (self.has_macro(package, name) && own != wanted).then_some(own)
    }

    fn macros(&self) -> Vec<(String, String)> {
        self.0.iter().cloned().collect()
    }
}
