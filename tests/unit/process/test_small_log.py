"""The log of a process is compressed when it is large, and the process goes on writing."""

import asyncio
import gzip
from contextlib import suppress
from pathlib import Path

import pytest

from harness.process import small_log
from harness.process.small_log import keep_small, pack


def test_log_is_moved_into_a_gzip_file_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "target.log"
    with log.open("ab", buffering=0) as process:
        for lines in (b"one\ntwo\n", b"three\n"):
            process.write(lines)
            pack(log)
        process.write(b"four\n")
    assert gzip.decompress((tmp_path / "target.log.gz").read_bytes()) == b"one\ntwo\nthree\n"
    assert log.read_bytes() == b"four\n"


def test_full_disk_leaves_the_log_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "target.log"
    log.write_bytes(b"one\n")
    pack(log)
    log.write_bytes(b"two\n")
    before = (tmp_path / "target.log.gz").read_bytes()

    def full(source: object, target: gzip.GzipFile) -> None:
        target.write(b"t")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        pack(log)
    assert log.read_bytes() == b"two\n"
    assert (tmp_path / "target.log.gz").read_bytes() == before


async def test_only_a_large_log_is_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_log, "_LOOK", 0.0)
    monkeypatch.setattr(small_log, "LARGEST", 4)
    small, large = tmp_path / "small.log", tmp_path / "large.log"
    small.write_bytes(b"1234")
    large.write_bytes(b"12345")
    tasks = [asyncio.create_task(keep_small(log)) for log in (small, large, tmp_path / "absent")]
    async with asyncio.timeout(30):
        while large.stat().st_size:
            await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert small.read_bytes() == b"1234"
    assert gzip.decompress((tmp_path / "large.log.gz").read_bytes()) == b"12345"
