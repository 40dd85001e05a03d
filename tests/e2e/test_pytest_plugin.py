"""`pytest --budgets` with real runs: two workers and tests with an event loop beside; Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil

from tests.e2e.conftest import Project, children

PYTEST = (sys.executable, "-m", "pytest", "-p", "no:schemathesis", "-p", "no:cacheprovider")
OWN = """
import asyncio, sys
import pytest

@pytest.mark.parametrize("number", range(4))
async def test_beside(number):
    await asyncio.sleep(0.1)
    assert not {"gevent", "locust"} & set(sys.modules)

async def test_run(harness_run):
    result = await asyncio.to_thread(harness_run, "quick")
    assert 0 < result.budgets["errors"].bound < 1
    assert result.folder.name.endswith("-quick")
"""


def prepare(project: Project) -> None:
    project.write()
    (project.path / "test_own.py").write_text(OWN)
    (project.path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}


def test_budgets_are_items_beside_tests_on_two_workers(project: Project) -> None:
    prepare(project)
    done = subprocess.run(
        [*PYTEST, "-n2", "--budgets", "--junit-xml=junit.xml"],
        cwd=project.path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    root = ET.fromstring((project.path / "junit.xml").read_text())
    cases = {str(case.get("name")): case for case in root.iter("testcase")}
    budgets = {f"quick[{name}]" for name in project.document["budgets"]}
    assert set(cases) == budgets | {f"test_beside[{n}]" for n in range(4)} | {"test_run"}
    red = {name for name, case in cases.items() if {e.tag for e in case} & {"failure", "error"}}
    assert red <= budgets, done.stdout  # a busy machine makes budgets inconclusive
    for name in budgets:
        facts = {one.get("name"): one.get("value") for one in cases[name].iter("property")}
        assert facts["outcome"] in {"pass", "inconclusive"}, done.stdout
        assert float(str(facts["bound"])) > 0
    (folder,) = (project.path / "runs").iterdir()
    assert (folder / "report.html").exists()


def test_ctrl_c_ends_the_load_and_stores_the_partial_run(project: Project) -> None:
    project.document["scenarios"]["quick"]["duration"] = "60s"
    prepare(project)
    with subprocess.Popen(
        [*PYTEST, "budgets.yaml", "--budgets"], cwd=project.path, env=environment()
    ) as tests:
        while not _loading(project.path):
            assert tests.poll() is None
            time.sleep(0.05)
        os.kill(tests.pid, signal.SIGINT)
        assert tests.wait(60) == 2  # interrupted
    _, left = psutil.wait_procs(children(project.path), timeout=30)
    assert not left
    (folder,) = (project.path / "runs").iterdir()
    assert '"status": "interrupted"' in (folder / "run.json").read_text()


def _loading(path: Path) -> bool:
    return any(file.stat().st_size > 1000 for file in path.glob("runs/*/latency.hlog"))
