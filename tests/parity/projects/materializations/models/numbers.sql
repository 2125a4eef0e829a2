{{ config(materialized='ephemeral') }}
select * from (values (1, 'one'), (2, 'two'), (3, null)) as v (n, word)
