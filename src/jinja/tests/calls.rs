//! Macros: how names find them, what they get, what they give back.

use super::Project;

#[test]
fn return_unwinds_loops_and_call_blocks_to_the_macro() {
    let text = Project::new()
        .file(
            "macros/first.sql",
            "{% macro first_even(xs) %}text{% for x in xs %}{% for y in [x] %}\
             {% if y % 2 == 0 %}{{ return(y) }}{% endif %}{% endfor %}{% endfor %}{% endmacro %}",
        )
        .render("{{ first_even([1, 3, 4, 6]) + 1 }}|{{ first_even([1]) }}");
    assert_eq!(text, "5|text");
}

#[test]
fn returned_lists_are_lists() {
    let text = Project::new()
        .file(
            "macros/a.sql",
            "{% macro pair() %}{% do return([1, 2]) %}{% endmacro %}",
        )
        .render("{% set p = pair() %}{% do p.append(3) %}{{ p }} {{ pair() | length }}");
    assert_eq!(text, "[1, 2, 3] 2");
}

#[test]
fn what_is_undefined_is_returned_as_that() {
    let text = Project::new()
        .file(
            "macros/values.sql",
            "{% macro values() %}{{ return(unheard_of) }}{% endmacro %}",
        )
        .file(
            "macros/nothing.sql",
            "{% macro nothing() %}{{ return(data=none) }}{% endmacro %}",
        )
        .render(
            "{% set v = values() %}{{ v | length }} {{ v is defined }} [{{ values() }}]{% for x in v %}x{% endfor %} \
             {{ nothing() }}",
        );
    assert_eq!(text, "0 False [] None");
}

#[test]
fn macros_call_each_other_across_files_and_packages() {
    let text = Project::new()
        .file(
            "macros/even.sql",
            "{% macro even(n) %}{{ 'yes' if n == 0 else odd(n - 1) }}{% endmacro %}",
        )
        .file(
            "macros/odd.sql",
            "{% macro odd(n) %}{{ 'no' if n == 0 else even(n - 1) }}{% endmacro %}",
        )
        .file(
            "lib/macros/x.sql",
            "{% macro helper(n) %}lib {{ lib.other(n) }}{% endmacro %}{% macro other(n) %}<{{ n }}>{% endmacro %}",
        )
        .render("{{ even(4) }} {{ even(5) }} {{ lib.helper(1) }} {{ shop.even(0) }}");
    assert_eq!(text, "yes no lib <1> yes");
}

#[test]
fn recursion_goes_deep_and_ends_in_an_error_when_it_does_not_end() {
    let project = || {
        Project::new().file(
            "macros/down.sql",
            "{% macro down(n) %}{% if n > 0 %}{{ down(n - 1) }}{% else %}bottom{% endif %}{% endmacro %}",
        )
    };
    assert_eq!(project().render("{{ down(300) }}"), "bottom");
    let error = Project::new()
        .file(
            "macros/forever.sql",
            "{% macro forever() %}{{ forever() }}{% endmacro %}",
        )
        .try_render("{{ forever() }}")
        .unwrap_err();
    assert_eq!(error.code, "recursion");
    assert!(error.frames.len() < 20);
}

#[test]
fn arguments_by_place_by_name_and_the_rest() {
    let text = Project::new()
        .file(
            "macros/m.sql",
            "{% macro m(a, b=2) %}{{ a }},{{ b }},{{ varargs }},{{ kwargs }}{% endmacro %}\
             {% macro only(a) %}{{ a }}{{ kwargs.get('z', 'none') }}{% endmacro %}\
             {% macro later(a, b=a) %}{{ a }}{{ b }}{% endmacro %}\
             {% macro list(a, b=[]) %}{% do b.append(a) %}{{ b }}{% endmacro %}",
        )
        .render("{{ m(1) }} {{ m(1, 3, 4, 5, x=6) }} {{ only(1, z=2) }} {{ later(1) }} {{ later(1, 2) }} {{ list(1) }}{{ list(2) }}");
    // Jinja2 3.1.6 gives the same.
    assert_eq!(text, "1,2,(),{} 1,3,(4, 5),{'x': 6} 12 11 12 [1][2]");
}

#[test]
fn call_blocks_pass_a_caller_with_arguments_and_closures() {
    let text = Project::new()
        .file("macros/each.sql", "{% macro each(xs) %}{% for x in xs %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro %}")
        .file("macros/wrap.sql", "{% macro wrap() %}<{{ caller() }}>{% endmacro %}")
        .render("{% set y = 'v' %}{% call(a, i) each([7, 8]) %}{{ i }}:{{ a }}{{ y }} {% endcall %}{% call wrap() %}{% call wrap() %}in{% endcall %}{% endcall %}");
    assert_eq!(text, "1:7v 2:8v <<in>>");
}

#[test]
fn macros_do_not_see_the_variables_of_the_model() {
    let text = Project::new()
        .file("macros/see.sql", "{% macro see() %}[{{ here }}]{% endmacro %}")
        .render("{% set here = 1 %}{{ see() }}");
    assert_eq!(text, "[]");
}

#[test]
fn names_resolve_in_the_own_package_then_the_root_then_builtin() {
    let project = || {
        Project::new()
            .file(
                "lib/macros/a.sql",
                "{% macro who() %}lib{% endmacro %}{% macro ask() %}{{ who() }}{% endmacro %}",
            )
            .file(
                "macros/a.sql",
                "{% macro who() %}shop{% endmacro %}{% macro generate_alias_name(a, node) %}mine{% endmacro %}",
            )
    };
    assert_eq!(
        project().render("{{ who() }} {{ lib.who() }} {{ lib.ask() }} {{ generate_alias_name('x') }}"),
        "shop lib shop mine"
    );
    let mut inside = project();
    inside.package = "lib";
    assert_eq!(inside.render("{{ who() }} {{ generate_alias_name('x') }}"), "lib mine");
    assert_eq!(project().render("{{ dbt.generate_alias_name('x') }}"), "x");
}

#[test]
fn dispatch_prefers_the_adapter_and_lets_the_root_project_override() {
    let lib = "{% macro hi() %}{{ return(adapter.dispatch('hi', 'lib')()) }}{% endmacro %}{% macro default__hi() %}default{% endmacro %}";
    let project = || Project::new().file("lib/macros/hi.sql", lib);
    assert_eq!(project().render("{{ lib.hi() }}"), "default");
    assert_eq!(
        project()
            .file("lib/macros/p.sql", "{% macro postgres__hi() %}pg{% endmacro %}")
            .render("{{ lib.hi() }}"),
        "pg"
    );
    let overridden = || project().file("macros/hi.sql", "{% macro default__hi() %}mine{% endmacro %}");
    assert_eq!(overridden().render("{{ lib.hi() }}"), "mine");
    assert_eq!(
        overridden()
            .dispatching("lib", &["lib", "shop"])
            .render("{{ lib.hi() }}"),
        "default"
    );
}

#[test]
fn a_builtin_name_can_be_overridden_and_reached() {
    let text = Project::new()
        .file(
            "macros/ref.sql",
            "{% macro ref(name) %}{{ return(builtins.ref('stg_' ~ name)) }}{% endmacro %}",
        )
        .render("{{ ref('a') }} {{ ref('a').identifier }}");
    assert_eq!(text, "\"db\".\"analytics\".\"stg_a\" stg_a");
}

#[test]
fn macros_are_values() {
    let text = Project::new()
        .file(
            "macros/a.sql",
            "{% macro twice(f, x) %}{{ f(f(x)) }}{% endmacro %}{% macro q(x) %}({{ x }}){% endmacro %}",
        )
        .render("{{ twice(q, 1) }} {{ context['q'](2) }} {{ q is callable }} {% set m = {'f': q} %}{{ m.f(3) }}");
    assert_eq!(text, "((1)) (2) True (3)");
}

#[test]
fn tests_and_materializations_become_macros() {
    let engine = Project::new()
        .file(
            "tests/generic/t.sql",
            "{% test even(model, column_name) %}select {{ column_name }} from {{ model }}{% endtest %}",
        )
        .file(
            "macros/mat.sql",
            "{% materialization swap, adapter='postgres' %}{% if x: %}{% endif %}{% endmaterialization %}",
        )
        .engine()
        .unwrap();
    let names: Vec<_> = engine
        .macros()
        .filter(|m| m.package == "shop")
        .map(|m| m.id.as_str())
        .collect();
    assert_eq!(
        names,
        ["macro.shop.test_even", "macro.shop.materialization_swap_postgres"]
    );
    assert!(engine.has_macro(None, "test_even") && engine.has_macro(Some("dbt"), "run_query"));
    assert!(!engine.has_macro(Some("lib"), "test_even"));
}
