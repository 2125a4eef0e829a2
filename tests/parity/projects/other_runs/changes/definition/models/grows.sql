{{ config(materialized='incremental', unique_key='id', alias='grown') }}
select id from {{ ref('a') }} {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
