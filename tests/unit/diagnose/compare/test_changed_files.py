"""Changed lines in the diff of git, and the places of frames in them."""

from __future__ import annotations

import pytest

from harness.diagnose.compare.changed_files import (
    MOST_RANGES,
    ChangedLines,
    changed_files,
    in_repository,
    parse_diff,
    path_in,
    renamed_files,
)
from harness.runs.records.changes import ChangedCode
from tests.unit.diagnose.spans import stack

SOURCE = """\
import os


@cached
def load(item):
    rows = query(item)
    for row in rows:
        fetch(row)
    return rows


class Shop:
    async def price(self, item):
        return item * 2

    def name(self):
        def inner():
            return 1
        return inner()
"""


def ranges(text: str) -> dict[str, list[tuple[int, int]]]:
    return {
        path: [(one.first, one.last) for one in lines] for path, lines in parse_diff(text).items()
    }


def diff(path: str, *hunks: str, old: str | None = None) -> str:
    head = f"diff --git a/{path} b/{path}\n--- {old or f'a/{path}'}\n+++ b/{path}\n"
    return head + "\n".join(hunks) + "\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (diff("a.py", "@@ -3 +3 @@ def f():", "-old", "+new"), {"a.py": [(3, 3)]}),
        (diff("a.py", "@@ -3,0 +4,2 @@", "+one", "+two"), {"a.py": [(4, 5)]}),
        (diff("a.py", "@@ -5,3 +4,0 @@", "-a", "-b", "-c"), {"a.py": [(4, 5)]}),
        (diff("a.py", "@@ -1,2 +0,0 @@", "-a", "-b"), {"a.py": [(1, 1)]}),
        (
            diff("a.py", "@@ -1 +1 @@", "-a", "+b", "@@ -9 +9,2 @@", "-a", "+b", "+c"),
            {"a.py": [(1, 1), (9, 10)]},
        ),
        (diff("new.py", "@@ -0,0 +1 @@", "+x", old="/dev/null"), {"new.py": [(1, 1)]}),
        ("--- a/gone.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n", {}),
        ("Binary files a/x.png and b/x.png differ\n", {}),
        (diff("größe dir/ü.py", "@@ -1 +1 @@", "-a", "+b"), {"größe dir/ü.py": [(1, 1)]}),
        (
            diff("a.py", "@@ -1 +1,2 @@", "-a", "+++ b/fake.py", "+@@ -7 +7 @@") + "\n"
            "--- a/b.py\n+++ b/b.py\n@@ -2 +2 @@\n-a\n+b\n",
            {"a.py": [(1, 2)], "b.py": [(2, 2)]},
        ),
        (
            diff("a.py", "@@ -1 +1 @@", "-a", "\\ No newline at end of file", "+b"),
            {"a.py": [(1, 1)]},
        ),
    ],
    ids=[
        "no change",
        "a line",
        "added lines",
        "removed lines: the lines around them",
        "removed first lines",
        "two hunks",
        "a new file",
        "a deleted file",
        "a binary file",
        "a path with a space",
        "content that looks like a header",
        "no newline at the end",
    ],
)
def test_changed_lines_of_a_diff(text: str, expected: dict[str, list[tuple[int, int]]]) -> None:
    assert ranges(text) == expected


def test_number_of_changes_is_bounded() -> None:
    hunks = [line for n in range(MOST_RANGES + 10) for line in (f"@@ -{n} +{n} @@", "-a", "+b")]
    assert len(ranges(diff("a.py", *hunks))["a.py"]) == MOST_RANGES


def changed(*lines: int, path: str = "app/shop.py", source: str | None = SOURCE) -> ChangedLines:
    hunks = [text for line in lines for text in (f"@@ -{line} +{line} @@", "-a", "+b")]
    files = changed_files(parse_diff(diff(path, *hunks)), lambda _: source)
    return ChangedLines(ChangedCode(baseline="/b", candidate="/c", files=files))


@pytest.mark.parametrize(
    ("changes", "line", "expected"),
    [
        ([8], 8, ("app/shop.py:8", "load", True, "changed in this branch")),
        ([8], 6, ("app/shop.py:6", "load", False, "load() was changed in this branch")),
        ([4], 9, ("app/shop.py:9", "load", False, "load() was changed in this branch")),
        ([8], 14, None),
        ([1], 1, ("app/shop.py:1", "", True, "changed in this branch")),
        ([1], 8, None),
        ([18], 18, ("app/shop.py:18", "inner", True, "changed in this branch")),
        ([18], 19, ("app/shop.py:19", "name", False, "name() was changed in this branch")),
        ([14], 13, ("app/shop.py:13", "price", False, "price() was changed in this branch")),
    ],
    ids=[
        "the line",
        "another line of its function",
        "the decorator of its function",
        "another function",
        "a line outside of functions",
        "a function in a file with another change",
        "an inner function",
        "the function around it",
        "an async method",
    ],
)
def test_place_in_changed_code(
    changes: list[int], line: int, expected: tuple[str, str, bool, str] | None
) -> None:
    found = changed(*changes).at("app/shop.py", line)
    assert (found and (found.place, found.function, found.exact, found.clause)) == expected


def test_other_file_is_not_changed() -> None:
    assert changed(8).at("app/other.py", 8) is None
    assert ChangedLines(None).at("app/shop.py", 8) is None
    assert list(ChangedLines(None).all_code()) == []


def test_first_changed_line_stands_for_its_function() -> None:
    lines = changed(8)
    place = lines.at("app/shop.py", 6)
    assert place is not None
    assert lines.first_line("app/shop.py", place).place == "app/shop.py:8"


def test_first_changed_line_is_that_of_the_function_with_the_line_among_others_of_its_name() -> (
    None
):
    source = "class A:\n    def get(self):\n        return 1\n\n" * 2
    lines = changed(3, 6, source=source)
    place = lines.at("app/shop.py", 7)
    assert place is not None
    assert (place.function, place.exact) == ("get", False)
    assert lines.first_line("app/shop.py", place).place == "app/shop.py:6"


def test_renamed_files_of_a_diff() -> None:
    moved = "similarity index 98%\nrename from app/a b.py\nrename to shop/a b.py\n"
    same = "similarity index 100%\nrename from app/c.py\nrename to shop/c.py\n"
    text = f"diff --git a/app/a b.py b/shop/a b.py\n{moved}--- a/app/a b.py\n+++ b/shop/a b.py\n"
    text += f"@@ -1 +1 @@\n-rename from x\n+rename to y\ndiff --git a/app/c.py b/shop/c.py\n{same}"
    assert renamed_files(text) == {"app/a b.py": "shop/a b.py", "app/c.py": "shop/c.py"}
    (found,) = in_repository([stack(3, "f /c/app/c.py:7")], "/c", renamed_files(text))
    assert found.frames[-1].file == "shop/c.py"


@pytest.mark.parametrize(
    "source", [None, "def broken(", "x = '\0'", "x = 1\n" * 200_000 + "y" * 500_000]
)
def test_file_that_cannot_be_parsed_has_changed_lines_only(source: str | None) -> None:
    lines = changed(8, source=source)
    found = lines.at("app/shop.py", 8)
    assert found is not None
    assert (found.function, found.exact) == ("", True)
    assert lines.at("app/shop.py", 6) is None


def test_file_of_another_language_has_changed_lines_only() -> None:
    lines = changed(8, path="app/shop.js")
    assert lines.at("app/shop.js", 8) is not None
    assert lines.at("app/shop.js", 6) is None


def test_all_code_has_each_change_once() -> None:
    found = [(one.place, one.function) for one in changed(1, 8, 14).all_code()]
    assert found == [("app/shop.py:1", ""), ("app/shop.py:8", "load"), ("app/shop.py:14", "price")]


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/tmp/c/app/a.py", "/tmp/c", "app/a.py"),
        ("/tmp/c/app/a.py", "/tmp/c/", "app/a.py"),
        ("/tmp/cd/app/a.py", "/tmp/c", "/tmp/cd/app/a.py"),
        ("/usr/lib/python3/a.py", "/tmp/c", "/usr/lib/python3/a.py"),
        ("/tmp/c/app/a.py", "", "/tmp/c/app/a.py"),
    ],
)
def test_paths_of_a_checkout_are_those_of_the_repository(
    path: str, root: str, expected: str
) -> None:
    assert path_in(path, root) == expected
    (moved,) = in_repository([stack(3, f"f {path}:7")], root)
    assert (moved.frames[-1].file, moved.frames[-1].line, moved.count) == (expected, 7, 3)
    assert moved.frames[0].function == "process 7"
