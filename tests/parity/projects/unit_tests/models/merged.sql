{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
with named as (select * from {{ ref('named') }})
select named.id, named.name || {% if is_incremental() %}coalesce('/' || before.name, ''){% else %}''{% endif %} as name
from named
{% if is_incremental() %}left join (select id, name from {{ this }}) as before on before.id = named.id{% endif %}
