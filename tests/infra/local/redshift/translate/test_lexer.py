from __future__ import annotations

import pytest

from infra.local.redshift.errors import GatewayError
from infra.local.redshift.translate.lexer import Kind, split_statements, tokenize


def texts(sql: str) -> list[str]:
    return [token.text for token in tokenize(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT A.b", ["select", "a", ".", "b"]),
        ("a::int", ["a", "::", "int"]),
        ("a -- c\n+ 1", ["a", "+", "1"]),
        ("/* a /* nested */ b */ x", ["x"]),
        ("'it''s' \"A\"\"b\"", ["'it''s'", '"A""b"']),
        (r"'a\'b' x", [r"'a\'b'", "x"]),
        ("$$a ' b$$ $t$ $$ $t$", ["$$a ' b$$", "$t$ $$ $t$"]),
        ("$1 + $2", ["$1", "+", "$2"]),
        ("1.5e-3 .5 10", ["1.5e-3", ".5", "10"]),
        ("a.x(+)=b.x", ["a", ".", "x", "(+)", "=", "b", ".", "x"]),
        ("#tmp", ["#tmp"]),
        ("é_1 ÀB", ["é_1", "Àb"]),
        ("a<>b a<=b a||b", ["a", "<>", "b", "a", "<=", "b", "a", "||", "b"]),
    ],
)
def test_tokens(sql: str, expected: list[str]) -> None:
    assert texts(sql) == expected


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("insert into t values (1, 'a'), (-2.5e3, 'it''s (x), '), (null, ''), (1, 'b')",
         " (-2.5e3, 'it''s (x), '), (null, ''), "),
        ("values (a), (1), (TRUE), (b), (3), (4)", " (1), (TRUE), | (3), "),
        ("values (f(1, (2), 3)), (1), (2)", " (1), "),
        (r"values (1), ('\\'), (2), ($1), (3), (4)", " (2), | (3), "),
        ("values (1), ('a' 'b'), ('c'::char), (2)", ""),
        ("select x in (1), (2), (3) from values", ""),
        ("with v as (values (1), (2), (3)) select (1), (2), (3)", " (2), "),
        ("values (1), (2) union select (1), (2), (3)", ""),
    ],
)  # fmt: skip
def test_rows_of_constants_are_one_token(sql: str, rows: str) -> None:
    tokens = tokenize(sql)
    found = [token for token in tokens if token.kind is Kind.ROWS]
    assert "|".join(token.text for token in found) == rows
    assert all(sql[token.start : token.end].lower() == token.text.lower() for token in tokens)


def test_positions_are_exact() -> None:
    sql = "select  \"A\", 'b' -- c\nfrom t"
    assert [sql[t.start : t.end] for t in tokenize(sql)] == [
        "select", '"A"', ",", "'b'", "from", "t",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("select 'abc", "unterminated quoted string", 8),
        ('select "abc', "unterminated quoted identifier", 8),
        ("select /* x", "unterminated /* comment", 8),
        ("select §", 'syntax error at or near "§"', 8),
    ],
)
def test_what_cannot_be_read_is_an_error(sql: str, message: str, position: int) -> None:
    if "§" in sql:
        sql = "select \x01"
        message = 'syntax error at or near "\x01"'
    with pytest.raises(GatewayError) as caught:
        tokenize(sql)
    assert caught.value.message == message
    assert caught.value.position == position


def test_literal_values() -> None:
    assert [t.value for t in tokenize(r"'a''b\n\t\\\x41' $q$x\n$q$")] == ["a'b\n\t\\A", r"x\n"]


def test_statements_end_at_semicolons_outside_literals() -> None:
    statements = split_statements(tokenize("select ';'; ; select 2;"))
    assert [[t.text for t in tokens] for tokens in statements] == [
        ["select", "';'"],
        ["select", "2"],
    ]


def test_big_insert_is_cheap() -> None:
    row = "(1, 'abc', 2.5, null)"
    tokens = tokenize("insert into t values " + ",".join([row] * 100_000))
    assert [token.text for token in tokens[13:16]] == [",", f"{row}," * 99_998, "("]
    assert len(tokens) == 24
