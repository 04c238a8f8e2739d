"""The JSON schema of a source's YAML, by which editors complete and check a contract.

It knows the keys of ``config.meta`` that Starlift reads and leaves dbt's own properties alone. What
a schema can't say (types against formats, names claimed twice) ``python -m elt_lib check`` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from elt_lib.contract import Batches, Empty, ExtraColumns, Format, UnreadableFiles

Schema = dict[str, Any]


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _character(description: str, *, empty: bool = False) -> Schema:
    return _text(description, minLength=0 if empty else 1, maxLength=1)


def _choice(description: str, values: Iterable[str]) -> Schema:
    return {"enum": [str(value) for value in values], "description": description}


def _choices(description: str, values: Iterable[str]) -> Schema:
    words = {"enum": [str(value) for value in values]}
    several = {"type": "array", "items": words, "minItems": 1, "uniqueItems": True}
    return {"description": description, "anyOf": [words, several]}


def _texts(description: str) -> Schema:
    items = {"type": ["string", "number"]}
    return {"description": description, "anyOf": [items, {"type": "array", "items": items}]}


def _mapping(properties: Schema, *, required: Iterable[str] = (), closed: bool = True) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    if closed:
        schema["additionalProperties"] = False
    return {**schema, "required": list(required)} if required else schema


FILES: Schema = {
    "pattern": _text("Key below raw/<source>/<feed>/: {yyyy} {MM} {dd} {HH} of the interval, *"),
    "format": _choices("Kind of file; of several, a file has the one its name ends with", Format),
    "one_format": _flag("All files of a batch have the same of several formats"),
    "delimiter": _text("Between fields; one or more characters", minLength=1),
    "quote": _character("Around values; empty: values are never quoted", empty=True),
    "escape": _character("Before a quote within a quoted value", empty=True),
    "encoding": _text("Such as UTF-8, latin-1, cp1252"),
    "header": _flag("Whether the first line names the fields"),
    "multiline": _flag("Whether values hold line ends"),
    "null_values": _texts("Texts that mean NULL"),
    "loose_headers": _flag("Compare names without case and blanks"),
    "trailing_delimiters": _flag("Records may end with more delimiters than the header has"),
    "entries": _text("Which files of a zip archive are data, such as *.csv"),
}
COLUMN: Schema = {
    "aliases": _texts("Other header names of the column"),
    "required": _flag("A row without the value is rejected"),
    "optional": _flag("A file may lack the column"),
    "formats": _texts("Accepted formats, tried in order"),
    "thousands": _character("Separator that groups digits by three"),
    "decimal": _character("Decimal mark, a point by default"),
    "null_values": _texts("Texts that mean NULL here, instead of the feed's"),
    "min": {"type": ["number", "string"], "description": "Least value"},
    "max": {"type": ["number", "string"], "description": "Greatest value"},
    "accepted_values": _texts("The only values that a row may have"),
    "sensitive": _flag("Values are masked in logs"),
    "extra": _flag("Takes what no column claims (extra_columns: capture)"),
}
LIMIT: Schema = {
    "description": "Rejected rows above which a batch fails: a share (0 to 1), or such as 100 rows",
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": "^[0-9]+ rows?$"},
    ],
}
FEED: Schema = {
    "files": _mapping(FILES, required=["pattern"]),
    "arrival": _mapping(
        {
            "wait": _text(
                "Time after which a batch is late", pattern="^[0-9]+ (minute|hour|day)s?$"
            ),
            "empty": _choice("What a batch without files means", Empty),
        }
    ),
    "extra_columns": _choice("What a name that no column claims means", ExtraColumns),
    "unreadable_files": _choice("What a file that can't be the feed's means", UnreadableFiles),
    "reject_limit": LIMIT,
    "batches": _choice("What a batch is to those before it: more, or the whole feed anew", Batches),
    "keep_batches": {
        "type": "integer",
        "minimum": 1,
        "description": "With batches: replace, how many of the latest staging keeps",
    },
    "table": _mapping(
        {
            "key": _texts("Documented key; not enforced"),
            "dist": _text("auto, even, all, or a column"),
            "sort": _texts("Sort columns"),
        }
    ),
}
SOURCE: Schema = {
    "schedule": _text("Cron expression or preset; the batch is the data interval"),
    "start_date": _text("First day", format="date"),
}


def schema() -> Schema:
    """Return the schema of a sources file."""

    def meta(properties: Schema) -> Schema:
        return _mapping({"meta": _mapping(properties)}, closed=False)

    column = _mapping(
        {
            "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
            "data_type": {"type": "string"},
            "description": {"type": "string"},
            "config": meta(COLUMN),
        },
        required=["name"],
        closed=False,
    )
    table = _mapping(
        {
            "name": {"type": "string"},
            "config": meta({**SOURCE, **FEED}),
            "columns": {"type": "array", "items": column},
        },
        required=["name"],
        closed=False,
    )
    source = _mapping(
        {
            "name": {"type": "string"},
            "config": meta({**SOURCE, **FEED}),
            "tables": {"type": "array", "items": table},
        },
        required=["name"],
        closed=False,
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Starlift: the contract of a source",
        **_mapping({"sources": {"type": "array", "items": source}}, closed=False),
    }
