select "Full Name" as name, {{ adapter.quote('order') }} as place from {{ ref('quoted') }}
