-- Rejected rows by id; the row itself stays in the source. A view, since a rejected row may become valid later.
select
  event_id,
  quarantine_reason as reason,
  event_type,
  event_at,
  created_at
from {{ ref('base_exp__events') }}
where verdict = 'quarantined'
