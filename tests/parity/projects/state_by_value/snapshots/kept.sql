{% snapshot kept %}
{{ config(unique_key=env_var('KEY', 'id'), strategy='check', check_cols='all') }}
select 1 as id, 2 as other
{% endsnapshot %}
