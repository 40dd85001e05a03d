"""Each process of a distributed run, ended or stopped in each phase: no hang, nothing left over.

By default each process gets one signal. With `--slow` every process gets every signal, each in
another phase (a Latin square). All 36 cases take minutes:
`HARNESS_FULL_MATRIX=1 uv run pytest --slow tests/e2e/test_kill_matrix.py`.
"""

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from harness.names import HTTP_DURATION, LATENCY, LATENCY_FILE, MANIFEST_FILE
from tests.e2e.conftest import LOCUSTFILE, SERVICE, Project, children, document
from tests.recorded import read_counts

pytestmark = pytest.mark.untraced  # a process that is killed leaves half a file of coverage

AT_ONCE = 6  # runs side by side; most of their time is waiting
PATIENCE = 150.0
GONE = 20.0  # s after the end of the harness until no process is left; a quiet machine: 1
DELAY = 3.5  # s of an answer: how long the drain is, in which a busy machine sends a signal
UNHEARD = 40.0  # s in which a load stops that the harness no longer watches
ATTEMPTS = 4  # until a busy machine sends the signal within its phase
AFTER = {"ramp": ("started", 0.7), "steady": ("window_start", 0.7), "drain": ("window_end", 0.5)}
BEFORE = {"ramp": ("window_start", 0.0), "steady": ("window_end", 0.0)}
BEFORE["drain"] = ("window_end", DELAY - 0.5)
VICTIMS = ("worker", "master", "harness", "target")
SIGNALS = (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP)
# Of each victim the end that is most likely.
SHORT = {
    ("worker", signal.SIGKILL),
    ("master", signal.SIGKILL),
    ("harness", signal.SIGTERM),
    ("target", signal.SIGTERM),
}


class Case(NamedTuple):
    victim: str
    number: signal.Signals
    phase: str

    @property
    def codes(self) -> set[int]:
        """The exit codes that are right."""
        if self.victim != "harness":
            stands_still = self.victim == "target" and self.number == signal.SIGSTOP
            return {3, 4} if stands_still else {4}  # 3: it answered too few requests
        if self.number == signal.SIGSTOP:  # and continued; what had drained by then is whole
            return {0, 4} if self.phase == "drain" else {4}
        return {130} if self.number == signal.SIGTERM else {-signal.SIGKILL}

    @property
    def slow(self) -> bool:
        """Whether another case with the same victim is enough for a short run of the tests."""
        return (self.victim, self.number) not in SHORT

    def __str__(self) -> str:
        return f"{self.victim} {self.number.name} {self.phase}"


CASES = [
    Case(VICTIMS[v], SIGNALS[s], phase)
    for (v, s), (p, phase) in product(product(range(4), range(3)), enumerate(AFTER))
    if (v + s) % 3 == p or os.environ.get("HARNESS_FULL_MATRIX") == "1"
]


class Ended(NamedTuple):
    code: int | None
    output: str
    left: list[list[str]]
    status: str
    recorded: int
    accounted: int


def run(case: Case, folder: Path, inherited: dict[str, str]) -> Ended:
    """What becomes of a run, of the first one to which the signal was sent in time."""
    for number in range(ATTEMPTS):
        result, in_time = attempt(case, folder / str(number), inherited)
        if in_time:
            break
    return result


def attempt(case: Case, folder: Path, inherited: dict[str, str]) -> tuple[Ended, bool]:
    """What becomes of a run, and whether the signal was sent within its phase."""
    folder.mkdir(parents=True)
    project = Project(folder, document(), inherited=inherited)
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    project.document["target"] |= {"environment": {"DELAY": str(DELAY)}, "stop_timeout": "2s"}
    project.document["scenarios"]["quick"] |= {
        "rate": "20/s",
        "warm_up": "2s",
        "duration": "2s",
        "max_duration": "2s",
        "drain": "8s",
        "workers": 1 if case.victim == "target" else 2,
    }
    with project.start("run", "--out", "out") as process:
        try:
            manifest = begun(project)
            victim = psutil.Process(pid_of(case.victim, project, manifest, process.pid))
            start, later = AFTER[case.phase]
            time.sleep(max(0.0, manifest["clock"][start] + later - time.time()))
            with suppress(psutil.NoSuchProcess):  # then it is too late as well
                victim.send_signal(case.number)
            end, later = BEFORE[case.phase]
            in_time = time.time() < manifest["clock"][end] + later
            if case.victim == "harness" and case.number == signal.SIGSTOP:
                if in_time:
                    wait_for_silence(manifest["target"]["url"])
                process.send_signal(signal.SIGCONT)
            output = "".join(process.communicate(timeout=PATIENCE))
        finally:
            process.kill()
    _, left = psutil.wait_procs(children(folder), timeout=GONE)
    manifest = project.manifest()
    result = Ended(
        process.returncode,
        output,
        [child.cmdline() for child in left],
        manifest["status"],
        recorded(folder / "out"),
        manifest["requests"]["recorded"],
    )
    return result, in_time


def begun(project: Project) -> dict[str, Any]:
    """Wait until it is known when the load begins; the run's manifest."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        path = project.path / "out" / MANIFEST_FILE
        if path.exists() and path.stat().st_size:
            manifest = project.manifest()
            if manifest["clock"]["started"] is not None:
                return manifest
        time.sleep(0.02)
    raise TimeoutError(f"{project.path} never started its load")


def pid_of(victim: str, project: Project, manifest: dict[str, Any], harness: int) -> int:
    if victim == "harness":
        return harness
    workers: set[int] = {worker["pid"] for worker in manifest["workers"]}
    if victim == "worker":
        return max(workers)
    for process in children(project.path):
        line = process.cmdline()
        if "supervisor" not in " ".join(line):
            if victim == "target" and str(SERVICE) in line:
                return process.pid
            if victim == "master" and "harness.load.child" in line and process.pid not in workers:
                return process.pid
    raise LookupError(f"no {victim} in {[p.cmdline() for p in children(project.path)]}")


def wait_for_silence(url: str) -> None:
    """Wait until the service has not been asked for a while."""
    deadline = time.monotonic() + UNHEARD
    before = -1
    while (now := asked(url)) != before:
        assert time.monotonic() < deadline, "the load goes on without the harness"
        before = now
        time.sleep(DELAY + 1)


def asked(url: str) -> int:
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    counts = [line.split()[-1] for line in lines if line.startswith(f"{HTTP_DURATION}_count")]
    return sum(int(float(count)) for count in counts)


def recorded(folder: Path) -> int:
    counts = read_counts(folder / LATENCY_FILE)
    return sum(count for key, count in counts.items() if key.what == LATENCY)


@pytest.fixture(scope="module")
def ended(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Case, "Future[Ended]"]]:
    """What becomes of each case that was selected."""
    selected = {item.name for item in request.session.items if item.path == Path(__file__)}
    folder = tmp_path_factory.mktemp("matrix")
    inherited = dict(os.environ)  # in which pytest writes meanwhile
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            case: pool.submit(run, case, folder / str(case).replace(" ", "-"), inherited)
            for case in CASES
            if any(name.endswith(f"[{case}]") for name in selected)
        }


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.slow] if case.slow else []) for case in CASES],
    ids=str,
)
def test_run_whose_process_is_ended_or_stopped_ends_well(
    ended: dict[Case, "Future[Ended]"], case: Case
) -> None:
    result = ended[case].result()
    assert result.code in case.codes, result.output
    assert "Traceback" not in result.output
    assert result.left == []
    if result.code == -signal.SIGKILL:
        assert result.status == "running"
    else:
        assert result.status != "running"
        assert result.recorded == result.accounted
