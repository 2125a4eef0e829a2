select count(*) as rows, max(load) as load from {{ ref('loads') }}
