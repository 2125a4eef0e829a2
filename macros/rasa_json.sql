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
