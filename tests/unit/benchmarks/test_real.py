"""The campaign under real load: which gate is next, what the table says, and what slows a side."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from benchmarks.campaign import real
from benchmarks.campaign.real import campaign, next_kind, recorded, summary
from benchmarks.campaign.slow_down import MOST_TIME, Slowed


def gate(kind: str, outcome: str = "pass", pairs: int = 4) -> dict[str, Any]:
    return {
        "kind": kind,
        "outcome": outcome,
        "pairs": pairs,
        "load_seconds": 13.0 * pairs,
        "estimate": 0.01,
        "p50_log_ratios": [0.0, 0.1, None, 0.2],
        "p95_log_ratios": [0.0, 0.3, 0.6],
    }


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ("", "aa"),
        ("aa", "worse20"),
        ("aa worse20", "aa"),
        ("aa worse20 aa aa aa", "worse20"),
        ("worse20 worse20 worse10", "aa"),
        ("aa aa aa aa worse20 worse20", None),
    ],
    ids=str,
)
def test_next_gate_is_of_the_kind_that_is_farthest_from_its_number(
    done: str, expected: str | None
) -> None:
    gates = [gate(kind) for kind in done.split()]
    assert next_kind(gates, {"aa": 4, "worse20": 2}) == expected


def test_table_counts_outcomes_with_exact_bounds_and_pools_the_noise() -> None:
    gates = [gate("aa")] * 9 + [gate("aa", "fail", 8)] + [gate("worse20", "fail")]
    preallocate, slow = summary(gates).splitlines()[2:]
    low, high = stats.beta.ppf(0.025, 1, 10), stats.beta.ppf(0.975, 2, 9)
    cells = [cell.strip() for cell in preallocate.strip("|").split("|")]
    assert cells[:3] == ["none", "10", f"1: 10.00% [{100 * low:.2f} .. {100 * high:.2f}]"]
    assert cells[5:] == ["4", "52", "+1.0%", "0.100", "0.300"]
    assert slow.startswith("| +20% | 1 | 1: 100.00% [2.50 .. 100.00] |")


def test_gates_are_read_back_and_none_without_a_file(tmp_path: Path) -> None:
    record = tmp_path / "real.jsonl"
    assert recorded(record) == []
    record.write_text("".join(json.dumps(gate(kind)) + "\n" for kind in ("aa", "worse20")))
    assert recorded(record) == [gate("aa"), gate("worse20")]


@pytest.mark.parametrize("at_once", [1, 2])
def test_campaign_runs_what_is_missing_side_by_side_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    seeds = []
    together = threading.Barrier(at_once)

    def run(kind: str, seed: int) -> dict[str, Any]:
        seeds.append(seed)
        together.wait()
        return gate(kind)

    monkeypatch.setattr(real, "run", run)
    record = tmp_path / "real.jsonl"
    campaign(record, {"aa": 4, "worse20": 2}, 2, at_once)
    assert [one["kind"] for one in recorded(record)] in (["aa", "worse20"], ["worse20", "aa"])
    campaign(record, {"aa": 4, "worse20": 2}, None, at_once)
    done = recorded(record)
    assert sorted(one["kind"] for one in done) == ["aa"] * 4 + ["worse20"] * 2
    assert {one["at_once"] for one in done} == {at_once}
    assert sorted(seeds) == [20261126 + number for number in range(6)]


async def test_slowed_application_begins_its_answer_later_by_a_share_of_its_time() -> None:
    times: dict[str, float] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        times["began"] = time.perf_counter()  # a little later than the measured time begins
        while (now := time.perf_counter()) < times["began"] + 0.01:
            pass
        times["worked"] = now
        await send({"type": "http.response.start"})
        await send({"type": "http.response.body"})

    async def send(message: Any) -> None:
        times[message["type"]] = time.perf_counter()

    async def receive() -> Any:
        raise AssertionError

    await Slowed(app, 0.5)({"type": "http"}, receive, send)
    work = times["worked"] - times["began"]
    # Of a pause during the work, such as one without a CPU, no more than `MOST_TIME` counts.
    assert times["http.response.start"] - times["worked"] >= 0.5 * min(work, MOST_TIME)
    assert times["http.response.body"] >= times["http.response.start"]


async def test_slowed_application_does_not_count_the_time_in_a_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 30.0, 30.004, 30.0051])  # s; until an answer that is 0.1 * 0.05 s later
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start"})

    async def send(message: Any) -> None:
        assert next(clock, None) is None

    async def receive() -> Any:
        raise AssertionError

    await Slowed(app, 0.1)({"type": "http"}, receive, send)
