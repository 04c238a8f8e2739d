"""CREATE and DROP FUNCTION: scalar SQL functions, whose arguments are `$1`, `$2` …, named or not.

https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_FUNCTION.html
"""

from __future__ import annotations

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.calls import SPECIAL
from infra.local.redshift.translate.edits import Edits
from infra.local.redshift.translate.expressions import Expressions
from infra.local.redshift.translate.lexer import Kind, in_lower_case, tokenize, words
from infra.local.redshift.translate.parser import Parser, dollar_quote, literal, quote
from infra.local.redshift.translate.result import Context, Plan
from infra.local.redshift.translate.tables import column_type, telling

# "The SELECT clause can't include any of the following types of clauses", says the page above.
_NOT_IN_BODY = words("from into where group order limit")
_VOLATILITIES = ("volatile", "stable", "immutable")
# How types begin that are more than one word.
TWO_WORD_TYPES = {
    ("double", "precision"),
    ("character", "varying"),
    ("timestamp", "with"),
    ("timestamp", "without"),
    ("time", "with"),
    ("time", "without"),
}


_PYTHON = "Python functions are not run by the local Redshift gateway"
# The last argument of one: it may have the name of a procedure whose OUT argument is of its type.
_MARK = "pg_internal.python"
_NOT_RUN = f"begin raise feature_not_supported using message = '{_PYTHON}'; end"


def create_function(parser: Parser, context: Context) -> Plan:
    """CREATE [OR REPLACE] FUNCTION name (type, …) RETURNS type volatility AS $$…$$ LANGUAGE sql.

    One in Python is recorded, with a warning, and never run: Redshift takes no new ones since its
    patch 198, but drivers' own tests look for them in the catalog.
    https://docs.aws.amazon.com/redshift/latest/dg/c-query-processing.html
    """
    parser.word("create")
    replacing = "or replace " if parser.try_words("or", "replace") else ""
    parser.word("function")
    python = parser.tokens[-1].is_word("plpythonu")
    name = quote(*parser.dotted_name())
    first = parser.index
    types, names = _arguments(parser)
    arguments = parser.edits.render(parser.tokens[first].start, parser.tokens[parser.index - 1].end)
    parser.word("returns")
    first = parser.index
    column_type(parser)
    returns = parser.edits.render(parser.tokens[first].start, parser.tokens[parser.index - 1].end)
    volatility = parser.word(*_VOLATILITIES)
    parser.word("as")
    at, body = parser.index, parser.string()
    parser.word("language")
    parser.word("plpythonu" if python else "sql")
    parser.finish()
    # SHOW PARAMETERS tells no sizes of an SQL function's arguments: test_metadataAPI_functions.py,
    # github.com/aws/amazon-redshift-python-driver.
    told = f"/*redshift:{telling({'body': body, 'types': types if python else []})}*/"
    if python:
        opening = arguments[:-1] + (", " if types else "")
        made = (
            f"create {replacing}function {name} {opening}{_MARK} default null) "
            f"returns {returns} language plpgsql {volatility} as {dollar_quote(_NOT_RUN)}"
        )
        warned = f"begin raise warning '{_PYTHON}; Redshift takes no new ones'; {made}; end"
        return parser.plan(f"do {dollar_quote(warned)} {told}", tag="CREATE FUNCTION")
    try:
        query = _body(body, names, context)
    except GatewayError as error:
        error.position = parser.tokens[at].start + 1
        raise
    return parser.plan(
        f"create {replacing}function {name} {arguments} returns {returns} language sql "
        f"{volatility} as {dollar_quote(query)} {told}",
        tag="CREATE FUNCTION",
    )


def _arguments(parser: Parser) -> tuple[list[str], set[str]]:
    """The types of the arguments for PostgreSQL, and the names that some have."""
    types: list[str] = []
    names: set[str] = set()
    parser.mark("(")
    if parser.try_mark(")"):
        return types, names
    while True:
        if is_named(parser):
            names.add(parser.name())
        first = parser.tokens[parser.index].start if not parser.at_end else 0
        column_type(parser)
        types.append(parser.edits.render(first, parser.tokens[parser.index - 1].end))
        if not parser.try_mark(","):
            break
    parser.mark(")")
    return types, names


def is_named(parser: Parser) -> bool:
    """Whether a name, not a type, stands at the cursor."""
    here = parser.tokens[parser.index : parser.index + 2]
    return (
        len(here) == 2
        and here[1].is_name
        and tuple(token.text for token in here) not in TWO_WORD_TYPES
    )


def _body(text: str, names: set[str], context: Context) -> str:
    """The function's SELECT for PostgreSQL, where the arguments' names mean nothing."""
    tokens = tokenize(text)
    while tokens and tokens[-1].is_mark(";"):
        tokens.pop()
    if not tokens or not tokens[0].is_word("select"):
        raise GatewayError("42601", "an SQL function is one SELECT")
    inside_call = 0
    for index, token in enumerate(tokens):
        inside_call += token.is_mark("(") - token.is_mark(")")
        called = any(after.is_mark("(") for after in tokens[index + 1 : index + 2])
        other = tokens[index - 1].is_mark("::") or tokens[index - 1].is_word("as")  # type or alias
        if token.is_name and in_lower_case(token.name) in names and not (called or other):
            raise GatewayError("42703", f'column "{token.name}" does not exist')
        if token.is_word(*_NOT_IN_BODY) and not inside_call:
            raise GatewayError("42601", f"an SQL function has no {token.text.upper()} clause")
        if token.is_word("select") and inside_call:
            raise GatewayError("42601", "an SQL function has no subquery")
        if token.kind is Kind.PUNCTUATION and token.text == ";":
            raise GatewayError("42601", "an SQL function is one SELECT")
    edits = Edits(text)

    Expressions(text, tokens, edits, context.denied, SPECIAL, context.case_sensitive).rewrite()
    return edits.render(tokens[0].start, tokens[-1].end)


def drop_function(parser: Parser, context: Context) -> Plan:
    """DROP FUNCTION name ([name] type, …) [CASCADE | RESTRICT]."""
    parser.try_words("drop", "function")
    lenient = parser.try_words("if", "exists")
    name = quote(*parser.dotted_name())
    types, _names = _arguments(parser)
    arguments = f"({', '.join(types)})"
    behaviour = parser.try_word("cascade", "restrict") or ""
    parser.finish()
    parser.expressions(context)
    marked = f"{name}({', '.join([*types, _MARK])})"
    exists = "if exists " if lenient else ""
    body = (
        f"begin if to_regprocedure({literal(marked)}) is not null then "
        f"drop function {marked} {behaviour}; "
        f"else drop function {exists}{name}{arguments} {behaviour}; end if; end"
    )
    return parser.plan(f"do {dollar_quote(body)}", tag="DROP FUNCTION")


def argument_types(parser: Parser) -> str:
    """`(types)` that tell overloaded routines apart, as an array; NULL when none are written.

    A name and IN or INOUT may stand before a type; OUT arguments are left out. Drivers send types
    as parameters.
    """
    if not parser.try_mark("("):
        return "null"
    types: list[str] = []
    while not parser.try_mark(")"):
        words: list[str] = []
        out = False
        while not (parser.at_end or parser.peek_mark(",") or parser.peek_mark(")")):
            token = parser.token
            if token is not None and token.kind is Kind.PARAMETER:
                words.append(token.text)
                parser.index += 1
            elif parser.peek_mark("("):
                parser.skip_parentheses()
            else:
                word = parser.name()
                out = out or word == "out"
                if word not in ("in", "out", "inout"):
                    words.append(word)
        if len(words) > 1 and (words[0], words[1]) not in TWO_WORD_TYPES:
            del words[0]  # the argument's name
        if not out:
            one = len(words) == 1 and words[0].startswith("$")
            types.append(words[0] if one else literal(" ".join(words)))
        parser.try_mark(",")
    return f"array[{', '.join(types)}]::text[]"
