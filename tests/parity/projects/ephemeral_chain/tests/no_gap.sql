select * from {{ ref('right_side') }} where n not between 21 and 22
