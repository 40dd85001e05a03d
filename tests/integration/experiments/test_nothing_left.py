"""However a comparison ends: no folder, no worktree and no process of it is left."""

import asyncio
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from harness.experiments.version import Version
from harness.experiments.versions import prepared_versions
from harness.experiments.worktree import remove_leftovers, worktree_folder
from tests.integration.experiments.repository import (
    Repository,
    assert_nothing_left,
    assert_worktrees,
    copied,
    target_in,
)


async def test_versions_leave_nothing_when_the_comparison_fails(
    repository: Repository, place: Path, logs: Path
) -> None:
    async def compare() -> None:
        target = target_in(repository.path)
        async with prepared_versions(target, Version(ref="topic"), Version(), logs) as both:
            packages = both.candidate.target.directory / "packages"
            (packages / "locked").mkdir(parents=True)
            (packages / "locked" / "file").touch()
            (packages / "locked").chmod(0o500)
            packages.chmod(0o500)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await compare()
    assert_nothing_left(repository, place)


@pytest.mark.parametrize("phase", ["checkout", "setup"])
async def test_versions_leave_nothing_when_they_are_cancelled(
    repository: Repository, place: Path, logs: Path, phase: str
) -> None:
    target = target_in(repository.path, setup="sleep 600")
    if phase == "checkout":
        repository.git("config", "filter.slow.smudge", "sleep 600")
        repository.write(".git/info/attributes", "version.py filter=slow\n")

    async def compare() -> None:
        async with prepared_versions(target, Version(ref="topic"), Version(), logs):
            pytest.fail("the setup ended")

    task = asyncio.create_task(compare())
    sleeper = await started("sleep", place)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(wait_for_the_end_of, sleeper)
    assert_nothing_left(repository, place)


def wait_for_the_end_of(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(30)


async def started(name: str, place: Path) -> int:
    """Wait for a process of that name in a worktree; its number."""
    async with asyncio.timeout(60):
        while True:
            for process in psutil.process_iter(["name", "cwd"]):
                if process.info["name"] == name and str(place) in (process.info["cwd"] or ""):
                    return int(process.pid)
            await asyncio.sleep(0.05)


HARNESS = """\
import asyncio, sys
from pathlib import Path
from harness.observe.target import serve
from harness.experiments.version import Version
from harness.experiments.versions import prepared_versions
from tests.integration.experiments.repository import target_in

async def main():
    target = target_in(Path(sys.argv[1]), setup=sys.argv[3] or None)
    logs = Path(sys.argv[2])
    async with prepared_versions(target, Version(ref="topic"), Version(), logs) as both:
        async with serve(both.baseline.target, logs / "target.log") as service:
            print(service.pid, flush=True)
            await asyncio.sleep(600)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(130)
"""


def interrupted(
    repository: Repository, place: Path, logs: Path, setup: str, number: signal.Signals
) -> int:
    """Send a signal to a comparison in its setup or while it serves; its exit code."""
    command = [sys.executable, "-c", HARNESS, str(repository.path), str(logs), setup]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        try:
            if setup:
                started_by = asyncio.run(started("sleep", place))
            else:
                started_by = int(harness.stdout.readline())
            harness.send_signal(number)
            if number != signal.SIGKILL:
                harness.send_signal(number)  # impatience must not cost the clean-up
            code = harness.wait(60)
        finally:
            harness.kill()
    wait_for_the_end_of(started_by)
    return code


@pytest.mark.parametrize(
    ("setup", "number"),
    [("sleep 600", signal.SIGINT), ("", signal.SIGTERM)],
    ids=["INT in the setup", "TERM while it serves"],
)
def test_versions_of_an_interrupted_harness_leave_nothing(
    repository: Repository, place: Path, logs: Path, setup: str, number: signal.Signals
) -> None:
    # 130, or the second signal when it came after the clean-up.
    assert interrupted(repository, place, logs, setup, number) in {130, -number}
    assert_nothing_left(repository, place)


async def test_worktrees_of_a_killed_harness_are_removed_by_the_next_comparison(
    repository: Repository, place: Path, logs: Path, template: Path, tmp_path: Path
) -> None:
    other = copied(template, tmp_path / "other")
    for one in (other, repository):
        code = await asyncio.to_thread(interrupted, one, place, logs, "", signal.SIGKILL)
        assert code == -signal.SIGKILL
        assert len(list(place.iterdir())) == 1  # the second removed that of the first
        assert one.git("worktree", "list").count("\n") == 3
    assert_worktrees(other, [other.path])
    mine = place / "harness-compare-branches"
    repository.git("worktree", "add", "--quiet", "--detach", str(mine / "baseline"))
    away = place.parent / "away"
    repository.git("worktree", "add", "--quiet", "--detach", str(away))
    away.rename(place.parent / "unmounted")
    async with prepared_versions(target_in(repository.path), Version(ref="topic"), Version(), logs):
        assert len(list(place.iterdir())) == 2
    assert list(place.iterdir()) == [mine]
    assert_worktrees(repository, [repository.path, away, mine / "baseline"])


def test_leftover_worktree_without_a_folder_is_removed_from_the_list(
    repository: Repository, place: Path
) -> None:
    folder = place / "harness-compare-abcdefgh.tmp"
    repository.git("worktree", "add", "--quiet", "--detach", "--lock", str(folder / "baseline"))
    shutil.rmtree(folder)
    assert remove_leftovers(repository.path) == ()
    assert_nothing_left(repository, place)


def test_folder_that_another_process_has_locked_is_not_removed(
    repository: Repository, place: Path
) -> None:
    with worktree_folder(repository.path) as folder:
        repository.git("worktree", "add", "--quiet", "--detach", str(folder / "candidate"))
        assert remove_leftovers(repository.path) == ()
        assert (folder / "candidate" / "service.py").exists()
    assert_nothing_left(repository, place)


def test_worktree_folder_is_made_elsewhere_if_tmpdir_cannot_be_used(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    with worktree_folder(repository.path) as folder:
        assert folder.is_dir()
        assert folder.parent != tmp_path / "absent"
    assert not folder.exists()
