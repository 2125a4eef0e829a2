select n from {{ ref('visible') }}
