"""A project folder with a small service, a locustfile and a budgets.yaml, and the real command."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from harness.cli import main
from harness.errors import EXIT_INCONCLUSIVE
from harness.names import METRICS_FILE, UP
from harness.runs.metrics import read_metrics

SERVICE = Path(__file__).with_name("service.py").resolve()
WORK = {  # an indicator that is free of noise: 1
    "kind": "ratio",
    "of": "http_server_request_duration_seconds_count",
    "to": "cache_gets_total",
    "unit": "1",
}
LOCUSTFILE = """\
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    @task(3)
    def items(self):
        self.client.get("/items")

    @task
    def order(self):
        self.client.post("/orders", json={"n": 1})
"""


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


@dataclass
class Project:
    """A folder in which `harness` runs."""

    path: Path
    document: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    inherited: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def write(self, text: str | None = None) -> None:
        content = yaml.safe_dump(self.document, sort_keys=False) if text is None else text
        (self.path / "budgets.yaml").write_text(content)

    def _prepared(self) -> dict[str, str]:
        """Write budgets.yaml where it is missing; returns the environment of a command."""
        if not (self.path / "budgets.yaml").exists():
            self.write()
        inherited = {k: v for k, v in self.inherited.items() if not k.startswith("GITHUB")}
        return inherited | self.environment

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        if arguments[0] in {"run", "compare"} and "--diagnose" not in arguments:
            # The load after a breach takes 15 s; test_diagnose.py has the tests of it.
            arguments = (arguments[0], "--diagnose", "never", *arguments[1:])
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *arguments],
            env=self._prepared(),
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def harness(self, *arguments: str, timeout: float = 240) -> Result:
        with self.start(*arguments) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
                try:
                    out, err = process.communicate(timeout=60)
                finally:
                    process.kill()
                pytest.fail(f"no end after {timeout} s\n{out}\n{err}")
        return Result(process.returncode, out, err)

    def judged(self, *arguments: str, timeout: float = 240) -> Result:
        """Load into the folder `out`, at most three times, until there is a verdict and the counts.

        Other tests on the machine, and other machines on the host, can make it inconclusive, or the
        last scrape fail.
        """
        result = self.harness(*arguments, "--out", "out", timeout=timeout)
        for _ in range(2):
            if result.code != EXIT_INCONCLUSIVE and self.has_final_counts():
                break
            shutil.rmtree(self.path / "out")
            if summary := self.environment.get("GITHUB_STEP_SUMMARY"):
                Path(summary).unlink()
            result = self.harness(*arguments, "--out", "out", timeout=timeout)
        return result

    def has_final_counts(self) -> bool:
        """Whether the last scrape of `out` had an answer: the service's counts at its end."""
        file = self.path / "out" / METRICS_FILE
        series = read_metrics(file, {UP}) if file.exists() else ()
        return all(one.values[-1] == 1 for one in series if one.name == UP)

    def call(self, *arguments: str) -> Result:
        """Call the command in this process: sooner, for what neither loads nor interrupts."""
        out, err = StringIO(), StringIO()
        before = signal.getsignal(signal.SIGTERM)
        with pytest.MonkeyPatch.context() as patch, chdir(self.path):
            environment = self._prepared()
            for name in os.environ.keys() - environment.keys():
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main(arguments)
        signal.signal(signal.SIGTERM, before)
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, out.getvalue(), err.getvalue())

    def results(self, folder: str = "out") -> dict[str, Any]:
        return json.loads((self.path / folder / "results.json").read_text())  # type: ignore[no-any-return]

    def manifest(self, folder: str = "out") -> dict[str, Any]:
        return json.loads((self.path / folder / "run.json").read_text())  # type: ignore[no-any-return]

    def outcomes(self, folder: str = "out") -> dict[str, str]:
        return {b["name"]: b["outcome"] for b in self.results(folder)["budgets"]}


def document() -> dict[str, Any]:
    return {
        "version": 1,
        "service": "shop",
        "target": {
            "command": f"{sys.executable} {SERVICE} {{port}}",
            "url": "http://127.0.0.1:{port}",
            "ready": "/ready",
            "metrics": "/metrics",
        },
        "scenarios": {
            "quick": {
                "locustfile": "locustfile.py",
                "rate": "40/s",
                "warm_up": "1s",
                "duration": "3s",
            }
        },
        "budgets": {
            "latency": {"indicator": {"kind": "latency", "quantile": 0.95}, "max": "5s"},
            "errors": {"indicator": {"kind": "error_ratio"}, "max": "5%"},
            "cache": {"indicator": "cache_hit_ratio", "min": "80%"},
        },
    }


@pytest.fixture(autouse=True, scope="module")
def untraced() -> Iterator[None]:
    """No tracer of lines in what is started: it would slow what has to keep up with its load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    yield Project(tmp_path, document())
    _, left = psutil.wait_procs(children(tmp_path), timeout=30)
    assert not [process.cmdline() for process in left]


def children(folder: Path) -> list[psutil.Process]:
    """The processes that work in a folder: supervisors, the service, the generator."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
