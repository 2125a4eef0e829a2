//! Words of SQL that every stage shares: quoted names, relations, result tables. No database here.

mod copied;
mod narrowing;
mod quote;
mod relation;
mod table;
mod with;

pub use copied::{KnownColumns, Origin, copied_columns};
pub use narrowing::{Narrowing, Span, with_own_aliases};
pub use quote::{bare_name, create_schema, ident, literal};
pub use relation::{Relation, RelationKind};
pub use table::{Column, Response, Table};
pub use with::with_expressions;
