with both_sides as (select * from {{ ref('left_side') }} union all select * from {{ ref('right_side') }})
select * from both_sides
