//! Errors: what they say, and where they point.

use super::Project;

#[test]
fn places_go_through_three_nested_macros() {
    let shown = Project::new()
        .file(
            "macros/a.sql",
            "{% macro outer(x) %}\n  {{ middle(x) }}\n{% endmacro %}",
        )
        .file(
            "lib/macros/b.sql",
            "\n{% macro middle(x) %}{% set ok = [1] + [2] %} {{ lib_inner(x) }}{% endmacro %}",
        )
        .file(
            "macros/c.sql",
            "{% macro lib_inner(x) %}\n{%- for i in [x] -%}\n  {{ 'sum' ~ i.a.b }}\n{%- endfor %}{% endmacro %}",
        )
        .file(
            "macros/d.sql",
            "{% macro middle(x) %}{% set ok = [1] + [2] %} {{ lib_inner(x) }}{% endmacro %}",
        )
        .error("select\n  {{ outer({}) }}");
    assert_eq!(
        shown,
        "error[undefined-name]: `i.a` is undefined\n  \
           --> macros/c.sql:3:14\n   \
           3 |   {{ 'sum' ~ i.a.b }}\n     \
             |              ^^^^^\n  \
           called from macros/d.sql:1:50 in macro middle\n   \
           1 | {% macro middle(x) %}{% set ok = [1] + [2] %} {{ lib_inner(x) }}{% endmacro %}\n     \
             |                                                  ^^^^^^^^^^^^\n  \
           called from macros/a.sql:2:6 in macro outer\n   \
           2 |   {{ middle(x) }}\n     \
             |      ^^^^^^^^^\n  \
           called from models/m.sql:2:6 in model m\n   \
           2 |   {{ outer({}) }}\n     \
             |      ^^^^^^^^^\n  \
           help: check the spelling; variables of the project are read with var('name')"
    );
}

fn brief(error: &str) -> String {
    let lines: Vec<_> = error
        .lines()
        .filter(|l| l.starts_with("error") || l.contains("-->") || l.contains("help:"))
        .collect();
    lines.iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ")
}

fn error_of(template: &str) -> String {
    brief(&Project::new().file("macros/a.sql", "{% macro star(from, except=[]) %}*{% endmacro %}{% macro fail() %}{{ exceptions.raise_compiler_error('no good: ' ~ 1) }}{% endmacro %}").error(template))
}

const MISTAKES: &[(&str, &str)] = &[
    (
        "{{ starr('a') }}",
        "error[undefined-macro]: there is no macro or function `starr` --> models/m.sql:1:4 help: did you mean `star`?",
    ),
    (
        "a\n{{ lib.nope() }}",
        "error[undefined-macro]: the package `lib` has no macro `nope` --> models/m.sql:2:4 help: check the spelling, and that the package which defines it is installed",
    ),
    (
        "{{ lob.nope() }}",
        "error[undefined-name]: `lob` is undefined --> models/m.sql:1:4 help: did you mean `lib`?",
    ),
    (
        "{{ nothing.at.all }}",
        "error[undefined-name]: `nothing` is undefined --> models/m.sql:1:4 help: check the spelling; variables of the project are read with var('name')",
    ),
    (
        "{{ target.nope.x }}",
        "error[undefined-name]: `target.nope` is undefined --> models/m.sql:1:4 help: check the spelling; variables of the project are read with var('name')",
    ),
    (
        "{{ star(frm='a') }}",
        "error[jinja-arguments]: the macro `star` has no argument `frm` --> models/m.sql:1:4 help: did you mean `from`?",
    ),
    (
        "{{ star(1, 2, 3) }}",
        "error[jinja-arguments]: the macro `star` takes 2 arguments, 3 were given --> models/m.sql:1:4 help: compare the call with the parameters of what is called",
    ),
    (
        "{{ 'a' + 1 }}",
        "error[jinja-type]: `+` does not work on a string and a number; `~` joins values of any kind as text --> models/m.sql:1:8 help: look at the values: {{ log(value, info=true) }} shows one",
    ),
    (
        "{{ nothing + 1 }}",
        "error[undefined-name]: one side of `+` is undefined --> models/m.sql:1:12 help: check the spelling; variables of the project are read with var('name')",
    ),
    (
        "{{ fail() }}",
        "error[raised-by-project]: no good: 1 --> macros/a.sql:1:70 help: the project's own code raised this; its message says what it wants",
    ),
    (
        "{{ ref('missing') }}",
        "error[unknown-ref]: there is no model `missing` --> models/m.sql:1:4 help: did you mean `mission`?",
    ),
    (
        "{{ var('v') }}",
        "error[missing-var]: the variable `v` is not set --> models/m.sql:1:4 help: set it below `vars:` in the project file or with `--vars '{v: ..}'`, or give a default: `var('v', ..)`",
    ),
    (
        "{{ env_var('V') }}",
        "error[missing-env-var]: the environment variable `V` is not set --> models/m.sql:1:4 help: set it, or give a default: `env_var('V', '..')`",
    ),
    (
        "{{ env_var('DBT_ENV_SECRET_X') }}",
        "error[secret-env-var]: `env_var('DBT_ENV_SECRET_X')` is a secret, which only profiles and packages may read --> models/m.sql:1:4 help: rename the variable if it is no secret",
    ),
    (
        "{{ 1 | nope }}",
        "error[unknown-filter]: filter nope is unknown --> models/m.sql:1:8 help: check the spelling; those of Jinja itself are all there",
    ),
    (
        "{{ return(1) }}",
        "error[return-outside-macro]: `return` works in macros only --> models/m.sql:1:4 help: put the code into a macro, or print the value",
    ),
    (
        "{{ [1].nope() }}",
        "error[undefined-macro]: a list has no method `nope` --> models/m.sql:1:4 help: check the spelling, and that the package which defines it is installed",
    ),
    (
        "x {{ f(a }}",
        "error[jinja-syntax]: this `(` is not closed within its tag --> models/m.sql:1:7 help: write an expression as {{ .. }} and a statement as {% .. %}, each complete and closed",
    ),
    (
        "{% if x %}",
        "error[jinja-syntax]: this `if` is never closed --> models/m.sql:1:1 help: close it with `{% endif %}`",
    ),
    (
        "{{ a b }}",
        "error[jinja-syntax]: unexpected identifier, expected end of variable block --> models/m.sql:1:6 help: write an expression as {{ .. }} and a statement as {% .. %}, each complete and closed",
    ),
    (
        "{% for x in [1, 2] %}{{ x.y.z }}{% endfor %}",
        "error[undefined-name]: `x.y` is undefined --> models/m.sql:1:25 help: check the spelling; variables of the project are read with var('name')",
    ),
    (
        "{{ none.x.y }}",
        "error[undefined-name]: `none.x` is undefined --> models/m.sql:1:4 help: check the spelling; variables of the project are read with var('name')",
    ),
    (
        "{{ ''.join([1]) }}",
        "error[jinja-type]: `join` wants strings, item 0 is a number; the filter `| join(..)` takes values of any kind --> models/m.sql:1:4 help: look at the values: {{ log(value, info=true) }} shows one",
    ),
    (
        "{{ adapter.dispatch('nope')() }}",
        "error[undefined-macro]: dispatch finds no implementation of `nope` --> models/m.sql:1:4 help: check the spelling, and that the package which defines it is installed",
    ),
];

#[test]
fn each_mistake_has_a_code_a_place_and_advice() {
    for (template, expected) in MISTAKES {
        assert_eq!(error_of(template), *expected, "{template}");
    }
}

#[test]
fn printing_what_is_undefined_gives_nothing() {
    assert_eq!(
        Project::new().render("[{{ nothing }}{{ target.nope }}{{ 'x' if nothing }}]"),
        "[]"
    );
}

#[test]
fn an_undefined_macro_is_found_while_parsing_though_attributes_are_not() {
    let error = Project::new().parsing().try_render("{{ nope() }}").unwrap_err();
    assert_eq!(error.code, "undefined-macro");
    assert_eq!(Project::new().parsing().render("[{{ nothing.at.all }}]"), "[]");
}

#[test]
fn broken_macro_files_are_reported_together() {
    let wrong = Project::new()
        .file("macros/a.sql", "{% macro a( %}")
        .file("macros/b.sql", "{% macro b() %}{% if %}{% endif %}{% endmacro %}")
        .engine()
        .unwrap_err();
    assert_eq!(wrong.0.len(), 1);
    let wrong = Project::new()
        .file("macros/b.sql", "{% macro b() %}\n{% if %}{% endif %}{% endmacro %}")
        .file(
            "macros/c.sql",
            "{% macro c() %}{% endmacro %}{% macro c() %}{% endmacro %}",
        )
        .engine()
        .unwrap_err();
    assert_eq!(wrong.0[0].code, "duplicate-macro");
    let wrong = Project::new()
        .file("macros/b.sql", "{% macro b() %}\n {% if %}{% endif %}{% endmacro %}")
        .engine()
        .unwrap_err();
    assert_eq!(
        (wrong.0[0].code, wrong.0[0].place.as_ref().unwrap().to_string()),
        ("jinja-syntax", "macros/b.sql:2:8".to_owned())
    );
}

#[test]
fn the_whole_stack_through_a_package_is_shown() {
    let lines = [
        "{% macro one(x) %}",
        "  {{ lib.two(x) }}",
        "{% endmacro %}",
        "{% macro two(x) %}",
        "  {%- set y = lib.three(x) -%}",
        "{% endmacro %}",
        "{% macro three(x) %}{{ return(adapter.dispatch('four', 'lib')(x)) }}{% endmacro %}",
        "{% macro default__four(x) %}",
        "  {% if true %}{% for i in [1] %}",
        "    {%- do lib.five(x) -%}",
        "  {% endfor %}{% endif %}",
        "{% endmacro %}",
        "{% macro five(x) %}",
        "",
        "  {{ exceptions.raise_compiler_error('no column ' ~ x) }}",
        "{% endmacro %}",
    ];
    let error = Project::new()
        .file("lib/macros/deep.sql", &lines.join("\n"))
        .error("select 1,\n  {{ lib.one('a') }}");
    insta::assert_snapshot!(error, @r"
    error[raised-by-project]: no column a
      --> lib/macros/deep.sql:15:6
       15 |   {{ exceptions.raise_compiler_error('no column ' ~ x) }}
          |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      called from lib/macros/deep.sql:10:12 in macro default__four
       10 |     {%- do lib.five(x) -%}
          |            ^^^^^^^^^^^
      called from lib/macros/deep.sql:7:31 in macro three
       7 | {% macro three(x) %}{{ return(adapter.dispatch('four', 'lib')(x)) }}{% endmacro %}
         |                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      called from lib/macros/deep.sql:5:15 in macro two
       5 |   {%- set y = lib.three(x) -%}
         |               ^^^^^^^^^^^^
      called from lib/macros/deep.sql:2:6 in macro one
       2 |   {{ lib.two(x) }}
         |      ^^^^^^^^^^
      called from models/m.sql:2:6 in model m
       2 |   {{ lib.one('a') }}
         |      ^^^^^^^^^^^^
      help: the project's own code raised this; its message says what it wants
    ");
}

/// The engine divides by the number of items.
#[test]
fn a_cycle_of_nothing_is_an_error_under_any_name() {
    for call in ["loop.cycle()", "other.cycle()", "other.cycle( )", "other['cycle']()"] {
        let told = error_of(&format!(
            "{{% for i in [1] %}}{{% set other = loop %}}{{{{ {call} }}}}{{% endfor %}}"
        ));
        assert!(told.starts_with("error["), "{told}");
        assert!(told.contains("--> models/m.sql:1:"), "{told}");
    }
}
