"""Mistakes that are planted in the reference service are detected by its budgets.

Only mistakes whose budgets count work are planted here, at a low rate that sends the same requests
in each run, and the values alone decide. So the outcomes do not depend on how busy the machine is,
and a few seconds are enough. `harness selftest` plants all mistakes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.commands.parts.verdict import REPORT_FILES
from tests.e2e.conftest import Project
from tests.servers import PostgresqlServer, RedisServer

pytestmark = pytest.mark.slow  # .ci/run runs them

ROOT = Path(__file__).parents[2]
INCONCLUSIVE = 4  # exit code
SHORT = ("--rate", "15/s", "--warm-up", "500ms", "--duration", "3s")


def reference(folder: Path, cases: tuple[str, ...], **environment: str) -> Project:
    """The reference service with some of its self-tests, and the budgets that these break."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "budgets.yaml").read_text())
    planted = {name: document["selftest"][name] for name in cases}
    broken = {name for case in planted.values() for name in case["breaks"]}
    budgets = {name: document["budgets"][name] | {"decide": "value"} for name in sorted(broken)}
    del document["target"]["setup"]
    document |= {"selftest": planted, "budgets": budgets}
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": programs, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    return Project(folder, document, variables | environment)


def detected(project: Project) -> str:
    """Every mistake was detected, and the service without a mistake met all budgets.

    On a machine that is too busy a run is inconclusive, which is neither; then they run again.

    Returns:
        The folder of the runs.
    """
    for out in ("out", "again", "once-more"):
        result = project.harness("selftest", "--out", out, *SHORT, timeout=300)
        if result.code != INCONCLUSIVE:
            break
    assert result.code == 0, result.out + result.err
    assert set(project.outcomes(f"{out}/clean-selftest").values()) == {"pass"}
    for name, case in project.document["selftest"].items():
        assert f"detected: {name}: {case['breaks'][0]} is " in result.out
        assert project.outcomes(f"{out}/{name}")[case["breaks"][0]] == "fail"
    runs = 1 + len(project.document["selftest"])
    assert f"{runs} of {runs} runs ended as expected" in result.out
    return out


def test_mistakes_that_are_planted_in_the_service_are_detected(tmp_path: Path) -> None:
    cases = ("n_plus_one", "wide_rows", "log_flood", "unbounded_page")
    project = reference(tmp_path, cases)
    out = detected(project)
    assert project.manifest(f"{out}/n_plus_one")["scenario"]["duration"] == 3
    files = {file.name for file in (tmp_path / out / "n_plus_one").iterdir()}
    assert files.intersection(REPORT_FILES) == {"results.json", "junit.xml", "summary.md"}


@pytest.mark.needs_postgresql
@pytest.mark.needs_redis
def test_mistake_that_is_planted_with_postgresql_and_redis_is_detected(
    tmp_path: Path, postgresql: PostgresqlServer, redis: RedisServer
) -> None:
    postgresql.clear()
    redis.clear()
    addresses = {
        "SAMPLE_APP_DATABASE_URL": postgresql.url,
        "SAMPLE_APP_REDIS_URL": redis.url,
    }
    out = detected(reference(tmp_path, ("chatty_cache",), **addresses))
    metrics = (tmp_path / out / "chatty_cache/metrics.om").read_text()
    assert 'db_system_name="postgresql"' in metrics
    assert 'level="redis"' in metrics
