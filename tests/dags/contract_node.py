"""One source table of a manifest, with a contract to be read or broken."""

from elt_lib.contract_yaml import sources_of


def node(**meta):
    """One source table of a manifest, as dbt writes it."""
    return {
        "source_name": "shop",
        "source_description": "A shop.\nMore about it.",
        "name": "orders",
        "identifier": "shop__orders",
        "description": "Orders.",
        "original_file_path": "models/staging/shop/_shop__sources.yml",
        "config": {
            "meta": {
                "schedule": "@daily",
                "start_date": "2020-02-01",
                "files": {"pattern": "{yyyy}/{MM}/{dd}/*.csv", "delimiter": ";"},
                "arrival": {"wait": "6 hours", "empty": "allow"},
                "reject_limit": 0.1,
                "table": {"key": ["order_id"], "dist": "order_id", "sort": ["ordered_on"]},
                **meta,
            }
        },
        "columns": {
            "order_id": {
                "name": "order_id",
                "data_type": "bigint",
                "description": "Key.",
                "config": {"meta": {"required": True, "aliases": ["Order ID"]}},
            },
            "ordered_on": {
                "name": "ordered_on",
                "data_type": "date",
                "description": "Day.",
                "config": {"meta": {"formats": ["yyyy-MM-dd"]}},
            },
        },
    }


def read(table):
    return sources_of({"sources": {"source.x": table, "source.ops": {"config": {"meta": {}}}}})
