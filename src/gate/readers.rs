//! Reader roles: USAGE and SELECT on the published schema, and nothing else.

use crate::postgres::{Connection, SqlError};
use crate::sql::{ident, literal};

use super::version::versions_schema;

/// The published schema, the schema of versions, and the reader roles, each made where missing.
///
/// A role that is made here can log in but has no password, so that it is of use only where the server trusts the
/// connection (the local server's private socket) until somebody sets one.
#[must_use]
fn prepare_sql(schema: &str, readers: &[String]) -> String {
    let (published, versions) = (ident(schema), ident(&versions_schema(schema)));
    let mut sql = format!(
        "create schema if not exists {published};\ncreate schema if not exists {versions};\n\
         revoke all on schema {versions} from public;\n"
    );
    for reader in readers {
        let role = ident(reader);
        // CREATE ROLE has no IF NOT EXISTS; another database's run may make it at the same moment.
        let create = literal(&format!(
            "create role {role} login nosuperuser nocreatedb nocreaterole noinherit"
        ));
        sql.push_str(&format!(
            "do $assay$ begin if not exists (select from pg_roles where rolname = {name}) then \
             begin execute {create}; exception when duplicate_object or unique_violation then null; end; \
             end if; end $assay$;\n",
            name = literal(reader),
        ));
        sql.push_str(&format!(
            "revoke all on schema {versions} from {role};\ngrant usage on schema {published} to {role};\n\
             grant select on all tables in schema {published} to {role};\n"
        ));
    }
    sql
}

/// Makes the schemas and roles of the gate. Idempotent.
pub async fn create_published_schema(
    connection: &Connection,
    schema: &str,
    readers: &[String],
) -> Result<(), SqlError> {
    connection
        .batch(&format!("begin;\n{}commit;", prepare_sql(schema, readers)))
        .await
        .map(drop)
}

/// The statements that let the readers read one published relation.
#[must_use]
pub fn grant_readers(relation: &str, readers: &[String]) -> String {
    readers
        .iter()
        .map(|reader| format!("grant select on {relation} to {};\n", ident(reader)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepares_schemas_and_roles() {
        insta::assert_snapshot!(prepare_sql("analytics", &["metabase".into(), "o'neil".into()]));
    }

    #[test]
    fn grants_quote_their_role() {
        assert_eq!(
            grant_readers("\"analytics\".\"m\"", &["Meta base".into()]),
            "grant select on \"analytics\".\"m\" to \"Meta base\";\n"
        );
    }
}
