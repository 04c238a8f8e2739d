"""CREATE TABLE.

Keys, distribution, sort order and encoding are taken out of the statement and travel with it in a
trailing comment, which an event trigger records (catalog/tables.sql).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from infra.local.redshift.translate.lexer import words
from infra.local.redshift.translate.parser import Parser
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.types import check_column_type, check_type, type_replacement

_COLUMN_WORDS = words(
    "default identity generated encode distkey sortkey collate not null unique primary "
    "references constraint"
)


def telling(given: dict[str, object]) -> str:
    """What a statement's trailing comment tells the catalog's triggers; it cannot end it."""
    return json.dumps(given).replace("/", "\\u002f").replace("*", "\\u002a")


@dataclass
class Attributes:
    """What Redshift knows about a table and PostgreSQL does not."""

    diststyle: str | None = None
    distkey: str | None = None
    sortkey: list[str] = field(default_factory=list)
    sort_style: str | None = None
    encodings: dict[str, str] = field(default_factory=dict)
    backup: bool | None = None
    keys: list[dict[str, object]] = field(default_factory=list)

    def json(self) -> str:
        """The attributes that were given, as JSON that cannot end an SQL comment."""
        return telling({k: v for k, v in vars(self).items() if v not in (None, [], {})})

    def comment(self) -> str:
        """The trailing comment that carries them, empty when there is nothing to say."""
        text = self.json()
        return "" if text == "{}" else f" /*redshift:{text}*/"


def table_attributes(parser: Parser, attributes: Attributes) -> bool:
    """Take one of BACKUP, DISTSTYLE, DISTKEY, SORTKEY, ENCODE at the cursor; False for none."""
    if parser.try_word("backup"):
        attributes.backup = parser.word("yes", "no") == "yes"
    elif parser.try_word("diststyle"):
        attributes.diststyle = parser.word("even", "key", "all", "auto")
    elif parser.try_word("distkey"):
        (attributes.distkey,) = parser.names_in_parentheses()[:1]
        attributes.diststyle = "key"
    elif parser.try_words("encode", "auto"):
        pass
    elif parser.peek_word("compound", "interleaved", "sortkey"):
        style = parser.try_word("compound", "interleaved") or "compound"
        parser.word("sortkey")
        if parser.try_word("auto"):
            attributes.sort_style, attributes.sortkey = "auto", []
        elif parser.try_word("none"):
            attributes.sort_style, attributes.sortkey = "none", []
        else:
            attributes.sort_style, attributes.sortkey = style, parser.names_in_parentheses()
    else:
        return False
    return True


def create_table(parser: Parser, context: Context) -> Plan:
    """CREATE TABLE with a column list, LIKE, or AS query."""
    attributes = Attributes()
    parser.word("create")
    local = parser.index
    temporary = parser.try_word("local") is not None
    temporary = parser.try_word("temp", "temporary") is not None or temporary
    parser.word("table")
    parser.try_words("if", "not", "exists")
    start = parser.index
    parts = parser.dotted_name()
    if parts[-1].startswith("#") and not temporary:
        parser.edits.insert(parser.tokens[local].start, "temp ")
    parser.expressions(context, start, parser.index)
    as_query = _is_ctas(parser)
    if parser.peek_mark("("):
        if as_query:
            first = parser.index
            parser.names_in_parentheses()
            parser.expressions(context, first, parser.index)
        else:
            _columns(parser, context, attributes, parts[-1])
    first = parser.index
    while table_attributes(parser, attributes):
        pass
    parser.delete(first, parser.index)
    if as_query:
        parser.word("as")
        parser.query(context, parser.index)
        parser.edits.insert(len(parser.sql), attributes.comment())
        return parser.plan(looks_up=True)
    if not parser.at_end:
        raise parser.refuse("This clause of CREATE TABLE")
    parser.edits.insert(len(parser.sql), attributes.comment())
    return parser.plan()


def _is_ctas(parser: Parser) -> bool:
    """Whether AS follows the name, its column names and the attributes."""
    depth = 0
    for token in parser.tokens[parser.index :]:
        depth += token.is_mark("(") - token.is_mark(")")
        if depth == 0 and token.is_word("as"):
            return True
    return False


def _columns(parser: Parser, context: Context, attributes: Attributes, table: str) -> None:
    """The parenthesised columns and table constraints."""
    required: set[str] = set()
    ends: dict[str, tuple[int, bool]] = {}  # column: end of its definition, NOT NULL given
    parser.mark("(")
    while True:
        first = parser.index
        if parser.peek_word("unique", "primary", "foreign", "constraint", "check"):
            required |= table_key(parser, attributes)
            _drop_item(parser, first)
        elif parser.try_word("like"):
            parser.dotted_name()
            parser.expressions(context, first, parser.index)
            if parser.try_word("including", "excluding"):
                parser.word("defaults")
        else:
            name, not_null = column(parser, context, attributes, table)
            ends[name] = (parser.tokens[parser.index - 1].end, not_null)
        if parser.try_mark(","):
            continue
        parser.mark(")")
        break
    for name in required:
        end, not_null = ends.get(name, (None, True))
        if end is not None and not not_null:
            parser.edits.insert(end, " not null")


def _drop_item(parser: Parser, first: int) -> None:
    """Remove a table constraint together with the comma before it."""
    before = first - 1 if parser.tokens[first - 1].is_mark(",") else first
    parser.delete(before, parser.index)


def table_key(parser: Parser, attributes: Attributes) -> set[str]:
    """A key of the whole table: recorded, not enforced. Returns the columns it makes NOT NULL."""
    named: dict[str, object] = {"name": parser.name()} if parser.try_word("constraint") else {}
    if parser.peek_word("check"):
        raise parser.refuse("A CHECK constraint", "Redshift has none.")
    if parser.try_word("unique"):
        columns = parser.names_in_parentheses()
        attributes.keys.append({"kind": "unique", "columns": columns, **named})
        return set()
    if parser.try_words("primary", "key"):
        columns = parser.names_in_parentheses()
        attributes.keys.append({"kind": "primary key", "columns": columns, **named})
        return set(columns)
    parser.word("foreign")
    parser.word("key")
    columns = parser.names_in_parentheses()
    foreign = {"kind": "foreign key", "columns": columns, **_references(parser), **named}
    attributes.keys.append(foreign)
    return set()


def _references(parser: Parser) -> dict[str, object]:
    """REFERENCES table [(columns)]."""
    parser.word("references")
    table = parser.dotted_name()
    columns = parser.names_in_parentheses() if parser.peek_mark("(") else []
    return {"table": list(table), "references": columns}


def column_type(parser: Parser) -> None:
    """Take a column's type; Redshift's lengths, defaults and names."""
    check_type(parser.sql, parser.tokens, parser.index)
    replacement = type_replacement(parser.tokens, parser.index)
    first = parser.index
    name = parser.name()
    sized = False
    if name == "double":
        parser.word("precision")
    elif name == "binary" and parser.try_word("varying"):
        name, varying = "varbyte", parser.tokens[parser.index - 1]
        parser.edits.replace(parser.tokens[first].start, varying.end, name)
    elif name in ("character", "national"):
        parser.try_word("character", "char")
        name = "varchar" if parser.try_word("varying") else "char"
    if parser.peek_mark("("):
        sized = True
        parser.skip_parentheses()
    if name in ("timestamp", "time") and parser.try_word("with", "without"):
        parser.word("time")
        parser.word("zone")
    token, last = parser.tokens[first], parser.tokens[parser.index - 1]
    if name == "text" or (name in ("varchar", "nvarchar") and not sized):
        parser.edits.replace(token.start, last.end, "varchar(256)")
    elif name in ("varbyte", "varbinary") and not sized:
        parser.edits.replace(token.start, last.end, "varbyte(64000)")
    elif name == "bpchar" and not sized:
        parser.edits.replace(token.start, last.end, "char(256)")
    elif replacement is not None:
        parser.edits.replace(*replacement)


def column(
    parser: Parser, context: Context, attributes: Attributes, table: str
) -> tuple[str, bool]:
    """One column of a table; returns its name and whether NOT NULL stands in it."""
    start = parser.index
    name = parser.name()
    parser.expressions(context, start, parser.index)
    if parser.token is not None and parser.token.is_name:
        check_column_type(f"{table}.{name}", parser.sql, parser.tokens, parser.index)
    column_type(parser)
    not_null = False
    while not (parser.at_end or parser.peek_mark(",") or parser.peek_mark(")")):
        first = parser.index
        if parser.try_words("not", "null"):
            not_null = True
        elif parser.try_word("null"):
            pass
        elif parser.try_word("default"):
            _skip_expression(parser)
            parser.expressions(context, first, parser.index)
        elif parser.peek_word("identity", "generated"):
            _identity(parser)
            not_null = True
        elif _recorded(parser, name, attributes):
            parser.delete(first, parser.index)
        elif parser.try_words("primary", "key"):
            attributes.keys.append({"kind": "primary key", "columns": [name]})
            last = parser.tokens[parser.index - 1]
            parser.edits.replace(parser.tokens[first].start, last.end, "not null")
            not_null = True
        else:
            raise parser.refuse("This column attribute")
    return name, not_null


def _recorded(parser: Parser, name: str, attributes: Attributes) -> bool:
    """Take a column attribute that is recorded and taken out; False for any other."""
    if parser.try_word("encode"):
        attributes.encodings[name] = parser.name()
    elif parser.try_word("collate"):
        if not parser.try_word("case_sensitive", "cs"):
            raise parser.refuse("COLLATE CASE_INSENSITIVE")
    elif parser.try_word("distkey"):
        attributes.distkey, attributes.diststyle = name, "key"
    elif parser.try_word("sortkey"):
        attributes.sortkey, attributes.sort_style = [name], "compound"
    elif parser.try_word("unique"):
        attributes.keys.append({"kind": "unique", "columns": [name]})
    elif parser.peek_word("references"):
        attributes.keys.append({"kind": "foreign key", "columns": [name], **_references(parser)})
    else:
        return False
    return True


def _skip_expression(parser: Parser) -> None:
    """Move over a default's expression."""
    while not (parser.at_end or parser.peek_mark(",") or parser.peek_mark(")")):
        if parser.peek_mark("("):
            parser.skip_parentheses()
        elif parser.token is not None and parser.token.is_word(*_COLUMN_WORDS - {"null"}):
            return
        else:
            parser.index += 1


def _identity(parser: Parser) -> None:
    """IDENTITY(seed, step), or GENERATED BY DEFAULT AS IDENTITY(seed, step)."""
    first = parser.index
    kind = "always"
    if parser.try_words("generated", "by", "default", "as"):
        kind = "by default"
    parser.word("identity")
    parser.mark("(")
    seed = parser.number()
    parser.mark(",")
    step = parser.number()
    parser.mark(")")
    parser.edits.replace(
        parser.tokens[first].start,
        parser.tokens[parser.index - 1].end,
        f"generated {kind} as identity (start with {seed} increment by {step} "
        f"minvalue {min(seed, -(2**31))} cache 1)",
    )
