"""A disk that is full, and a folder that vanishes, in each phase of a run."""

import errno
import resource
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import names
from harness.budgets.model import Latency
from harness.commands.parts.servers import Servers
from harness.commands.parts.verdict import judge_and_report
from harness.errors import UsageError
from harness.runner.folder import new_run_folder
from harness.runner.options import RunOptions
from harness.runner.run import gather
from harness.runs.folder import RunFolder, read_evidence
from harness.runs.model import Manifest
from harness.units import Unit
from tests.unit.judge.evidence import budget
from tests.unit.runner.fakes import SCENARIO, FakeFleet, FakeStart, http_service, plan

OPTIONS = Namespace(
    json=None, junit_xml=None, markdown=None, html=None, quiet=False, warn_only=False
)
BUDGETS = (budget(Latency(0.95), 1.0, name="p95", unit=Unit.SECONDS),)
FULL = "File too large"  # by the limit, in place of "No space left on device"


@pytest.fixture
def fill() -> Iterator[Callable[[], None]]:
    """A function after which no file can be written any more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def empty() -> Callable[[], None]:
    """A function after which files can be written again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def made(folder: RunFolder, fleet: FakeFleet) -> Manifest:
    calls: list[str] = []
    with http_service(calls) as url:
        start = FakeStart(calls, ago=SCENARIO.seconds)
        shop = plan(url, metrics=("/metrics",))
        return await gather(
            *(shop, SCENARIO, folder, RunOptions(url=url, start=start)),
            open_fleet=fleet.open,
            start_early=fleet.early,
        )


def judged(folder: RunFolder, manifest: Manifest) -> int:
    return judge_and_report(
        *(BUDGETS, Path("budgets.yaml"), folder, OPTIONS),
        past=None,
        servers=Servers(),
        off=(),
        made=manifest,
    )


async def test_full_disk_before_the_load_is_an_unusable_folder(
    tmp_path: Path, fill: Callable[[], None], empty: Callable[[], None]
) -> None:
    folder = new_run_folder(tmp_path / "run", plan(), SCENARIO)
    fill()
    with pytest.raises(UsageError) as caught:
        await made(folder, FakeFleet([]))
    empty()
    assert caught.value.message == f"cannot write the run folder {folder.path}: {FULL}"
    assert "--out" in caught.value.hint
    assert [path.name for path in folder.path.iterdir()] == [names.BUDGETS_FILE]


def test_full_disk_at_the_very_start_leaves_no_part_of_a_file(
    tmp_path: Path, fill: Callable[[], None], empty: Callable[[], None]
) -> None:
    fill()
    with pytest.raises(UsageError, match=f"cannot write the run folder .*: {FULL}"):
        new_run_folder(tmp_path / "run", plan(), SCENARIO)
    empty()
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("moment", ["on_start", "on_stop"])
async def test_full_disk_during_the_load_or_the_drain_is_inconclusive(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fill: Callable[[], None],
    empty: Callable[[], None],
    moment: str,
) -> None:
    folder = new_run_folder(tmp_path / "run", plan(), SCENARIO)
    fleet = FakeFleet([])
    setattr(fleet, moment, fill)
    manifest = await made(folder, fleet)
    empty()
    assert fleet.calls[-2:] == ["close", "end early"]
    metrics = folder.file(names.METRICS_FILE)
    assert (manifest.status, manifest.reason) == ("failed", f"cannot write {metrics}: {FULL}")
    read_evidence(folder)  # what was written until then is readable
    assert judged(folder, manifest) == 4
    out = "".join(capsys.readouterr().out.split())  # a long path is broken
    assert f"INCONCLUSIVE:therunisincomplete:cannotwrite{metrics}" in out


async def test_full_disk_for_the_last_manifest_changes_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_run_folder(tmp_path / "run", plan(), SCENARIO)
    write = RunFolder.write_manifest

    def full_at_the_end(folder: RunFolder, manifest: Manifest) -> None:
        if manifest.status == "complete":
            raise OSError(errno.ENOSPC, "No space left on device", "run.json")
        write(folder, manifest)

    monkeypatch.setattr(RunFolder, "write_manifest", full_at_the_end)
    manifest = await made(folder, FakeFleet([]))
    assert manifest.status == "complete"
    assert manifest.notices[-1] == "cannot write run.json: No space left on device"
    assert read_evidence(folder).manifest.status == "running"


async def test_folder_that_vanishes_during_the_load_is_inconclusive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = new_run_folder(tmp_path / "run", plan(), SCENARIO)
    fleet = FakeFleet([])
    fleet.on_start = lambda: shutil.rmtree(folder.path)
    manifest = await made(folder, fleet)
    assert judged(folder, manifest) == 4
    shown = capsys.readouterr()
    assert "INCONCLUSIVE: the run is incomplete: " in " ".join(shown.out.split())
    (line,) = [text for text in shown.err.splitlines() if "cannot write" in text]
    reports = [str(folder.path / name) for name in ("results.json", "junit.xml", "summary.md")]
    assert all(report in line for report in reports)
    assert line.endswith(": No such file or directory")
    assert not folder.path.exists()
