import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.run.live import progress_line
from harness.runs.model import Progress

MEASURING = Progress("measuring", 12.4, 25.0, 50.0, 49.2, 0.1834, 0, 3)

finite = st.floats(0, 1e12)
PROGRESS = st.builds(
    Progress,
    phase=st.sampled_from(["starting", "warm-up", "measuring", "draining"]),
    elapsed=finite,
    total=finite,
    asked_rate=st.none() | finite,
    rate=finite,
    p95=st.none() | finite,
    errors=st.integers(0, 10**12),
    in_flight=st.integers(0, 10**12),
)


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (200, "measuring  0:12/0:25 | 49.2/s of 50/s | p95 183 ms | 0 errors | 3 in flight"),
        (75, "measuring  0:12/0:25 | 49.2/s of 50/s | p95 183 ms | 0 errors | 3 in flight"),
        (74, "measuring  0:12/0:25 | 49.2/s of 50/s | p95 183 ms | 0 errors"),
        (60, "measuring  0:12/0:25 | 49.2/s of 50/s | p95 183 ms"),
        (40, "measuring  0:12/0:25 | 49.2/s of 50/s"),
        (30, "measuring  0:12/0:25"),
        (12, "measuring"),
        (4, "meas"),
        (0, ""),
        (-1, ""),
    ],
)
def test_line_leaves_out_field_by_field_what_does_not_fit(width: int, line: str) -> None:
    assert progress_line(MEASURING, width) == line


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        pytest.param(
            Progress("starting", 0.0, 25.0, None, 0.0, None, 0, 0),
            "starting   0:00/0:25 | 0/s | p95 - | 0 errors | 0 in flight",
            id="nothing has been sent",
        ),
        pytest.param(
            MEASURING._replace(asked_rate=None, errors=1),
            "measuring  0:12/0:25 | 49.2/s | p95 183 ms | 1 error | 3 in flight",
            id="closed model with one error",
        ),
        pytest.param(
            MEASURING._replace(phase="warm-up", elapsed=3723.0, total=7200.0),
            "warm-up    1:02:03/2:00:00 | 49.2/s of 50/s | p95 183 ms | 0 errors | 3 in flight",
            id="a soak run of hours",
        ),
        pytest.param(
            MEASURING._replace(elapsed=-0.4),
            "measuring  0:00/0:25 | 49.2/s of 50/s | p95 183 ms | 0 errors | 3 in flight",
            id="before the first arrival",
        ),
    ],
)
def test_line_says(progress: Progress, line: str) -> None:
    assert progress_line(progress, 100) == line


@given(PROGRESS, st.integers(0, 120))
def test_line_of_anything_fits(progress: Progress, width: int) -> None:
    line = progress_line(progress, width)
    assert len(line) <= width
    assert "\n" not in line
