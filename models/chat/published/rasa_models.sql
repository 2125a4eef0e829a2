{{ config(materialized='table', indexes=[{'columns': ['model_id'], 'unique': true}]) }}
select distinct on (m.model_id)
  m.model_id::text as model_id,
  m.name::text as name,
  m.sdk_version::text as sdk_version,
  m.trained_at::timestamptz as trained_at,
  m."timestamp"::timestamptz as "timestamp",
  ({{ rasa_model_name_custom('m.name', 'm.sdk_version') }})::text as model_name_custom
from {{ source('rasa_model', 'model') }} m
order by m.model_id, m."timestamp" desc nulls last
