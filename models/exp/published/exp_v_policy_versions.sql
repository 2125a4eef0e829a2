{{ config(materialized='table') }}
-- Versions of policies, with the model behind them.
select
  v.policy_version_id,
  v.policy_id,
  v.policy_name,
  v.version,
  v.model_name,
  v.model_version,
  v.status,
  v.created_at
from {{ ref('stg_exp__policy_versions') }} v
