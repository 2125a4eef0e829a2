select * from {{ ref('passing_through') }}
