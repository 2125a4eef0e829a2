//! Random trials of the gate: whatever happens to the raw data, the models, the run, its connection or its server, readers
//! that never rest see audited rows and whole sets, and the next clean run leaves what a run without mishaps leaves.
//!
//! `ASSAY_TRIALS=1000 cargo test --test it trials -- --ignored` runs many; `ASSAY_TRIAL_SEED` repeats one.

mod oracle;
mod readers;
mod shop;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Fault, Numbers, Plan, Project, Proxy, Server};
use readers::Readers;

/// One project with the database that each of its trials begins with.
struct Lane {
    server: &'static Server,
    /// The server is this lane's own, and may be crashed.
    crashes: bool,
    /// A run publishes all at once.
    together: bool,
    project: Project,
    proxy: Proxy,
    database: String,
    /// Statements of an undisturbed run.
    statements: usize,
}

/// What is done to a run, or instead of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Plain,
    Fault(Fault),
    Crash,
    Twice,
    Rollback,
    Collect,
    Refresh,
}

static LANES: AtomicUsize = AtomicUsize::new(0);

impl Lane {
    fn new(server: &'static Server, crashes: bool, together: bool) -> Self {
        let mut project = Project::new().write("project.yml", &shop::settings(together));
        for (path, text) in shop::FILES {
            project = project.write(path, text);
        }
        let database = format!("trial{}", LANES.fetch_add(1, Ordering::SeqCst));
        let mut lane = Self {
            server,
            crashes,
            together,
            project,
            proxy: Proxy::start(server),
            database,
            statements: 0,
        };
        lane.admin(&format!("create database {}", lane.database));
        lane.psql(
            "do $$ begin create role it_trial_reader login; exception when duplicate_object or unique_violation then null; end $$",
        );
        lane.psql(shop::RAW);
        lane.settled("the first build");
        lane.psql(&shop::batch(&mut Numbers(1), None));
        lane.settled("the second build");
        lane.statements = lane.proxy.statements().len();
        lane.admin(&format!(
            "alter database {} rename to {}_base",
            lane.database, lane.database
        ));
        lane
    }

    fn admin(&self, sql: &str) {
        let end = Instant::now() + Duration::from_secs(120);
        // Sessions that have just ended may still be there.
        while let Err(error) = self.server.try_psql("postgres", "postgres", sql) {
            assert!(Instant::now() < end, "{sql}: {error}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn psql(&self, sql: &str) -> String {
        self.server.psql(&self.database, "postgres", sql)
    }

    fn profile(&self, threads: u64) {
        self.project.put(
            "profiles.yml",
            &format!(
                "it:\n  target: dev\n  outputs:\n    dev: {{type: postgres, host: 127.0.0.1, port: {}, user: postgres, \
                 password: '', dbname: {}, schema: dev, threads: {threads}, sslmode: disable, connect_timeout: 30}}\n",
                self.proxy.port, self.database
            ),
        );
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command: Command = self.project.command(arguments);
        command.stdout(Stdio::null()).spawn().expect("assay starts")
    }

    /// A command, with the wire breaking where the plan says; its status and what it said.
    fn run(&self, arguments: &[&str], plan: Option<Plan>) -> (Option<i32>, String) {
        self.proxy.arm(plan);
        let child = self.spawn(arguments);
        self.proxy.victim(child.id());
        ended(child)
    }

    fn settled(&self, what: &str) {
        self.profile(4);
        let (status, said) = self.run(&["build", "--lock-wait", "30"], None);
        assert_eq!(status, Some(0), "{what}\n{said}");
    }

    /// One trial; what happened, and what is wrong with that.
    fn trial(&self, seed: u64) -> Result<u64, String> {
        self.admin(&format!(
            "create database {} template {}_base",
            self.database, self.database
        ));
        if self.crashes {
            // The sequences of a copied database count on what the log said of the original.
            self.admin("checkpoint");
        }
        for (path, text) in shop::FILES {
            self.project.put(path, text);
        }
        let mut numbers = Numbers(seed);
        self.profile(1 + numbers.below(4));
        let readers = Readers::start(self.server, &self.database, self.together, seed);
        let mut told = String::new();
        let mut wrong = Vec::new();
        for _ in 0..=numbers.below(3) {
            wrong.extend(self.turn(&mut numbers, &readers, &mut told));
        }
        self.psql(shop::REPAIR);
        self.profile(4);
        let (status, said) = self.run(&["build", "--lock-wait", "30"], None);
        let (reads, seen) = readers.stop();
        wrong.extend(seen);
        if status == Some(0) {
            wrong.extend(oracle::objections(self.server, &self.database));
            if numbers.below(5) == 0 {
                let before = oracle::rows(self.server, &self.database);
                let (status, said) = self.run(&["build", "--full-refresh"], None);
                if status != Some(0) || oracle::rows(self.server, &self.database) != before {
                    wrong.push(format!("a full refresh ({status:?}) says something else\n{said}"));
                }
            }
        } else {
            wrong.push(format!("the clean build ends with {status:?}:\n{said}"));
        }
        if wrong.is_empty() {
            self.admin(&format!("drop database {} with (force)", self.database));
            return Ok(reads);
        }
        let kept = format!("{}_seed_{seed}", self.database);
        self.admin(&format!("drop database if exists {kept}"));
        self.admin(&format!("alter database {} rename to {kept}", self.database));
        Err(format!(
            "ASSAY_TRIAL_SEED={seed} (database {kept})\n{told}{}",
            wrong.join("\n")
        ))
    }

    /// New raw data or new models, then a run or something else.
    fn turn(&self, numbers: &mut Numbers, readers: &Readers, told: &mut String) -> Vec<String> {
        let mut wrong = Vec::new();
        let bad = (numbers.below(2) == 0).then(|| numbers.pick(shop::BAD));
        self.psql(&shop::batch(numbers, bad));
        *told += &format!("raw data: {}\n", bad.unwrap_or("good"));
        if numbers.below(3) == 0 {
            let (path, text) = shop::edit(numbers);
            *told += &format!("{path}: {text}\n");
            self.project.put(path, &text);
        }
        let turn = self.pick(numbers);
        *told += &format!("{turn:?}\n");
        let at = 1 + usize::try_from(numbers.below(self.statements as u64 + 20)).expect("small");
        let build: &[&str] = match numbers.below(4) {
            0 => &["build", "--lock-wait", "30", "--audit", "full"],
            1 => &["run", "--lock-wait", "30"],
            _ => &["build", "--lock-wait", "30"],
        };
        let mut ends = |(status, said): (Option<i32>, String), allowed: &[Option<i32>]| {
            *told += &format!("{status:?}\n{said}\n");
            if !allowed.contains(&status) {
                wrong.push(format!("{turn:?} ends with {status:?}:\n{said}"));
            }
        };
        let failed_or_not = [Some(0), Some(1)];
        let any = [Some(0), Some(1), Some(2), None];
        match turn {
            Turn::Plain => ends(self.run(build, None), &failed_or_not),
            Turn::Fault(fault) => ends(self.run(build, Some(Plan { at, of: "", fault })), &any),
            Turn::Crash => {
                readers.expect_crash();
                self.proxy.arm(None);
                let child = self.spawn(build);
                let end = Instant::now() + Duration::from_secs(60);
                while self.proxy.statements().len() < at && Instant::now() < end {
                    thread::sleep(Duration::from_millis(1));
                    if self.proxy.statements().len() >= self.statements {
                        break;
                    }
                }
                self.server.restart("immediate");
                ends(ended(child), &any);
            }
            Turn::Twice => {
                self.proxy.arm(None);
                let first = self.spawn(build);
                thread::sleep(Duration::from_millis(numbers.below(400)));
                let second = self.spawn(&["build"]);
                // Who comes too late is refused.
                ends(ended(second), &[Some(0), Some(1), Some(2)]);
                ends(ended(first), &failed_or_not);
            }
            Turn::Rollback => ends(self.run(&["rollback"], None), &any[..3]),
            Turn::Collect => ends(self.run(&["gc"], None), &any[..1]),
            Turn::Refresh => {
                let part = numbers.pick(&["fact+", "log", "kept+", "dim+", "halves+"]);
                ends(
                    self.run(&["build", "--full-refresh", "--select", part], None),
                    &failed_or_not,
                );
            }
        }
        wrong
    }

    fn pick(&self, numbers: &mut Numbers) -> Turn {
        match numbers.below(16) {
            0..=1 => Turn::Plain,
            2..=8 => {
                let fault = usize::try_from(numbers.below(Fault::ALL.len() as u64)).expect("small");
                Turn::Fault(Fault::ALL[fault])
            }
            9..=10 if self.crashes => Turn::Crash,
            9..=11 => Turn::Twice,
            12 => Turn::Collect,
            // A version that is taken back alone is not what its parent says.
            13 if !self.together => Turn::Rollback,
            _ => Turn::Refresh,
        }
    }

    fn trials(&self, seeds: impl Iterator<Item = u64>) {
        let (mut tried, mut reads, mut wrong) = (0, 0, Vec::new());
        for seed in seeds {
            tried += 1;
            match self.trial(seed) {
                Ok(looked) => reads += looked,
                Err(told) => {
                    // A long run shows with `--nocapture` what it has found so far.
                    println!("{told}\n");
                    wrong.push(told);
                }
            }
            if tried % 10 == 0 {
                println!("{tried} trials, {} went wrong, {reads} reads", wrong.len());
            }
        }
        assert!(reads > 0 || !wrong.is_empty(), "readers read");
        assert!(
            wrong.is_empty(),
            "{} of {tried} went wrong:\n\n{}",
            wrong.len(),
            wrong.join("\n\n")
        );
    }
}

fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("ends");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn own_server(name: &str) -> &'static Server {
    Box::leak(Box::new(Server::own(name)))
}

#[test]
fn trials_one() {
    Lane::new(Server::shared(), false, false).trials(100..112);
}

#[test]
fn trials_two() {
    Lane::new(Server::shared(), false, false).trials(200..213);
}

#[test]
fn trials_of_one_publication() {
    Lane::new(Server::shared(), false, true).trials(300..313);
}

#[test]
fn trials_of_a_server_that_crashes() {
    Lane::new(own_server("trials"), true, false).trials(400..412);
}

/// As many as the environment says.
fn many(name: &str, together: bool) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, count) = match number("ASSAY_TRIAL_SEED") {
        Some(seed) => (seed, number("ASSAY_TRIALS").unwrap_or(1)),
        None => (
            1_000_000 + u64::from(std::process::id()) * 10_000,
            number("ASSAY_TRIALS").unwrap_or(50),
        ),
    };
    Lane::new(own_server(name), true, together).trials(first..first + count);
}

#[test]
#[ignore = "as many as ASSAY_TRIALS says: a thousand take hours"]
fn many_trials() {
    many("many-trials", false);
}

#[test]
#[ignore = "as many as ASSAY_TRIALS says"]
fn many_trials_of_one_publication() {
    many("many-together", true);
}
