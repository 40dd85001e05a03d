"""Which slow requests are shown: those that explain a breach."""

from dataclasses import replace

import pytest

from harness.judge.model import Verdict, guard
from harness.report.parts.words import load_text, moment_text, timing_text
from harness.report.run.console import console_report
from harness.report.run.junit import junit_xml
from harness.report.run.markdown import summary_markdown
from harness.report.run.slowest import slowest
from harness.runs.model import Evidence, Requests, SlowRequest, Worker
from tests.unit.report.cases import ABORTED, BREACHED, HITS, MANIFEST, P95, judged

SLOW = tuple(
    SlowRequest(MANIFEST.clock.created + i, f"GET /{name}", "ok", 10.0 - i, 1.0)
    for i, name in enumerate("aaaabbbbcccdd")
)
OF = {name: replace(BREACHED, request=f"GET /{name}") for name in "abcd"}


@pytest.mark.parametrize(
    ("verdicts", "shown"),
    [
        pytest.param((P95, HITS), "aaa", id="no breach: the slowest of the run"),
        pytest.param((OF["c"], P95), "ccc", id="one request: its slowest"),
        pytest.param((OF["d"], OF["b"]), "bbbdd", id="two requests: each one's, in order of time"),
        pytest.param((OF["d"], BREACHED), "aaa", id="every request is over: the slowest of all"),
        pytest.param((replace(OF["c"], outcome="warn"),), "aaa", id="a warning is no breach"),
        pytest.param((replace(HITS, outcome="fail"),), "aaa", id="no latency is breached"),
        pytest.param((OF["b"], OF["b"]), "bbb", id="two budgets on one request: once"),
        pytest.param((replace(BREACHED, request="GET /z"),), "", id="nothing is known of it"),
    ],
)
def test_slowest_shown(verdicts: tuple[Verdict, ...], shown: str) -> None:
    rows = slowest(judged("fail", *verdicts), Evidence(MANIFEST, {}, (), SLOW))
    assert [row.request for row in rows] == [f"GET /{name}" for name in shown]


@pytest.mark.parametrize(
    ("requests", "workers", "text"),
    [
        (Requests(started=5, recorded=5), 0, ""),
        (
            Requests(asked=9, sent=7, late=3, dropped=2),
            0,
            "9 iterations scheduled, 7 sent, 3 late, 2 dropped",
        ),
        (
            Requests(asked=9, sent=9),
            1,
            "9 iterations scheduled, 9 sent, 0 late, 0 dropped, by 1 worker",
        ),
        (
            Requests(asked=9, sent=9),
            2,
            "9 iterations scheduled, 9 sent, 0 late, 0 dropped, by 2 workers",
        ),
    ],
    ids=["closed model", "open model", "one worker", "two workers"],
)
def test_account_of_the_load(requests: Requests, workers: int, text: str) -> None:
    names = tuple(Worker(name=f"worker-{i}") for i in range(workers))
    run = MANIFEST.model_copy(update={"requests": requests, "workers": names})
    assert load_text(run) == text


def test_reports_say_which_answers_the_kernel_timed() -> None:
    text = "answers timed by the kernel: 99.8%; the generator read them 1 ms later"
    run = Evidence(MANIFEST, {}, (), ())
    loop, kernel = judged("pass", P95), judged("pass", P95)
    kernel = replace(kernel, guards=(guard("receive-times", text, tripped=False),))
    assert (timing_text(loop), timing_text(kernel)) == ("", text)
    assert f"\n{text}\n" in console_report(kernel, run, width=100, color=False, exit_code=0)
    assert f"\nA{text[1:]}.\n" in summary_markdown(kernel, run)
    assert f'name="times" value="{text}"' in junit_xml(kernel, MANIFEST)
    assert "timed by" not in console_report(loop, run, width=100, color=False, exit_code=0)


def test_moment_of_a_request_counts_from_the_start_of_the_window() -> None:
    start = MANIFEST.clock.window_start
    assert start is not None
    one = SlowRequest(start + 12.34, "GET /", "ok", 1.0, 1.0)
    assert moment_text(one, MANIFEST) == "12.3 s"


def test_junit_tells_notices_and_what_aborted_the_run() -> None:
    text = junit_xml(judged("fail", BREACHED), ABORTED)
    notice = "WebSocketUser reports no start of its requests: latency is service time."
    assert f'<property name="notices" value="{notice}" />' in text
    assert '<property name="aborted by" value="contacts-latency-p95" />' in text
    assert '<property name="load" value="600 iterations scheduled, 598 sent, 12 late' in text
