select v.figure, v.value
from (
  select sum(events)::bigint as a, sum(duplicate_events)::bigint as b, sum(quarantined_events)::bigint as c
  from analytics.exp_event_volume
) f
cross join lateral (
  values ('events/raw', f.a), ('events/duplicate', f.b), ('events/quarantined', f.c), ('events/kept', f.a - f.b - f.c)
) as v(figure, value)
union all
select 'quarantined/' || reason, count(*) from analytics_quarantine.exp_quarantine group by reason
