{% snapshot history %}
{{ config(unique_key='id', strategy='check', check_cols='all') }}
select id from {{ ref('b') }}
{% endsnapshot %}
