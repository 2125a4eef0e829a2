select id from {{ source('landed', 'others') }}
