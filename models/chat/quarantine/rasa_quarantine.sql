-- Rejected rows by id and load; the row itself stays in the source. A view, since a load may be read again.
select
  seq,
  _load_id,
  _record_hash,
  quarantine_reason as reason,
  "timestamp"
from {{ ref('base_rasa__events') }}
where quarantine_reason is not null
