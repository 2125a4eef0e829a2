select
    id as order_id,
    customer,
    ordered_on::date as ordered_on,
    amount::numeric(10, 2) as amount
from {{ ref('raw_orders') }}
