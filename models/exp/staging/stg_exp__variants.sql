select
  id as variant_id,
  experiment_id,
  name::text as variant_name,
  allocation,
  -- The baseline is the variant named control, else the oldest one.
  row_number() over (
    partition by experiment_id order by (lower(name) = 'control') desc, created_at, id
  ) = 1 as is_baseline,
  coalesce(config ->> 'execution_strategy', 'mlflow_model') as execution_strategy,
  -- Unified configurations nest the version; the older ones have it at the root.
  coalesce(config #>> '{mlflow_model,policy_version_id}', config ->> 'policy_version_id') as policy_version_id,
  config #>> '{prompt_config,prompt_version_id}' as prompt_version_id,
  coalesce(config #>> '{prompt_config,model_provider}', config #>> '{mlflow_model,model_provider}') as model_provider,
  coalesce(config #>> '{prompt_config,model_name}', config #>> '{mlflow_model,model_name}') as model_name,
  config #>> '{flow_config,flow_id}' as flow_id,
  config #>> '{flow_config,initial_state}' as flow_initial_state,
  created_at
from {{ source('exp', 'variants') }}
