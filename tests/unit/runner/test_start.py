"""When the load of a single run begins."""

import time

import pytest

from harness.runner.start import SingleStart, start_of
from tests.unit.runner.fakes import FakeStart


@pytest.mark.parametrize(("remote", "lead"), [(False, 0.1), (True, 0.5)])
async def test_load_begins_a_lead_after_all_is_ready(remote: bool, lead: float) -> None:
    async with start_of(None, lambda: False, remote=remote) as start:
        assert isinstance(start, SingleStart)
        before = time.monotonic()
        t0 = await start.begin()
        assert before + lead <= t0 <= time.monotonic() + lead


async def test_given_start_is_used() -> None:
    given = FakeStart([])
    async with start_of(given, lambda: False, remote=False) as start:
        assert start is given
