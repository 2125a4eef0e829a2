//! The builtin package's SQL.

use serde_json::json;

use super::Project;

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sql(template: &str) -> String {
    squeezed(&Project::new().render(template))
}

#[test]
fn every_builtin_macro_compiles() {
    let files = crate::jinja::builtin::files();
    for file in files {
        let copy = crate::jinja::MacroFile {
            package: "copy".to_owned(),
            ..file
        };
        crate::jinja::Engine::new("copy", &[], &[copy], &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}

#[test]
fn the_four_tests() {
    assert_eq!(
        sql("{{ test_unique(ref('a'), 'id') }}"),
        "select id as unique_field, count(*) as n_records from \"db\".\"analytics\".\"a\" where id is not null group by id having count(*) > 1"
    );
    assert_eq!(
        sql("{{ test_not_null(get_where_subquery(ref('a')), 'id') }}"),
        "select id from \"db\".\"analytics\".\"a\" where id is null"
    );
    assert_eq!(
        sql(
            "{{ dbt.test_accepted_values(model=ref('a'), column_name='s', values=['x', 1]) }}{{ test_accepted_values(ref('a'), 's', [1, 2], quote=false) }}"
        ),
        "with all_values as ( select s as value_field, count(*) as n_records from \"db\".\"analytics\".\"a\" group by s ) \
         select * from all_values where value_field not in ( 'x', '1' )\
         with all_values as ( select s as value_field, count(*) as n_records from \"db\".\"analytics\".\"a\" group by s ) \
         select * from all_values where value_field not in ( 1, 2 )"
    );
    assert_eq!(
        sql("{{ test_relationships(ref('a'), 'b_id', to=ref('b'), field='id') }}"),
        "with child as ( select b_id as from_field from \"db\".\"analytics\".\"a\" where b_id is not null ), \
         parent as ( select id as to_field from \"db\".\"analytics\".\"b\" ) \
         select child.from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null"
    );
}

#[test]
fn tests_can_be_overridden_and_narrowed() {
    let overridden = Project::new().file(
        "macros/t.sql",
        "{% macro default__test_unique(model, column_name) %}mine{% endmacro %}",
    );
    assert_eq!(
        squeezed(&overridden.render("{{ test_unique(ref('a'), 'id') }}")),
        "mine"
    );
    let mut narrowed = Project::new();
    narrowed.world.config.insert("where".to_owned(), json!("x > 1"));
    assert_eq!(
        narrowed.render("{{ get_where_subquery(ref('a')) }}"),
        "(select * from \"db\".\"analytics\".\"a\" where x > 1) dbt_subquery"
    );
}

#[test]
fn portable_sql_is_postgresql() {
    let cases = [
        ("{{ dbt.dateadd('day', 3, 'd') }}", "d + ((interval '1 day') * (3))"),
        ("{{ dbt.date_trunc('month', 'd') }}", "date_trunc('month', d)"),
        (
            "{{ dbt.datediff('a', 'b', 'month') }}",
            "((date_part('year', (b)::date) - date_part('year', (a)::date)) * 12 + date_part('month', (b)::date) - date_part('month', (a)::date))",
        ),
        (
            "{{ dbt.last_day('d', 'month') }}",
            "cast(date_trunc('month', d) + ((interval '1 month') * (1)) + ((interval '1 day') * (-1)) as date)",
        ),
        ("{{ dbt.concat(['a', \"'-'\", 'b']) }}", "a || '-' || b"),
        ("{{ dbt.hash('a') }}", "md5(cast(a as TEXT))"),
        ("{{ dbt.safe_cast('a', dbt.type_int()) }}", "cast(a as INT)"),
        ("{{ dbt.split_part('a', \"'-'\", 1) }}", "split_part(a, '-', 1)"),
        (
            "{{ dbt.listagg('a', \"', '\", 'order by b') }}",
            "string_agg(a, ', ' order by b)",
        ),
        (
            "{{ dbt.listagg('a', limit_num=2) }}",
            "array_to_string((array_agg(a))[1:2], ',')",
        ),
        (
            "{{ dbt.any_value('a') }} {{ dbt.bool_or('a') }} {{ dbt.length('a') }} {{ dbt.position('a', 'b') }}",
            "min(a) bool_or(a) length(a) position(a in b)",
        ),
        (
            "{{ dbt.string_literal('x') }} {{ dbt.escape_single_quotes(\"it's\") }} {{ dbt.right('a', 2) }} {{ dbt.replace('a', 'b', 'c') }}",
            "'x' it''s right(a, 2) replace(a, b, c)",
        ),
        (
            "{{ dbt.except() }} {{ dbt.intersect() }} {{ dbt.type_numeric() }} {{ dbt.type_timestamp() }} {{ dbt.type_bigint() }}",
            "except intersect numeric(28,6) TIMESTAMP bigint",
        ),
        (
            "{{ dbt.array_construct([1, 2]) }} {{ dbt.array_construct([], 'text') }} {{ dbt.array_concat('a', 'b') }} {{ dbt.array_append('a', 1) }}",
            "array[1, 2] array[]::text[] array_cat(a, b) array_append(a, 1)",
        ),
        (
            "{{ dbt.date(2024, 2, 3) }} {{ dbt.current_timestamp() }} {{ dbt.cast_bool_to_text('a') }} {{ dbt.equals('a', 'b') }}",
            "to_date('2024-02-03', 'YYYY-MM-DD') now() cast(a as TEXT) a is not distinct from b",
        ),
    ];
    for (template, expected) in cases {
        assert_eq!(sql(template), expected, "{template}");
    }
}
