{{
  config(
    materialized='incremental',
    unique_key='user_id',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['user_id'], 'unique': true}, {'columns': ['_ingested_at']}]
  )
}}
with fresh as (
  select
    user_id::text as user_id,
    case when lower(trim(region)) in ('rural', 'urban') then lower(trim(region)) else 'unknown' end as region,
    {{ yes_no('disability_flag') }} as has_disability,
    {{ yes_no('first_time_digital_user') }} as is_first_time_user,
    ingested_at as _ingested_at
  from {{ source('voice', 'users') }}
  {% if is_incremental() -%}
  where {{ at_or_after('ingested_at', ingested_since(this, '_ingested_at')) }}
  {%- endif %}
)

{{ newest_copy('fresh', 'user_id', ['user_id', 'region', 'has_disability', 'is_first_time_user']) }}
