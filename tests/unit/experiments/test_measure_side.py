"""One version of a pair, read from its run folder."""

from pathlib import Path

import pytest

from harness.budgets.model import ErrorRatio
from harness.experiments.pair import measure_side
from harness.units import Unit
from tests.unit.commands.stored import stored_run
from tests.unit.judge.evidence import budget

ERRORS = budget(ErrorRatio(), 0.01, unit=Unit.RATIO, name="errors")


@pytest.mark.parametrize(("failed", "served"), [(0, 1.0), (25, 0.8), (300, 0.25)])
def test_side_knows_how_much_of_its_load_it_served(
    tmp_path: Path, failed: int, served: float
) -> None:
    side = measure_side((ERRORS,), stored_run(tmp_path / "run", failed=failed))
    assert side.served == pytest.approx(served)
    assert side.measurements["errors"].value == pytest.approx(1 - served)
