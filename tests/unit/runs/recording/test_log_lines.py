"""The lines of a service's output by the code that writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.runs.recording import log_lines
from harness.runs.recording.log_lines import LogLine, read_log_lines

ID, OTHER = "ab" * 16, "cd" * 16
ROW: dict[str, object] = {"level": "INFO", "logger": "app.rows", "message": "row 7"}


def read(path: Path, *lines: str | dict[str, object]) -> tuple[LogLine, ...]:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    (path / "log").write_text("\n".join(texts) + "\n", errors="surrogateescape")
    return read_log_lines(path / "log", {ID, OTHER})


@pytest.mark.parametrize(
    ("line", "text", "place"),
    [
        (ROW, "app.rows: row ?", ""),
        (ROW | {"function": "page", "line": 35}, "app.rows page(), line 35: row ?", ""),
        (
            {"name": "app", "msg": "row", "funcName": "page", "pathname": "/s/a.py", "lineno": 3},
            *("app page(): row", "/s/a.py:3"),
        ),
        ({"logger_name": "a.B", "message": "row"}, "a.B: row", ""),
        ({"msg": "row", "caller": "shop/rows.go:12"}, "row", "shop/rows.go:12"),
        (
            {"msg": "row", "source": {"function": "m.page", "file": "/s/m.go", "line": 9}},
            *("m.page(): row", "/s/m.go:9"),
        ),
        (
            {"message": "row", "log.origin": {"file.name": "A.java", "file.line": 4}},
            *("row", "A.java:4"),
        ),
        ({"event": "row", "level": "info"}, "row", ""),
        ({"@mt": "row {Id}", "@m": "row 7"}, "row {Id}", ""),
        (f"2026-11-29 05:54:51,612 INFO row 7 of {ID}", "? ?:?:?,? INFO row ? of ?", ""),
        ("INFO rows.py:35 row", "INFO rows.py:? row", "rows.py:35"),
        ("GET shop.example.com:8080", "GET shop.example.com:?", ""),  # a port, no line
    ],
)
def test_text_and_place_of_a_line(
    tmp_path: Path, line: str | dict[str, object], text: str, place: str
) -> None:
    (found,) = read(tmp_path, line)
    assert (found.text, found.place, found.count) == (text, place, 1)


def test_lines_are_grouped_by_their_template_and_counted_by_trace(tmp_path: Path) -> None:
    rows = [ROW | {"message": f"row {number}", "trace_id": ID} for number in range(3)]
    rows += [ROW | {"trace_id": OTHER}, ROW | {"trace_id": "ef" * 16}, ROW]
    found = read(tmp_path, "INFO started", *rows)
    assert found == (
        LogLine("app.rows: row ?", "", 6, 4, 2),
        LogLine("INFO started", "", 1),
    )


def test_lines_of_one_place_are_one_whatever_they_say(tmp_path: Path) -> None:
    where = {"file": "a.py", "line": 3}
    found = read(tmp_path, ROW | where, ROW | where | {"message": "Adams"}, ROW | {"message": "b"})
    assert [(one.place, one.count) for one in found] == [("a.py:3", 2), ("", 1)]
    exact = {"function": "page", "line": 3}
    found = read(tmp_path, ROW | exact, ROW | exact | {"message": "Adams"})
    assert [one.count for one in found] == [2]


def test_continued_and_empty_lines_do_not_count(tmp_path: Path) -> None:
    assert read(tmp_path, "ERROR failed", '  File "a.py"', "\tat b", "", "   ") == (
        LogLine("ERROR failed", "", 1),
    )


@pytest.mark.parametrize(
    "line",
    [
        '{"message": "cut',
        '{"message": ' + "[" * 10_000,
        '{"message": {"a": 1}}',
        '{"message": null, "line": true}',
        '{"message": ""}',
        "{}",
        "{7}",
        "[1, 2]",
        "null",
        '"text"',
        "\x00\udcff",
        "x" * 100_000,
    ],
    ids=range(12),
)
def test_lines_that_are_no_records_count_as_text(tmp_path: Path, line: str) -> None:
    (found,) = read(tmp_path, line)
    assert (found.count, found.place) == (1, "")
    assert 0 < len(found.text) <= 200


def test_without_output_there_are_no_lines(tmp_path: Path) -> None:
    assert read_log_lines(tmp_path / "log", ()) == ()
    assert read(tmp_path, "") == ()


def test_only_the_end_of_a_long_log_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "_SIZE", 30)
    found = read(tmp_path, *["first line"] * 5, *["last"] * 4)
    assert [(one.text, one.count) for one in found] == [("last", 4)]
