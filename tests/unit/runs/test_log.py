"""A log on a disk that becomes full: whole lines, and no line after a gap."""

import errno
from pathlib import Path

import pytest

from harness.runs.log import Log, cannot_write


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
