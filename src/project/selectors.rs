//! Named selections: `selectors.yml`.

use std::path::Path;

use serde_json::Value as Json;

use super::{Kind, Reader, Section, Yaml, read_text};
use crate::diagnostic::{Diagnostic, Place};

const FILE: &str = "selectors.yml";

/// One entry of `selectors`.
#[derive(Clone, Debug)]
pub struct NamedSelector {
    pub name: String,
    pub default: bool,
    /// A selector as on the command line, or a mapping.
    pub definition: Json,
    /// All of it, as written.
    pub written: Json,
    pub place: Place,
}

/// The selectors of the project in a folder, in the order of the file; none where there is no file.
pub(super) fn read_selectors(root: &Path, reader: &mut Reader) -> Vec<NamedSelector> {
    let path = root.join(FILE);
    if !path.is_file() {
        return Vec::new();
    }
    let file = match read_text(&path, FILE) {
        Ok(file) => file,
        Err(problem) => {
            reader.problems.push(problem);
            return Vec::new();
        }
    };
    let yaml = match Yaml::parse(&file) {
        Ok(yaml) => yaml,
        Err(problems) => {
            reader.problems.0.extend(problems.0);
            return Vec::new();
        }
    };
    if matches!(yaml.kind, Kind::Null) {
        return Vec::new();
    }
    let yaml = reader.rendered(&yaml, &|_| false);
    let Some(mut section) = Section::of(&yaml, FILE, reader) else {
        return Vec::new();
    };
    section.take("version");
    let items = section.list("selectors", reader);
    section.finish(reader);
    let mut selectors: Vec<NamedSelector> = Vec::new();
    for item in items {
        if let Some(selector) = one(item, reader) {
            check(&selector, &selectors, reader);
            // As in dbt, the last of two of one name counts.
            selectors.retain(|other| other.name != selector.name);
            selectors.push(selector);
        }
    }
    selectors
}

fn one(item: &Yaml, reader: &mut Reader) -> Option<NamedSelector> {
    let mut section = Section::of(item, "a selector", reader)?;
    let name = section.required("name", reader)?;
    section.what = format!("selector `{name}`");
    let definition = section.take("definition");
    let default = section.flag("default", reader).unwrap_or(false);
    section.text("description", reader);
    section.finish(reader);
    let Some(definition) = definition.filter(|found| matches!(found.kind, Kind::String(_) | Kind::Map(_))) else {
        let problem = Diagnostic::error("invalid-selector", format!("selector `{name}` has no definition"))
            .at(item.place.clone())
            .help("`definition` is a selector as on the command line, or a mapping: `{method: tag, value: nightly}`");
        reader.problems.push(problem);
        return None;
    };
    Some(NamedSelector {
        name,
        default,
        definition: definition.to_json(),
        written: item.to_json(),
        place: item.place.clone(),
    })
}

fn check(selector: &NamedSelector, before: &[NamedSelector], reader: &mut Reader) {
    if let Some(other) = before.iter().find(|other| other.default && selector.default) {
        reader.problems.push(
            Diagnostic::error(
                "invalid-selector",
                format!("`{}` and `{}` are both the default selector", other.name, selector.name),
            )
            .at(selector.place.clone())
            .help("keep `default: true` on one of them"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Flavour;

    #[test]
    fn a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |text: &str| std::fs::write(folder.path().join(FILE), text).expect("a file");
        let read = || {
            let jinja = |_: &str| Ok(Json::from("a"));
            let mut reader = Reader::new(Flavour::Dbt, &jinja);
            let selectors = read_selectors(folder.path(), &mut reader);
            (selectors, reader.problems.to_string())
        };
        assert!(read().0.is_empty());
        write("selectors:\n- {name: n, default: true, definition: '{{ x }}'}\n- {name: m, definition: {tag: b}}\n");
        let (selectors, problems) = read();
        assert_eq!(problems, "");
        assert_eq!(selectors[0].definition, "a");
        assert_eq!((selectors[0].default, selectors[1].default), (true, false));
        write(
            "selectors:\n- {name: n, default: true, definition: a}\n- {name: m, default: true, definition: b}\n- {name: o, definition: [a]}\n",
        );
        let (_, problems) = read();
        assert!(
            problems.contains("`n` and `m` are both the default selector"),
            "{problems}"
        );
        assert!(problems.contains("selector `o` has no definition"), "{problems}");
    }
}
