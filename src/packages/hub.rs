//! The package hub: which packages there are, in which versions, and where their archives lie.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value as Json;

use super::http::Client;
use super::semver::{Bound, Range};
use crate::diagnostic::{Diagnostic, nearest};
use crate::project::DBT_VERSION;

const HUB: &str = "https://hub.getdbt.com/";

/// A hub, asked once for each thing.
pub(super) struct Hub<'a> {
    client: &'a Client,
    base: String,
    index: OnceCell<Vec<String>>,
    packages: RefCell<HashMap<String, Rc<HubPackage>>>,
}

/// A package with its versions.
pub(super) struct HubPackage {
    pub name: String,
    versions: serde_json::Map<String, Json>,
    /// Where it has moved, if it has.
    pub moved_to: Option<String>,
}

/// One version of a package.
pub(super) struct Release<'a> {
    /// The project's own name.
    pub name: &'a str,
    pub packages: &'a [Json],
    pub tarball: &'a str,
}

impl<'a> Hub<'a> {
    /// The hub at `base`, or the public one.
    pub(super) fn new(client: &'a Client, base: Option<&str>) -> Self {
        let base = base.unwrap_or(HUB);
        Self {
            client,
            base: format!("{}/", base.trim_end_matches('/')),
            index: OnceCell::new(),
            packages: RefCell::default(),
        }
    }

    /// Fails where the hub has no such package.
    pub(super) fn check(&self, name: &str) -> Result<(), Diagnostic> {
        if self.index.get().is_none() {
            let Json::Array(names) = self.get("index")? else {
                return Err(self.malformed("index", "it is no list of packages"));
            };
            let names = names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect();
            // Nobody else has set it in between.
            let _ = self.index.set(names);
        }
        let index = self.index.get().map(Vec::as_slice).unwrap_or_default();
        if index.iter().any(|known| known == name) {
            return Ok(());
        }
        let missing = Diagnostic::error("package-not-found", format!("the hub has no package `{name}`"));
        Err(match nearest(name, index.iter().map(String::as_str)) {
            Some(near) => missing.help(format!("did you mean `{near}`?")),
            None => missing.help(format!("look it up at {}", self.base)),
        })
    }

    pub(super) fn package(&self, name: &str) -> Result<Rc<HubPackage>, Diagnostic> {
        if let Some(known) = self.packages.borrow().get(name) {
            return Ok(Rc::clone(known));
        }
        let mut json = self.get(name)?;
        let text = |key: &str| json.get(key).and_then(Json::as_str);
        let moved_to = (text("redirectnamespace").is_some() || text("redirectname").is_some()).then(|| {
            let namespace = text("redirectnamespace")
                .filter(|t| !t.is_empty())
                .or(text("namespace"));
            let short = text("redirectname").filter(|t| !t.is_empty()).or(text("name"));
            format!("{}/{}", namespace.unwrap_or_default(), short.unwrap_or_default())
        });
        let Some(Json::Object(versions)) = json.get_mut("versions").map(Json::take) else {
            return Err(self.malformed(name, "it lists no `versions`"));
        };
        let package = Rc::new(HubPackage {
            name: name.to_owned(),
            versions,
            moved_to,
        });
        self.packages.borrow_mut().insert(name.to_owned(), Rc::clone(&package));
        Ok(package)
    }

    fn get(&self, what: &str) -> Result<Json, Diagnostic> {
        let text = self.client.text(&format!("{}api/v1/{what}.json", self.base))?;
        serde_json::from_str(&text).map_err(|error| self.malformed(what, &error.to_string()))
    }

    fn malformed(&self, what: &str, why: &str) -> Diagnostic {
        Diagnostic::error(
            "package-download",
            format!("{}api/v1/{what}.json is not what a package hub answers", self.base),
        )
        .because(why)
        .help("check DBT_PACKAGE_HUB_URL")
    }
}

impl HubPackage {
    /// Versions that say they work with the dbt that Assay follows, in the hub's order.
    pub(super) fn compatible(&self) -> Vec<String> {
        let (major, minor, patch) = DBT_VERSION;
        let dbt = Bound::parse(&format!("{major}.{minor}.{patch}"));
        self.versions
            .iter()
            .filter(|(_, release)| {
                let wanted = match release.get("require_dbt_version") {
                    Some(Json::String(one)) if !one.is_empty() => vec![one.as_str()],
                    Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
                    _ => return true,
                };
                let mut bounds: Vec<Bound> = dbt.iter().cloned().collect();
                bounds.extend(wanted.into_iter().filter_map(Bound::parse));
                Range::reduce(&bounds).is_some()
            })
            .map(|(version, _)| version.clone())
            .collect()
    }

    pub(super) fn release(&self, version: &str) -> Result<Release<'_>, Diagnostic> {
        let broken = |why: &str| {
            Diagnostic::error(
                "package-not-found",
                format!("the hub has no usable version {version} of `{}`", self.name),
            )
            .because(why)
            .help("run `assay deps --upgrade` to choose another version")
        };
        let release = self.versions.get(version).ok_or_else(|| broken("it is not listed"))?;
        let text = |pointer: &str| release.pointer(pointer).and_then(Json::as_str);
        Ok(Release {
            name: text("/name").ok_or_else(|| broken("its name is missing"))?,
            tarball: text("/downloads/tarball").ok_or_else(|| broken("it says no download"))?,
            packages: release
                .get("packages")
                .and_then(Json::as_array)
                .map_or(&[], Vec::as_slice),
        })
    }
}
