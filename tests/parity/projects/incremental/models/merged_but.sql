{{ config(materialized='incremental', unique_key=['id', 'part'], incremental_strategy='merge', merge_exclude_columns=['at'],
          incremental_predicates=["DBT_INTERNAL_DEST.amount < 31"]) }}
select * from {{ ref('arrivals') }}
