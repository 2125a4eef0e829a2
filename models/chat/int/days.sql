{{ config(materialized='table') }}
-- One row a day, for metrics over days on which nothing happened.
select d.day::date as day
from generate_series('2015-01-01'::timestamp, ({{ as_of() }} at time zone 'UTC') + interval '1 year', interval '1 day') as d(day)
