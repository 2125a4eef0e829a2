select person from {{ ref('visits') }}
