{% macro say(what) %}insert into parity.heard (what) values ('{{ what }}'){% endmacro %}
{% macro ended(results) %}
  {% for result in results | sort(attribute='node.name') %}
    insert into parity.heard (what) values ('end {{ result.node.name }} {{ result.status }}');
  {% endfor %}
{% endmacro %}
