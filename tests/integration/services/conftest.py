"""A project folder for a service, and the command `harness` in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from tests.integration.services.catalogue import LOCUSTFILE, Service, budgets, skip_or_fail


@dataclass(frozen=True)
class Result:
    """The exit code of a command and all its output."""

    code: int
    out: str


@dataclass
class Project:
    """A folder with a locustfile.

    Attributes:
        document: The budgets.yaml of the following calls.
    """

    path: Path
    document: dict[str, Any]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `harness` as a process in the folder."""
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.path,
            env={k: v for k, v in os.environ.items() if not k.startswith("GITHUB")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *arguments: str) -> Result:
        """Call `harness` with the document in this process, for commands without load."""
        out = StringIO()
        with redirect_stdout(out), redirect_stderr(out), pytest.raises(SystemExit) as ended:
            main([*arguments, *self._written()])
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, out.getvalue())

    def outcomes(self, file: str) -> dict[str, str]:
        """The outcome of each budget in a results.json."""
        results = json.loads((self.path / file).read_text())
        return {one["name"]: one["outcome"] for one in results["budgets"]}

    def _written(self) -> tuple[str, str]:
        file = self.path / f"budgets-{len(list(self.path.glob('*.yaml')))}.yaml"
        file.write_text(yaml.safe_dump(self.document, sort_keys=False))
        return "--budgets", str(file)


def finished(process: subprocess.Popen[str]) -> Result:
    """What a started command did."""
    with process:
        out, _ = process.communicate(timeout=120)
    assert "Traceback (most recent call last)" not in out
    return Result(process.returncode, out)


@pytest.fixture(autouse=True, scope="module")
def untraced() -> Iterator[None]:
    """No tracer of lines in what is started: it would slow what has to keep up with its load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture
def project(tmp_path: Path, service: Service) -> Project:
    """A project of the test's service; skips, or in CI fails, when it is not installed."""
    skip_or_fail(service.absent)
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    return Project(tmp_path, budgets(service))
