{#
  A mail address or a telephone number. Digits inside a longer word or id (a hash, a UUID) are no telephone number, so a match
  stands alone; neither is a day with a time of day (20210930-123456), after which Rasa names its models.
#}
{% macro looks_personal(column) -%}
({{ column }} ~* '[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}'
   or regexp_replace({{ column }}, '(^|[^0-9])20[0-9]{2}[01][0-9][0-3][0-9]-[0-2][0-9][0-5][0-9][0-5][0-9](?![0-9])', '\1', 'g')
     ~ '(^|[^[:alnum:]_-])[+(]?([0-9][ ().-]{0,2}){8,18}[0-9]($|[^[:alnum:]_-])')
{%- endmacro %}
