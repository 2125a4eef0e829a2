//! What the semantic layer refuses. Each case is a small change of a project that is fine, and says whether dbt 1.12 accepts
//! it: Assay does the same, but where the case says so. One process reads them all, with one engine.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use super::load::EngineTemplates;
use super::yaml_host::render_yaml;
use crate::diagnostic::{Diagnostic, Diagnostics, Level};
use crate::graph::{self, Voice};
use crate::jinja::Engine;
use crate::project::{Project, YamlScope};

struct Case<'a> {
    name: &'a str,
    /// Whether dbt accepts it.
    accepted: bool,
    /// Whether Assay refuses what dbt accepts, and says why here.
    stricter: bool,
    /// Level, code, line and column of everything that is told.
    told: Vec<&'a str>,
    /// What is written instead of what.
    changes: Vec<(String, String)>,
}

/// `! refused` or `! accepted` is dbt's verdict; `: error bad-metric 3:14` is what Assay tells; `-` lines are replaced by `+`
/// lines.
fn cases(text: &str) -> Vec<Case<'_>> {
    let blocks = text.split("=== ").skip(1);
    blocks
        .map(|block| {
            let mut lines = block.lines().peekable();
            let mut case = Case {
                name: lines.next().expect("a name"),
                accepted: false,
                stricter: false,
                told: Vec::new(),
                changes: Vec::new(),
            };
            while let Some(line) = lines.next() {
                match line.split_at_checked(2).unwrap_or((line, "")) {
                    ("! ", verdict) => {
                        case.accepted = verdict.starts_with("accepted");
                        case.stricter = verdict.starts_with("accepted, ");
                    }
                    (": ", told) => case.told.push(told),
                    ("- ", old) => {
                        let mut change = (old.to_owned(), String::new());
                        while let Some(more) = lines.next_if(|line| line.starts_with("- ")) {
                            let _ = write!(change.0, "\n{}", &more[2..]);
                        }
                        let mut new = Vec::new();
                        while let Some(line) = lines.next_if(|line| line.starts_with('+')) {
                            new.push(line.get(2..).unwrap_or(""));
                        }
                        change.1 = new.join("\n");
                        case.changes.push(change);
                    }
                    _ => assert!(line.is_empty(), "{}: {line}", case.name),
                }
            }
            case
        })
        .collect()
}

/// Everything but the properties, which differ from case to case.
const FILES: [(&str, &str); 4] = [
    ("dbt_project.yml", "name: it\nversion: '1.0'\nprofile: it\n"),
    (
        "models/orders.sql",
        "select 1 as order_id, 2 as customer_id, 3 as amount",
    ),
    ("models/visits.sql", "select 1 as visit_id, 2 as customer_id"),
    ("models/days.sql", "select current_date as day, 2020 as fiscal_year"),
];

/// Parses as `assay parse` does; what is told, and whether it is accepted.
fn parsed(root: &Path, engine: &Engine) -> (Diagnostics, bool) {
    let nothing = Map::new();
    let render = |scope: &YamlScope, text: &str| render_yaml(engine, &nothing, &Json::Null, scope, text);
    let (project, mut told) = match Project::load(root, &render, true) {
        Ok(read) => read,
        Err(problems) => return (problems, false),
    };
    let voice = Voice::silent();
    let templates = EngineTemplates {
        engine,
        globals: IndexMap::new(),
        voice: &voice,
    };
    let target = graph::Target {
        database: "it".to_owned(),
        schema: "dev".to_owned(),
    };
    let (more, accepted) = match graph::build(&project, &templates, &target, &IndexMap::new()) {
        Ok((_, warnings)) => (warnings, true),
        Err(problems) => (problems, false),
    };
    if !accepted {
        told.0.clear();
    }
    told.0.extend(more.0);
    (told, accepted)
}

/// `error bad-metric 3:14`.
fn brief(diagnostic: &Diagnostic) -> String {
    let level = if diagnostic.level == Level::Error {
        "error"
    } else {
        "warning"
    };
    let place = diagnostic.place.as_ref();
    let place = place.map_or_else(String::new, |place| format!("{}:{}", place.line(), place.column()));
    format!("{level} {} {place}", diagnostic.code)
}

fn compare(base: &str, table: &str) {
    let cases = cases(table);
    let engine = Engine::new("it", &["it".to_owned()], &[], &[]).expect("the built-in macros");
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let folder = tempfile::tempdir().expect("a temporary directory");
                let put = |path: &str, text: &str| {
                    let path = folder.path().join(path);
                    std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
                    std::fs::write(path, text).expect("a file");
                };
                for (path, text) in FILES {
                    put(path, text);
                }
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut text = base.to_owned();
                    for (old, new) in &case.changes {
                        assert!(text.contains(old), "{}: `{old}` is not there", case.name);
                        text = text.replacen(old, new, 1);
                    }
                    put("models/all.yml", &text);
                    let (problems, accepted) = parsed(folder.path(), &engine);
                    let told: Vec<String> = problems.0.iter().map(brief).collect();
                    if accepted != (case.accepted && !case.stricter) || told != case.told {
                        let mut wrong = wrong.lock().expect("no panic");
                        wrong.push(format!("{}: {told:?}\n{problems}", case.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_dbt_refuses_is_refused() {
    compare(
        include_str!("../../tests/it/fixtures/semantic_layer/older.yml"),
        include_str!("../../tests/it/fixtures/semantic_layer/older.txt"),
    );
}

/// Semantic models that are parts of models, and metrics without `type_params`.
#[test]
fn what_dbt_refuses_is_refused_within_models() {
    compare(
        include_str!("../../tests/it/fixtures/semantic_layer/newer.yml"),
        include_str!("../../tests/it/fixtures/semantic_layer/newer.txt"),
    );
}
