{{ config(materialized=env_var('KIND', 'view')) }} select 1 as id
