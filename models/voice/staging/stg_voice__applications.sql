select distinct on (application_id)
  application_id::text as application_id,
  session_id::text as session_id,
  user_id::text as user_id,
  upper(trim(service_code)) as service_code,
  lower(trim(channel)) as channel,
  lower(trim(status)) as status,
  case when time_to_submit_sec >= 0 then time_to_submit_sec end as time_to_submit_seconds,
  {{ time_or_day('submitted_at') }} as submitted_at,
  ingested_at as _ingested_at
from {{ source('voice', 'applications') }} a
order by application_id, ingested_at desc, status, submitted_at, to_jsonb(a)::text
