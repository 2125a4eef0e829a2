select
    id
    {%- for part in ['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond', 'microsecond'] %},
    {{ dbt.datediff('a', 'b', part) }} as diff_{{ part }},
    {{ dbt.date_trunc(part ~ ('s' if part.startswith('mi') and part != 'minute' else ''), 'a') }} as trunc_{{ part }}
    {%- endfor %}
    {%- for part in ['year', 'month', 'week', 'day', 'hour', 'second'] %},
    {{ dbt.dateadd(part, -3, 'a') }} as add_{{ part }}
    {%- endfor %}
    {%- for part in ['month', 'quarter', 'year'] %},
    {{ dbt.last_day('a', part) }} as last_{{ part }}
    {%- endfor %}
from {{ ref('days') }}
