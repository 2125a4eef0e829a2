select 'lost/' || reason, sum(sessions)::bigint
from analytics.exp_dropoff_reasons
where slice = 'total'
group by reason
having sum(sessions) > 0
