//! What the semantic layer refuses. Each case is a small change of a project that is fine, and says whether dbt 1.12 accepts
//! it: Assay does the same, but where the case says so.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::support::Project;

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

fn project() -> Project {
    Project::new()
        .write("dbt_project.yml", "name: it\nversion: '1.0'\nprofile: it\n")
        .write(
            "models/orders.sql",
            "select 1 as order_id, 2 as customer_id, 3 as amount",
        )
        .write("models/visits.sql", "select 1 as visit_id, 2 as customer_id")
        .write("models/days.sql", "select current_date as day, 2020 as fiscal_year")
}

/// `error bad-metric 3:14` of every diagnostic.
fn told(stderr: &str) -> Vec<String> {
    let mut told = Vec::new();
    let mut lines = stderr.lines();
    while let Some(line) = lines.next() {
        let line = line.rsplit_once("[time]  ").map_or(line, |(_, line)| line);
        let Some((level, rest)) = line.split_once('[') else {
            continue;
        };
        let Some((code, _)) = rest.split_once("]: ").filter(|_| matches!(level, "error" | "warning")) else {
            continue;
        };
        let place = lines.next().and_then(|line| line.split_once("--> "));
        let place = place.map_or("", |(_, place)| place.split_once(':').map_or(place, |(_, place)| place));
        told.push(format!("{level} {code} {place}"));
    }
    told
}

fn compare(base: &str, table: &str) {
    let cases = cases(table);
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let project = project();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut text = base.to_owned();
                    for (old, new) in &case.changes {
                        assert!(text.contains(old), "{}: `{old}` is not there", case.name);
                        text = text.replacen(old, new, 1);
                    }
                    project.put("models/all.yml", &text);
                    let outcome = project.run(&["parse"]);
                    let accepted = outcome.status == Some(0);
                    let told = told(&outcome.stderr);
                    if accepted != (case.accepted && !case.stricter) || told != case.told {
                        let mut wrong = wrong.lock().expect("no panic");
                        wrong.push(format!("{}: {told:?}\n{}", case.name, outcome.stderr));
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
        include_str!("fixtures/semantic_layer/older.yml"),
        include_str!("fixtures/semantic_layer/older.txt"),
    );
}

/// Semantic models that are parts of models, and metrics without `type_params`.
#[test]
fn what_dbt_refuses_is_refused_within_models() {
    compare(
        include_str!("fixtures/semantic_layer/newer.yml"),
        include_str!("fixtures/semantic_layer/newer.txt"),
    );
}
