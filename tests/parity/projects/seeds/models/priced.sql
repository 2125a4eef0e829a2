select code, amount, pg_typeof(amount)::text as kind from {{ ref('prices') }}
