"""Where a statement names relations: FROM, JOIN, INTO, UPDATE, USING.

A scan with one state per parenthesis level, enough to find every table reference without
understanding expressions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from infra.local.redshift.translate.lexer import Kind, Token, in_lower_case, words

# FROM inside these calls is part of the call's syntax.
_FROM_CALLS = words("extract trim substring overlay position")
_FROM_ENDS = words(
    "where group having order limit offset union except intersect minus qualify window set "
    "values returning fetch for when select with"
)
# What the scan looks at where no relation is due.
_READ = _FROM_ENDS | words("( ) , from join update into using")
# Words that may follow a relation and are not its alias.
NOT_AN_ALIAS = _FROM_ENDS | words(
    "on using join inner left right full cross natural tablesample as pivot unpivot asof"
)


@dataclass(frozen=True, slots=True)
class Relation:
    """One reference: its parts (lower case), its place, and whether an alias follows."""

    parts: tuple[str, ...]
    start: int
    end: int
    has_alias: bool
    source: bool  # read from (FROM, JOIN, USING), not written to

    @property
    def name(self) -> str:
        """The relation's own name."""
        return self.parts[-1]

    @property
    def schema(self) -> str | None:
        """The schema, when the reference has one."""
        return self.parts[-2] if len(self.parts) > 1 else None

    @property
    def quoted(self) -> str:
        """The reference for PostgreSQL, every part quoted."""
        return ".".join(quoted(part) for part in self.parts)


def quoted(name: str) -> str:
    """An identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def qualified_name(tokens: list[Token], index: int) -> tuple[tuple[str, ...], int]:
    """The dotted name that starts at an index and the index after it."""
    parts = [fold(tokens[index])]
    index += 1
    while index + 1 < len(tokens) and tokens[index].is_mark(".") and tokens[index + 1].is_name:
        parts.append(fold(tokens[index + 1]))
        index += 2
    return tuple(parts), index


_as_written: ContextVar[bool] = ContextVar("names as written", default=False)


@contextmanager
def names_as_written(case_sensitive: bool = True) -> Iterator[None]:
    """Quoted names keep their case: enable_case_sensitive_identifier, and PostgreSQL's own SQL."""
    before = _as_written.set(case_sensitive)
    try:
        yield
    finally:
        _as_written.reset(before)


def fold(token: Token) -> str:
    """An identifier as Redshift stores it: ASCII letters in lower case, quoted or not."""
    if token.kind is Kind.QUOTED and _as_written.get():
        return token.name
    return in_lower_case(token.name)


def cte_names(tokens: list[Token]) -> set[str]:
    """Names of all common table expressions: `name [(columns)] AS (`."""
    names: set[str] = set()
    if not any(token.is_word("with") for token in tokens):
        return names
    for index, token in enumerate(tokens):
        if not (token.is_word("as") and index + 1 < len(tokens) and tokens[index + 1].is_mark("(")):
            continue
        before = index - 1
        if before >= 0 and tokens[before].is_mark(")"):
            depth = 1
            while before > 0 and depth:
                before -= 1
                depth += tokens[before].is_mark(")") - tokens[before].is_mark("(")
            before -= 1
        if (
            before >= 1
            and tokens[before].is_name
            and (tokens[before - 1].is_word("with", "recursive") or tokens[before - 1].is_mark(","))
        ):
            names.add(fold(tokens[before]))
    return names


def find_relations(tokens: list[Token]) -> list[Relation]:  # noqa: PLR0912 a branch per token
    """Every reference to a table or view, common table expressions left out."""
    ctes = cte_names(tokens)
    found: list[Relation] = []
    # Per level: is FROM a clause here, are we inside one, is a relation due next.
    levels: list[list[bool]] = [[True, False, False]]
    index, size = 0, len(tokens)
    while index < size:
        token = tokens[index]
        level = levels[-1]
        if token.text not in _READ and not level[2]:
            index += 1
            continue
        previous = tokens[index - 1] if index else None
        if token.is_mark("("):
            call = previous is not None and previous.is_word(*_FROM_CALLS)
            levels.append([not call, level[2], level[2]])
            level[2] = False
        elif token.is_mark(")"):
            if len(levels) > 1:
                levels.pop()
        elif token.is_mark(","):
            level[2] = level[1]
        elif token.is_word("from"):
            distinct = previous is not None and previous.is_word("distinct")
            if level[0] and not (distinct and index > 1 and tokens[index - 2].is_word("is", "not")):
                level[1] = level[2] = True
        elif token.is_word("join"):
            level[1] = level[2] = True
        elif _starts_target(tokens, index):
            level[2] = True
        elif level[2] and token.is_word("only", "lateral", "table"):
            pass
        elif token.is_word(*_FROM_ENDS) and not (previous is not None and previous.is_mark(".")):
            level[1] = level[2] = False
        elif level[2] and token.is_name:
            index = _take(tokens, index, ctes, found)
            level[2] = False
            continue
        elif level[2] and token.kind is not Kind.WORD:
            level[2] = False
        index += 1
    return found


def _starts_target(tokens: list[Token], index: int) -> bool:
    """Whether the next name is the target of INSERT INTO, UPDATE or MERGE … USING."""
    token = tokens[index]
    if token.is_word("update"):
        return index == 0
    if token.is_word("into"):
        return index > 0 and tokens[index - 1].is_word("insert", "merge")
    if token.is_word("using"):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        statement = next((t.text for t in tokens if t.is_word("merge", "delete")), "")
        return bool(statement) and following is not None and not following.is_mark("(")
    return False


def _take(tokens: list[Token], index: int, ctes: set[str], found: list[Relation]) -> int:
    """Record the reference at an index unless it is a call or a CTE; the index after it."""
    parts, after = qualified_name(tokens, index)
    following = tokens[after] if after < len(tokens) else None
    if following is not None and following.is_mark("(") and not _is_insert(tokens, index):
        return after
    if len(parts) == 1 and parts[0] in ctes:
        return after
    has_alias = following is not None and (
        following.is_word("as")
        or following.kind is Kind.QUOTED
        or (following.kind is Kind.WORD and following.text not in NOT_AN_ALIAS)
    )
    source = not (index and tokens[index - 1].is_word("into", "update")) and not (
        index > 1 and tokens[index - 1].is_word("from") and tokens[index - 2].is_word("delete")
    )
    found.append(Relation(parts, tokens[index].start, tokens[after - 1].end, has_alias, source))
    return after


def _is_insert(tokens: list[Token], index: int) -> bool:
    return index > 0 and tokens[index - 1].is_word("into")
