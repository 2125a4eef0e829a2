-- Raw rows and judged rows are the same rows: accepted + duplicate + quarantined = all.
select coalesce(r.id, b.event_id) as event_id
from {{ source('exp', 'events') }} r
full join {{ ref('base_exp__events') }} b on b.event_id = r.id
where r.id is null or b.event_id is null
