//! What a model waits for, until the test lets it go on.

use super::{Database, Reader, wait_until};

/// Holds the table `public.brake`; whoever reads it waits until this is dropped.
pub struct Brake<'d> {
    database: &'d Database,
    _holder: Reader,
}

impl<'d> Brake<'d> {
    pub const MODEL: &'static str = "select count(*)::text as waited from public.brake";

    pub fn on(database: &'d Database) -> Self {
        database.psql("create table if not exists public.brake ()");
        Self {
            database,
            _holder: Reader::of(database, "lock table public.brake in access exclusive mode"),
        }
    }

    /// Waits until somebody waits for it, and gives the process.
    pub fn reached(&self) -> String {
        let waiting = "select pid from pg_locks where relation = 'public.brake'::regclass and not granted
                       and database = (select oid from pg_database where datname = current_database())";
        let mut process = String::new();
        wait_until("a model waits for the brake", || {
            process = self.database.psql(waiting);
            !process.is_empty()
        });
        process
    }
}
