"""slowest.jsonl: what is kept of it, and what damage does."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RunFolderError
from harness.runs.model import SlowRequest
from harness.runs.records.slowest import KEPT, SlowestLog, read_slowest

START, END = 1_800_000_000.0, 1_800_000_020.0
ONE = SlowRequest(START + 1, "GET /a", "ok", 0.5, 0.4, "0af7651916cd43dd8448eb211c80319c", True, "")
MOMENTS = st.floats(START - 5, END + 5)
REQUESTS = st.builds(
    SlowRequest,
    at=MOMENTS,
    request=st.sampled_from(["GET /a", "POST /b", "GET /'ü\n\""]),
    outcome=st.sampled_from(["ok", "error"]),
    latency=st.floats(0, 100),
    service_time=st.floats(0, 100),
    trace_id=st.sampled_from(["", "a" * 32]),
    sampled=st.booleans(),
    source=st.sampled_from(["", "worker-1", "browse/worker-2"]),
)


def written(path: Path, *reports: list[SlowRequest]) -> Path:
    with SlowestLog(path) as log:
        for report in reports:
            log.write(report)
    return path


@given(st.lists(st.lists(REQUESTS, max_size=8), max_size=6))
def test_slowest_are_the_top_of_each_request_within_the_window(
    tmp_path_factory: pytest.TempPathFactory, reports: list[list[SlowRequest]]
) -> None:
    path = tmp_path_factory.mktemp("slowest") / "slowest.jsonl"
    kept = read_slowest(written(path, *reports), START, END)
    told = {one for report in reports for one in report if START <= one.at < END}
    for request in {one.request for one in told}:
        expected = sorted((one.latency for one in told if one.request == request), reverse=True)
        got = [one.latency for one in kept if one.request == request]
        assert got == expected[:KEPT]
    assert set(kept) <= told
    assert [one.latency for one in kept] == sorted((o.latency for o in kept), reverse=True)


def test_line_is_an_object_with_the_documented_keys(tmp_path: Path) -> None:
    path = written(tmp_path / "slowest.jsonl", [ONE])
    assert json.loads(path.read_text()) == {
        "at": 1_800_000_001.0,
        "request": "GET /a",
        "outcome": "ok",
        "latency": 0.5,
        "service_time": 0.4,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "sampled": True,
        "source": "",
    }


def test_what_is_written_is_there_before_the_log_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "slowest.jsonl"
    with SlowestLog(path) as log:
        log.write([ONE])
        assert read_slowest(path, START, END) == (ONE,)


def test_missing_file_holds_none(tmp_path: Path) -> None:
    assert read_slowest(tmp_path / "slowest.jsonl", START, END) == ()


def test_last_line_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "slowest.jsonl", [ONE], [replace(ONE, latency=0.9)])
    path.write_bytes(path.read_bytes()[:-20])
    assert read_slowest(path, START, END) == (ONE,)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("no json", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param("", id="an empty line"),
        pytest.param('{"at": 1}', id="missing keys"),
        pytest.param(json.dumps(asdict(ONE) | {"latency": "slow"}), id="a time as a word"),
        pytest.param(json.dumps(asdict(ONE) | {"request": ["GET"]}), id="a request as a list"),
    ],
)
def test_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "slowest.jsonl", [ONE])
    path.write_text(path.read_text() + line + "\n" + path.read_text())
    with pytest.raises(RunFolderError, match=r"slowest\.jsonl:2: damaged line"):
        read_slowest(path, START, END)
