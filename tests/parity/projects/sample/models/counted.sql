{{ config(materialized='table') }} select (select count(*) from {{ ref('visits') }}) as seen, (select count(*) from {{ ref('visits').render() }}) as all_of_them
