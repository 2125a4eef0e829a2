select id from {{ source('landed', 'events') }}
