{% snapshot people_by_time %}
{{ config(unique_key='id', strategy='timestamp', updated_at='changed') }}
select * from {{ source('raw', 'people') }}
{% endsnapshot %}

{% snapshot people_by_check %}
{{ config(unique_key='id', strategy='check', check_cols=['name', 'city'], invalidate_hard_deletes=true) }}
select id, name, city from {{ source('raw', 'people') }}
{% endsnapshot %}

{% snapshot people_by_all %}
{{ config(unique_key="id || '-' || name", strategy='check', check_cols='all', target_schema='elsewhere', alias='everyone') }}
select * from {{ ref('adults') }}
{% endsnapshot %}
