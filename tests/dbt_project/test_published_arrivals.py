"""The published files of the arrivals from raw file to mart, against a calculation of its own."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.dbt_project import published_arrivals as published
from tests.dbt_project.whole_way import Way, whole_way

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not published.DATA.is_dir(), reason=f"the real files are not at {published.DATA}"
    ),
]

APRIL = datetime(2016, 4, 1)
FILES = {
    "arrivals": published.ARRIVALS,
    "city_demographics": published.CITIES,
    "airports": published.AIRPORTS,
    "state_temperatures": published.TEMPERATURES,
}
SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds" / "immigration"


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Iterator[Way]:
    with whole_way(tmp_path_factory.mktemp("published"), manifest, "immigration") as way:
        for feed, path in FILES.items():
            way.put(f"raw/immigration/{feed}/2016/04/{path.name}", path)
            way.take(feed, APRIL)
        way.warehouse.built(
            *("build", "--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"),
            *("--select", "tag:immigration", "tag:shared"),
        )
        yield way


def test_every_row_is_loaded(way: Way) -> None:
    found = way.warehouse.rows(
        "select feed, raw_rows, rejected_rows, loaded_rows from ops.load_ledger order by 1"
    )
    lines = {
        feed: sum(1 for _ in published.rows(path, ";" if "city" in feed else ","))
        for feed, path in FILES.items()
    }
    assert found == [[feed, lines[feed], 0, lines[feed]] for feed in sorted(FILES)]
    assert lines["arrivals"] == 1000


def test_every_arrival_is_what_its_record_says(way: Way) -> None:
    found = way.warehouse.rows(
        "select record_id, arrived_on, departure_date, admitted_until, admission_number, age, "
        "citizenship_key, residence_key, port_key, state_key, mode_key, visa_type, "
        "visa_category_code, gender, birth_year "
        "from marts.fct_arrivals join marts.dim_visa using (visa_key) "
        "join marts.dim_visitor using (visitor_key, citizenship_key, residence_key)"
    )
    expected = [
        [
            int(float(row["cicid"])),
            published.day(row["arrdate"]),
            published.day(row["depdate"]),
            published.admitted_until(row["dtaddto"]),
            int(float(row["admnum"])),
            *(int(float(row[name])) for name in ("i94bir", "i94cit", "i94res")),
            row["i94port"],
            row["i94addr"] or "-",
            int(float(row["i94mode"])),
            row["visatype"],
            int(float(row["i94visa"])),
            row["gender"] or None,
            int(float(row["biryear"])),
        ]
        for row in published.rows(published.ARRIVALS)
    ]
    assert sorted(found) == sorted(expected)


def test_a_parquet_month_of_the_same_records_gives_the_same_fact(way: Way, tmp_path: Path) -> None:
    """As Spark's SAS reader writes it: doubles and texts, no column of row numbers."""
    content = "select * from marts.fct_arrivals order by arrival_key"
    names = [name for name, _ in fact_columns(way) if not name.startswith("_")]
    kept = content.replace("*", ", ".join(names))
    from_csv = way.warehouse.rows(kept)
    records = list(published.rows(published.ARRIVALS))
    texts = {
        *("i94port", "i94addr", "dtadfile", "visapost", "occup", "entdepa", "entdepd", "entdepu"),
        *("matflag", "dtaddto", "gender", "insnum", "airline", "fltno", "visatype"),
    }
    columns = {
        name: pa.array(
            [(row[name] if name in texts else float(row[name])) if row[name] else None
             for row in records],
            pa.string() if name in texts else pa.float64(),
        )
        for name in records[0]
        if name
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "part-00000.snappy.parquet")
    lake = way.stack.config.s3 / way.stack.config.lake_bucket / "raw/immigration/arrivals/2016/04"
    (lake / published.ARRIVALS.name).unlink()
    way.put("raw/immigration/arrivals/2016/04/part-00000.parquet", next(tmp_path.iterdir()))
    way.take("arrivals", APRIL)
    way.warehouse.built("run", "--select", "fct_arrivals")
    files = way.warehouse.rows("select distinct right(_source_file, 8) from marts.fct_arrivals")
    assert files == [[".parquet"]]
    assert way.warehouse.rows(kept) == from_csv


def test_the_dictionary_says_what_each_warning_counts(way: Way) -> None:
    done = way.warehouse.dbt("test", "--select", "assert_arrivals_*")
    assert done.success, done.exception
    found = {
        each.node.name: (each.node.config.severity.lower(), each.failures)
        for each in done.result.results  # type: ignore[union-attr]
    }
    page = (SEEDS.parents[1] / "docs" / "overview.md").read_text(encoding="utf-8")
    told = re.findall(r"\| `(assert_arrivals_\w+)` \|.*\| (\d+) \|", page)
    assert {name: ("warn", int(rows)) for name, rows in told} == found
    assert len(told) == 4
    codes = published.unlisted()
    assert found["assert_arrivals_have_listed_codes"][1] == sum(map(len, codes.values()))
    # What the page says below its table.
    countries, states = codes["i94cit"], codes["i94addr"]
    assert (len(countries), countries.total(), len(states), states.total()) == (8, 127, 5, 8)
    assert countries["148"] + countries["254"] == 89


def fact_columns(way: Way) -> list[list[str]]:
    return way.warehouse.rows(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = 'marts' and table_name = 'fct_arrivals' order by ordinal_position"
    )


def test_totals_by_day_and_state(way: Way) -> None:
    found = way.warehouse.rows(
        "select arrived_on, state_key, arrivals, business_arrivals, pleasure_arrivals, "
        "study_arrivals from marts.agg_state_arrivals_daily"
    )
    expected: Counter[tuple[object, str, str]] = Counter()
    for row in published.rows(published.ARRIVALS):
        place = (published.day(row["arrdate"]), row["i94addr"] or "-")
        expected[*place, "all"] += 1
        expected[*place, row["i94visa"]] += 1
    assert {(day, state): counts for day, state, *counts in found} == {
        (day, state): [count, *(expected[day, state, code] for code in ("1.0", "2.0", "3.0"))]
        for (day, state, kind), count in expected.items()
        if kind == "all"
    }


def test_people_of_each_state(way: Way) -> None:
    found = way.warehouse.rows(
        "select state_key, city_count, total_population, mean_median_age, "
        "coalesce(average_household_size, 0) from marts.dim_state where city_count > 0"
    )
    assert {state: tuple(map(float, values)) for state, *values in found} == {
        state: pytest.approx(values, abs=0.006) for state, values in published.people().items()
    }
    names = {
        "white_count": "White",
        "black_count": "Black or African-American",
        "asian_count": "Asian",
        "native_count": "American Indian and Alaska Native",
        "hispanic_count": "Hispanic or Latino",
    }
    counts = way.warehouse.rows(f"select state_key, {', '.join(names)} from marts.dim_state")
    by_race = {
        (state, race): count
        for state, *values in counts
        for race, count in zip(names.values(), values, strict=True)
        if count is not None
    }
    assert by_race == published.races()


def test_temperatures_of_the_states_that_are_there(way: Way) -> None:
    found = way.warehouse.rows(
        "select state_key, month_of_year, mean_temperature_celsius, years_measured, last_year "
        "from marts.agg_state_temperature_monthly"
    )
    states = {"AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas"}
    assert {(state, number): float(mean) for state, number, mean, *_ in found} == {
        (code, number): pytest.approx(published.climate(name, number), abs=0.001)
        for code, name in states.items()
        for number in range(1, 13)
    }
    # The history ends in September 2013, which not every state has.
    assert {(number, years, last) for _, number, _, years, last in found if number != 9} == {
        (number, 30, 2013 if number < 9 else 2012) for number in range(1, 13) if number != 9
    }


def test_airports_are_where_the_list_says(way: Way) -> None:
    found = way.warehouse.rows("select airport_key, longitude, latitude from marts.dim_airport")
    expected = {}
    for row in published.rows(published.AIRPORTS):
        longitude, latitude = row["coordinates"].split(", ")
        expected[row["ident"]] = pytest.approx((float(longitude), float(latitude)), abs=1e-6)
    assert {ident: (float(x), float(y)) for ident, x, y in found} == expected


@pytest.mark.parametrize(
    ("seed", "block"),
    [
        ("i94_countries", "i94cntyl"),
        ("i94_ports", "$i94prtl"),
        ("i94_modes", "i94model"),
        ("i94_states", "i94addrl"),
    ],
)
def test_code_lists_have_every_code_of_the_label_file(seed: str, block: str) -> None:
    with (SEEDS / f"{seed}.csv").open(newline="", encoding="utf-8") as file:
        codes = [row[0] for row in list(csv.reader(file))[1:]]
    assert len(codes) == len(set(codes))
    assert set(codes) == published.labels(block)
