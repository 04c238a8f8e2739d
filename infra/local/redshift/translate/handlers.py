"""EXCEPTION in the blocks of a procedure.

https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-trapping-errors.html: the
transaction is rolled back, the handler runs in a new one, which is committed, and the error is
raised again. A handler that runs no SQL needs no transaction of its own. PostgreSQL rolls a block
with EXCEPTION back to its beginning, and cannot end a transaction before its handler. One that the
client began it cannot end at all: there the error is raised again without the handler's statements,
with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.local.redshift.errors import SYNTAX_ERROR, GatewayError, refused
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Token

_WHEN = ("when", "others", "then")  # the only condition that Redshift has
_SKIPPED = (
    "the statements of this EXCEPTION handler were not run: "
    "the local Redshift gateway cannot end the transaction that CALL is in before them"
)
# PostgreSQL tells by the error of a ROLLBACK in a block with a handler whether the client began the
# transaction, or only that block is in the way (src/backend/executor/spi.c, _SPI_rollback).
_END_TRANSACTION = f"""
declare begun_by_client boolean;
begin
    begin rollback;
    exception when invalid_transaction_termination then
        begun_by_client := sqlerrm = 'invalid transaction termination';
    end;
    if begun_by_client then raise warning '{_SKIPPED}'; raise; end if;
end;
rollback;""".replace("\n", " ")


@dataclass
class _Block:
    """A BEGIN … END of a body, up to the statement that is read."""

    handler_at: int | None = None  # where its handler's statements begin, in the text
    queries: bool = False  # the handler runs SQL
    ends_transaction: bool = False  # the part before the handler does
    handles: bool = False  # a block inside that part has a handler that runs SQL


@dataclass
class Handlers:
    """The open blocks of a body, told of its statements one after another."""

    text: str
    _open: list[_Block] = field(default_factory=list)

    def open(self) -> None:
        """BEGIN."""
        self._open.append(_Block())

    def begin(self, tokens: list[Token], index: int) -> int:
        """EXCEPTION WHEN OTHERS THEN at an index; the index after it."""
        after = index + 1 + len(_WHEN)
        following = tokens[index + 1 : after]
        for token, word in zip(following, _WHEN, strict=False):
            if token.is_word("continue_handler", "exit_handler"):
                raise refused(token.text.upper(), self.text)
            if not token.is_word(word):
                raise GatewayError(SYNTAX_ERROR, f'syntax error at or near "{token.text}"')
        if after > len(tokens) or not self._open:
            raise GatewayError(SYNTAX_ERROR, 'syntax error at or near "exception"')
        block = self._open[-1]
        if block.ends_transaction:
            raise refused("COMMIT, ROLLBACK or TRUNCATE in a block with EXCEPTION", self.text)
        if block.handles:
            raise refused("EXCEPTION around a block whose EXCEPTION runs SQL", self.text)
        block.handler_at = following[-1].end
        return after

    def end(self, text: str, edits: Edits) -> str:
        """END: what it is for PostgreSQL, where it ends a handler."""
        block = self._open.pop() if self._open else _Block()
        if block.handler_at is None:
            return text
        if not block.queries:
            return f"raise; {text}"
        edits.insert(block.handler_at, _END_TRANSACTION)
        for outer in self._open:
            outer.handles = outer.handles or outer.handler_at is None
        return f"commit; raise; {text}"

    def note(self, part: list[Token], *, runs: bool) -> None:
        """Remember what a statement, which may be one that runs SQL, means for the blocks."""
        handling = [block for block in self._open if block.handler_at is not None]
        if handling and part[0].is_word("return"):
            raise refused("RETURN in an EXCEPTION handler", self.text)
        if part[0].is_word("commit", "rollback", "truncate"):
            for block in self._open:
                block.ends_transaction = block.ends_transaction or block.handler_at is None
        if (
            runs
            or part[0].is_word("perform", "open")
            or any(token.is_word("select", "execute") for token in part)
        ):
            for block in handling:
                block.queries = True
