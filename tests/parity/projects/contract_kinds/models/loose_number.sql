select 1.5::numeric as amount
