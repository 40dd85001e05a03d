import re
from dataclasses import replace

import pytest
from hypothesis import given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from harness.judge.model import Judgement, guard
from harness.names import LATENCY, OK
from harness.report.html.axis import axis_of
from harness.report.html.run_page import run_page
from harness.report.parts.markdown import marker
from harness.report.parts.words import clean, worst_first
from harness.report.run.console import console_report
from harness.report.run.markdown import comment_markdown, summary_markdown
from harness.runs.model import Distribution, Evidence, LatencyKey, ServerAnswer
from tests.unit.report.cases import (
    AWKWARD,
    BREACHED,
    CASES,
    HITS,
    MANIFEST,
    P95,
    SATURATED,
    UNKNOWN,
    evidence,
    judged,
)
from tests.unit.report.strategies import EVIDENCE, JUDGEMENTS, TEXTS

# An independent reader of Markdown tells what a host would make of our text.
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OUR_HTML = {"<code>", "</code>", "<details>", "<summary>", "</summary>", "</details>"}


def shown(token: Token) -> str:
    text = "".join(c.content for c in token.children or () if c.type != "html_inline")
    return text.replace("\u200b", "")  # it ends what would become a link


def first_table(markdown: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for token in READER.parse(markdown):
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append(shown(token))
    return rows


def html_tags(markdown: str) -> set[str]:
    tokens = READER.parse(markdown)
    pieces = [t for token in tokens for t in (token, *(token.children or ()))]
    html = "".join(t.content for t in pieces if t.type in {"html_block", "html_inline"})
    return set(re.findall(r"<[^>]*>", html))


@given(JUDGEMENTS, EVIDENCE)
def test_summary_of_anything_has_a_row_a_budget_and_no_foreign_markup(
    judgement: Judgement, evidence: Evidence
) -> None:
    markdown = summary_markdown(judgement, evidence)
    assert html_tags(markdown) <= OUR_HTML
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", markdown)
    assert markdown.encode("utf-8")
    if judgement.verdicts and not evidence.manifest.never_began:
        rows = first_table(markdown)
        assert {len(row) for row in rows} == {len(rows[0])}
        names = [clean(verdict.name, 120) for verdict in worst_first(judgement.verdicts)]
        assert [row[1] for row in rows[1:]] == names


def test_table_says_what_was_judged() -> None:
    judgement, evidence, _ = CASES["fail"]
    assert first_table(summary_markdown(judgement, evidence))[:4] == [
        ["outcome", "budget", "value", "interval", "bound", "margin", "samples"],
        ["❌ fail", "api-latency-p95", "250 ms", "241 ms .. 262 ms", "max 200 ms", "-25%", "998"],
        ["❌ fail", "error-ratio", "0.2%", "", "max 0.1%", "-100%", "1000"],
        ["❔ inconclusive", "cache-hit-ratio", "-", "", "min 80%", "-", "0"],
    ]


def test_names_and_reasons_with_markup_are_shown_literally() -> None:
    judgement, evidence, _ = CASES["awkward"]
    markdown = summary_markdown(judgement, evidence)
    names = {row[1] for row in first_table(markdown)[1:]}
    assert names == {clean(name, 120) for name in AWKWARD}
    texts = [shown(token) for token in READER.parse(markdown) if token.type == "inline"]
    assert "warn a|b`c\\d*e*_f_[g](http://h): x | y z `code` *bold* # ~~no~~ $x$" in texts
    kinds = {c.type for t in READER.parse(markdown) for c in t.children or ()}
    assert kinds <= {
        "text",
        "text_special",
        "code_inline",
        "html_inline",
        "strong_open",
        "strong_close",
        "link_open",
        "link_close",
    }


def test_reason_that_several_budgets_share_is_told_once() -> None:
    judgement = judged("inconclusive", UNKNOWN, replace(UNKNOWN, name="other", runbook="http://b"))
    lines = summary_markdown(judgement, evidence()).splitlines()
    assert [line for line in lines if line.startswith("- **")] == [
        (
            "- **inconclusive** `cache-hit-ratio`, `other`: The service exposes no series"
            " cache\\_gets\\_total; instrument the cache or see /metrics."
        )
    ]


def test_output_of_the_service_is_shown_as_it_is_below_a_list_of_guards() -> None:
    output = ["exit code 1; its last output:", "@app.get('/x') <b>*bold*</b>", "    raise #12"]
    failed = MANIFEST.model_copy(update={"status": "failed", "reason": "\n".join(output)})
    tripped = guard("run-complete", "the run did not end", tripped=True)
    judgement = replace(judged("inconclusive", UNKNOWN), guards=(tripped,))
    text = summary_markdown(judgement, replace(evidence(), manifest=failed))
    blocks = [token.content for token in READER.parse(text) if token.type == "code_block"]
    assert blocks == ["\n".join(output) + "\n"]


def test_nobody_is_mentioned() -> None:
    judgement, evidence, _ = CASES["awkward"]
    markdown = summary_markdown(judgement, evidence)
    assert "@everyone" not in READER.render(markdown)
    assert "@everyone" in READER.render(markdown).replace("\u200b", "")


@pytest.mark.parametrize(
    ("runbook", "links"),
    [
        pytest.param("https://example.org/a?b=c#d", ["https://example.org/a?b=c#d"], id="https"),
        pytest.param("javascript:alert(1)", [], id="another scheme is no link"),
        pytest.param("https://example.org/a) [b](c", [], id="what would end the link is no link"),
        pytest.param("https://example.org/" + "a" * 500, [], id="a very long one is no link"),
        pytest.param("", [], id="none"),
    ],
)
def test_runbook_is_a_link_when_it_can_be(runbook: str, links: list[str]) -> None:
    markdown = summary_markdown(judged("fail", replace(BREACHED, runbook=runbook)), evidence())
    children = [c for token in READER.parse(markdown) for c in token.children or ()]
    assert [c.attrGet("href") for c in children if c.type == "link_open"] == links


CHARACTERS = pytest.mark.parametrize("character", ["@", "|", "世", "\U000e0100"], ids=ascii)


def very_much(character: str) -> tuple[Judgement, Evidence]:
    worst = character * 5000
    breached = replace(UNKNOWN, outcome="fail", name=worst, advice=worst, runbook=worst)
    verdicts = [replace(breached, reason=f"{n}{worst}") for n in range(2000)]
    guards = (replace(SATURATED, name=worst, reason=worst),) * 500
    latency = {
        LatencyKey(LATENCY, OK, worst, f"{worst}{n}"): Distribution((0.1,), (1,))
        for n in range(500)
    }
    facts = {str(n): worst for n in range(50)}
    manifest = MANIFEST.model_copy(
        update={"user_errors": (worst,) * 20, "host": facts, "git": facts, "service": worst}
    )
    manifest = manifest.model_copy(update={"status": "failed", "reason": worst})
    return judged("fail", *verdicts, guards=guards), Evidence(manifest, latency, ())


@CHARACTERS
def test_summary_of_very_much_is_under_one_mebibyte_and_counts_what_it_leaves_out(
    character: str,
) -> None:
    markdown = summary_markdown(*very_much(character))
    assert len(markdown.encode()) < 2**20
    assert re.findall(r"^\.\.\. and .*$", markdown, re.MULTILINE) == [
        "... and 1800 more budgets in results.json",
        "... and 1950 more reasons in results.json",
        "... and 470 more guards in results.json",
        "... and 450 more endpoints in results.json",
        "... and 15 more exceptions in run.json",
    ]


@CHARACTERS
def test_comment_of_very_much_fits_and_counts_what_it_leaves_out(character: str) -> None:
    judgement, evidence = very_much(character)
    comment = comment_markdown(judgement, evidence.manifest)
    assert len(comment) <= 65_536
    rows = len(first_table(comment)) - 1
    assert rows == 6
    assert re.findall(r"^\.\.\. and .*$", comment, re.MULTILINE) == [
        f"... and {2000 - rows} more budgets in results.json",
        "... and 1995 more reasons in results.json",
        "... and 499 more guards in results.json",
    ]


def test_comment_begins_with_a_marker_that_is_the_same_for_the_next_run() -> None:
    for case in ("pass", "fail", "interrupted"):
        judgement, evidence, _ = CASES[case]
        first, second = comment_markdown(judgement, evidence.manifest).splitlines()[:2]
        assert first == "<!-- harness run sample-app smoke -->"
        assert second.startswith("## ")


@given(TEXTS, TEXTS)
def test_marker_of_anything_is_one_comment(service: str, scenario: str) -> None:
    text = marker("run", service, scenario)
    assert re.fullmatch(r"<!-- harness run [\w. -]* -->", text)
    assert "--" not in text[4:-3]


@given(JUDGEMENTS, EVIDENCE)
def test_comment_of_anything_has_no_foreign_markup(
    judgement: Judgement, evidence: Evidence
) -> None:
    comment = comment_markdown(judgement, evidence.manifest)
    assert html_tags(comment) <= OUR_HTML | {comment.splitlines()[0]}
    assert len(comment) <= 65_536


def test_passing_summary_gives_no_reasons_and_no_empty_column() -> None:
    markdown = summary_markdown(judged("pass", replace(HITS, reason="fine")), evidence())
    assert "fine" not in markdown
    assert "interval" not in first_table(markdown)[0]
    assert "\n1 budget met.\n" in markdown


def test_credentials_in_the_target_url_are_not_published() -> None:
    markdown = summary_markdown(judged("pass", P95), evidence())
    assert "Target: http:&#8203;//127.0.0.1:8000" in markdown
    assert "secret" not in markdown


def test_reports_name_the_server_that_extrapolates() -> None:
    judgement, found, code = CASES["fail"]
    text = "Budgets measured by the Prometheus server http://p:9090: 2; it extrapolates increases"
    answers = {name: ServerAnswer("http://p:9090", {}) for name in ("a", "b")}
    measured = replace(found, answers=answers)
    markdown = "".join(shown(t) for t in READER.parse(summary_markdown(judgement, measured)))
    console = console_report(judgement, measured, width=200, color=False, exit_code=code)
    assert text in markdown
    assert text in console
    assert text in run_page(judgement, measured, (), axis_of(measured), {}, exit_code=code)
    assert "Budgets measured by" not in summary_markdown(judgement, found)
