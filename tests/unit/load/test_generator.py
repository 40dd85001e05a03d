"""What is refused before a process is started, or a worker waited for; the size of the log."""

import asyncio
import gzip
from pathlib import Path

import pytest

from harness.budgets.model import Load
from harness.budgets.workload import OpenWorkload, Stage
from harness.errors import ScenarioError
from harness.load.child_process import ChildProcess
from harness.load.generator import Generator, generator
from harness.load.protocol.master import MAX_LOCUSTFILE, WorkerPool
from harness.process import small_log

USERS = 20
WORKLOAD = OpenWorkload((Stage(10, 1),), max_users=USERS)


@pytest.mark.parametrize(
    ("workers", "pool"),
    [(USERS + 1, None), (1, WorkerPool("127.0.0.1", 0, USERS + 1, "run", "secret"))],
    ids=["of this machine", "of other machines"],
)
async def test_more_workers_than_users_are_refused_at_once(
    tmp_path: Path, workers: int, pool: WorkerPool | None
) -> None:
    locustfile = tmp_path / "scenario.py"
    locustfile.write_text("not imported")
    log = tmp_path / "generator.log"
    with pytest.raises(
        ScenarioError, match="20 users cannot be divided between 21 workers"
    ) as refusal:
        async with generator(
            *(Load(locustfile, WORKLOAD), "http://127.0.0.1:1", log, lambda _: None),
            workers=workers,
            pool=pool,
        ):
            pass
    assert "Raise max_users" in refusal.value.hint
    assert not log.exists()  # where the first process would have printed to


async def test_locustfile_that_is_too_large_to_be_sent_is_refused_at_once(tmp_path: Path) -> None:
    locustfile = tmp_path / "scenario.py"
    locustfile.write_bytes(b"#" * (MAX_LOCUSTFILE + 1))
    log = tmp_path / "generator.log"
    pool = WorkerPool("127.0.0.1", 0, 1, "run", "secret")
    with pytest.raises(ScenarioError, match=f"{MAX_LOCUSTFILE + 1} bytes, at most") as refusal:
        async with generator(
            Load(locustfile, WORKLOAD), "http://127.0.0.1:1", log, lambda _: None, pool=pool
        ):
            pass
    assert "Move data out of the locustfile" in refusal.value.hint
    assert not log.exists()


@pytest.mark.parametrize(
    ("folder", "argument"),
    [("gr\udcfcn", ""), ("green", "--to=gr\udcfcn")],
    ids=["path", "argument"],
)
async def test_what_is_not_utf_8_is_refused_at_once(
    tmp_path: Path, folder: str, argument: str
) -> None:
    locustfile = tmp_path / folder / "scenario.py"
    locustfile.parent.mkdir()
    locustfile.write_text("not imported")
    load = Load(locustfile, WORKLOAD, arguments=(argument,))
    log = tmp_path / "generator.log"
    with pytest.raises(ScenarioError, match=r"gr\?n.* is not text in UTF-8"):
        async with generator(load, "http://127.0.0.1:1", log, lambda _: None):
            pass
    assert not log.exists()


async def test_log_of_a_locustfile_that_prints_much_is_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_log, "_LOOK", 0.001)
    monkeypatch.setattr(small_log, "LARGEST", 5)
    log = tmp_path / "generator.log"
    log.write_text("{}\n" * 2, "utf-8")
    running = Generator(log, 1.0, lambda _: None, lambda _: None, ChildProcess.start)
    try:
        async with asyncio.timeout(10):
            while log.stat().st_size:
                await asyncio.sleep(0.001)
    finally:
        await running.close()
    assert gzip.decompress((tmp_path / "generator.log.gz").read_bytes()) == b"{}\n{}\n"
