select * from {{ ref('wrong_type') }}
