"""Types of literals in select lists: `'abc'` is VARCHAR(3) and `1.23` is NUMERIC(3,2) in Redshift.

PostgreSQL forgets such lengths, and views and tables made of them would show other columns. Only
items that are nothing but a literal, or a CASE between literals of text, are given their type; of
the branches of a UNION, only when all of them are (then the longest counts).
"""

from __future__ import annotations

from infra.local.redshift.translate.blocks import Block, Item, find_blocks, items
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Kind, Token, words

_SET_OPERATIONS = words("union except intersect minus")
_TEXTS = words("text varchar nvarchar")


def type_literals(tokens: list[Token], edits: Edits) -> None:
    """Record the casts of literals in all select lists of a query's tokens."""
    for branches in _queries(tokens, find_blocks(tokens)):
        lists = [items(tokens, block) for block in branches]
        if len({len(listed) for listed in lists}) == 1:
            for position in zip(*lists, strict=True):
                _cast(tokens, list(position), edits)


def _queries(tokens: list[Token], blocks: list[Block]) -> list[list[Block]]:
    """The SELECTs of each query: one, or all branches of its set operations."""
    starts = {block.first: block for block in blocks}
    open_queries: list[list[Block]] = [[]]
    found: list[list[Block]] = []
    joined = False
    for index, token in enumerate(tokens):
        if token.is_mark("("):
            open_queries.append([])
        elif token.is_mark(")") and len(open_queries) > 1:
            open_queries.pop()
        elif token.is_word(*_SET_OPERATIONS):
            joined = True
        elif index in starts:
            if not (joined and open_queries[-1]):
                open_queries[-1] = []
                found.append(open_queries[-1])
            open_queries[-1].append(starts[index])
            joined = False
    # Branches in parentheses of their own: PostgreSQL finds their common type by itself.
    return [query for query in found if not _is_branch(tokens, query[0].first)]


def _is_branch(tokens: list[Token], first: int) -> bool:
    """Whether a SELECT is the only one inside the parentheses of a set operation's branch."""
    if not first or not tokens[first - 1].is_mark("("):
        return False
    depth, index = 1, first
    while depth and index < len(tokens):
        depth += tokens[index].is_mark("(") - tokens[index].is_mark(")")
        index += 1
    around = tokens[max(first - 3, 0) : first - 1] + tokens[index : index + 1]
    return any(token.is_word(*_SET_OPERATIONS) for token in around)


def _cast(tokens: list[Token], position: list[Item], edits: Edits) -> None:
    """Cast the items at one position of all branches, when they are literals of one kind."""
    values = [tokens[item.first : item.value_after] for item in position]
    texts = [_texts(value) for value in values]
    if all(texts):
        found = [text for listed in texts for text in listed]
        lengths = (len(one.value.encode()) for one, _kind in found if one.kind is Kind.STRING)
        length = max(1, *lengths)
        for literal, kind in found:
            if literal.is_word("end"):
                edits.insert(literal.start, f"else null::varchar({length}) ")
            elif kind is None:
                edits.insert(literal.end, f"::varchar({length})")
            else:
                edits.replace(kind.start, kind.end, f"varchar({length})")
    elif all(len(value) == 1 and _is_decimal(value[0]) for value in values):
        whole = max(len(value[0].text.split(".")[0].lstrip("0")) for value in values)
        scale = max(len(value[0].text.split(".")[1]) for value in values)
        if 0 < whole + scale <= 38:
            for value in values:
                edits.insert(value[0].end, f"::numeric({whole + scale},{scale})")


def _texts(value: list[Token]) -> list[tuple[Token, Token | None]]:
    """The string literal that a value is, or what a CASE chooses from, its END for ELSE; else none.

    PostgreSQL gives a CASE a length only when every result has it, NULL too.
    """
    text = _text(value)
    if text or not value or not value[0].is_word("case") or not value[-1].is_word("end"):
        return [text] if text else []
    chosen: list[tuple[Token, Token | None]] = []
    depth, complete = 0, False
    for token, result, after in zip(value[:-2], value[1:], value[2:], strict=False):
        depth += token.is_mark("(") + token.is_word("case")
        depth -= token.is_mark(")") + token.is_word("end")
        if depth == 1 and token.is_word("then", "else"):
            literal = result.kind is Kind.STRING or result.is_word("null")
            if not (literal and after.is_word("when", "else", "end")):
                return []
            chosen.append((result, None))
        complete = complete or (depth == 1 and token.is_word("else"))
        if not depth:  # more than one CASE
            return []
    if all(result.is_word("null") for result, _kind in chosen):
        return []
    return chosen if complete else [*chosen, (value[-1], None)]


def _text(value: list[Token]) -> tuple[Token, Token | None] | None:
    """A string literal, alone or cast to a text without length, and the token of that type."""
    if len(value) == 1 and value[0].kind is Kind.STRING:
        return value[0], None
    if len(value) == 3 and value[1].is_mark("::"):
        literal, kind = value[0], value[2]
    elif len(value) == 6 and value[0].is_word("cast") and value[3].is_word("as"):
        literal, kind = value[2], value[4]
    else:
        return None
    return (literal, kind) if literal.kind is Kind.STRING and kind.is_word(*_TEXTS) else None


def _is_decimal(token: Token) -> bool:
    return token.kind is Kind.NUMBER and "." in token.text and "e" not in token.text.lower()
