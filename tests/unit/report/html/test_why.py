"""The section of report.html that explains breaches."""

import re
from dataclasses import replace

import pytest

from harness.diagnose.model import ServiceReading, SlowExemplar
from harness.report.html.run_page import run_page
from harness.report.html.waterfall import MOST_TRACES
from harness.report.html.why import MOST_STATEMENTS
from harness.runs.recording.recording import Recording
from tests.unit.diagnose.spans import request, stack
from tests.unit.report.html import page_cases
from tests.unit.report.html.test_document import data_of
from tests.unit.report.html.why_cases import (
    EXPLAINED,
    HOSTILE,
    QUERY,
    RECORDING,
    STATEMENT,
    UNKNOWN,
    hostile_page,
    page,
)


def text_of(html: str, start: str, end: str) -> str:
    """The words between two parts of a page, on one line."""
    part = html.split(start, 1)[1].split(end, 1)[0]
    return " ".join(re.sub("<[^>]*>", " ", part).split())


def test_causes_of_a_breach_with_what_is_not_explained() -> None:
    html = page(EXPLAINED, replace(EXPLAINED, budget="server-latency"), UNKNOWN)
    assert text_of(html, '<div class="breach" id="why-1">', '<div class="breach" id="why-2"') == (
        "latency-p95, server-latency Shares of the time of 12 slow requests "
        f"60% 95%: 52% to 68% {STATEMENT} 20 times in such a request, 8 ms each "
        "Next: load the rows of all items with one statement "
        "30% 95%: 25% to 35% render() in /srv/app/pages.py:85 30 of 100 samples "
        "Next: look at this line, and at what it calls Show in the flame graph "
        "10% not explained: in parts that are each too small."
    )
    assert html.count('class="breach"') == 2
    assert "No cause known: a recording of some seconds does not explain it." in html
    assert '<a href="#why-1">Why</a>' in html


def test_largest_parts_of_a_breach_without_a_cause() -> None:
    found = replace(
        UNKNOWN,
        note="no single cause found",
        about="the time of 12 requests",
        parts=tuple(replace(one, sign="") for one in EXPLAINED.causes),
    )
    assert text_of(page(found), "No cause known:", "</ul>") == (
        f"no single cause found. The largest parts of the time of 12 requests: 60% {STATEMENT} "
        "30% render() in /srv/app/pages.py:85"
    )


def test_sign_of_a_cause_stands_after_its_numbers() -> None:
    signed = replace(EXPLAINED.causes[0], sign="20 times in a request, one after the other")
    html = page(replace(EXPLAINED, causes=(signed,)))
    assert "8 ms each; 20 times in a request, one after the other" in text_of(html, "<ol>", "</ol>")


def test_statements_by_text() -> None:
    row = text_of(page(EXPLAINED), 'data-statement="3">', "</tr>")
    assert row == f"{STATEMENT} 2 1.5 100 ms 300 ms 50.0%"


def test_service_meanwhile() -> None:
    readings = (
        ServiceReading("CPU", "1.2 CPUs on average"),
        ServiceReading("calls: GET x", "3 x 200"),
    )
    html = page(EXPLAINED, service=readings)
    table = text_of(html, '<h3 class="part" id="service-title">', "</table>")
    assert table == (
        "The service meanwhile What In the window CPU 1.2 CPUs on average calls: GET x 3 x 200"
    )
    assert 'id="service-title"' not in page(EXPLAINED)


def test_exemplar_leads_to_its_waterfall_where_the_trace_was_received() -> None:
    ids = [f"{number:032x}" for number in range(MOST_TRACES + 2)]
    spans = [one for n, i in enumerate(ids) for one in request(i, 1 - n / 10, [])]
    found = (
        SlowExemplar("GET /items", 0.4, ids[-1], received=True),
        SlowExemplar("GET /b", 0.2, "f" * 32, received=False),
    )
    html = page(EXPLAINED, recording=Recording(tuple(spans)), exemplars=found)
    table = text_of(html, '<h3 class="part" id="exemplars-title">', "</table>")
    assert table.endswith(
        f"Latency Trace GET /items 400 ms {ids[-1]} GET /b 200 ms {'f' * 32} not received"
    )
    assert f'<a href="#trace-{ids[-1]}">' in html
    shown = [one for one in ids if f'<ol id="trace-{one}"' in html]
    assert shown == [*ids[:MOST_TRACES], ids[-1]]


def test_cause_in_another_service_names_the_service() -> None:
    cause = replace(QUERY, service="stock")
    html = page(replace(EXPLAINED, causes=(cause,)))
    assert f"{STATEMENT} of the service stock 20 times" in text_of(html, 'id="why-1">', "</ol>")


def test_only_some_statements_are_shown() -> None:
    parts = [(f"SELECT {number}", 0.01) for number in range(MOST_STATEMENTS + 3)]
    html = page(recording=Recording(tuple(request("a", 1.0, parts))))
    assert html.count("data-statement=") == MOST_STATEMENTS
    assert "... and 3 more." in html


@pytest.mark.parametrize(
    ("recording", "statements", "waterfall", "flame"),
    [
        (RECORDING, True, True, True),
        (replace(RECORDING, wall=(), cpu=()), True, True, False),
        (replace(RECORDING, spans=()), False, False, True),
        (Recording(spans=tuple(request("a", 0.1, []))), False, True, False),
        (Recording(), False, False, False),
    ],
)
def test_section_has_the_parts_that_were_recorded(
    recording: Recording, statements: bool, waterfall: bool, flame: bool
) -> None:
    html = page(EXPLAINED, recording=recording)
    parts = ('id="statements-title"', '<details class="waterfall"', 'id="flame-title"')
    assert [part in html for part in parts] == [statements, waterfall, flame]
    assert ("profile" in data_of(html)) is flame
    assert ("data-find=" in html) is flame


def test_run_that_was_not_recorded_has_no_section() -> None:
    html = run_page(*page_cases.run("GET /contacts"), exit_code=3)
    assert 'id="why-title"' not in html
    assert "waterfall" not in html
    assert "No budget failed" in page()


def test_hostile_names_are_only_shown() -> None:
    html = hostile_page()
    html.encode()
    for text in HOSTILE[:3]:
        assert text not in html
    assert html.count("<script") == html.count("</script>") == 4
    assert "<img" not in html
    assert "{{ 7 * 7 }}" in html
    assert not set(html) & {"\x00", "\x1b", "\u202e"}
    assert "x" * 2001 not in html


@pytest.mark.untraced
def test_section_of_a_large_recording_is_small() -> None:
    spans = [
        one
        for number in range(20)
        for one in request(f"t{number}", 9.0, [(f"SELECT {'a' * 90}", 0.01)] * 400)
    ]
    stacks = [
        stack(1, *(f"function_{a}_{b % 7} /srv/app/{b}.py:3" for b in range(60)))
        for a in range(400)
    ]
    recording = Recording(tuple(spans), tuple(stacks), tuple(stacks))
    added = len(page(EXPLAINED, recording=recording)) - len(page(EXPLAINED, recording=Recording()))
    assert added < 1_500_000
