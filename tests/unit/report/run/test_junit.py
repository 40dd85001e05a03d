import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from harness.judge.model import Judgement, Verdict
from harness.report.run.junit import junit_xml
from harness.runs.model import Manifest
from tests.unit.report.cases import (
    BREACHED,
    CASES,
    ERRORS,
    HITS,
    INTERRUPTED,
    MANIFEST,
    P95,
    UNKNOWN,
    WARNED,
    judged,
)
from tests.unit.report.strategies import JUDGEMENTS, MANIFESTS

# What Jenkins' xUnit plugin checks a file against, its junit-10.xsd, which pytest's reports follow
# too; it is the strictest in circulation that has output of testcases. By element: the attributes
# that it must have, those that it may have besides, and its children. Ours are a part of them.
TOTALS = {"tests", "failures", "errors"}
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), TOTALS | {"name", "time"}, {"testsuite"}),
    "testsuite": (
        TOTALS | {"name"},
        {"time", "skipped", "timestamp"},
        {"properties", "testcase", "system-out"},
    ),
    "testcase": ({"name"}, {"classname", "time"}, {"failure", "error", "system-out"}),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}
SUREFIRE_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?")
HOSTS_READ = {"testsuite": {"time", "timestamp"}, "testcase": {"classname", "time"}}


def assert_valid(element: ET.Element) -> None:
    required, optional, children = SCHEMA[element.tag]
    assert required <= set(element.attrib) <= required | optional
    assert HOSTS_READ.get(element.tag, set()) <= set(element.attrib)
    if element.tag.startswith("testsuite"):
        assert SUREFIRE_TIME.fullmatch(element.get("time", ""))
    if element.tag == "testcase":
        assert len(element) == 1
    for child in element:
        assert child.tag in children
        assert_valid(child)


def parse(judgement: Judgement, manifest: Manifest = MANIFEST) -> ET.Element:
    return ET.fromstring(junit_xml(judgement, manifest))


def red(root: ET.Element) -> list[tuple[str | None, str, str | None]]:
    return [
        (case.get("name"), alarm.tag, alarm.get("type"))
        for case in root.iter("testcase")
        for alarm in case
        if alarm.tag in {"failure", "error"}
    ]


@given(JUDGEMENTS, MANIFESTS)
def test_junit_of_anything_is_valid_and_counts_right(
    judgement: Judgement, manifest: Manifest
) -> None:
    text = junit_xml(judgement, manifest)
    root = ET.fromstring(text.encode("utf-8"))
    assert_valid(root)
    suite = root[0]
    for element in (root, suite):
        assert int(element.get("tests", "")) == len(list(root.iter("testcase")))
        assert int(element.get("failures", "")) == len(list(root.iter("failure")))
        assert int(element.get("errors", "")) == len(list(root.iter("error")))
    success = judgement.exit_code == 0 and manifest.status == "complete"
    assert success or red(root)


@pytest.mark.parametrize(
    ("verdict", "alarms"),
    [
        pytest.param(P95, [], id="a pass passes"),
        pytest.param(WARNED, [], id="a warning passes"),
        pytest.param(BREACHED, [(BREACHED.name, "failure", "breach")], id="a breach is a failure"),
        pytest.param(
            UNKNOWN, [(UNKNOWN.name, "error", "inconclusive")], id="inconclusive is an error"
        ),
        pytest.param(
            replace(UNKNOWN, severity="warn"), [], id="inconclusive of severity warn passes"
        ),
    ],
)
def test_testcase_is_red_only_for_what_blocks(
    verdict: Verdict, alarms: list[tuple[str, str, str]]
) -> None:
    root = parse(judged("pass", verdict))
    assert red(root) == alarms
    assert len(list(root.iter("testcase"))) == 1


def test_testcase_of_a_breach_tells_all_that_is_needed_to_act_on_it() -> None:
    case = next(parse(judged("fail", BREACHED)).iter("testcase"))
    assert case.attrib == {
        "classname": "sample-app.smoke",
        "name": "api-latency-p95",
        "time": "0",  # all budgets are judged in one window, which is the suite's time
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == BREACHED.reason
    assert (failure.text or "").splitlines() == [
        (
            "250 ms, interval 241 ms .. 262 ms, max 200 ms, margin -25%, 998 samples from the load"
            " generator"
        ),
        BREACHED.reason,
        "API endpoints answer within 200 ms for 95% of requests",
        "next: compare with the service's own times to see which part is slow",
        "runbook: https://example.org/runbooks/api-latency?p=95",
    ]


def test_testcase_that_warns_says_so_in_its_output() -> None:
    output = parse(judged("warn", WARNED)).findtext(".//testcase/system-out") or ""
    assert output.startswith("warn: 572 MiB, max 512 MiB, margin -11.8%, 21 samples from the")
    assert WARNED.reason in output


def test_guards_stand_in_the_output_of_the_suite() -> None:
    judgement, evidence, _ = CASES["inconclusive"]
    lines = (
        parse(judgement, evidence.manifest).findtext("testsuite/system-out") or ""
    ).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "guard load-delivered ok",
        "guard generator-saturated tripped",
        "guard scrape-coverage tripped",
    ]


@pytest.mark.parametrize(
    ("judgement", "manifest", "alarms"),
    [
        pytest.param(
            judged("inconclusive"), MANIFEST, [("run", "error", "inconclusive")], id="no budgets"
        ),
        pytest.param(
            judged("pass", HITS, ERRORS),
            INTERRUPTED,
            [("run", "error", "pass")],
            id="interrupted though all passed",
        ),
        pytest.param(
            judged("fail", BREACHED),
            INTERRUPTED,
            [(BREACHED.name, "failure", "breach")],
            id="interrupted and red already",
        ),
    ],
)
def test_suite_without_success_is_never_green(
    judgement: Judgement, manifest: Manifest, alarms: list[tuple[str, str, str]]
) -> None:
    assert red(parse(judgement, manifest)) == alarms


def test_names_survive_the_way_through_xml() -> None:
    judgement, evidence, _ = CASES["awkward"]
    names = [case.get("name") for case in parse(judgement, evidence.manifest).iter("testcase")]
    assert names[1] == "<script>alert(1)</script>"
    assert names[2] == "a|b`c\\d*e*_f_[g](http://h)"
    assert names[4] == "esc[31mred desrever"
    assert names[6] == "x" * 2000


def test_quantile_that_is_known_to_its_bucket_is_no_missing_data() -> None:
    verdict = replace(P95, value=None, margin=None, bucket=(0.1, 0.25))
    text = parse(judged("pass", verdict)).findtext(".//testcase/system-out") or ""
    assert "100 to 250 ms, interval " in text
    assert "no data" not in text
