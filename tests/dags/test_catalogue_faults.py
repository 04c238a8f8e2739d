"""Registering beside other runs, in bounded requests, and what a service may refuse."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from elt_lib import catalogue
from elt_lib.catalogue import CatalogueError, register
from tests.dags.registering import DATABASE, ORDERS, partitions, tell, winner


def test_a_load_that_commits_meanwhile_wins(glue, files):
    """An older view of the ledger, written late, is put right by the one who wrote it."""
    files.load("b1", "a")
    tell(glue, files)
    files.load("b1", "b")

    def another_run():
        files.load("b1", "c")
        files.meanwhile.clear()
        tell(glue, files)

    # The ledger was read as b; while it is written, c is loaded and registered by its own run.
    original = files.lake.read

    def read(url):
        if "attempt-b" in url and "c" not in str(files.ledger["b1"].manifest_sha256)[-1:]:
            another_run()
        return original(url)

    register(glue, DATABASE, [ORDERS], files.loaded, replace(files.lake, read=read))
    assert partitions(glue) == {"b1": winner("b1", "c")}


def test_a_batch_that_another_run_registers_meanwhile_is_not_taken_for_withdrawn(glue, files):
    files.load("b1", "a")

    def another_run():
        files.load("b2", "b")
        tell(glue, files)

    files.meanwhile = [another_run]
    tell(glue, files)
    assert sorted(partitions(glue)) == ["b1", "b2"]


def test_no_partition_of_another_run_vanishes_even_for_a_moment(glue, files):
    """The ledger is read last: what another run registers after that is not yet in our partitions.

    The other way round its partition would be deleted and made again by the next round.
    """
    files.load("b1", "a")
    others = [lambda: files.load("b2", "b")]

    def loaded():
        seen = list(files.ledger.values())
        if others:
            others.pop()()
            tell(glue, files)
        return seen

    class Watched:
        def __getattr__(self, name):
            assert name != "batch_delete_partition"
            return getattr(glue, name)

    register(Watched(), DATABASE, [ORDERS], loaded, files.lake)
    assert sorted(partitions(glue)) == ["b1", "b2"]


def test_partitions_are_told_in_as_many_requests_as_the_service_wants(glue, files, monkeypatch):
    monkeypatch.setattr(catalogue, "MOST_CREATED", 2)
    monkeypatch.setattr(catalogue, "MOST_UPDATED", 2)
    monkeypatch.setattr(catalogue, "MOST_DELETED", 2)
    for number in range(5):
        files.load(f"b{number}", "a", rejected=0)
    assert tell(glue, files) == 5
    for number in range(5):
        files.load(f"b{number}", "c", rejected=0)
    assert tell(glue, files) == 5
    assert set(partitions(glue).values()) == {winner(f"b{number}", "c") for number in range(5)}
    files.ledger.clear()
    assert tell(glue, files) == 5
    assert partitions(glue) == {}


def test_a_ledger_that_does_not_hold_still_is_given_up(glue, files):
    names = iter(range(1000))
    files.load("b1", "a")
    files.meanwhile = [lambda: files.load("b1", f"n{next(names)}")] * 99
    with pytest.raises(CatalogueError, match="after 10 rounds"):
        tell(glue, files)


def test_a_partition_that_the_service_refuses_is_an_error(glue, files):
    """A batch request succeeds as a whole and names in its answer what it refused."""
    files.load("b1", "a")

    class Refusing:
        def __getattr__(self, name):
            return getattr(glue, name)

        def batch_create_partition(self, **_):
            detail = {"ErrorCode": "ResourceNumberLimitExceededException", "ErrorMessage": "full"}
            return {"Errors": [{"PartitionValues": ["b1"], "ErrorDetail": detail}]}

    with pytest.raises(CatalogueError, match=r"shop__orders.*b1.*full"):
        tell(Refusing(), files)


def test_a_catalogue_without_the_database_says_who_makes_it(glue, files):
    glue.delete_database(Name=DATABASE)
    with pytest.raises(CatalogueError, match=f"no database {DATABASE}.*the stack `catalog`"):
        tell(glue, files)


def test_files_of_two_folders_are_refused(glue, files):
    files.load("b1", "a")
    url = files.ledger["b1"].manifest_url
    entries = [{"url": "s3://lake/x/1.parquet"}, {"url": "s3://lake/y/2.parquet"}]
    files.objects[url] = json.dumps({"entries": entries}).encode()
    with pytest.raises(CatalogueError, match="files of 2 folders"):
        tell(glue, files)
