-- A returned row is a code that arrivals have and the publisher's label file lacks, and how often.
-- Only a warning: the state is written down by the visitor and nobody checks it, new ports come
-- without a new label file, and the country codes 148 and 254 are common and stand in no list.
-- Such a code has a row in its dimension, so that no arrival is lost.
{{ config(severity='warn', tags=['immigration']) }}

{{ unlisted_codes('country of citizenship', 'citizenship_key', 'dim_country', 'country_key') }}
union all
{{ unlisted_codes('country of residence', 'residence_key', 'dim_country', 'country_key') }}
union all
{{ unlisted_codes('port', 'port_key', 'dim_port', 'port_key') }}
union all
{{ unlisted_codes('state', 'state_key', 'dim_state', 'state_key') }}
union all
{{ unlisted_codes('mode', 'mode_key', 'dim_arrival_mode', 'mode_key') }}
