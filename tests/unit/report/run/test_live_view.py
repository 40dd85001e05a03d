"""The view of a run that a terminal redraws, against tests/golden/live."""

import re
from math import sin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from harness.report.compare.live import compare_view
from harness.report.parts.terminal import render
from harness.report.run.live_view import progress_view
from harness.runs.model import Progress
from tests.unit.report.compare.cases import CASES
from tests.unit.report.golden import GOLDEN, check_golden, check_names
from tests.unit.report.run.test_live import MEASURING, PROGRESS

FOLDER = GOLDEN / "live"


def second(number: int) -> Progress:
    """A run with a slow patch, in which requests fail and one budget is decided."""
    patch = 25 <= number < 29
    return Progress(
        phase="warm-up" if number < 6 else "measuring",
        elapsed=float(number),
        total=45.0,
        asked_rate=50.0,
        rate=50.0 + 3 * sin(number),
        p95=0.18 if patch else 0.04 + 0.008 * sin(2.5 * number),
        errors=max(0, min(number - 25, 4)),
        in_flight=14 if patch else 3,
        budgets=(
            ("error-ratio", ""),
            ("api-latency-p95", "fail" if number > 30 else ""),
        ),
    )


COURSE = [second(number) for number in range(1, 41)]
VIEWS = {
    "run": (COURSE, "sample-app, scenario smoke"),
    "first": ([MEASURING._replace(phase="warm-up", rate=0.0, p95=None, elapsed=0.0)], ""),
    "closed": ([one._replace(asked_rate=None, budgets=()) for one in COURSE], "世界 größe " * 20),
    "decided": (
        [
            MEASURING._replace(
                errors=3,
                budgets=tuple(
                    (f"{outcome or 'undecided'}-{number}", outcome)
                    for number in range(3)
                    for outcome in ("pass", "", "warn", "fail", "inconclusive")
                ),
            )
        ],
        "many budgets",
    ),
}
FORMATS = {"100.txt": (100, False), "60.txt": (60, False), "100.ansi": (100, True)}
NAMES = [
    *(f"{case}-100.txt" for case in VIEWS),
    "closed-60.txt",
    "decided-100.ansi",
    *(f"compare-{case}-60.txt" for case in ("fail", "interrupted", "no-budgets")),
]


def drawn(name: str) -> str:
    case, form = name.rsplit("-", 1)
    width, color = FORMATS[form]
    if case.startswith("compare-"):
        view = compare_view(CASES[case.removeprefix("compare-")][0], width)
    else:
        view = progress_view(*VIEWS[case], width)
    return render([view], width=width, color=color)


@pytest.mark.parametrize("name", NAMES)
def test_view_is_the_golden(name: str) -> None:
    check_golden(FOLDER / name, drawn(name))


def test_goldens_all_belong_to_a_case() -> None:
    check_names(FOLDER, NAMES)


@given(st.lists(PROGRESS, min_size=1, max_size=20), st.integers(40, 200), st.text(max_size=80))
def test_view_of_anything_fits_and_steers_no_terminal(
    course: list[Progress], width: int, title: str
) -> None:
    text = render([progress_view(course, title, width)], width=width, color=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert max(cell_len(line) for line in text.split("\n")) <= width
    assert text.splitlines()[2].startswith("rate ")
