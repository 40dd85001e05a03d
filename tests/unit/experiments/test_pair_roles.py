"""Presets of a comparison read the metrics of its services."""

from pathlib import Path

import pytest

from harness.budgets.dialects.recognise import recognise
from harness.budgets.model import Mean, Selector
from harness.budgets.presets import PRESETS
from harness.errors import UnjudgedError
from harness.experiments.pair import in_both
from harness.names import ROLES
from harness.runs.folder import RunFolder
from tests.unit.budgets.dialects.test_recognise import exposed
from tests.unit.judge.evidence import budget, manifest

ONE = budget(PRESETS["server_latency_mean"].indicator, 1.0, preset="server_latency_mean")


def store(folder: Path, name: str, exposition: str) -> None:
    (folder / name).mkdir()
    made = manifest()
    target = {**made.target, ROLES: recognise(exposed(exposition)).as_json()}
    RunFolder(folder / name).write_manifest(made.model_copy(update={"target": target}))


def test_both_versions_read_the_metric_of_their_service(tmp_path: Path) -> None:
    store(tmp_path, "baseline", "go")
    store(tmp_path, "candidate", "go")
    (found,) = in_both((ONE,), tmp_path)
    assert found.indicator == Mean(Selector("shop_http_request_duration_seconds"))


def test_versions_with_different_metrics_are_not_compared(tmp_path: Path) -> None:
    store(tmp_path, "baseline", "go")
    store(tmp_path, "candidate", "fastify-metrics")
    with pytest.raises(UnjudgedError, match="different metrics") as refused:
        in_both((ONE,), tmp_path)
    assert "shop_http_request_duration_seconds, the candidate" in refused.value.message
    assert "indicators:" in refused.value.hint
