-- A returned row is a trip record that breaks a rule, or a refund of a ride that no file has.
-- Only a warning: such records are real (clocks that were wrong, meters that measured nothing, fares
-- by a slip of the hand). They are flagged and counted, never dropped.
{{ config(severity='warn', tags=['taxi']) }}

select
    trip_key,
    record_kind,
    is_outside_month,
    is_ended_before_start,
    is_over_a_day,
    is_without_distance,
    is_distance_absurd,
    is_too_fast,
    is_fare_absurd
from {{ ref('fct_green_trips') }}
where
    record_kind = 'unmatched refund'
    or is_outside_month
    or is_ended_before_start
    or is_over_a_day
    or is_without_distance
    or is_distance_absurd
    or is_too_fast
    or is_fare_absurd
