//! Connections, TLS, cancelling, catalogue, COPY, and the managed local server.

mod address;
mod attempt;
pub mod catalog;
mod comment;
mod connection;
mod dependents;
mod error;
mod find;
pub mod local;
mod nested;
mod pool;
mod session;
mod statements;
mod tag;
mod tls;

pub use address::url;
pub use comment::Comment;
pub use connection::{Cancel, Connection};
pub use dependents::{Dependent, dependents, is_read_by_views};
pub use error::{Passing, SqlError};
pub use find::find_relation;
pub use pool::{Pool, PooledConnection};
pub use session::{Notice, Notices, Observer, Passage, Session};
pub use statements::{ends_block, statements};
pub use tokio_postgres::Row;
pub use tokio_postgres::types::ToSql;
