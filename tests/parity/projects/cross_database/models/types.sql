select
    {%- for kind in ['string', 'timestamp', 'float', 'numeric', 'bigint', 'int', 'boolean'] %}
    cast(null as {{ dbt['type_' ~ kind]() }}) as a_{{ kind }},
    {%- endfor %}
    {{ dbt.current_timestamp() }} as moment
