//! `generate`: raw data to practise on.

use std::path::Path;
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
    let text = if let Some(directory) = &arguments.output {
        json(&write(&spec, arguments, directory, talk)?)
    } else {
        let mode = match (arguments.append || arguments.batch.is_some(), arguments.replace) {
            (_, true) => LoadMode::Replace,
            (true, _) => LoadMode::Append,
            _ => LoadMode::Empty,
        };
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
        let loaded = copy(&connected, &spec, mode, talk).await;
        connected.leave(loaded.is_ok()).await?;
        json(&loaded?)
    };
    println!("{}", text?);
    Ok(Status::Success)
}

/// Writes `COPY` files and a manifest into a folder, or into one for each batch.
fn write(
    spec: &Spec,
    arguments: &GenerateArguments,
    directory: &Path,
    talk: &Talk,
) -> Result<serde_json::Value, Diagnostic> {
    let one = |spec: &Spec, directory: &Path| {
        let sink = generate::DirectorySink::new(directory)?;
        let manifest = generate::generate(spec, &sink, &told(talk))?;
        sink.note(&json(&manifest)?)?;
        value(&manifest)
    };
    let Some(batches) = arguments.batches else {
        return one(spec, directory);
    };
    let width = batches.to_string().len();
    let cuts = spec.batches(batches);
    let mut manifests = Vec::new();
    for (place, until) in cuts.iter().enumerate() {
        if arguments.batch.is_some_and(|batch| batch as usize != place + 1) {
            continue;
        }
        let batch = Spec {
            after: place.checked_sub(1).map(|before| cuts[before]),
            until: Some(*until),
            ..spec.clone()
        };
        manifests.push(one(&batch, &directory.join(format!("{:0width$}", place + 1)))?);
    }
    Ok(serde_json::Value::Array(manifests))
}

fn value(manifest: &Manifest) -> Result<serde_json::Value, Diagnostic> {
    serde_json::to_value(manifest).map_err(|error| no_json(&error))
}

fn json(manifest: &impl serde::Serialize) -> Result<String, Diagnostic> {
    serde_json::to_string_pretty(manifest).map_err(|error| no_json(&error))
}

fn no_json(error: &serde_json::Error) -> Diagnostic {
    Diagnostic::error("internal", "the manifest is no JSON").because(error.to_string())
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
    spec.rasa_profile = arguments.rasa_profile.parse()?;
    spec.exp_profile = arguments.exp_profile.parse()?;
    if let Some(until) = &arguments.until {
        spec.until = Some(until.parse().map_err(|error: jiff::Error| {
            Diagnostic::error("invalid-argument", format!("`{until}` is not a moment"))
                .because(error.to_string())
                .help("write it as 2025-03-31T00:00:00Z")
        })?);
    }
    cut(&mut spec, arguments)?;
    if let Some(threads) = arguments.threads {
        spec.threads = threads.max(1);
    }
    Ok(spec)
}

/// For a server: up to the end of the batch that was named.
fn cut(spec: &mut Spec, arguments: &GenerateArguments) -> Result<(), Diagnostic> {
    let Some(batches) = arguments.batches else {
        return Ok(());
    };
    let refused = |message: String| Diagnostic::error("generate-batch", message);
    match arguments.batch {
        None if arguments.output.is_none() => Err(refused("which batch to load was not said".to_owned()).help(
            format!("give `--batch 1` to `--batch {batches}` one after another, or `--output` for a folder of each"),
        )),
        Some(batch) if batch > batches => Err(refused(format!("there is no batch {batch} of {batches}"))
            .help(format!("the last one is `--batch {batches}`"))),
        Some(batch) if arguments.output.is_none() => {
            spec.until = Some(spec.batches(batches)[batch as usize - 1]);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The domains of which not one raw table is there.
pub(super) async fn missing(connection: &Connection) -> Result<Vec<Domain>, SqlError> {
    let mut missing = Vec::new();
    for domain in Domain::ALL {
        // One of them alone is somebody's own: events may stand in another schema than the generator's.
        let tables: Vec<String> = generate::tables(domain).iter().map(|table| table.quoted()).collect();
        let query = "select bool_and(to_regclass(t) is null) from unnest($1::text[]) as t";
        let rows = connection.query(query, &[&tables]).await?;
        if rows.first().is_some_and(|row| row.get(0)) {
            missing.push(domain);
        }
    }
    Ok(missing)
}
