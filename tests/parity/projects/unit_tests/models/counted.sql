select count(*) as people from {{ ref('named') }} where id in (select person from {{ source('raw', 'visits') }})
