from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.runs.recording.profile import Stack, StackFrame, folded, read_stacks, total

RAW = """\
thread (7): MainThread;<module> (/srv/app.py:8);work <lambda> (/srv/my app.py:4) 64
thread (7): MainThread;<module> (/srv/app.py:8);native (libc.so.6) 2
"""


def test_stacks_of_py_spy(tmp_path: Path) -> None:
    file = tmp_path / "profile.folded"
    file.write_text(folded(7, RAW))
    first, second = read_stacks(file)
    frames = (
        StackFrame("process 7"),
        StackFrame("thread (7): MainThread"),
        StackFrame("<module>", "/srv/app.py", 8),
        StackFrame("work <lambda>", "/srv/my app.py", 4),
    )
    assert first == Stack(frames, 64)
    assert second.frames[-1] == StackFrame("native", "libc.so.6", 0)
    assert total((first, second)) == 66


def test_path_with_a_parenthesis(tmp_path: Path) -> None:
    file = tmp_path / "profile.folded"
    file.write_text("process 7;work (/srv/shop (copy)/app.py:8) 3\n")
    (found,) = read_stacks(file)
    assert found.frames[1] == StackFrame("work", "/srv/shop (copy)/app.py", 8)


def test_name_of_a_thread_is_no_function(tmp_path: Path) -> None:
    file = tmp_path / "profile.folded"
    file.write_text("process 7;thread (8): Thread-17 (work);work (/srv/app.py:8) 3\n")
    (found,) = read_stacks(file)
    assert found.frames[1] == StackFrame("thread (8): Thread-17 (work)")


@pytest.mark.parametrize("text", ["no number\n", "a;b 1.5\n", " 3\n", "a -1\n"])
def test_damaged_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "profile.folded"
    file.write_text("a;b 1\n" + text)
    with pytest.raises(RunFolderError, match=r"profile\.folded:2: damaged line"):
        read_stacks(file)


def test_line_that_is_cut_off_and_a_missing_file(tmp_path: Path) -> None:
    file = tmp_path / "profile.folded"
    assert read_stacks(file) == ()
    file.write_text("a;b 1\na;c")
    assert total(read_stacks(file)) == 1
