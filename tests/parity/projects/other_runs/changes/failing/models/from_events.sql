select 1 as id from {{ source('landed', 'events') }}
