"""A calibration reads the metrics of its service, as a comparison does."""

import asyncio
from datetime import date
from pathlib import Path

import pytest

from harness.budgets.dialects.recognise import recognise
from harness.budgets.parse.parse import parse_plan
from harness.experiments import calibrate
from harness.experiments.calibrate import measure_noise
from harness.experiments.pair import PairDesign
from harness.judge.compare.model import Pair, Rules, SideMeasurements
from harness.judge.compare.noise import noises
from harness.judge.model import Measurement
from harness.names import ROLES
from harness.runs.folder import RunFolder
from tests.unit.budgets.dialects.test_recognise import exposed
from tests.unit.judge.evidence import manifest

TEXT = """
version: 1
service: shop
target: {command: "serve {port}", url: "http://127.0.0.1:{port}"}
scenarios:
  smoke: {locustfile: l.py, rate: 50/s, warm_up: 1s, duration: 20s}
budgets:
  lag: {indicator: event_loop_lag, max: 50ms, max_regression: 50%}
"""


def test_calibration_measures_a_preset_by_the_kind_of_metric_that_the_service_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lag of Node.js is a gauge, whose value is compared; a histogram has a share instead."""
    plan = parse_plan(TEXT, tmp_path / "budgets.yaml", {}, date(2026, 1, 1))

    async def load(*given: object, **_: object) -> None:
        folder = given[3]
        assert isinstance(folder, Path)
        made, roles = manifest(), recognise(exposed("fastify-metrics")).as_json()
        for role in ("baseline", "candidate"):
            (folder / role).mkdir(parents=True)
            target = {**made.target, ROLES: roles}
            RunFolder(folder / role).write_manifest(made.model_copy(update={"target": target}))

    side = SideMeasurements({"lag": Measurement(0.01, 20, "service metrics")})
    monkeypatch.setattr(calibrate, "load_pair", load)
    monkeypatch.setattr(calibrate, "read_pair", lambda *_: Pair(side, side, 10.0))
    design = PairDesign(plan.scenarios["smoke"], 5, 1)
    found = asyncio.run(
        measure_noise(plan, design, (4, 0), tmp_path, tell=lambda _: None, show=lambda _: None)
    )
    (noise,) = noises(found.budgets, found.pairs, found.runs, Rules())
    assert noise.pairs.values == (0.0,) * 4
