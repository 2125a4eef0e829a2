//! Which node an entry of a properties file is about.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::{Builder, fqn, is_off};
use crate::graph::ResourceType;
use crate::jinja::written_config;
use crate::project::{CodeFile, Flavour, NodeProperties, Package, PropertyKind, SeedFile};

/// What is said of a package's files, by kind and name.
pub(super) type Described<'p> = HashMap<(PropertyKind, Cow<'p, str>), &'p NodeProperties>;

/// A model or seed under a name that an entry may mean.
struct Home {
    /// The package's position.
    package: usize,
    enabled: bool,
}

impl Builder<'_> {
    /// For each package what is said of its files. In dbt's packages an entry for a model or seed is about the enabled one of
    /// that name: its own package's first, then any other's, and only then its own that is switched off.
    pub(super) fn described(&self) -> Vec<Described<'_>> {
        let packages = &self.project.packages;
        let homes = self.homes();
        let mut all: Vec<Described<'_>> = packages.iter().map(|_| Described::new()).collect();
        let files: Vec<HashSet<&str>> = packages
            .iter()
            .map(|package| package.files.models.iter().map(CodeFile::stem).collect())
            .collect();
        // What a package says of its own counts more, and of two entries the first; the second is reported.
        for own in [false, true] {
            for (index, package) in packages.iter().enumerate().rev() {
                let properties = &package.properties;
                for entry in properties.nodes.iter().chain(&properties.tests).rev() {
                    let meant = meant(index, package, entry, &homes);
                    if (meant == index) == own {
                        all[meant].insert((entry.kind, file_name(entry, &files[index])), entry);
                    }
                }
            }
        }
        all
    }

    /// The models and seeds of all packages by name.
    fn homes(&self) -> HashMap<&str, Vec<Home>> {
        let mut found: HashMap<&str, Vec<(usize, ResourceType, &str, &str)>> = HashMap::new();
        for (index, package) in self.project.packages.iter().enumerate() {
            for file in &package.files.models {
                let place = (index, ResourceType::Model, file.path.as_str(), file.file.text.as_str());
                found.entry(file.stem()).or_default().push(place);
            }
            for file in &package.files.seeds {
                let place = (index, ResourceType::Seed, file.path.as_str(), "");
                found.entry(SeedFile::stem(file)).or_default().push(place);
            }
        }
        let alone = |places: &[(usize, ResourceType, &str, &str)]| places.iter().all(|place| place.0 == places[0].0);
        found
            .into_iter()
            .map(|(name, places)| {
                let only = alone(&places);
                let home = |(package, resource_type, path, text): (usize, ResourceType, &str, &str)| Home {
                    package,
                    // Nobody asks of the only one.
                    enabled: only || self.is_enabled(&self.project.packages[package], resource_type, path, name, text),
                };
                (name, places.into_iter().map(home).collect())
            })
            .collect()
    }

    /// Whether the project files and the file itself leave it on.
    fn is_enabled(&self, package: &Package, resource_type: ResourceType, path: &str, name: &str, text: &str) -> bool {
        let fqn = fqn(&package.name, path, name);
        let mut settings = Self::settings(package, resource_type, &fqn, &[]);
        self.override_settings(package, resource_type, &fqn, &mut settings);
        let written = written_config(text);
        match written.get("enabled").map(|text| text.trim().to_lowercase()).as_deref() {
            Some("false") => false,
            Some("true") => true,
            _ => !is_off(&settings),
        }
    }
}

/// The position of the package whose file an entry is about.
fn meant(own: usize, package: &Package, entry: &NodeProperties, homes: &HashMap<&str, Vec<Home>>) -> usize {
    let may_be_elsewhere = package.settings.flavour == Flavour::Dbt
        && entry.version.is_none()
        && matches!(entry.kind, PropertyKind::Model | PropertyKind::Seed);
    let Some(homes) = homes.get(entry.name.as_str()).filter(|_| may_be_elsewhere) else {
        return own;
    };
    let enabled = || homes.iter().filter(|home| home.enabled);
    let found = enabled().find(|home| home.package == own).or_else(|| enabled().next());
    found.map_or(own, |home| home.package)
}

/// The stem of the file that an entry describes. The latest version may lie in a file without its number.
fn file_name<'p>(entry: &'p NodeProperties, files: &HashSet<&str>) -> Cow<'p, str> {
    let Some(version) = &entry.version else {
        return Cow::Borrowed(&entry.name);
    };
    if let Some(file) = &version.defined_in {
        return Cow::Borrowed(file.rsplit_once('.').map_or(file, |(stem, _)| stem));
    }
    let numbered = format!("{}_v{}", entry.name, version.name);
    if version.is_latest() && !files.contains(numbered.as_str()) {
        Cow::Borrowed(&entry.name)
    } else {
        Cow::Owned(numbered)
    }
}
