{% macro circle() %}{{ return(adapter.dispatch('circle', 'shapes')()) }}{% endmacro %}
{% macro default__circle() %}'package default circle'{% endmacro %}
{% macro postgres__circle() %}'package postgres circle'{% endmacro %}
{% macro square() %}{{ return(adapter.dispatch('square', macro_namespace='shapes')()) }}{% endmacro %}
{% macro default__square() %}'package square'{% endmacro %}
{% macro line() %}{{ adapter.dispatch('line', 'shapes')() }}{% endmacro %}
{% macro default__line() %}'package line'{% endmacro %}
{% macro in_both() %}'of the package'{% endmacro %}
{% macro asks_both() %}{{ in_both() }}{% endmacro %}
{% macro shout(word) %}{% do log(word | upper, info=true) %}{% do run_query("create table if not exists parity.shouted as select '" ~ word ~ "' as word") %}{% endmacro %}
