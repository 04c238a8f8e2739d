"""SELECT blocks: where each SELECT of a statement begins and ends, and its clauses.

A scan over tokens with one state per parenthesis level; expressions stay unread. What has to know
the shape of a query (QUALIFY, TOP, PIVOT, `(+)`, lateral aliases, SUPER) asks here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.local.redshift.translate.lexer import Kind, Token, words
from infra.local.redshift.translate.relations import fold

_SET_OPERATIONS = words("union intersect except minus")
_CLAUSES = words("into from where group having qualify order limit offset fetch")
# Clauses that belong to a whole set operation, not to its last SELECT.
_AFTER_SETS = words("order limit offset fetch")
# A name after one of these is not an alias without AS.
_NOT_BEFORE_ALIAS = words(
    "and or not like ilike in is between when then else case distinct all as similar to from "
    "over by select interval date timestamp time top"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens [first, after)."""

    first: int
    after: int


@dataclass
class Block:
    """One SELECT: its tokens, and each clause from its keyword on."""

    first: int
    after: int = 0
    in_set: bool = False  # a member of UNION, INTERSECT, EXCEPT
    clauses: dict[str, Span] = field(default_factory=dict)

    def clause(self, name: str) -> Span | None:
        """A clause's tokens, its keyword included."""
        return self.clauses.get(name)


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a select list with its alias, written with AS or without."""

    first: int
    after: int
    alias: str | None
    value_after: int  # index after the value's tokens


def find_blocks(tokens: list[Token]) -> list[Block]:
    """Every SELECT in the order in which they begin."""
    finder = _Finder(tokens)
    for index, token in enumerate(tokens):
        if token.kind is Kind.PUNCTUATION:
            finder.punctuation(index, token.text)
        elif token.kind is Kind.WORD and not (index and tokens[index - 1].is_mark(".")):
            finder.word(index, token.text)
    finder.end()
    return finder.found


@dataclass(slots=True)
class _Level:
    """A parenthesis level: its open block, that block's open clause, a set operation going on."""

    block: Block | None = None
    clause: str = ""
    in_set: bool = False


class _Finder:
    """The scan of `find_blocks`."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._levels = [_Level()]
        self.found: list[Block] = []

    def _close(self, index: int) -> None:
        """End the innermost level's block before an index."""
        level = self._levels[-1]
        if level.block is not None:
            first = level.block.clauses[level.clause].first
            level.block.clauses[level.clause] = Span(first, index)
            level.block.after = index
        level.block = None

    def end(self) -> None:
        """End every block that is still open."""
        while self._levels:
            self._close(len(self._tokens))
            self._levels.pop()

    def punctuation(self, index: int, text: str) -> None:
        """Parentheses begin and end levels; a semicolon ends a statement."""
        if text in "([":
            self._levels.append(_Level())
        elif text in ")]":
            self._close(index)
            if len(self._levels) > 1:
                self._levels.pop()
        elif text == ";":
            self._close(index)
            self._levels[-1].in_set = False

    def word(self, index: int, text: str) -> None:
        """SELECT, set operations and clauses; all other words are part of a clause."""
        level, before = self._levels[-1], self._tokens[index - 1]
        if text == "select":
            self._select(index)
        elif text in _SET_OPERATIONS and not before.is_word("as"):
            if level.block is not None:
                level.block.in_set = True
            self._close(index)
            level.in_set = True
        elif level.block is None:
            pass
        elif text in ("with", "loop") or (level.in_set and text in _AFTER_SETS):
            if text in ("with", "loop") or _is_clause(self._tokens, index):
                self._close(index)
        elif text in _CLAUSES and _is_clause(self._tokens, index):
            first = level.block.clauses[level.clause].first
            level.block.clauses[level.clause] = Span(first, index)
            level.block.clauses[text] = Span(index, index)
            level.clause = text

    def _select(self, index: int) -> None:
        self._close(index)
        level, first = self._levels[-1], index + 1
        if first < len(self._tokens) and self._tokens[first].is_word("distinct", "all"):
            first += 1
        level.block = Block(index, in_set=level.in_set)
        level.block.clauses["list"] = Span(first, first)
        level.clause = "list"
        self.found.append(level.block)


def _is_clause(tokens: list[Token], index: int) -> bool:
    """Whether a word that can begin a clause does so here."""
    before = tokens[index - 1]
    if before.is_word("as"):
        return False
    text = tokens[index].text
    if text in ("group", "order"):
        return index + 1 < len(tokens) and tokens[index + 1].is_word("by")
    if text == "from" and before.is_word("distinct"):
        return not (index > 1 and tokens[index - 2].is_word("is", "not"))
    return True


def split_commas(tokens: list[Token], span: Span) -> Iterator[Span]:
    """The parts of a span between commas outside parentheses."""
    depth, first = 0, span.first
    for index in range(span.first, span.after):
        text = tokens[index].text
        if tokens[index].kind is not Kind.PUNCTUATION:
            continue
        depth += (text in "([") - (text in ")]")
        if text == "," and depth == 0:
            yield Span(first, index)
            first = index + 1
    if first < span.after:
        yield Span(first, span.after)


def split_words(tokens: list[Token], span: Span, word: str) -> Iterator[Span]:
    """The parts of a span between a word outside parentheses, CASE and BETWEEN … AND."""
    depth, between, first = 0, False, span.first
    for index in range(span.first, span.after):
        token = tokens[index]
        if token.kind is Kind.PUNCTUATION:
            depth += (token.text in "([") - (token.text in ")]")
        elif token.is_word("case"):
            depth += 1
        elif token.is_word("end"):
            depth -= 1
        elif depth == 0 and token.is_word("between"):
            between = True
        elif depth == 0 and token.is_word(word):
            if not (between and word == "and"):
                yield Span(first, index)
                first = index + 1
            between = False
    if first < span.after:
        yield Span(first, span.after)


def items(tokens: list[Token], block: Block) -> list[Item]:
    """The items of a block's select list."""
    return [
        item(tokens, part.first, part.after) for part in split_commas(tokens, block.clauses["list"])
    ]


def item(tokens: list[Token], first: int, after: int) -> Item:
    """One select item."""
    last = tokens[after - 1]
    if after - first >= 3 and last.is_name and tokens[after - 2].is_word("as"):
        return Item(first, after, fold(last), after - 2)
    if after - first >= 2 and last.is_name and not last.is_word("end", "null", "true", "false"):
        before = tokens[after - 2]
        value = before.kind in (Kind.NUMBER, Kind.STRING, Kind.QUOTED, Kind.PARAMETER)
        word = before.kind is Kind.WORD and before.text not in _NOT_BEFORE_ALIAS
        if value or word or before.is_mark(")") or before.is_mark("]"):
            return Item(first, after, fold(last), after - 1)
    return Item(first, after, None, after)


def is_star(tokens: list[Token], found: Item) -> bool:
    """Whether an item is `*` or `t.*`."""
    length = found.after - found.first
    return tokens[found.after - 1].text == "*" and (
        length == 1 or tokens[found.after - 2].is_mark(".")
    )


def closing(tokens: list[Token], opening: int) -> int:
    """The index of the bracket that closes the one at an index; the last index without one."""
    depth = 0
    for index in range(opening, len(tokens)):
        if tokens[index].kind is Kind.PUNCTUATION:
            depth += (tokens[index].text in "([") - (tokens[index].text in ")]")
            if depth == 0:
                return index
    return len(tokens) - 1
