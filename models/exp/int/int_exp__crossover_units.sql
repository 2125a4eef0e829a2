{{ config(materialized='table') }}
-- Units that events show in two arms of one experiment. They are counted, and left out of tests.
select
  m.experiment_id,
  m.unit_type,
  m.unit_id,
  {{ pseudonym('m.unit_id') }} as user_key,
  count(distinct m.embedded_variant_id) as variants_seen
from {{ ref('stg_exp__event_experiments') }} m
group by 1, 2, 3
having count(distinct m.embedded_variant_id) > 1
