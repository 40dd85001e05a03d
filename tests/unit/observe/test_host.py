import os
import subprocess
from pathlib import Path

import psutil
import pytest

from harness.observe.host import (
    cpu_quota,
    git_facts,
    host_facts,
    memory_limit,
    memory_quota,
    unread,
    usable_cpus,
)

UNLIMITED_V1 = "9223372036854771712\n"
TREES: dict[str, tuple[dict[str, str], str, float | None, int | None]] = {
    "version 2 with limits": (
        {"a/b/cpu.max": "150000 100000\n", "a/b/memory.max": "1024\n"},
        "0::/a/b\n",
        1.5,
        1024,
    ),
    "version 2 without limits": (
        {"a/cpu.max": "max 100000\n", "a/memory.max": "max\n"},
        "0::/a\n",
        None,
        None,
    ),
    "an ancestor that is tighter": (
        {
            "a/cpu.max": "50000 100000\n",
            "a/b/cpu.max": "200000 100000\n",
            "a/memory.max": "10\n",
            "a/b/memory.max": "max\n",
        },
        "0::/a/b\n",
        0.5,
        10,
    ),
    "a container that sees its own group as the root": (
        {"cpu.max": "200000 100000\n", "memory.max": "4096\n"},
        "0::/\n",
        2.0,
        4096,
    ),
    "version 1 with limits": (
        {
            "cpu/a/cpu.cfs_quota_us": "75000\n",
            "cpu/a/cpu.cfs_period_us": "50000\n",
            "memory/a/memory.limit_in_bytes": "2048\n",
            "memory/memory.limit_in_bytes": UNLIMITED_V1,
        },
        "4:cpu,cpuacct:/a\n3:memory:/a\n1:name=systemd:/x\n",
        1.5,
        2048,
    ),
    "version 1 without a CPU limit": (
        {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
        "4:cpu,cpuacct:/a\n",
        None,
        None,
    ),
    "a path that the container cannot see": (
        {"memory/memory.limit_in_bytes": "512\n"},
        "3:memory:/docker/0123\n",
        None,
        512,
    ),
    "no control groups at all": ({}, "", None, None),
    "a membership that is no list of groups": ({}, "garbage\n\n", None, None),
}


@pytest.mark.parametrize(("files", "membership", "cpus", "memory"), TREES.values(), ids=TREES)
def test_limits_of_a_control_group(
    tmp_path: Path,
    files: dict[str, str],
    membership: str,
    cpus: float | None,
    memory: int | None,
) -> None:
    for name, content in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")

    assert cpu_quota(tmp_path, membership) == cpus
    assert memory_quota(tmp_path, membership) == memory


def test_usable_resources_are_those_of_the_machine_or_less() -> None:
    assert 0 < usable_cpus() <= (os.cpu_count() or 1)
    assert usable_cpus(os.getpid()) == usable_cpus()
    assert 0 < memory_limit() <= psutil.virtual_memory().total
    assert host_facts()["cpus"] == usable_cpus()


def test_affinity_of_the_process_bounds_its_cpus() -> None:
    one = min(os.sched_getaffinity(0))
    process = subprocess.Popen(["taskset", "-c", str(one), "sleep", "60"])
    try:
        while psutil.Process(process.pid).name() != "sleep":
            pass
        assert usable_cpus(process.pid) <= 1
    finally:
        process.kill()
        process.wait()


def test_system_without_affinity_procfs_and_control_groups_has_the_limits_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr("harness.observe.host._PROC", tmp_path)
    monkeypatch.setattr("harness.observe.host._CGROUPS", tmp_path)
    assert usable_cpus() == usable_cpus(os.getpid()) == os.cpu_count()
    assert memory_limit() == psutil.virtual_memory().total


CONTENTION = (
    "this system does not report {}, so the run has no {}: "
    "a breach of a time may be due to other work on this machine"
)
WAITS = "for how long threads wait for a CPU"
OTHERS = "the CPU time of other processes and of the host"


@pytest.mark.parametrize(
    ("waits", "others", "notice"),
    [
        (True, True, ""),
        (False, True, CONTENTION.format(WAITS, "guard cpu-contention")),
        (True, False, CONTENTION.format(OTHERS, "guards cpu-contention and host-steal")),
        (
            False,
            False,
            CONTENTION.format(f"{WAITS} and {OTHERS}", "guards cpu-contention and host-steal"),
        ),
    ],
)
def test_notice_names_the_guards_that_have_no_readings(
    waits: bool, others: bool, notice: str, tmp_path: Path
) -> None:
    if waits:
        schedstat = tmp_path / f"{os.getpid()}/task/1/schedstat"
        schedstat.parent.mkdir(parents=True)
        schedstat.write_text("1 2 3\n")
    if others:
        (tmp_path / "stat").write_text("cpu  1 2 3 4 5 6 7 8\n")
    assert unread(tmp_path) == notice


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    command = ["git", "-C", str(directory), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_git_facts_have_commit_branch_and_changes(tmp_path: Path) -> None:
    git(tmp_path, "init", "-b", "trunk")
    (tmp_path / "file").write_text("1", encoding="utf-8")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")

    (tmp_path / "untracked").touch()
    clean = git_facts(tmp_path)
    (tmp_path / "file").write_text("2", encoding="utf-8")
    changed = git_facts(tmp_path)
    git(tmp_path, "checkout", "--detach")

    assert clean == {"commit": commit, "branch": "trunk", "dirty": False}
    assert changed == {"commit": commit, "branch": "trunk", "dirty": True}
    assert git_facts(tmp_path)["branch"] == ""


def test_branch_whose_name_is_not_utf_8_is_a_fact_too(tmp_path: Path) -> None:
    git(tmp_path, "init", "-b", "trunk")
    git(tmp_path, "commit", "--allow-empty", "-m", "one")
    (tmp_path / ".git/HEAD").write_bytes(b"ref: refs/heads/gr\xf6sser\n")
    refs = tmp_path / ".git/refs/heads"
    (refs / "trunk").rename(refs / os.fsdecode(b"gr\xf6sser"))
    assert git_facts(tmp_path)["branch"] == "gr\ufffdsser"


def test_folder_without_a_repository_has_no_git_facts(tmp_path: Path) -> None:
    assert git_facts(tmp_path) == {}
    assert git_facts(tmp_path / "absent") == {}
