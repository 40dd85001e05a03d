"""Where memory was allocated that was not released."""

from __future__ import annotations

import pytest

from harness.diagnose.evidence.memory import NOT_RECORDED, allocations
from harness.runs.recording.growth import AllocationSite

MIB = 2**20
SITE = "/venv/lib/python3.11/site-packages"
OUTER = (f"{SITE}/starlette/routing.py", 40)
LEAK = AllocationSite(
    (OUTER, ("/srv/shop/list.py", 8), ("/usr/lib/python3.11/json.py", 3)), (5 * MIB, 4 * MIB)
)
OTHER = AllocationSite((OUTER, ("/srv/shop/cache.py", 2)), (MIB // 2, MIB // 2))
PACKAGE = AllocationSite((OUTER,), (MIB, -MIB // 2))


def test_the_line_that_leaks() -> None:
    analysis = allocations([PACKAGE, OTHER, LEAK])
    assert analysis.about == (
        "the 10.5 MiB that Python allocated and did not release, in a second start"
    )
    leak, other, package = analysis.causes
    assert (leak.kind, leak.what, leak.place) == (
        *("allocation", "memory allocated here and kept", "/srv/shop/list.py:8"),
    )
    assert leak.share == pytest.approx(9 / 10.5)
    assert leak.evidence == "5 MiB and 4 MiB in the two halves of the load"
    assert leak.sign == "it grows all the time, far more than each other line"
    assert (other.place, other.sign) == ("/srv/shop/cache.py:2", "")
    assert (package.kind, package.what, package.sign) == ("library", "package starlette", "")


def test_allocations_of_a_line_add_up_over_its_callers_and_processes() -> None:
    again = AllocationSite((("/srv/shop/app.py", 1), ("/srv/shop/list.py", 8)), (MIB, MIB))
    (cause,) = allocations([LEAK, again, LEAK]).causes
    # The innermost line of the service's own code.
    assert cause.place == "/srv/shop/list.py:8"
    assert cause.evidence == "11 MiB and 9 MiB in the two halves of the load"


@pytest.mark.parametrize(
    ("first", "second", "sign"),
    [
        (4 * MIB, 4 * MIB, True),
        (4 * MIB, 1.7 * MIB, True),
        (4 * MIB, 1.5 * MIB, False),  # a cache that fills
        (4 * MIB, -MIB, False),
        (0, 4 * MIB, False),  # it happened once
    ],
)
def test_only_steady_growth_is_a_leak(first: float, second: float, *, sign: bool) -> None:
    site = AllocationSite(LEAK.frames, (int(first), int(second)))
    (cause,) = allocations([site]).causes
    assert bool(cause.sign) is sign


def test_growth_that_many_lines_share_has_no_cause() -> None:
    sites = [AllocationSite((("/srv/shop/x.py", line),), (MIB, MIB)) for line in range(6)]
    assert [one.sign for one in allocations(sites).causes] == [""] * 6


def test_hardly_any_growth() -> None:
    small = AllocationSite(LEAK.frames, (100_000, 100_000))
    text = "hardly any memory that Python allocates was kept in a second start"
    assert allocations([small]).missing == text
    assert allocations([]).missing == NOT_RECORDED
