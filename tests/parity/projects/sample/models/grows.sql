{{ config(materialized='incremental', unique_key='id') }} select id, at from {{ ref('from_source') }} {% if is_incremental() %} where at > (select max(at) from {{ this }}) {% endif %}
