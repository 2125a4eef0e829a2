-- Otherwise the unit is in no arm of its experiment and counts among the units of another one.
select a.assignment_id, a.experiment_id, a.variant_id
from {{ ref('stg_exp__assignments') }} a
join {{ ref('stg_exp__variants') }} v on v.variant_id = a.variant_id
where v.experiment_id is distinct from a.experiment_id
