"""What runs on Redshift's leader node only: GENERATE_SERIES and PostgreSQL's arrays.

Over catalogs both work, over tables neither does:
https://docs.aws.amazon.com/redshift/latest/dg/c_sql-functions-leader-node.html; `array[…]` over
catalogs is in the queries of sqlalchemy-redshift (`_get_all_constraint_info`, dialect.py).
"""

from __future__ import annotations

import itertools

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError
from infra.local.redshift.translate.lexer import Token
from infra.local.redshift.translate.relations import Relation, find_relations

_SYSTEM_SCHEMAS = ("pg_catalog", "information_schema")
_SYSTEM_VIEWS = ("svv_", "svl_", "stv_", "stl_", "sys_")


def check_leader_only(sql: str, tokens: list[Token]) -> None:
    """Raise GatewayError for a statement over tables that has what runs on the leader node only."""
    for token, following in itertools.pairwise(tokens):
        if token.is_word("generate_series") and following.is_mark("("):
            tables = [one for one in find_relations(tokens) if not _is_catalog(one)]
            if tables or tokens[0].is_word("create", "insert"):
                raise GatewayError(
                    "0A000",
                    "Specified types or functions (one per INFO message) not supported on "
                    "Redshift tables.",
                    detail='Function "generate_series" runs on the leader node only.',
                    position=token.start + 1,
                )
        array = token.is_word("array") and following.is_mark("[")
        if array and not over_catalogs(tokens):
            raise GatewayError(
                SYNTAX_ERROR,
                f'syntax error at or near "{sql[token.start : token.end]}"',
                detail="PostgreSQL behind the local gateway has ARRAY[…] everywhere, Redshift "
                "over its catalogs only: use ARRAY(…).",
                position=token.start + 1,
            )


def over_catalogs(tokens: list[Token]) -> bool:
    """Whether a statement reads catalogs and nothing else."""
    relations = find_relations(tokens)
    return bool(relations) and all(map(_is_system, relations))


def _is_catalog(relation: Relation) -> bool:
    return relation.schema in _SYSTEM_SCHEMAS or relation.name.startswith("pg_")


def _is_system(relation: Relation) -> bool:
    return _is_catalog(relation) or relation.name.startswith(_SYSTEM_VIEWS)
