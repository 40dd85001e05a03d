"""A log on a disk that becomes full: whole lines, and no line after a gap."""

import errno
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.log import Log, cannot_write, read_blocks, rest_of


class Disk:
    """Room for some bytes, in place of the file of a log."""

    def __init__(self, log: Log, room: int) -> None:
        self.room = room
        self._file = log._file
        self.fileno, self.close = self._file.fileno, self._file.close

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._file.write(data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 1, 4, 6, 7])
def test_lines_on_a_full_disk_are_written_whole_or_not_at_all(tmp_path: Path, room: int) -> None:
    path = tmp_path / "log"
    with Log(path) as log:
        disk = log._file = Disk(log, room)  # type: ignore[assignment]
        if room >= 4:
            log.append("abc\n")
        for lines in ("def\n", "ghi\n"):
            with pytest.raises(OSError, match="No space left") as caught:
                log.append(lines)
            assert cannot_write(caught.value) == f"cannot write {path}: No space left on device"
            disk.room = 100  # somebody makes room: nothing may follow the gap
    assert path.read_text() == "abc\n" * (room >= 4)


def test_what_cannot_be_encoded_is_replaced(tmp_path: Path) -> None:
    with Log(tmp_path / "log") as log:
        log.append("a\udcffé\n")
    assert (tmp_path / "log").read_text(encoding="utf-8") == "a?é\n"


@given(
    st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=9),
    st.integers(1, 40),
)
def test_blocks_are_the_content_and_end_with_lines_that_are_not_longer(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    for content in (b"\n".join(lines), b"".join(line + b"\n" for line in lines)):
        path.write_bytes(content)
        blocks = list(read_blocks(path, size))
        assert b"".join(blocks) == content
        for block in blocks[:-1]:
            assert block.endswith(b"\n") or len(block) > size
        assert all(len(block) <= 2 * size + max(map(len, lines), default=0) for block in blocks)
        rest_of(path).write_bytes(gzip.compress(content))
        assert b"".join(read_blocks(path, size)) == content + content
        rest_of(path).unlink()
