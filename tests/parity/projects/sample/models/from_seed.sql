select id, at from {{ ref('visits') }}
