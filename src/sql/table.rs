//! The result of a query: column names and types, and rows as PostgreSQL's text.

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// As `format_type` prints it, such as `character varying(20)`; empty where the server did not tell.
    pub data_type: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Option<String>>>,
    /// What the last statement touched, where the server said so.
    pub affected: Option<u64>,
    /// What the server said of the last statement.
    pub response: Response,
}

/// What the server says when a statement is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The command tag, such as `INSERT 0 5`.
    pub message: String,
    /// The command tag without its counts.
    pub code: String,
    /// Rows returned or touched; `None` for a statement that does neither.
    pub rows: Option<u64>,
}
