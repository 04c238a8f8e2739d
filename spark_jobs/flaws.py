"""What can be wrong with a whole record, before its values are looked at."""

from __future__ import annotations

from enum import Enum

from spark_jobs import sql
from spark_jobs.csv_text import count_fields
from spark_jobs.feed import Feed
from spark_jobs.rules import Rule

RAW = "_raw"
FLAW = "_flaw"
FIELDS = "_fields"
NUL = "\0"  # a character that Redshift's text cannot hold
UNREADABLE = "\ufffd"  # what decoding puts in the place of bytes that it cannot read


class Flaw(Enum):
    """Why a record could not be split into the fields that its header names."""

    ENCODING = "encoding"
    QUOTING = "quoting"
    COUNT = "count"
    JSON = "json"
    EXTRA = "extra"


def flaw_rule() -> str:
    """Return the SQL of the rule that a flawed record breaks."""
    return (
        f"case {FLAW} when '{Flaw.ENCODING.value}' then '{Rule.ENCODING.value}' "
        f"when '{Flaw.EXTRA.value}' then '{Rule.EXTRA.value}' else '{Rule.MALFORMED.value}' end"
    )


def flaw_reason(feed: Feed) -> str:
    """Return the SQL of the sentence that says what is wrong with a flawed record."""
    files = feed.files
    reasons = {
        Flaw.ENCODING: f"if({sql.holds(RAW, NUL)}, 'the record holds NUL characters', "
        f"{sql.literal(f'the record is not {files.encoding} text')})",
        Flaw.QUOTING: sql.literal(
            f"a value opened with {files.quote} is not closed before the next delimiter or the "
            "end of the line; if values hold line ends, write `multiline: true` in the contract"
        ),
        Flaw.COUNT: sql.concat(
            *("'the record has '", count_fields(RAW, files), "' fields, the header '"),
            *(FIELDS, "' names'"),
        ),
        Flaw.JSON: sql.literal("the line is not one JSON object, or has a name twice"),
        Flaw.EXTRA: sql.literal(
            "the object has names that no column claims; in the contract, add a column or an alias "
            "for each, or write `extra_columns: ignore` or `capture`"
        ),
    }
    cases = " ".join(f"when '{flaw.value}' then {text}" for flaw, text in reasons.items())
    return f"case {FLAW} {cases} end"
