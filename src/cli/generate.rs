//! `generate`: raw data to practise on.

use std::sync::Mutex;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::generate::{self, Domain, LoadMode, LoadOptions, Manifest, Progress, Spec};
use crate::postgres::{Connection, Session, SqlError};
use crate::project::Practice;
use crate::run::Level;

use super::arguments::{GenerateArguments, Global};
use super::connect::{Connected, connect_to};
use super::workspace::{Talk, local_options, target_only};
use super::{Outcome, Status};

pub(super) async fn generate(global: &Global, talk: &Talk, arguments: &GenerateArguments) -> Outcome {
    let spec = spec(arguments)?;
    let manifest = if let Some(directory) = &arguments.output {
        let sink = generate::DirectorySink::new(directory)?;
        generate::generate(&spec, &sink, &told(talk))?
    } else {
        let (root, target) = target_only(global, talk)?;
        let connected = connect_to(
            &root,
            target,
            Session::default(),
            arguments.threads,
            &local_options(global),
            talk,
        )
        .await?;
        let mode = match (arguments.append, arguments.replace) {
            (true, _) => LoadMode::Append,
            (_, true) => LoadMode::Replace,
            _ => LoadMode::Empty,
        };
        let loaded = copy(&connected, &spec, mode, talk).await;
        connected.leave(loaded.is_ok()).await?;
        loaded?
    };
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| Diagnostic::error("internal", "the manifest is no JSON").because(error.to_string()))?;
    println!("{text}");
    Ok(Status::Success)
}

/// Loads what a project asks for on its local server into the schemas that lack it.
pub(super) async fn practise(
    connected: &Connected,
    practice: &Practice,
    missing: &[Domain],
    talk: &Talk,
) -> Result<(), Diagnostics> {
    let mut spec = Spec::new(practice.seed, practice.tier.parse()?);
    spec.domains = missing.to_vec();
    copy(connected, &spec, LoadMode::Empty, talk).await?;
    Ok(())
}

async fn copy(connected: &Connected, spec: &Spec, mode: LoadMode, talk: &Talk) -> Result<Manifest, Diagnostic> {
    let options = LoadOptions {
        mode,
        connections: connected.threads,
    };
    let connect = || async { Ok(connected.extra_connection().await?.into_client()) };
    let manifest = generate::load(spec, options, connect, told(talk)).await?;
    let connection = connected.extra_connection().await?;
    connected.flush(&connection).await?;
    Ok(manifest)
}

/// Says how far it is, at every tenth of a domain.
fn told(talk: &Talk) -> impl Fn(Progress) + Clone + Send + Sync + 'static {
    let events = talk.events.clone();
    let last = std::sync::Arc::new(Mutex::new((None, 0)));
    move |progress: Progress| {
        let tenth = progress.chunks_done * 10 / progress.chunks.max(1);
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if progress.chunks > 1 && *last != (Some(progress.domain), tenth) {
            *last = (Some(progress.domain), tenth);
            let text = format!("{}: {}% ({} rows)", progress.domain, tenth * 10, progress.rows);
            events.message(Level::Info, text);
        }
    }
}

fn spec(arguments: &GenerateArguments) -> Result<Spec, Diagnostic> {
    let mut spec = Spec::new(arguments.seed, arguments.tier.parse()?);
    if !arguments.domain.is_empty() {
        spec.domains = arguments
            .domain
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()?;
    }
    spec.voice_profile = arguments.voice_profile.parse()?;
    spec.exp_profile = arguments.exp_profile.parse()?;
    if let Some(until) = &arguments.until {
        spec.until = Some(until.parse().map_err(|error: jiff::Error| {
            Diagnostic::error("invalid-argument", format!("`{until}` is not a moment"))
                .because(error.to_string())
                .help("write it as 2025-03-31T00:00:00Z")
        })?);
    }
    if let Some(threads) = arguments.threads {
        spec.threads = threads.max(1);
    }
    Ok(spec)
}

/// The domains of which not one raw table is there.
pub(super) async fn missing(connection: &Connection) -> Result<Vec<Domain>, SqlError> {
    let mut missing = Vec::new();
    for domain in Domain::ALL {
        let table = generate::main_table(domain).quoted();
        let rows = connection.query("select to_regclass($1) is null", &[&table]).await?;
        if rows.first().is_some_and(|row| row.get(0)) {
            missing.push(domain);
        }
    }
    Ok(missing)
}
