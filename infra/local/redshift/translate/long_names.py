"""Names of 64 to 127 bytes: Redshift takes them, PostgreSQL stores 63.

Such a name is stored as its beginning and a digest. Every statement is given the stored form before
anything else reads it; results, errors and the catalog's views (catalog/12_long_names.sql) show the
whole name again.
https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
"""

from __future__ import annotations

import hashlib
import re

from infra.local.redshift.errors import NAME_TOO_LONG, SEPARATOR, GatewayError
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Kind, Token, tokenize, words
from infra.local.redshift.translate.relations import fold, quoted

# In bytes: Redshift's limit on a name, and PostgreSQL's (NAMEDATALEN - 1).
MAX_NAME, MAX_STORED = 127, 63
_HEAD, _DIGEST = 46, 16
_PLAIN = re.compile(r"[a-z_][a-z0-9_~]*")
_TAIL = re.compile(rb"~[0-9a-f]{16}")
# Heads of stored names and the whole names by the digest at their end; all that this process has
# met, up to a bound.
_known: dict[bytes, tuple[bytes, bytes]] = {}
_MAX_KNOWN = 20_000


def stored(name: str) -> str:
    """What PostgreSQL calls a name; raises GatewayError for one over Redshift's limit."""
    raw = name.encode()
    if len(raw) <= MAX_STORED:
        return name
    if max(len(part) for part in raw.split(SEPARATOR.encode())) > MAX_NAME:
        raise GatewayError(
            NAME_TOO_LONG,
            f'identifier "{name}" is too long',
            detail=f"{len(raw)} bytes; Redshift takes {MAX_NAME}.",
            hint="Shorten the name.",
        )
    head = raw[:_HEAD].decode(errors="ignore")
    tail = f"~{hashlib.sha256(raw).hexdigest()[:_DIGEST]}"
    if len(_known) >= _MAX_KNOWN:
        _known.pop(next(iter(_known)))
    _known[tail.encode()] = head.encode(), raw
    return head + tail


def whole(text: str) -> str:
    """A text with the whole names in the place of their stored forms."""
    return whole_bytes(text.encode()).decode() if "~" in text and _known else text


def whole_bytes(raw: bytes) -> bytes:
    """The same of a text as it is sent."""
    parts: list[bytes] = []
    position = 0
    for found in _TAIL.finditer(raw):
        head, name = _known.get(found[0], (b"", b""))
        if name and raw.endswith(head, position, found.start()):
            parts += [raw[position : found.start() - len(head)], name]
            position = found.end()
    return b"".join((*parts, raw[position:]))


def shorten(
    tokens: list[Token], sql: str, *, case_sensitive: bool
) -> tuple[Edits, tuple[str, ...]] | None:
    """The edits that put stored names in, and the names; None when there are no long ones."""
    long = [
        token
        for token in tokens
        # A character has up to four bytes.
        if token.end - token.start > MAX_STORED // 4
        and token.is_name
        and len(token.name.encode()) > MAX_STORED
    ]
    told = [index for index, token in enumerate(tokens) if _is_long_text(tokens, index)]
    if not long and not told:
        return None
    edits = Edits(sql)
    names: dict[str, None] = {}
    for index in told:
        text = _stored_path(tokens[index].value)
        edits.replace(tokens[index].start, tokens[index].end, f"'{text}'")
    for token in long:
        name = token.name if case_sensitive else fold(token)
        try:
            edits.replace(token.start, token.end, quoted(stored(name)))
        except GatewayError as error:
            error.position = token.start + 1
            raise
        names[name] = None
    return edits, tuple(names)


# Functions that take a relation's or a schema's name as a text.
_NAMING = words(
    "has_table_privilege has_schema_privilege has_column_privilege has_any_column_privilege "
    "has_function_privilege to_regclass to_regnamespace pg_table_size pg_relation_size "
    "pg_total_relation_size obj_description"
)


def _is_long_text(tokens: list[Token], index: int) -> bool:
    """Whether a literal names a relation or a schema by a long name."""
    token = tokens[index]
    if token.kind is not Kind.STRING or token.end - token.start <= MAX_STORED // 4:
        return False
    if not any(len(part.strip('"').encode()) > MAX_STORED for part in token.value.split(".")):
        return False
    return names_relation(tokens, index)


def names_relation(tokens: list[Token], index: int) -> bool:
    """Whether a literal names a relation or a schema: `'s.t'::regclass`."""
    after = [one.text for one in tokens[index + 1 : index + 3]]
    if after in (["::", "regclass"], ["::", "regnamespace"], ["as", "regclass"]):
        return True
    depth = 0
    for before in range(index - 1, 0, -1):
        depth += tokens[before].is_mark(")") - tokens[before].is_mark("(")
        if depth < 0:
            return tokens[before - 1].is_word(*_NAMING)
    return False


def names_schema(tokens: list[Token], index: int) -> bool:
    """Whether a literal is the schema in HAS_SCHEMA_PRIVILEGE([user,] schema, privilege)."""
    before, after = tokens[max(index - 4, 0) : index], tokens[index + 1 : index + 4]
    return (
        len(after) == 3
        and after[0].is_mark(",")
        and after[2].is_mark(")")
        and any(token.is_word("has_schema_privilege") for token in before)
    )


def _stored_path(text: str) -> str:
    """The name in a literal with its parts as they are stored."""
    parts = [token for token in tokenize(text) if token.is_name]
    return written(tuple(stored(fold(part)) for part in parts)).replace("'", "''")


def written(names: tuple[str, ...]) -> str:
    """A dotted name with the quotes that it needs: functions on schemas take no others."""
    return ".".join(name if _PLAIN.fullmatch(name) else quoted(name) for name in names)
