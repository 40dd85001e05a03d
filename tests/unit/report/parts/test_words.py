from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.locustfile import locustfile_verdict
from harness.judge.model import Guard, Judgement, Outcome, Verdict
from harness.report.parts import words as wording
from harness.runs.model import Manifest
from harness.units import Unit
from tests.unit.report.cases import (
    BREACHED,
    HITS,
    INTERRUPTED,
    MANIFEST,
    P95,
    SATURATED,
    UNKNOWN,
    UNREADABLE,
    WARNED,
    judged,
)
from tests.unit.report.strategies import TEXTS

FAILED_GATE = MANIFEST.model_copy(update={"locustfile_exit_code": 3})
GATE = locustfile_verdict(FAILED_GATE)
assert GATE


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        pytest.param("a\n\tb  c ", 0, "a b c", id="white space collapses"),
        pytest.param("\x1b[31mred\x07\x9b1m", 0, "[31mred1m", id="control characters go"),
        pytest.param("a\u202eb\u2066c\u200f", 0, "abc", id="characters that turn text around go"),
        pytest.param("bytes-\udcff", 0, "bytes-", id="undecodable bytes go"),
        pytest.param("👩‍🚀 世界 größe", 0, "👩‍🚀 世界 größe", id="other scripts stay"),
        pytest.param("abcdefghij", 10, "abcdefghij", id="what fits stays whole"),
        pytest.param("abcdefghijk", 10, "abcd...ijk", id="the middle of a long one gives way"),
    ],
)
def test_clean(text: str, limit: int, shown: str) -> None:
    assert wording.clean(text, limit) == shown


@given(TEXTS, st.integers(8, 30))
def test_clean_of_anything_is_one_line_within_the_limit(text: str, limit: int) -> None:
    assert len(wording.clean(text, limit)) <= limit
    assert len(wording.clean(text).splitlines()) <= 1


@pytest.mark.parametrize(
    ("judgement", "manifest", "says"),
    [
        pytest.param(judged("pass", P95, HITS), MANIFEST, "all 2 budgets met", id="all pass"),
        pytest.param(judged("pass", P95), MANIFEST, "1 budget met", id="the only one passes"),
        pytest.param(
            judged("fail", BREACHED), MANIFEST, "1 budget breached", id="the only one fails"
        ),
        pytest.param(
            judged("fail", P95, UNKNOWN, WARNED, BREACHED, BREACHED),
            MANIFEST,
            "2 of 5 budgets breached, 1 inconclusive, 1 with a warning, 1 met",
            id="one of each",
        ),
        pytest.param(
            judged("pass"), MANIFEST, "no budget applies to this scenario", id="no budgets"
        ),
        pytest.param(
            judged("inconclusive", UNKNOWN, P95),
            INTERRUPTED,
            "the run was interrupted: SIGINT after 9 s; 1 of 2 budgets inconclusive, 1 met",
            id="interrupted",
        ),
        pytest.param(
            judged("pass", P95),
            MANIFEST.model_copy(update={"status": "running"}),
            "the run was not finished; 1 budget met",
            id="killed without a word",
        ),
        pytest.param(
            judged("fail", P95, GATE),
            FAILED_GATE,
            "1 budget met; the locustfile set exit code 3",
            id="the exit code of the locustfile is no budget",
        ),
        pytest.param(
            judged("pass", P95),
            FAILED_GATE.model_copy(update={"scenario": {"locustfile_exit_code": "ignore"}}),
            "1 budget met",
            id="an ignored exit code of the locustfile",
        ),
    ],
)
def test_headline(judgement: Judgement, manifest: Manifest, says: str) -> None:
    assert wording.headline(judgement, manifest) == says


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (0.18, 0.19, "180 ms .. 190 ms"),
        (0.18, None, ">= 180 ms"),
        (None, 0.19, "<= 190 ms"),
        (0.0, 0.0, "0 s .. 0 s"),
        (None, None, ""),
    ],
)
def test_interval(lower: float | None, upper: float | None, text: str) -> None:
    assert wording.interval_text(replace(P95, lower=lower, upper=upper)) == text


@pytest.mark.parametrize(
    ("margin", "text"),
    [(0.083, "+8.3%"), (-0.25, "-25%"), (0.0, "0%"), (None, "-"), (-0.0012, "-0.12%")],
)
def test_margin(margin: float | None, text: str) -> None:
    assert wording.margin_text(replace(P95, margin=margin)) == text


@pytest.mark.parametrize(
    ("verdict", "text"),
    [(P95, "max 200 ms"), (HITS, "min 80%"), (WARNED, "max 512 MiB")],
)
def test_bound(verdict: Verdict, text: str) -> None:
    assert wording.bound_text(verdict) == text


@pytest.mark.parametrize(
    ("guard", "text"),
    [
        (SATURATED, "97% (limit 90%)"),
        (UNREADABLE, ""),
        (replace(UNREADABLE, limit=0.9), "limit 90%"),
        (replace(UNREADABLE, value=3.0, unit=Unit.COUNT), "3"),
    ],
)
def test_guard(guard: Guard, text: str) -> None:
    assert wording.guard_text(guard) == text


def test_facts_without_window_say_so_and_leave_out_what_is_unknown() -> None:
    bare = INTERRUPTED.model_copy(update={"git": {}, "host": {"cpus": None}})
    facts = dict(wording.facts(bare))
    assert facts["Window"] == "not reached"
    assert facts["Started"] == "2026-07-01T12:00:00Z"
    assert not {"Git", "Host"} & set(facts)


def test_target_is_its_address_its_command_and_its_metrics() -> None:
    target = {
        "url": "http://me:secret@127.0.0.1:8000",
        "command": "serve --port 8000",
        "metrics": ["http://127.0.0.1:8000/metrics", "http://127.0.0.1:9100/metrics"],
        "ours": True,
        "exit_code": 0,
        "roles": {"roles": {"requests": {"metric": "http_requests_total"}}},
    }
    assert dict(wording.facts(INTERRUPTED.model_copy(update={"target": target})))["Target"] == (
        "http://127.0.0.1:8000; started with: serve --port 8000; metrics at "
        "http://127.0.0.1:8000/metrics, http://127.0.0.1:9100/metrics; exit code 0"
    )
    running: dict[str, object] = {
        "url": "http://127.0.0.1:8000",
        "command": None,
        "metrics": [],
        "exit_code": None,
    }
    facts = dict(wording.facts(INTERRUPTED.model_copy(update={"target": running})))
    assert facts["Target"] == "http://127.0.0.1:8000"


def test_every_outcome_has_a_rank() -> None:
    assert sorted(wording.WORST_FIRST) == sorted(get_args(Outcome))


def test_interval_says_where_the_value_alone_decided() -> None:
    assert wording.interval_text(replace(P95, decide="value")) == "this run only"
