select id, at from {{ ref('undated') }}
