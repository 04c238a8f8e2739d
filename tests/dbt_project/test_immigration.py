"""The I-94 arrivals from raw file to mart: the generated sample, whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from infra.local.samples.immigration import Answers, generate
from infra.local.samples.sample import Sample
from tests.dbt_project.full_refresh import assert_equal_to_full_refresh
from tests.dbt_project.whole_way import Way, whole_way

pytestmark = pytest.mark.slow

APRIL, MAY = datetime(2016, 4, 1), datetime(2016, 5, 1)
MODELS = (
    *("--select", "tag:immigration", "tag:shared", "ops_immigration_rows"),
    *("--indirect-selection", "buildable"),
)
TEMPERATURE_STATES = {"GA": "Georgia (State)", "DC": "District Of Columbia"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample[Answers]:
    return generate(tmp_path_factory.mktemp("sample"), arrivals=2000)


@pytest.fixture(scope="module")
def way(
    tmp_path_factory: pytest.TempPathFactory, manifest: Path, sample: Sample[Answers]
) -> Iterator[Way]:
    """April built with unit tests, then May merged into it."""
    with whole_way(tmp_path_factory.mktemp("way"), manifest, "immigration") as way:
        for month, more in ((APRIL, ()), (MAY, ("--exclude-resource-type", "unit_test"))):
            for batch in sample.batches:
                if batch.batch_id == f"{month:%Y%m%dT000000}":
                    for file in batch.files:
                        way.put(file.key, file.path)
                    way.take(batch.feed, month, files=bool(batch.files))
            way.warehouse.built("build", *MODELS, *more)
        yield way


def test_raw_is_rejected_plus_loaded_by_rule(way: Way, sample: Sample[Answers]) -> None:
    found = way.warehouse.rows(
        "select feed, batch_id, raw_rows, rejected_rows, loaded_rows from ops.load_ledger "
        "where status = 'loaded' order by 1, 2"
    )
    assert found == [
        [b.feed, b.batch_id, b.raw_rows, b.rejected_rows, b.loaded_rows]
        for b in sorted(sample.batches, key=lambda b: (b.feed, b.batch_id))
        if b.files
    ]
    rules = way.warehouse.rows(
        "select feed, batch_id, rule, cast(sum(rejected_rows) as bigint) from ops.load_rejects "
        "group by 1, 2, 3 order by 1, 2, 3"
    )
    assert rules == sorted(
        [b.feed, b.batch_id, rule, rows]
        for b in sample.batches
        for rule, rows in b.rejected.items()
    )


def test_every_row_is_accounted_for(way: Way, sample: Sample[Answers]) -> None:
    found = way.warehouse.rows(
        "select batch_id, staged_rows, repeated_rows, superseded_rows, fact_rows "
        "from ops.ops_immigration_rows where feed = 'arrivals' order by 1"
    )
    assert found == [
        [b.batch_id, b.loaded_rows, b.repeated, b.superseded, b.fact_rows]
        for b in sample.of_feed("arrivals")
    ]


def test_an_arrival_is_one_row_of_the_fact(way: Way, sample: Sample[Answers]) -> None:
    flags = ("is_without_departure", "is_departed_before_arrival", "is_age_impossible")
    counts = ", ".join(f"sum(case when {flag} then 1 else 0 end)" for flag in flags)
    found = way.warehouse.rows(
        f"select _batch_id, count(*), {counts} from marts.fct_arrivals group by 1 order by 1"
    )
    assert [[batch, *map(int, values)] for batch, *values in found] == [
        [b.batch_id, b.fact_rows, *(b.flagged[flag] for flag in flags)]
        for b in sample.of_feed("arrivals")
    ]


def test_arrivals_are_counted_by_state_purpose_and_citizenship(
    way: Way, sample: Sample[Answers]
) -> None:
    by_state = way.warehouse.rows(
        "select state_key, cast(sum(arrivals) as bigint) from marts.agg_state_arrivals_daily "
        "group by 1"
    )
    assert dict(by_state) == sample.answers.by_state
    by_purpose = way.warehouse.rows(
        "select visa_category, count(*) from marts.fct_arrivals "
        "join marts.dim_visa using (visa_key) group by 1"
    )
    assert dict(by_purpose) == sample.answers.by_purpose
    by_citizenship = way.warehouse.rows(
        "select citizenship_key, count(*) from marts.dim_visitor "
        "join marts.fct_arrivals using (visitor_key, citizenship_key) group by 1"
    )
    assert dict(by_citizenship) == sample.answers.by_citizenship


def test_people_of_a_state_are_those_of_its_cities(way: Way, sample: Sample[Answers]) -> None:
    found = way.warehouse.rows(
        "select state_key, city_count, total_population, veteran_count, foreign_born_count, "
        "white_count, black_count, asian_count, native_count, hispanic_count "
        "from marts.dim_state where city_count > 0 order by 1"
    )
    assert found == [
        [
            *(state, people.cities, people.total, people.veterans, people.foreign_born),
            people.races["White"],
            people.races["Black or African-American"],
            people.races["Asian"],
            people.races["American Indian and Alaska Native"],
            people.races["Hispanic or Latino"],
        ]
        for state, people in sorted(sample.answers.people.items())
    ]


def test_temperatures_are_means_of_the_latest_years(way: Way, sample: Sample[Answers]) -> None:
    found = way.warehouse.rows(
        "select coalesce(temperature_state_name, ''), month_of_year, mean_temperature_celsius "
        "from marts.agg_state_temperature_monthly "
        "join staging.i94_states on state_key = state_code"
    )
    assert {(state, month): mean for state, month, mean in found} == sample.answers.temperatures
    may = sample.answers.temperatures["New York", 5]
    days = way.warehouse.rows(
        "select distinct mean_temperature_celsius from marts.agg_state_arrivals_daily "
        "where state_key = 'NY' and arrived_on >= '2016-05-01'"
    )
    assert days == [[may]]
    assert isinstance(may, Decimal)


def test_an_airport_is_a_port_where_code_and_state_agree(way: Way, sample: Sample[Answers]) -> None:
    found = way.warehouse.rows(
        "select airport_key, port_code from marts.dim_airport where port_code is not null"
    )
    assert dict(found) == sample.answers.ports_of_airports


def test_what_is_odd_warns_with_its_count(way: Way, sample: Sample[Answers]) -> None:
    names = ("depart_after_they_arrive", "have_a_possible_age", "have_listed_codes")
    odd = [f"assert_arrivals_{name}" for name in names]
    result = way.warehouse.dbt("test", "--select", *odd)
    assert result.success
    warned = {
        done.node.name: done.failures for done in result.result.results if done.status == "warn"
    }
    flagged = [batch.flagged for batch in sample.of_feed("arrivals")]
    assert warned == {
        "assert_arrivals_depart_after_they_arrive": sum(
            flags["is_departed_before_arrival"] for flags in flagged
        ),
        "assert_arrivals_have_a_possible_age": sum(flags["is_age_impossible"] for flags in flagged),
        # And 148 and 254, of citizens and of residents: in every month, and in no list.
        "assert_arrivals_have_listed_codes": len(sample.answers.unlisted) + 4,
    }


def test_the_facts_equal_their_full_refresh(way: Way, manifest: Path) -> None:
    assert_equal_to_full_refresh(way.warehouse, manifest, "immigration")


@pytest.mark.parametrize("question", ["arrivals_by_state_and_climate", "top_citizenships_by_visa"])
def test_the_example_questions_have_answers(way: Way, question: str) -> None:
    way.warehouse.built("compile", "--select", question)
    compiled = Path(way.warehouse.environment["DBT_TARGET_PATH"]) / "compiled/starlift/analyses"
    found = way.warehouse.rows((compiled / f"{question}.sql").read_text(encoding="utf-8"))
    assert len(found) == 20 if question.startswith("arrivals") else len(found) > 10
