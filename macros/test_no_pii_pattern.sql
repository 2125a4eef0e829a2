{% test no_pii_pattern(model, column_name) %}
{{ config(audit_scope='rows') }}
{# Digits inside a longer word or id (a hash, a UUID) are no telephone number, so a match stands alone. #}
select {{ column_name }}
from {{ model }}
where {{ column_name }} ~* '[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}'
   or {{ column_name }} ~ '(^|[^[:alnum:]_-])[+(]?([0-9][ ().-]{0,2}){8,18}[0-9]($|[^[:alnum:]_-])'
{% endtest %}
