select * from {{ ref('shapes', 'of_package') }}
