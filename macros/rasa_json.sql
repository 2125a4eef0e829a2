{# Reading the tracker's JSON, which clients and Python wrote. #}

{#
  Null where the text is no JSON. What PostgreSQL refuses in a document that is sound otherwise is mended first: the
  character U+0000 and halves of surrogate pairs become U+FFFD, and NaN and Infinity, which Python writes bare, become text.
#}
{% macro rasa_json_reader(relation) -%}
create or replace function {{ relation }}.rasa_try_jsonb(doc text) returns jsonb language plpgsql immutable parallel unsafe as $read$
begin
  return doc::jsonb;
exception when others then
  begin
    return regexp_replace(regexp_replace(regexp_replace(regexp_replace(doc,
      '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g'),
      '(?<!\\)((?:\\\\)*)\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])', '\1\\ufffd', 'g'),
      '(?<!\\u[dD][89abAB][0-9a-fA-F]{2})(?<!\\)((?:\\\\)*)\\u[dD][c-fC-F][0-9a-fA-F]{2}', '\1\\ufffd', 'g'),
      '([:,\[]\s*)(NaN|-?Infinity)(?=\s*[],}])', '\1"\2"', 'g')::jsonb;
  exception when others then
    return null;
  end;
end
$read$
{%- endmacro %}

{# What is at a path, where it is text, a number or true or false. A list or an object is no name of anything. #}
{% macro rasa_scalar(doc, path) -%}
case when jsonb_typeof({{ doc }} #> '{ {{- path -}} }') in ('string', 'number', 'boolean') then {{ doc }} #>> '{ {{- path -}} }' end
{%- endmacro %}

{# Columns of the tracker store, as {name: type}. #}
{% macro rasa_stored_types() -%}
{%- set types = {} -%}
{%- if execute -%}
  {%- for column in adapter.get_columns_in_relation(source('rasa_tracker', 'events')) -%}
    {%- do types.update({column.name: column.dtype | lower}) -%}
  {%- endfor -%}
  {%- if types and 'load_id' not in types -%}
    {{ exceptions.raise_compiler_error(source('rasa_tracker', 'events') ~ " has no column load_id; docs/chat.md says how a tracker store of one's own is set up") }}
  {%- endif -%}
{%- endif -%}
{{ return(types) }}
{%- endmacro %}

{# Epoch seconds, of a column of any type that they are kept in. What is none is null. #}
{% macro rasa_epoch(column, type) -%}
{%- if not type or type.split('(')[0] in ['double precision', 'real', 'numeric', 'bigint', 'integer'] -%}
{{ column }}
{%- elif type.startswith('timestamp') -%}
extract(epoch from {{ column }})::double precision
{%- else -%}
case when {{ column }}::text ~ '^[0-9]{1,10}(\.[0-9]{1,9})?$' then {{ column }}::text::double precision end
{%- endif -%}
{%- endmacro %}

{# A cast would keep an index on a column of text from being used. #}
{% macro rasa_as_text(column, type) -%}
{{ column if not type or type in ['text', 'character varying'] else column ~ '::text' }}
{%- endmacro %}
