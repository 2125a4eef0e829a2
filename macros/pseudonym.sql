{# A keyed hash in place of a person's id. The key is read on the server, so it is in no compiled statement and no log. #}
{% macro pseudonym(column) -%}
{%- if var('pseudonymize', true) -%}
encode(sha256(convert_to(current_setting('assay.pseudonym_secret') || ':' || {{ column }}, 'UTF8')), 'hex')
{%- else -%}
({{ column }})::text
{%- endif -%}
{%- endmacro %}
