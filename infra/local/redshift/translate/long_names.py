"""Names of 64 to 127 bytes: Redshift takes them, PostgreSQL stores 63.

Such a name is stored as its beginning and a digest. Every statement is given the stored form before
anything else reads it; results, errors and the catalog's views (catalog/12_long_names.sql) show the
whole name again.
https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
"""

from __future__ import annotations

import hashlib
import re

from infra.local.redshift.errors import NAME_TOO_LONG, GatewayError
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.lexer import Kind, Token, tokenize, words
from infra.local.redshift.translate.relations import fold, quoted

# In bytes: Redshift's limit on a name, and PostgreSQL's (NAMEDATALEN - 1).
MAX_NAME, MAX_STORED = 127, 63
_HEAD, _DIGEST = 46, 16
_PLAIN = re.compile(r"[a-z_][a-z0-9_~]*")
_STORED = re.compile(r'[^\s".]{1,46}~[0-9a-f]{16}(?![0-9a-f])')
# Whole names by their stored form; all that this process has met, up to a bound.
_whole: dict[str, str] = {}
_MAX_KNOWN = 20_000


def stored(name: str) -> str:
    """What PostgreSQL calls a name; raises GatewayError for one over Redshift's limit."""
    raw = name.encode()
    if len(raw) <= MAX_STORED:
        return name
    if len(raw) > MAX_NAME:
        raise GatewayError(
            NAME_TOO_LONG,
            f'identifier "{name}" is too long',
            detail=f"{len(raw)} bytes; Redshift takes {MAX_NAME}.",
            hint="Shorten the name.",
        )
    head = raw[:_HEAD].decode(errors="ignore")
    short = f"{head}~{hashlib.sha256(raw).hexdigest()[:_DIGEST]}"
    if len(_whole) >= _MAX_KNOWN:
        _whole.pop(next(iter(_whole)))
    _whole[short] = name
    return short


def whole(text: str) -> str:
    """A text with the whole names in the place of their stored forms."""
    if "~" not in text or not _whole:
        return text
    return _STORED.sub(lambda found: _whole.get(found[0], found[0]), text)


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
    """Whether a literal names a relation or a schema, `'s.t'::regclass`, by a long name."""
    token = tokens[index]
    if token.kind is not Kind.STRING or token.end - token.start <= MAX_STORED // 4:
        return False
    if not any(len(part.strip('"').encode()) > MAX_STORED for part in token.value.split(".")):
        return False
    after = [one.text for one in tokens[index + 1 : index + 3]]
    if after in (["::", "regclass"], ["::", "regnamespace"], ["as", "regclass"]):
        return True
    depth = 0
    for before in range(index - 1, 0, -1):
        depth += tokens[before].is_mark(")") - tokens[before].is_mark("(")
        if depth < 0:
            return tokens[before - 1].is_word(*_NAMING)
    return False


def _stored_path(text: str) -> str:
    """The name in a literal with its parts as they are stored."""
    parts = [token for token in tokenize(text) if token.is_name]
    names = (stored(fold(part)) for part in parts)
    # Functions on schemas take no quotes.
    written = (name if _PLAIN.fullmatch(name) else quoted(name) for name in names)
    return ".".join(written).replace("'", "''")
