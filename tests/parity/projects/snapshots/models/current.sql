select id, name from {{ ref('people_by_time') }} where dbt_valid_to is null
