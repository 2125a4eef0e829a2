{# Privileges: what `grants` configures, and what has to change to get there. #}

{# Whether grants outlive the replacement of their relation. #}
{% macro copy_grants() %}
    {{ return(adapter.dispatch('copy_grants', 'dbt')()) }}
{% endmacro %}

{% macro default__copy_grants() %}
    {{ return(true) }}
{% endmacro %}

{% macro support_multiple_grantees_per_dcl_statement() %}
    {{ return(adapter.dispatch('support_multiple_grantees_per_dcl_statement', 'dbt')()) }}
{% endmacro %}

{% macro default__support_multiple_grantees_per_dcl_statement() %}
    {{ return(true) }}
{% endmacro %}

{# Whether older grants may be there, so that they have to be looked at. #}
{% macro should_revoke(existing_relation, full_refresh_mode=true) %}
    {%- if existing_relation and full_refresh_mode -%}
        {{ return(copy_grants()) }}
    {%- endif -%}
    {{ return(true if existing_relation else false) }}
{% endmacro %}

{% macro get_show_grant_sql(relation) %}
    {{ return(adapter.dispatch('get_show_grant_sql', 'dbt')(relation)) }}
{% endmacro %}

{% macro default__get_show_grant_sql(relation) %}
    show grants on {{ relation.render() }}
{% endmacro %}

{% macro get_grant_sql(relation, privilege, grantees) %}
    {{ return(adapter.dispatch('get_grant_sql', 'dbt')(relation, privilege, grantees)) }}
{% endmacro %}

{% macro default__get_grant_sql(relation, privilege, grantees) -%}
    grant {{ privilege }} on {{ relation.render() }} to {{ grantees | join(', ') }}
{%- endmacro %}

{% macro get_revoke_sql(relation, privilege, grantees) %}
    {{ return(adapter.dispatch('get_revoke_sql', 'dbt')(relation, privilege, grantees)) }}
{% endmacro %}

{% macro default__get_revoke_sql(relation, privilege, grantees) -%}
    {%- set quoted = [] -%}
    {%- for grantee in grantees -%}
        {%- do quoted.append(adapter.quote(grantee)) -%}
    {%- endfor -%}
    revoke {{ privilege }} on {{ relation.render() }} from {{ quoted | join(', ') }}
{%- endmacro %}

{# One statement for each privilege, or for each privilege and grantee where the database wants that. #}
{% macro get_dcl_statement_list(relation, grant_config, get_dcl_macro) %}
    {{ return(adapter.dispatch('get_dcl_statement_list', 'dbt')(relation, grant_config, get_dcl_macro)) }}
{% endmacro %}

{% macro default__get_dcl_statement_list(relation, grant_config, get_dcl_macro) %}
    {%- set together = support_multiple_grantees_per_dcl_statement() -%}
    {%- set statements = [] -%}
    {%- for privilege, grantees in grant_config.items() -%}
        {%- if together and grantees -%}
            {%- do statements.append(get_dcl_macro(relation, privilege, grantees)) -%}
        {%- else -%}
            {%- for grantee in grantees -%}
                {%- do statements.append(get_dcl_macro(relation, privilege, [grantee])) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(statements) }}
{% endmacro %}

{% macro call_dcl_statements(dcl_statement_list) %}
    {{ return(adapter.dispatch('call_dcl_statements', 'dbt')(dcl_statement_list)) }}
{% endmacro %}

{% macro default__call_dcl_statements(dcl_statement_list) %}
    {%- call statement('grants') -%}
        {%- for text in dcl_statement_list %}
        {{ text }};
        {%- endfor %}
    {%- endcall -%}
{% endmacro %}

{% macro apply_grants(relation, grant_config, should_revoke) %}
    {{ return(adapter.dispatch('apply_grants', 'dbt')(relation, grant_config, should_revoke)) }}
{% endmacro %}

{% macro default__apply_grants(relation, grant_config, should_revoke=true) %}
    {%- if grant_config -%}
        {%- if should_revoke -%}
            {%- set there = adapter.standardize_grants_dict(run_query(get_show_grant_sql(relation))) -%}
            {%- set missing = diff_of_two_dicts(grant_config, there) -%}
            {%- set surplus = diff_of_two_dicts(there, grant_config) -%}
        {%- else -%}
            {%- set missing = grant_config -%}
            {%- set surplus = {} -%}
        {%- endif -%}
        {%- set statements = get_dcl_statement_list(relation, surplus, get_revoke_sql)
            + get_dcl_statement_list(relation, missing, get_grant_sql) -%}
        {%- if statements -%}
            {%- do call_dcl_statements(statements) -%}
        {%- else -%}
            {%- do log('the grants of ' ~ relation.render() ~ ' are as configured') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
