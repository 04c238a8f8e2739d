"""Types as a contract may write them."""

import pytest

from elt_lib.redshift_types import RedshiftType


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("INT", "integer"),
        ("float8", "double precision"),
        ("Double Precision", "double precision"),
        ("decimal(12, 2)", "numeric(12,2)"),
        ("numeric(5,0)", "numeric(5,0)"),
        ("character varying(10)", "varchar(10)"),
        ("character(4096)", "char(4096)"),
        ("timestamp without time zone", "timestamp"),
    ],
)
def test_names_and_aliases(text, canonical):
    assert str(RedshiftType.parse(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "varchar",
        "varchar(0)",
        "char(4097)",
        "numeric(39,1)",
        "numeric(5,6)",
        "json",
        "int(4)",
    ],
)
def test_what_is_no_type_of_a_contract(text):
    with pytest.raises(ValueError, match="write one of smallint"):
        RedshiftType.parse(text)
