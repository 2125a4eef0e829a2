select id, doc ->> 'a' as a, length, at at time zone 'UTC' as utc from {{ ref('listed') }}
