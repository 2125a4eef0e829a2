//! The one place where names and strings become SQL text.

/// A name as a quoted identifier, always quoted, so that case and reserved words never matter.
#[must_use]
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The name that the server makes of one written without quotes around it, or with quotes of its own.
#[must_use]
pub fn bare_name(written: &str) -> String {
    let written = written.trim();
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => written.to_lowercase(),
    }
}

/// A string as a literal that means the same whatever `standard_conforming_strings` says.
#[must_use]
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// The statement that makes a schema where it is missing. `CREATE SCHEMA IF NOT EXISTS` alone asks for the right to create
/// schemas even where there is nothing to do.
#[must_use]
pub fn create_schema(name: &str) -> String {
    let schema = ident(name);
    format!(
        "do $assay$ begin if to_regnamespace({}) is null then create schema if not exists {schema}; end if; end $assay$;\n",
        literal(&schema)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(ident(r#"a"b"#), r#""a""b""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r" E'a\\''b'");
    }

    #[test]
    fn a_bare_name_folds() {
        let names = [" Id ", "\"from\"", "\"A\"\"b\""].map(bare_name);
        assert_eq!(names, ["id", "from", "A\"b"]);
    }
}
