select * from {{ ref('quoted') }}
