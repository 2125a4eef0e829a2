//! `--add-package`: one more entry in the file, and the rest of the file as it was.

use serde_json::{Map, Value as Json, json};

use super::dump::dumped;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::project::Yaml;

/// Where a package to add comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Hub,
    Git,
    Local,
}

/// A package to add: `name@version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    pub name: String,
    /// A version, bounds with commas between them, or a revision.
    pub version: Option<String>,
    pub source: Source,
}

impl Addition {
    /// Reads `name@version`. In the address of a repository, an `@` before the path belongs to the address.
    #[must_use]
    pub fn parse(text: &str, source: Source) -> Self {
        let (name, version) = match text.rsplit_once('@') {
            Some((name, version)) if !version.is_empty() && !version.contains(['/', ':']) => (name, Some(version)),
            Some((name, "")) => (name, None),
            _ => (text, None),
        };
        Self {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            source,
        }
    }

    fn entry(&self) -> Json {
        let mut entry = Map::new();
        let (key, version_key) = match self.source {
            Source::Hub => ("package", "version"),
            Source::Git => ("git", "revision"),
            Source::Local => ("local", "version"),
        };
        entry.insert(key.to_owned(), json!(self.name));
        if let Some(version) = &self.version {
            let bounds: Vec<&str> = version.split(',').map(str::trim).collect();
            let version = match bounds[..] {
                [one] => json!(one),
                _ => json!(bounds),
            };
            entry.insert(version_key.to_owned(), version);
        }
        Json::Object(entry)
    }

    /// Whether an entry is another version of this package: one that names it between slashes, dots and ends, hyphens
    /// and underscores being the same.
    fn replaces(&self, entry: &Json) -> bool {
        let Some(known) = ["package", "git", "local", "tarball", "private"]
            .iter()
            .find_map(|key| entry.get(key)?.as_str())
        else {
            return false;
        };
        let short = self.name.rsplit('/').next().unwrap_or(&self.name);
        let mut names: Vec<String> = Vec::new();
        for name in [self.name.as_str(), short] {
            names.extend([name.to_owned(), name.replace('_', "-"), name.replace('-', "_")]);
        }
        let edge = |c: Option<char>| c.is_none_or(|c| matches!(c, '/' | '.'));
        names.iter().filter(|name| !name.is_empty()).any(|name| {
            known.find(name.as_str()).is_some_and(|at| {
                edge(known[..at].chars().next_back()) && edge(known[at + name.len()..].chars().next())
            })
        })
    }
}

/// The file with the addition, and the entries that it replaces.
pub(super) fn with_added(file: &str, text: &str, addition: &Addition) -> Result<(String, Vec<Json>), Diagnostic> {
    let parse = |text: &str| Yaml::parse(&SourceFile::new(file, text)).map(|yaml| yaml.to_json());
    let broken = || {
        Diagnostic::error("package-entry", format!("nothing can be added to {file}"))
            .because("it is no mapping with a list of `packages`")
            .help("mend it first")
    };
    let mut json = match parse(text).map_err(|_| broken())? {
        Json::Null => json!({}),
        other => other,
    };
    let Some(map) = json.as_object_mut() else {
        return Err(broken());
    };
    let packages = map.entry("packages").or_insert(Json::Null);
    if packages.is_null() {
        *packages = json!([]);
    }
    let Some(items) = packages.as_array_mut() else {
        return Err(broken());
    };
    let kept: Vec<bool> = items.iter().map(|item| !addition.replaces(item)).collect();
    let mut keep = kept.iter();
    let mut replaced = items.clone();
    items.retain(|_| *keep.next().unwrap_or(&true));
    items.push(addition.entry());
    let mut keep = kept.iter();
    replaced.retain(|_| !*keep.next().unwrap_or(&true));
    // Comments and quotes survive where the file is written as one is; else it is written as dbt writes it.
    let edited = edited(text, &kept, &addition.entry()).filter(|text| parse(text).is_ok_and(|found| found == json));
    Ok((edited.unwrap_or_else(|| dumped(&json)), replaced))
}

/// The text with some items of `packages:` taken out and one put behind the others. `None` where the text is written in a
/// way that this does not know.
fn edited(text: &str, kept: &[bool], entry: &Json) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let start = 1 + lines.iter().position(|line| line.trim_end() == "packages:")?;
    let is_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let indent_of = |line: &str| line.len() - line.trim_start().len();
    let is_item = |line: &str| line.trim_start().starts_with("- ") || line.trim() == "-";
    let mut indent = None;
    let mut out: Vec<String> = lines[..start].iter().map(|line| (*line).to_owned()).collect();
    let mut item = None;
    let mut end = lines.len();
    for (i, line) in lines.iter().enumerate().skip(start) {
        if is_content(line) {
            let dash = *indent.get_or_insert_with(|| indent_of(line));
            if indent_of(line) < dash || (indent_of(line) == dash && !is_item(line)) {
                end = i;
                break;
            }
            if indent_of(line) == dash {
                item = Some(item.map_or(0, |item: usize| item + 1));
            }
        }
        let in_item = is_content(line) && item.is_some_and(|item| !kept.get(item).copied().unwrap_or(true));
        if !in_item {
            out.push((*line).to_owned());
        }
    }
    // Before what separates the list from what follows.
    let mut at = out.len();
    while at > start && !is_content(&out[at - 1]) {
        at -= 1;
    }
    let lead = " ".repeat(indent.unwrap_or(2));
    let added = dumped(&json!([entry]));
    let added: Vec<String> = added.lines().map(|line| format!("{lead}{line}")).collect();
    out.splice(at..at, added);
    out.extend(lines[end..].iter().map(|line| (*line).to_owned()));
    Some(out.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        let parse = |text| {
            let addition = Addition::parse(text, Source::Git);
            (addition.name, addition.version)
        };
        assert_eq!(parse("a/b@1.0.0"), ("a/b".into(), Some("1.0.0".into())));
        assert_eq!(parse("a/b"), ("a/b".into(), None));
        assert_eq!(parse("git@h:a/b.git"), ("git@h:a/b.git".into(), None));
        assert_eq!(parse("git@h:a/b.git@v1"), ("git@h:a/b.git".into(), Some("v1".into())));
        assert_eq!(parse("https://u@h/a.git"), ("https://u@h/a.git".into(), None));
    }

    #[test]
    fn comments_stay() {
        let text = "# ours\npackages:\n  # the tools\n  - package: dbt-labs/dbt_utils # old\n    version: 1.0.0\n  - local: ../x\n\n# end\nother: 1\n";
        let addition = Addition::parse("dbt-labs/dbt_utils@>=1.1.0,<2.0.0", Source::Hub);
        let (out, replaced) = with_added("packages.yml", text, &addition).unwrap();
        assert_eq!(
            out,
            "# ours\npackages:\n  # the tools\n  - local: ../x\n  - package: dbt-labs/dbt_utils\n    version:\n      - '>=1.1.0'\n      - <2.0.0\n\n# end\nother: 1\n"
        );
        assert_eq!(replaced.len(), 1);
    }

    #[test]
    fn other_ways_to_write_it() {
        let addition = Addition::parse("a/b@1.0.0", Source::Hub);
        let added = "packages:\n  - package: a/b\n    version: 1.0.0\n";
        for text in [
            "",
            "packages: []\n",
            "packages:\n",
            "packages: [{package: a/b, version: 2.0.0}]",
        ] {
            assert_eq!(with_added("packages.yml", text, &addition).unwrap().0, added, "{text}");
        }
        let (out, _) = with_added(
            "packages.yml",
            "packages:\n- git: https://h/b.git\n- local: c\n",
            &addition,
        )
        .unwrap();
        assert_eq!(out, "packages:\n- local: c\n- package: a/b\n  version: 1.0.0\n");
        assert!(with_added("packages.yml", "packages: 1", &addition).is_err());
    }

    #[test]
    fn a_longer_name_is_another_package() {
        let addition = Addition::parse("dbt-labs/dbt-core", Source::Hub);
        assert!(!addition.replaces(&json!({"package": "dbt-labs/dbt-core-utils"})));
        assert!(addition.replaces(&json!({"git": "https://github.com/dbt-labs/dbt_core.git"})));
        assert!(addition.replaces(&json!({"local": "../dbt-core", "warn-unpinned": false})));
    }
}
