"""failures.jsonl: what is written is read back by kind, for the window and for the whole run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RunFolderError
from harness.runs.records.failed import (
    MOST_REPLIES,
    REPLIES_OF_KIND,
    FailedReply,
    Failures,
)
from harness.runs.records.failures import (
    FailureLog,
    StoredFailures,
    read_failures,
)

START = 1_800_000_000.431
END = START + 20
REPLY = FailedReply(START + 1.5, 500, "text/plain", 4, "boom", "a" * 32)
ONE = Failures(
    *("GET", "/a", "status", 500, "500 Internal Server Error", ""),
    *({1: 2, -1: 1}, START - 0.5, START + 1.5, False, "a" * 32, (REPLY,)),
)


def written(path: Path, *reports: list[Failures]) -> Path:
    with FailureLog(path) as log:
        log.begin(START)
        for report in reports:
            log.write(report)
    return path


def test_line_has_the_documented_keys(tmp_path: Path) -> None:
    path = written(tmp_path / "failures.jsonl", [ONE])
    assert json.loads(path.read_text()) == {
        "request": "GET /a",
        "kind": "status",
        "status": 500,
        "text": "500 Internal Server Error",
        "group": "",
        "varies": False,
        "counts": [[round(START - 1, 3), 1], [round(START + 1, 3), 2]],
        "first": round(START - 0.5, 3),
        "last": round(START + 1.5, 3),
        "trace_id": "a" * 32,
        "replies": [
            {
                "at": round(START + 1.5, 3),
                "status": 500,
                "content_type": "text/plain",
                "size": 4,
                "body": "boom",
                "trace_id": "a" * 32,
            }
        ],
    }


def test_warm_up_is_in_the_total_only(tmp_path: Path) -> None:
    stored = read_failures(written(tmp_path / "f", [ONE], [ONE]), START, END)
    (kind,) = stored.kinds
    assert (kind.count, kind.total, stored.recorded) == (4, 6, 6)
    without_window = read_failures(tmp_path / "f", None, None)
    assert [(one.count, one.total) for one in without_window.kinds] == [(0, 6)]


def test_run_without_failures_has_no_file(tmp_path: Path) -> None:
    path = written(tmp_path / "failures.jsonl", [])
    assert not path.exists()
    assert read_failures(path, START, END) == StoredFailures((), None)


def test_workers_add_up_and_the_earliest_text_is_shown(tmp_path: Path) -> None:
    early = replace(ONE, kind="check", text="bad id 1", group="g", first=START, last=START)
    late = replace(early, text="bad id 2", first=START + 9, last=START + 9, trace_id="b" * 32)
    (kind,) = read_failures(written(tmp_path / "f", [late], [early]), START, END).kinds
    assert (kind.text, kind.varies, kind.trace_id) == ("bad id 1", True, "a" * 32)
    assert (kind.first, kind.last) == (round(START, 3), round(START + 9, 3))
    assert kind.count == 4


def test_replies_are_few_of_each_kind_and_in_all(tmp_path: Path) -> None:
    many = [replace(ONE, name=f"/{n}", replies=(REPLY,) * 3) for n in range(30)]
    kinds = read_failures(written(tmp_path / "f", many, many), START, END).kinds
    assert sum(len(kind.replies) for kind in kinds) == MOST_REPLIES
    assert max(len(kind.replies) for kind in kinds) == REPLIES_OF_KIND


def test_line_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "f", [ONE], [ONE])
    path.write_bytes(path.read_bytes()[:-9])
    assert read_failures(path, START, END).recorded == 3


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "nonsense",
        '{"request": 1}',
        json.dumps({"request": "a", "counts": [[0, -1]]}),
        "[" * 100_000,
    ],
)
def test_damaged_line_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text(f"{line}\n")
    with pytest.raises(RunFolderError, match=r"f:1: damaged line"):
        read_failures(path, START, END)


@pytest.mark.parametrize("value", [1e308, -1, 2**70, "x", None, float("nan")])
def test_count_that_no_run_has_is_damage(value: object, tmp_path: Path) -> None:
    path = written(tmp_path / "f", [ONE])
    fields = json.loads(path.read_text()) | {"counts": [[START, value]]}
    path.write_text(json.dumps(fields) + "\n")
    with pytest.raises(RunFolderError, match="damaged line"):
        read_failures(path, START, END)


KINDS = st.builds(
    lambda name, status, counts: replace(ONE, name=name, status=status, counts=counts, replies=()),
    st.sampled_from(["/a", "/b", "/'ü\n\""]),
    st.sampled_from([404, 500]),
    st.dictionaries(st.integers(-5, 25), st.integers(1, 100), max_size=5),
)


@given(st.lists(st.lists(KINDS, max_size=5), max_size=5))
def test_counts_of_the_window_and_of_the_run_are_exact(
    tmp_path_factory: pytest.TempPathFactory, reports: list[list[Failures]]
) -> None:
    path = written(tmp_path_factory.mktemp("failures") / "f", *reports)
    stored = read_failures(path, START, END)
    every = [one for report in reports for one in report]
    assert (stored.recorded or 0) == sum(sum(one.counts.values()) for one in every)
    for kind in stored.kinds:
        same = [o for o in every if (o.request, o.status) == (kind.request, kind.status)]
        counted = [(second, n) for one in same for second, n in one.counts.items()]
        assert kind.total == sum(n for _, n in counted)
        assert kind.count == sum(n for second, n in counted if 0 <= second < 20)
