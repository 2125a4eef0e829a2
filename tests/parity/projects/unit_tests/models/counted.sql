select count(*) as people from {{ ref('named') }} n join {{ source('raw', 'visits') }} v on v.person = n.id
