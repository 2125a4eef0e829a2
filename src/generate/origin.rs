//! Where loaded rows come from, written as the comment of a domain's main table, so that nobody appends rows of
//! another seed or size, or to a load that never ended.

use tokio_postgres::Client;

use super::load::server;
use super::{Domain, GENERATOR_VERSION, Spec, Table, main_table};
use crate::diagnostic::Diagnostic;
use crate::sql::literal;

const UNFINISHED: &str = "generated rows, not all loaded";

/// What decides every byte of a domain, the arrival aside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    domain: Domain,
    text: String,
}

impl Origin {
    pub fn of(spec: &Spec, domain: Domain) -> Self {
        let profile = match domain {
            Domain::Exp => spec.exp_profile.to_string(),
            Domain::Voice => spec.voice_profile.to_string(),
            Domain::Rasa => spec.rasa_profile.to_string(),
        };
        let text = format!(
            "generated rows: seed {}, rows {}, profile {profile}, generator {GENERATOR_VERSION}",
            spec.seed,
            spec.target_rows()
        );
        Self { domain, text }
    }

    /// Fails unless the rows that are there come from the same origin and their load ended.
    pub async fn check(&self, client: &Client) -> Result<(), Diagnostic> {
        let table = main_table(self.domain);
        let query = "select pg_catalog.obj_description(pg_catalog.to_regclass($1::text)::oid, 'pg_class')";
        let row = client.query_one(query, &[&table.quoted()]).await;
        let found: Option<String> = row
            .map_err(|error| server("cannot read where the rows come from", &error))?
            .get(0);
        if found.as_deref() == Some(self.text.as_str()) {
            return Ok(());
        }
        let message = format!("rows of {} cannot be appended to those that are there", self.domain);
        let found = found.map_or("nothing".to_owned(), |found| format!("`{found}`"));
        Err(Diagnostic::error("generate-other-origin", message)
            .because(format!(
                "the comment of {} says {found}, not `{}`",
                table.plain(),
                self.text
            ))
            .help("give the seed, size and profile of the first load, or `--replace` the rows"))
    }

    /// Notes that a load has begun.
    pub async fn begin(client: &Client, domain: Domain) -> Result<(), Diagnostic> {
        comment(client, main_table(domain), UNFINISHED).await
    }

    /// Notes that the load has ended.
    pub async fn end(&self, client: &Client) -> Result<(), Diagnostic> {
        comment(client, main_table(self.domain), &self.text).await
    }
}

async fn comment(client: &Client, table: &Table, text: &str) -> Result<(), Diagnostic> {
    let statement = format!("comment on table {} is {}", table.quoted(), literal(text));
    let done = client.batch_execute(&statement).await;
    done.map_err(|error| server("cannot note where the rows come from", &error))
}
