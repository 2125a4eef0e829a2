//! `deps`: resolve, lock and install the packages that a project uses.

use crate::diagnostic::Diagnostic;
use crate::packages::{self, Addition, News, Request, Source};
use crate::project::profile::Environment;
use crate::run::Level;

use super::arguments::{DepsArguments, Global, PackageSource};
use super::workspace::{Talk, find_root, given_vars};
use super::{Outcome, Status};

pub(super) fn deps(global: &Global, talk: &Talk, deps: &DepsArguments) -> Outcome {
    let root = find_root(global)?;
    let vars = given_vars(global)?;
    if deps.dry_run && deps.add_package.is_none() {
        return Err(
            Diagnostic::error("invalid-argument", "`--dry-run` needs `--add-package`")
                .help("name the package that would be added")
                .into(),
        );
    }
    let addition = deps.add_package.as_ref().map(|text| {
        let source = match deps.source {
            PackageSource::Hub => Source::Hub,
            PackageSource::Git => Source::Git,
            PackageSource::Local => Source::Local,
        };
        Addition::parse(text, source)
    });
    let news = |news: News| match news {
        News::Said(text) => talk.say(Level::Info, &text),
        News::Warned(warning) => talk.tell(warning),
    };
    packages::install(
        &Request {
            root: &root,
            vars: &vars,
            environment: &Environment::of_process(),
            lock_only: deps.lock,
            upgrade: deps.upgrade,
            add: addition.as_ref(),
            dry_run: deps.dry_run,
        },
        &news,
    )?;
    Ok(Status::Success)
}
