{{ config(materialized='table') }}
select n, {{ function('add_tax') }}(n) as taxed, {{ function('functions', 'twice') }}(n) as twice,
       {{ function('size') }}('abc') as characters, {{ function('size') }}(n) as more
from {{ ref('numbers') }}
