select n from {{ ref('c') }}
