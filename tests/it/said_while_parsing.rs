//! `log` and `print` while a project is parsed: dbt renders every template then, and so they are heard.

use super::support::Project;

fn project() -> Project {
    Project::new()
        .write(
            "dbt_project.yml",
            "name: it\nversion: '1.0'\nprofile: it\non-run-start: \"{{ log('a hook of the run', info=True) }}\"\n",
        )
        .write(
            "macros/say.sql",
            "{% macro say(what) %}{{ log(what ~ ' ' ~ execute, info=True) }}{% do log('quietly') %}{% endmacro %}\n\
             {% test fine(model) %}{{ say('a test') }}select 1 where false{% endtest %}\n\
             {% macro generate_alias_name(custom_alias_name=none, node=none) %}\
             {{ say('alias of ' ~ node.name) }}{{ return(node.name) }}{% endmacro %}",
        )
        .write(
            "models/a.sql",
            "{{ say('a model') }}{{ print('printed') }} select 1 as id",
        )
        .write(
            "models/off.sql",
            "{{ config(enabled=false) }}{{ say('switched off') }} select 1",
        )
        .write("models/a.yml", "models: [{name: a, data_tests: [fine]}]\n")
}

#[test]
fn what_templates_say_is_shown() {
    let project = project();
    let outcome = project.ok(&["parse"]);
    assert_eq!(outcome.stdout, "printed\n");
    for said in [
        "a model False",
        "alias of a False",
        "switched off False",
        "a test False",
        "a hook of the run",
    ] {
        assert_eq!(outcome.stderr.matches(said).count(), 1, "{said}\n{}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("quietly"), "{}", outcome.stderr);
    assert!(project.ok(&["--debug", "parse"]).stderr.contains("quietly"));
}

#[test]
fn what_keeps_quiet_keeps_quiet() {
    let project = project();
    let quiet = project.ok(&["--quiet", "parse"]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("printed\n", ""));
    assert_eq!(project.ok(&["--no-print", "parse"]).stdout, "");
}

/// What is said before a template fails is heard all the same, and once.
#[test]
fn a_template_that_fails_is_heard_up_to_there() {
    let project = project().write("models/bad.sql", "{{ say('before') }}{{ no_such() }}");
    let outcome = project.ok(&["parse"]);
    assert_eq!(outcome.stderr.matches("before False").count(), 1, "{}", outcome.stderr);
}
