"""The words of a comparison's control."""

from dataclasses import replace

import pytest

from harness.judge.compare.model import Control
from harness.report.compare.words import control_text
from tests.unit.report.compare.cases import CASES

HEALTH = Control("GET /health", "endpoint", "steady", 0.003, -0.012, 0.018, 5)
POOL = Control("pool", "calibration", "steady", 0.0, -0.02, 0.02, 8)


@pytest.mark.parametrize(
    ("controls", "expected"),
    [
        pytest.param(
            (),
            "none: set `control` of `compare` to an endpoint that cannot change, or calibrate",
            id="none",
        ),
        pytest.param(
            (HEALTH,),
            "GET /health did not move: 0.3% worse (-1.2% .. +1.8%) (by chance in at most 1%)",
            id="steady",
        ),
        pytest.param(
            (replace(HEALTH, outcome="moved", estimate=-0.1, lower=-0.2, upper=-0.05),),
            "GET /health moved: 10.0% better (-20.0% .. -5.0%) (by chance in at most 1%)",
            id="moved",
        ),
        pytest.param(
            (replace(HEALTH, outcome="unknown", pairs=1, lower=None, upper=None),),
            "GET /health: too little data, 1 pair counts and 4 are needed;"
            " no verdict depends on it",
            id="one pair",
        ),
        pytest.param(
            (POOL, replace(POOL, name="p95"), replace(POOL, name="few", outcome="unknown")),
            "identical pairs of the calibration: 2 budgets, none moved (by chance in at most 1%)",
            id="identical pairs are alike",
        ),
        pytest.param(
            (POOL, replace(POOL, name="p95", outcome="moved")),
            "identical pairs of the calibration moved for p95 (by chance in at most 1%)",
            id="identical pairs differ",
        ),
    ],
)
def test_control_in_words(controls: tuple[Control, ...], expected: str) -> None:
    comparison = replace(CASES["pass"][0], controls=controls)
    assert control_text(comparison) == expected
