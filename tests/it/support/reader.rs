//! Somebody who has read, and keeps the transaction open.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};

use super::{Database, Server};

pub struct Reader {
    psql: Child,
    /// The session lasts as long as its input.
    _input: ChildStdin,
}

impl Reader {
    /// Reads once, in a transaction that ends when the reader is dropped.
    pub fn of(database: &Database, query: &str) -> Self {
        Self::as_role(database, "postgres", query)
    }

    pub fn as_role(database: &Database, role: &str, query: &str) -> Self {
        let server = Server::shared();
        let mut psql = server
            .psql_command(&database.name, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql");
        let mut input = psql.stdin.take().expect("piped");
        writeln!(
            input,
            "begin isolation level repeatable read;\n{query};\n\\echo has-read"
        )
        .expect("psql listens");
        let output = BufReader::new(psql.stdout.take().expect("piped"));
        let has_read = output.lines().map_while(Result::ok).any(|line| line == "has-read");
        assert!(has_read, "{query}");
        Self { psql, _input: input }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}
