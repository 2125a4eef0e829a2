//! What a failing test of several models keeps from being built.

use super::support::Project;

const FLAG: &str = "flags: {skip_nodes_if_test_of_any_parent_fails: ";

fn project(file: &str, flags: &str) -> Project {
    let project = Project::with(&[
        ("models/x.sql", "select 1 as id"),
        ("models/y.sql", "select 2 as id"),
        ("models/below_x.sql", "select * from {{ ref('x') }}"),
        ("models/below_y.sql", "select * from {{ ref('y') }}"),
        ("models/both.sql", "select x.id from {{ ref('x') }} x, {{ ref('y') }} y"),
        (
            "tests/same.sql",
            "select id from {{ ref('x') }} except select id from {{ ref('y') }}",
        ),
    ]);
    let text = project.read("project.yml");
    std::fs::remove_file(project.path().join("project.yml")).expect("the project file is there");
    project.put(file, &format!("{text}\n{flags}\n"));
    project
}

fn built(project: &Project) -> String {
    let outcome = project.ends(1, &["build"]);
    assert!(outcome.stderr.contains("ERROR=1"), "{}", outcome.stderr);
    project.psql("select string_agg(viewname, ' ' order by viewname) from pg_views where schemaname = 'dev'")
}

#[test]
fn a_project_of_its_own_skips_what_is_below_any_of_them() {
    assert_eq!(built(&project("project.yml", "")), "x y");
    assert_eq!(
        built(&project("project.yml", &format!("{FLAG}false}}"))),
        "below_x below_y x y"
    );
}

#[test]
fn a_project_of_dbt_skips_so_when_it_asks() {
    assert_eq!(built(&project("dbt_project.yml", "")), "below_x below_y x y");
    assert_eq!(built(&project("dbt_project.yml", &format!("{FLAG}true}}"))), "x y");
}

#[test]
fn the_flag_is_yes_or_no() {
    let outcome = project("project.yml", &format!("{FLAG}often}}")).ends(2, &["build"]);
    assert!(outcome.stderr.contains("true or false"), "{}", outcome.stderr);
}
