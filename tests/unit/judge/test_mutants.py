"""The table of mutants has every guard; `python -m tests.mutants` tries them."""

from functools import cache

import pytest

from harness.judge.guards.all import GUARDS
from tests.mutants.table import BRANCHES, EQUIVALENT, NEVER_TRIP, ROOT, Mutant, mutants


@cache  # of one worker: it takes two seconds
def table() -> tuple[Mutant, ...]:
    return tuple(mutants())


@pytest.mark.untraced
def test_every_guard_has_a_mutant_or_never_trips() -> None:
    names = {one.name for one in table()}
    guards = {find.__name__ for find in GUARDS}
    assert guards >= NEVER_TRIP
    for guard in guards - NEVER_TRIP:
        assert f"guard {guard} never trips" in names


@pytest.mark.untraced
@pytest.mark.parametrize("file", BRANCHES)
def test_every_file_that_decides_has_mutants(file: str) -> None:
    own = [one for one in table() if one.file == file]
    assert own
    assert all((ROOT / test).exists() for one in own for test in one.tests)
    assert len({one.name for one in own}) == len(own)
    assert all(compile(one.source, one.file, "exec") for one in own)


def test_equivalent_mutants_have_a_reason() -> None:
    assert all(EQUIVALENT.values())
