select n from {{ ref('hidden') }}
