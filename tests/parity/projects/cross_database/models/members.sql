{# What templates see, as text: the same in both tools. #}
select
    '{{ target.name }}/{{ target.schema }}/{{ target.type }}/{{ target.threads is number }}' as target,
    '{{ this.identifier }}/{{ this.schema }}/{{ this.is_table }}/{{ this.type }}' as this,
    '{{ model.name }}/{{ model.resource_type }}/{{ model.unique_id }}/{{ model.config.materialized }}' as model,
    '{{ project_name }}/{{ execute }}/{{ dbt_version.split('.')[:2] | join('.') }}' as tool,
    '{{ invocation_id | length }}/{{ run_started_at.tzinfo }}/{{ flags.FULL_REFRESH }}/{{ flags.WHICH }}' as invocation,
    '{{ var('none_such', 'usual') }}/{{ env_var('PARITY_NONE', 'unset') }}' as given,
    '{{ modules.datetime.date(2024, 2, 29).isoformat() }}/{{ modules.re.sub('[0-9]+', '#', 'a12b3') }}' as modules,
    '{{ modules.itertools.product([1, 2], ['a']) | list | length }}/{{ modules.pytz.timezone('Europe/Berlin').zone }}' as more,
    '{{ fromjson('{"a": [1, 2]}').a[::-1] }}/{{ tojson({'b': 1, 'a': none}, sort_keys=true) | replace("'", '') }}' as json,
    '{{ local_md5('x') }}/{{ set([1, 1]) | length }}/{{ zip([1], ['a']) | list | length }}' as functions,
    '{{ builtins.ref('texts').identifier }}/{{ selected_resources | length > 3 }}/{{ graph.nodes | length > 3 }}' as graph,
    '{{ adapter.quote('A b') }}/{{ adapter.type() }}/{{ api.Column('c', 'text').data_type }}' as adapter
