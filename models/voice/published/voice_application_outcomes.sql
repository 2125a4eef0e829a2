{{ config(materialized='table', indexes=[{'columns': ['application_id'], 'unique': true}]) }}
-- Adoption only: an application's session is no key to the call, see voice_applications_validation.
select
  a.application_id,
  {{ pseudonym('a.user_id') }} as user_key,
  a.service_code,
  a.channel,
  a.channel = 'voice' as is_voice,
  a.status,
  a.status = 'completed' as is_completed,
  a.time_to_submit_seconds::numeric(18,3) as time_to_submit_seconds,
  a.submitted_at,
  {{ reporting_date('a.submitted_at') }} as submitted_date
from {{ ref('stg_voice__applications') }} a
