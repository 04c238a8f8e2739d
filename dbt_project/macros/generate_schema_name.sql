{#
    The warehouse has three schemas, `staging`, `marts` and `ops` (set by folder in
    dbt_project.yml). A target whose profile says `schema: marts` writes to them by these names;
    any other target belongs to a person and gets `dbt_<user>_` before each, so that nobody's
    experiment meets production's tables. <user> is STARLIFT_DEV_USER, else the operating system's
    USER.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set schema = (custom_schema_name or target.schema) | trim -%}
    {%- if target.schema == 'marts' -%}
        {{ schema }}
    {%- else -%}
        {%- set user = env_var('STARLIFT_DEV_USER', env_var('USER', 'someone')) | lower -%}
        dbt_{{ modules.re.sub('[^a-z0-9]+', '_', user) }}_{{ schema }}
    {%- endif -%}
{%- endmacro %}
