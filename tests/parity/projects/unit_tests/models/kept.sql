select word, person, {{ dbt.current_timestamp() }} as now_at, {{ parity_now() }} as own
from (select id, word from {{ ref('history') }} where dbt_valid_to is null) as standing
join (select person from {{ source('raw', 'visits') }}) as visits on person = id
