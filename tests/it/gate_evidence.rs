//! What a certificate says, and where it is said.

use super::support::Project;

const PROJECT: &str = "
name: shop
profile: it
gate: {schema: analytics, readers: [it_reader], keep: 3}
models: {shop: {+materialized: table}}
";

fn project(files: &[(&str, &str)], sql: &str) -> Project {
    let mut project = Project::new().write("project.yml", PROJECT);
    for (path, text) in files {
        project = project.write(path, text);
    }
    if !sql.is_empty() {
        project.psql(sql);
    }
    project
}

#[test]
fn an_older_ledger_is_brought_up_to_date_by_what_may_change_it() {
    let project = project(
        &[
            ("models/schema.yml", "models: [{name: fact, access: public}]"),
            ("models/fact.sql", "select 1 as id"),
        ],
        "",
    );
    project.ok(&["build"]);
    // As the first ledgers were.
    project.psql(
        "drop table assay.format;
         alter table assay.publications drop column rows_added, drop column rows_changed, drop column rows_removed;",
    );
    for command in [&["history"][..], &["plan"]] {
        let refused = project.ends(2, command);
        assert!(refused.stderr.contains("older-ledger"), "{}", refused.stderr);
        assert!(refused.stderr.contains("assay build"), "{}", refused.stderr);
    }
    let docs = project.ok(&["docs", "generate"]);
    assert!(docs.stderr.contains("older format"), "{}", docs.stderr);
    project.ok(&["gc"]);
    assert_eq!(
        project.psql("select count(*) from assay.publications where rows_added is null"),
        "1"
    );
    assert!(project.ok(&["history"]).stdout.contains("fact"));
    project.ok(&["build"]);
    assert_eq!(project.psql("select count(*) from assay.format"), "1");
}
