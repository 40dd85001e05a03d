"""The cells of a report in the form of the run folder."""

from dataclasses import replace

import pytest

from harness import names
from harness.load.recorded import with_source
from harness.runs.cells import Cell
from tests.unit.load.test_fleet import report


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (names.LATENCY, "/a"),
        (names.UNANSWERED_LATENCY, "/a"),
        (names.UNANSWERED_SERVICE_TIME, "/a"),
        (names.UNSTARTED_LATENCY, "worker-1"),
        (names.SCHEDULER_LAG, "worker-1"),
    ],
)
def test_times_of_requests_keep_their_name_and_readings_get_that_of_their_generator(
    what: str, name: str
) -> None:
    one = Cell(what, "", "GET", "/a", 3, {1000: 2})
    (cell,) = with_source(replace(report(1.0, "worker-1"), cells=(one,)))
    assert (cell.name, cell.second, cell.counts) == (name, 3, {1000: 2})
