select id, name, city, changed from {{ source('raw', 'people') }}
