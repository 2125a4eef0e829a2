//! `erase`: a person's rows out of everything that is kept.

use std::collections::HashSet;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use indexmap::IndexSet;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::gate::{self, Covered, Erasure, Lookup, Match, StoredTable, Telling, versions_schema};
use crate::graph::{Graph, Held, Node, ResourceType, SubjectReach, keeps_rows, subject_keys, subject_reach};
use crate::postgres::{Connection, SqlError};
use crate::report::{self, ErasureStory};
use crate::run::{self, Gate};
use crate::sql::Relation;

use super::arguments::{EraseArguments, Global, ShowOutput};
use super::connect::{Connected, connect, gate_of};
use super::ls::{closed_pipe, unwritable};
use super::rollback::locked;
use super::whom::{Whom, named};
use super::workspace::{Talk, Workspace};
use super::{Outcome, Status};

/// What a killed run leaves beside a relation.
const BESIDE: [&str; 3] = ["", "__dbt_tmp", "__dbt_backup"];

pub(super) async fn erase(global: &Global, talk: &Talk, arguments: &EraseArguments) -> Outcome {
    let subjects = named(arguments)?;
    let workspace = Workspace::load(global, talk, "erase")?;
    let gate = gate_of(&workspace)?;
    let whom = Whom::read(&workspace.graph, subjects, &arguments.conditions)?;
    let mut connected = connect(&workspace, Some(1)).await?;
    // What the server says of these statements can quote a row, so nobody listens in.
    connected.session.observer = None;
    connected.session.notices = None;
    let story = work(&workspace, &gate, &connected, arguments, whom).await;
    connected.leave(story.is_ok()).await?;
    let Some(story) = story? else {
        return Err(Diagnostic::error("not-confirmed", "nothing was erased")
            .because("erasing cannot be undone, and nobody said yes")
            .help("look at `assay erase --dry-run` first, then give --yes")
            .into());
    };
    tell(&story, arguments.output)?;
    Ok(if story.not_covered.is_empty() && story.not_vacuumed.is_empty() {
        Status::Success
    } else {
        Status::Failed
    })
}

fn tell(story: &ErasureStory, output: ShowOutput) -> Result<(), Diagnostic> {
    let mut out = std::io::stdout().lock();
    let written = match output {
        ShowOutput::Text => report::erasure_text(&mut out, story),
        ShowOutput::Json => report::erasure_json(&mut out, story),
    };
    written.or_else(closed_pipe).map_err(|error| unwritable(&error))
}

/// `None` where nobody confirmed it.
async fn work(
    workspace: &Workspace,
    gate: &Gate,
    connected: &Connected,
    arguments: &EraseArguments,
    whom: Whom,
) -> Result<Option<ErasureStory>, Diagnostics> {
    let run_id = workspace.talk.invocation_id.as_str();
    if arguments.dry_run {
        let connection = connected.extra_connection().await?;
        let (subjects, erasure) = erasure(workspace, gate, connected, &connection, arguments, whom).await?;
        if subjects.is_empty() {
            return Ok(Some(ErasureStory {
                dry_run: true,
                ..ErasureStory::default()
            }));
        }
        let done = gate::erase(&connection, &gate.ledger, run_id, &erasure, &subjects, true).await;
        return Ok(Some(ErasureStory {
            persons: subjects.len(),
            done: done.map_err(|error| failed(&error, &subjects))?,
            absent: absent(&erasure),
            not_covered: erasure.not_covered,
            dry_run: true,
            ..ErasureStory::default()
        }));
    }
    let lock = locked(workspace, connected, "assay erase", arguments.lock_wait).await?;
    let connection = lock.connection();
    let ended = async {
        // Candidates and failed versions are nobody's any more; what is gone needs no erasing.
        let dropped = gate::drop_leftovers(connection, &gate.ledger).await;
        dropped.map_err(|error| failed(&error, whom.named()))?;
        let (subjects, erasure) = erasure(workspace, gate, connected, connection, arguments, whom).await?;
        let private = |error: SqlError| failed(&error, &subjects);
        if subjects.is_empty() {
            return Ok(Some(ErasureStory::default()));
        }
        if !arguments.yes {
            let counted = gate::erase(connection, &gate.ledger, run_id, &erasure, &subjects, true).await;
            let story = ErasureStory {
                persons: subjects.len(),
                done: counted.map_err(private)?,
                not_covered: erasure.not_covered.clone(),
                absent: absent(&erasure),
                dry_run: true,
                ..ErasureStory::default()
            };
            if !confirmed(&story)? {
                return Ok(None);
            }
        }
        let done = gate::erase(connection, &gate.ledger, run_id, &erasure, &subjects, false).await;
        let mut story = ErasureStory {
            persons: subjects.len(),
            done: done.map_err(private)?,
            not_covered: erasure.not_covered.clone(),
            absent: absent(&erasure),
            ..ErasureStory::default()
        };
        vacuum(connection, &erasure, &mut story).await;
        Ok::<_, Diagnostics>(Some(story))
    };
    let ended = ended.await;
    let status = match &ended {
        Ok(Some(_)) => "success",
        Ok(None) => "cancelled",
        Err(_) => "error",
    };
    // What went wrong first is what is told.
    let _ = gate.ledger.end_run(connection, run_id, status).await;
    if ended.is_ok() {
        connected.flush(connection).await?;
    }
    ended
}

/// The sources that are not there, which is of interest where rows are deleted from sources.
fn absent(erasure: &Erasure) -> Vec<String> {
    let told = erasure.absent.iter().filter(|_| erasure.with_sources);
    told.map(Relation::plain).collect()
}

/// Asks on the terminal; where there is none nobody can answer.
fn confirmed(story: &ErasureStory) -> Result<bool, Diagnostic> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    tell(story, ShowOutput::Text)?;
    let mut answer = String::new();
    print!("This cannot be undone. Type `erase` to go on: ");
    let asked = std::io::stdout()
        .flush()
        .and_then(|()| std::io::stdin().read_line(&mut answer));
    Ok(asked.is_ok() && answer.trim() == "erase")
}

/// Deleted rows lie in their tables until these are vacuumed. This happens outside any transaction.
async fn vacuum(connection: &Connection, erasure: &Erasure, story: &mut ErasureStory) {
    let touched: HashSet<&str> = story
        .done
        .iter()
        .filter(|one| one.rows > 0 && one.what != "left")
        .map(|one| one.relation.as_str())
        .collect();
    let covered = erasure.covered.iter().flat_map(|covered| &covered.relations);
    for relation in covered
        .chain(&erasure.emptied)
        .filter(|one| touched.contains(one.plain().as_str()))
    {
        match connection.batch(&format!("vacuum (analyze) {relation}")).await {
            Ok(_) => story.vacuumed.push(relation.plain()),
            Err(error) => story.not_vacuumed.push((relation.plain(), error.message)),
        }
    }
}

/// The server's words can quote a row. What it says is told without the values.
fn failed(error: &SqlError, subjects: &[(String, String)]) -> Diagnostics {
    let mut cause = error.message.clone();
    for (_, value) in subjects {
        cause = cause.replace(value.as_str(), "*****");
    }
    if let Some(sqlstate) = &error.sqlstate {
        cause = format!("{cause} (SQLSTATE {sqlstate})");
    }
    Diagnostic::error(
        "erasure-failed",
        "the server refused the erasure, so nothing was erased",
    )
    .because(cause)
    .help("end what is in its way and give the command again")
    .into()
}

/// Who it is, and everything that there is to do, on the relations that are there.
async fn erasure(
    workspace: &Workspace,
    gate: &Gate,
    connected: &Connected,
    connection: &Connection,
    arguments: &EraseArguments,
    whom: Whom,
) -> Result<(Vec<(String, String)>, Erasure), Diagnostics> {
    let names: Vec<String> = whom.keys().into_iter().map(str::to_owned).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let reach = subject_reach(&workspace.graph, &names);
    let versions = versions_schema(&gate.ledger.schema);
    let mut schemas: Vec<String> = workspace
        .graph
        .nodes()
        .map(|node| node.relation.stored_schema().into_owned())
        .collect();
    schemas.push(versions.clone());
    schemas.sort();
    schemas.dedup();
    let tables = gate::stored_tables(connection, &gate.ledger, &schemas).await;
    let tables = Tables {
        all: tables.map_err(|error| failed(&error, whom.named()))?,
        published: gate.names().into_iter().map(str::to_owned).collect(),
        versions,
    };
    let holding = |key: &str| tables.holding(&workspace.graph, key);
    let subjects = whom.found(connection, holding).await?;
    let mut erasure = Erasure {
        with_sources: arguments.include_sources,
        ..Erasure::default()
    };
    let expressions = Expressions::new(workspace, connected).await?;
    let sources = reach
        .told
        .iter()
        .filter(|node| node.resource_type == ResourceType::Source);
    let sources: Vec<&Relation> = sources.map(|node| &node.relation).collect();
    let absent = gate::absent_of(connection, &sources).await;
    erasure.absent = absent.map_err(|error| failed(&error, &subjects))?;
    for node in &reach.told {
        cover(workspace, &expressions, &tables, node, &names, &mut erasure)?;
    }
    uncovered(&tables, &reach, &mut erasure);
    for test in workspace
        .graph
        .nodes()
        .filter(|node| node.resource_type == ResourceType::Test)
    {
        if test.depends_on.iter().any(|parent| reach.reached.contains(parent)) {
            let kept = tables.of(test).filter(|table| !table.is_view);
            erasure.emptied.extend(kept.map(|table| table.relation.clone()));
        }
    }
    Ok((subjects, erasure))
}

/// What there is, and whose it is.
struct Tables {
    all: Vec<StoredTable>,
    published: Vec<String>,
    versions: String,
}

impl Tables {
    fn of<'t>(&'t self, node: &Node) -> impl Iterator<Item = &'t StoredTable> {
        let names = BESIDE.map(|suffix| format!("{}{suffix}", node.relation.stored_identifier()));
        let schema = node.relation.stored_schema().into_owned();
        let published = node.is_published().then(|| node.relation.identifier.clone());
        self.all.iter().filter(move |table| match &published {
            Some(model) => table.relation.schema == self.versions && self.model_of(table) == Some(model),
            None => table.relation.schema == schema && names.contains(&table.relation.identifier),
        })
    }

    /// The columns that hold a key itself, on each table that has them.
    fn holding(&self, graph: &Graph, key: &str) -> Vec<(String, Relation)> {
        let mut columns = Vec::new();
        for node in graph.nodes() {
            for (column, declared) in subject_keys(node) {
                if declared.name != key || declared.held != Held::Plain {
                    continue;
                }
                let telling = telling(node, column, declared.name, Match::Plain);
                let tables = self.of(node).filter(|table| telling.is_in(table));
                columns.extend(tables.map(|table| (telling.stored(), table.relation.clone())));
            }
        }
        columns
    }

    /// By the ledger; what it does not know is named after its model.
    fn model_of<'t>(&'t self, table: &'t StoredTable) -> Option<&'t str> {
        table.model.as_deref().or_else(|| {
            let name = &table.relation.identifier;
            let named = self
                .published
                .iter()
                .filter(|model| name.starts_with(&format!("{model}__")));
            named.max_by_key(|model| model.len()).map(String::as_str)
        })
    }
}

fn telling(node: &Node, column: &str, key: String, by: Match) -> Telling {
    Telling {
        quoted: node.columns.get(column).is_some_and(|column| column.quote),
        column: column.to_owned(),
        key,
        by,
    }
}

/// The columns of a node that tell, on each of its tables that has them.
fn cover(
    workspace: &Workspace,
    expressions: &Expressions<'_>,
    tables: &Tables,
    node: &Arc<Node>,
    names: &[&str],
    erasure: &mut Erasure,
) -> Result<(), Diagnostics> {
    let mut tellings = Vec::new();
    for (column, key) in subject_keys(node) {
        if !names.contains(&key.name.as_str()) {
            continue;
        }
        let by = match key.held {
            Held::Plain => Match::Plain,
            Held::Made { by } => Match::Made(expressions.of(&by)?),
            Held::Through { model, column } => Match::Looked(looked(workspace, &model, column, &key.name, erasure)),
        };
        tellings.push(telling(node, column, key.name, by));
    }
    let is_source = node.resource_type == ResourceType::Source;
    if !is_source && !keeps_rows(node) {
        return Ok(());
    }
    let mut relations = Vec::new();
    let told = erasure.not_covered.len();
    for table in tables.of(node) {
        if table.is_view {
            erasure.refreshed.insert(0, table.relation.clone());
        } else if let Some(missing) = tellings.iter().find(|telling| !telling.is_in(table)) {
            let why = format!(
                "it has no column {}, which declares the key {}",
                missing.column, missing.key
            );
            erasure.not_covered.push((table.relation.plain(), why));
        } else {
            relations.push(table.relation.clone());
        }
    }
    let known = !relations.is_empty() || erasure.not_covered.len() > told;
    if is_source && erasure.with_sources && !known && !erasure.absent.contains(&node.relation) {
        let why = "the source is no table of this database".to_owned();
        erasure.not_covered.push((node.relation.plain(), why));
    }
    erasure.covered.push(Covered {
        node_id: node.id.to_string(),
        tellings,
        relations,
        is_source,
    });
    Ok(())
}

/// The number of a lookup, which is made where there is none yet.
fn looked(workspace: &Workspace, model: &str, column: String, key: &str, erasure: &mut Erasure) -> usize {
    let node = workspace.graph.nodes().find(|node| {
        let is_relation = keeps_rows(node) || node.resource_type == ResourceType::Source;
        is_relation && node.name == model && !subject_keys(node).is_empty()
    });
    let wanted = Lookup {
        node_id: node.map_or_else(String::new, |node| node.id.to_string()),
        column,
        key: key.to_owned(),
    };
    let known = erasure.lookups.iter().position(|lookup| *lookup == wanted);
    known.unwrap_or_else(|| {
        erasure.lookups.push(wanted);
        erasure.lookups.len() - 1
    })
}

/// Names what is made of a person's rows and does not tell whose they are, where it is there at all.
fn uncovered(tables: &Tables, reach: &SubjectReach, erasure: &mut Erasure) {
    for node in &reach.untold {
        for table in tables.of(node) {
            if table.is_view {
                erasure.refreshed.push(table.relation.clone());
                continue;
            }
            let why = format!(
                "{} is made of rows of persons, and no column of it declares a subject key",
                node.name
            );
            erasure.not_covered.push((table.relation.plain(), why));
        }
    }
    // A version of a model that is gone tells nothing.
    for table in tables
        .all
        .iter()
        .filter(|table| table.relation.schema == tables.versions && !table.is_view)
    {
        let known = tables
            .model_of(table)
            .is_some_and(|model| tables.published.iter().any(|one| one == model));
        if !known {
            let why = "the project does not publish its model any more; `assay gc` drops it".to_owned();
            erasure.not_covered.push((table.relation.plain(), why));
        }
    }
}

/// Turns the names of macros into expressions of `s.value`.
struct Expressions<'w> {
    context: Arc<run::RunContext>,
    connection: Arc<crate::postgres::PooledConnection>,
    workspace: &'w Workspace,
}

impl<'w> Expressions<'w> {
    async fn new(workspace: &'w Workspace, connected: &Connected) -> Result<Self, Diagnostics> {
        let nothing = IndexSet::new();
        let as_of = workspace.as_of(connected, &nothing).await?;
        let context = workspace.context(connected, workspace.flags("erase", connected.threads), as_of, &nothing);
        let connection = Arc::new(context.pool.get().await?);
        Ok(Self {
            context,
            connection,
            workspace,
        })
    }

    fn of(&self, name: &str) -> Result<String, Diagnostic> {
        let node = self.workspace.inline_node(&format!("{{{{ {name}('s.value') }}}}"));
        run::compile_inline(&self.context, &node, Some(&self.connection))
    }
}
