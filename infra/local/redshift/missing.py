"""Data: functions that Redshift has and the gateway has not; their errors say so.

https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html. CHECKSUM's, FARMFINGERPRINT64's
and MURMUR3_32_HASH's values are not told there, or not well enough.
"""

from __future__ import annotations

_NAMES = """
array_contains array_distinct array_except array_intersection array_position array_positions
array_sort array_union arrays_overlap
change_query_priority change_session_priority change_user_priority checksum
decimal_precision decimal_scale default_iam_role explain_model farmfingerprint64
has_assumerole_privilege
hll hll_cardinality hll_combine hll_combine_sketches hll_create_sketch
is_char is_decimal is_float json_serialize_to_varbyte last_user_query_id
lower_attribute_names murmur3_32_hash object_transform pg_get_cols pg_get_session_roles
role_is_member_of slice_num text_to_int_alt text_to_numeric_alt
upper_attribute_names user_is_member_of
"""
MISSING = frozenset(_NAMES.split())
TOLD = "Redshift has this function, the local gateway has not."
