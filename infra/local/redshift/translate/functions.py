"""Data: which Redshift functions, keywords and date parts become what.

Functions that PostgreSQL lacks are installed under Redshift's name (catalog/*.sql) and need no
line here. Here stand those whose name exists in PostgreSQL with another meaning, those that take
bare words as arguments, and those that need their arguments moved.
"""

from __future__ import annotations

from infra.local.redshift.translate.lexer import words

# Same call, another name. `pg_internal` holds our versions.
RENAMED = {
    "concat": "pg_internal.concat",
    "crc32": "pg_internal.crc32",
    "current_database": "pg_internal.current_database",
    "current_schema": "pg_internal.current_schema",
    "current_setting": "pg_internal.current_setting",
    "grouping_id": "grouping",
    "has_database_privilege": "pg_internal.has_database_privilege",
    "json_array_length": "pg_internal.json_array_length",
    "json_serialize": "pg_internal.json_serialize",
    "nvl": "coalesce",
    "pg_get_constraintdef": "pg_internal.pg_get_constraintdef",
    "pg_get_expr": "pg_internal.pg_get_expr",
    "pg_get_indexdef": "pg_internal.pg_get_indexdef",
    "pg_get_viewdef": "pg_internal.pg_get_viewdef",
    "regexp_count": "pg_internal.regexp_count",
    "regexp_instr": "pg_internal.regexp_instr",
    "regexp_replace": "pg_internal.regexp_replace",
    "regexp_substr": "pg_internal.regexp_substr",
    "set_config": "pg_internal.set_config",
    "split_part": "pg_internal.split_part",
    "to_date": "pg_internal.to_date",
    "version": "pg_internal.version",
}

# Words that are not followed by parentheses.
KEYWORDS = {
    "sysdate": "pg_internal.sysdate()",
    "current_schema": "pg_internal.current_schema()",
    "current_user_id": "pg_internal.current_user_id()",
    "minus": "except",
}

# Functions whose first argument is a date part, as a bare word or a string.
DATE_PART_FIRST = words("dateadd date_add datediff date_diff date_part pgdate_part date_trunc")
# Redshift's own names for functions installed once.
DATE_PART_ALIASES = {"date_add": "dateadd", "date_diff": "datediff", "pgdate_part": "date_part"}

# https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
DATE_PARTS = {
    alias: part
    for part, aliases in {
        "millennium": "millennium millennia mil mils",
        "century": "century centuries c cent cents",
        "decade": "decade decades dec decs",
        "epoch": "epoch",
        "year": "year years y yr yrs",
        "quarter": "quarter quarters qtr qtrs",
        "month": "month months mon mons",
        "week": "week weeks w",
        "dow": "dayofweek dow dw weekday",
        "doy": "dayofyear doy dy yearday",
        "day": "day days d",
        "hour": "hour hours h hr hrs",
        "minute": "minute minutes m min mins",
        "second": "second seconds s sec secs",
        "milliseconds": "millisecond milliseconds ms msec msecs msecond mseconds millisec "
        "millisecs millisecon",
        "microseconds": "microsecond microseconds microsec microsecs microsecond usecond useconds "
        "us usec usecs",
        "timezone": "timezone",
        "timezone_hour": "timezone_hour",
        "timezone_minute": "timezone_minute",
    }.items()
    for alias in aliases.split()
}

# Types that Redshift does not have: refused where a type stands.
LACKING_TYPES = words(
    "json jsonb uuid serial bigserial smallserial serial2 serial4 serial8 bytea money xml "
    "inet cidr macaddr macaddr8 hstore citext point line lseg box path polygon circle "
    "tsvector tsquery int4range int8range numrange tsrange tstzrange daterange bit varbit "
    "jsonpath pg_lsn"
)
# Redshift's types that the gateway does not imitate.
REFUSED_TYPES = words("binary geometry geography hllsketch intervaly2m intervald2s")
# What a column may have: https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
COLUMN_TYPES = words(
    "smallint int2 integer int int4 bigint int8 decimal numeric dec real float4 double float "
    "float8 boolean bool char character nchar bpchar national varchar nvarchar text date time "
    "timetz timestamp timestamptz datetime super varbyte varbinary"
)
# What Redshift knows from PostgreSQL 8 and gives to no column; it does not know any later type.
# https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-datatypes.html
NO_COLUMN_TYPES = words(
    "bit varbit bytea money inet cidr macaddr point line lseg box path polygon circle serial "
    "serial4 bigserial serial8 interval name oid xid cid tid regproc regprocedure regoper "
    "regoperator regclass regtype abstime reltime tinterval int2vector oidvector aclitem refcursor "
    "anyelement anyarray cstring internal language_handler record trigger void opaque unknown"
)

# Types under another name.
RENAMED_TYPES = {
    "nvarchar": "varchar",
    "nchar": "char",
    "datetime": "timestamp",
    "varbinary": "varbyte",
}
