"""Every class of dbt's adapter suite that Redshift takes as it is; none is lost.

The subclasses are made here, so that a class which a new version brings is run at once.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance import (
    suite_adapted,
    suite_constraints,
    suite_materialized_views,
    suite_one_by_one,
)
from tests.conformance.discovery import methods, nearest, suite_classes
from tests.conformance.reasons import ABSTRACT, METHODS_NOT_APPLICABLE, NOT_APPLICABLE

SUITE = suite_classes()
ADAPTED = {
    short
    for module in (suite_adapted, suite_constraints, suite_materialized_views, suite_one_by_one)
    for name, ours in vars(module).items()
    if name.startswith("Test")
    for short in nearest(ours, SUITE)
}
UNCHANGED = SUITE.keys() - ADAPTED - ABSTRACT.keys() - NOT_APPLICABLE.keys()


def _class_name(short: str) -> str:
    """A name that no two classes share: two modules of the suite have a `BaseEphemeral`."""
    folder, *_, name = short.split(".")
    return "Test" + "".join(part.title() for part in folder.split("_")) + name


def _skipping(reason: str) -> Callable[[object], None]:
    def skipped(_self: object) -> None:
        pytest.skip(reason)

    return skipped


def _without(short: str) -> dict[str, object]:
    """The tests of a class that are not run, as tests that say why."""
    reasons = METHODS_NOT_APPLICABLE.get(short, {})
    return {name: _skipping(f"{short}.{name}: {reason}") for name, reason in reasons.items()}


for _short in sorted(UNCHANGED):
    _made = _class_name(_short)
    _body = {"__module__": __name__, **_without(_short)}
    globals()[_made] = type(_made, (SUITE[_short],), _body)


def test_every_class_of_the_suite_is_run_or_has_its_reason() -> None:
    lists = {
        "adapted": ADAPTED,
        "abstract": ABSTRACT.keys(),
        "not applicable": NOT_APPLICABLE.keys(),
    }
    assert len(SUITE) > 200, "the suite was not found"
    for what, names in lists.items():
        assert names <= SUITE.keys(), f"{what}: not in the suite (any more)"
    assert not ADAPTED & (ABSTRACT.keys() | NOT_APPLICABLE.keys())
    assert not ABSTRACT.keys() & NOT_APPLICABLE.keys()
    for short in UNCHANGED:
        assert issubclass(globals()[_class_name(short)], SUITE[short])
    assert len({_class_name(short) for short in UNCHANGED}) == len(UNCHANGED)
    for short, reasons in METHODS_NOT_APPLICABLE.items():
        assert short in UNCHANGED, short
        assert reasons.keys() < set(methods(SUITE[short])), short
    for short in ABSTRACT:
        heirs = [name for name in ADAPTED | UNCHANGED | NOT_APPLICABLE.keys() if name != short]
        assert any(issubclass(SUITE[name], SUITE[short]) for name in heirs), short


@pytest.mark.parametrize(
    ("short", "method"),
    [(short, method) for short in NOT_APPLICABLE for method in methods(SUITE[short])],
)
def test_not_applicable(short: str, method: str) -> None:
    pytest.skip(f"{short}.{method}: {NOT_APPLICABLE[short]}")
