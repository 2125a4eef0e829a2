{# Partitions by month where they are asked for. What is unique then holds the time too. #}

{% macro rasa_by_month(column) -%}
{%- if rasa_switch('rasa_partition_by_month', false) -%}
{{ return({'field': column, 'type': 'range', 'data_type': 'timestamp', 'granularity': 'month'}) }}
{%- endif -%}
{{ return(none) }}
{%- endmacro %}

{% macro rasa_unique(key, column) -%}
{{ return({'columns': [key, column] if rasa_switch('rasa_partition_by_month', false) else [key], 'unique': true}) }}
{%- endmacro %}
