"""MERGE INTO, with WHEN clauses or REMOVE DUPLICATES.

https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html: both WHEN clauses, in this order,
without conditions of their own; no alias for the target. With REMOVE DUPLICATES the target's
matching rows make place for the source's rows, all of which are inserted.
"""

from __future__ import annotations

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.blocks import closing
from infra.local.redshift.translate.parser import Parser
from infra.local.redshift.translate.relations import find_relations
from infra.local.redshift.translate.result import Context, Plan


def merge(parser: Parser, context: Context) -> Plan:
    """MERGE INTO target USING source [AS alias] ON condition …"""
    parser.word("merge")
    parser.word("into")
    target_at = parser.index
    target = parser.dotted_name()
    target_after = parser.index
    parser.word("using")
    source_at = parser.index
    if parser.peek_mark("("):
        parser.skip_parentheses()
    else:
        parser.dotted_name()
    source_after = parser.index
    if not parser.peek_word("on"):
        parser.try_word("as")
        parser.name()
    alias_after = parser.index
    _check_source(parser, target, source_at, source_after)
    parser.word("on")
    condition_at = parser.index
    _skip_to(parser, "when", "remove")
    condition_after = parser.index
    if condition_after == condition_at:
        raise parser.error()
    if parser.try_words("remove", "duplicates"):
        parser.finish()
        parser.expressions(context)

        def text(first: int, after: int) -> str:
            return parser.edits.render(parser.tokens[first].start, parser.tokens[after - 1].end)

        into, source = text(target_at, target_after), text(source_at, alias_after)
        condition = text(condition_at, condition_after)
        removed = f"delete from {into} using {source} where {condition}"  # noqa: S608
        return parser.plan(
            f"with rs_removed as ({removed}) insert into {into} "  # noqa: S608
            f"select * from {into} where false union all select * from {source}",
            tag="MERGE",
            looks_up=True,
        )
    _when_clauses(parser)
    parser.expressions(context)
    return parser.plan(looks_up=True)


def _check_source(parser: Parser, target: tuple[str, ...], first: int, after: int) -> None:
    """The target is no source of its own MERGE."""
    tokens = parser.tokens[first:after]
    subquery = tokens[0].is_mark("(")
    named = [r.parts for r in find_relations(tokens)] if subquery else []
    if not subquery:
        named = [tuple(token.name.lower() for token in tokens if token.is_name)]
    if target in named:
        raise GatewayError(
            "42601",
            "Source view/subquery in Merge statement cannot reference target table."
            if subquery
            else "Source and target of a Merge statement cannot be the same table.",
            position=tokens[0].start + 1,
        )


def _skip_to(parser: Parser, *words: str) -> None:
    """Move to one of these words outside parentheses and CASE."""
    depth = 0
    while not parser.at_end and not (depth == 0 and parser.peek_word(*words)):
        if parser.peek_mark("("):
            parser.index = closing(parser.tokens, parser.index)
        depth += parser.peek_word("case") - parser.peek_word("end")
        parser.index += 1


def _when_clauses(parser: Parser) -> None:
    """WHEN MATCHED THEN {UPDATE SET … | DELETE} WHEN NOT MATCHED THEN INSERT …, nothing else."""
    for word in ("when", "matched", "then"):
        parser.word(word)
    if not parser.try_word("delete"):
        parser.word("update")
        parser.word("set")
        while True:
            parser.name()
            parser.mark("=")
            _skip_assignment(parser)
            if not parser.try_mark(","):
                break
    for word in ("when", "not", "matched", "then", "insert"):
        parser.word(word)
    if parser.peek_mark("("):
        parser.names_in_parentheses()
    parser.word("values")
    parser.skip_parentheses()
    parser.finish()


def _skip_assignment(parser: Parser) -> None:
    """Move over the expression of one assignment."""
    first, depth = parser.index, 0
    while not parser.at_end:
        if depth == 0 and (parser.peek_mark(",") or parser.peek_word("when")):
            break
        if parser.peek_mark("("):
            parser.index = closing(parser.tokens, parser.index)
        depth += parser.peek_word("case") - parser.peek_word("end")
        parser.index += 1
    if parser.index == first:
        raise parser.error()
