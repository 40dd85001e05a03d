from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from harness.judge.model import Judgement, Verdict
from harness.report.junit import junit_xml
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

# The shape that the XSDs in circulation (Jenkins' xUnit plugin, Ant's, Surefire's) have in common:
# element -> its required attributes and its children in order.
SHAPE: dict[str, tuple[set[str], list[str]]] = {
    "testsuites": ({"tests", "failures", "errors", "time"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        ["properties", "testcase", "system-out"],
    ),
    "testcase": (
        {"classname", "name", "time"},
        ["properties", "error", "failure", "system-out"],
    ),
    "properties": (set(), ["property"]),
    "property": ({"name", "value"}, []),
    "failure": ({"type", "message"}, []),
    "error": ({"type", "message"}, []),
    "system-out": (set(), []),
}


def assert_shape(element: ET.Element) -> None:
    required, children = SHAPE[element.tag]
    assert required <= set(element.attrib)
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order)
    if element.tag == "testcase":
        assert len(element.findall("failure") + element.findall("error")) <= 1
    for child in element:
        assert_shape(child)


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
def test_junit_of_anything_has_the_common_shape_and_counts_right(
    judgement: Judgement, manifest: Manifest
) -> None:
    text = junit_xml(judgement, manifest)
    root = ET.fromstring(text.encode("utf-8"))
    assert_shape(root)
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


def test_testcase_tells_the_figures_in_base_units() -> None:
    case = next(parse(judged("fail", BREACHED)).iter("testcase"))
    assert (case.get("classname"), case.get("name"), case.get("time")) == (
        "sample-app.smoke",
        "api-latency-p95",
        "0",  # all budgets are judged in one window, which is the suite's time
    )
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties == {
        "value": "0.25",
        "lower": "0.241",
        "upper": "0.262",
        "bound": "0.2",
        "margin": "-0.25",
        "direction": "max",
        "unit": "s",
        "samples": "998",
        "severity": "error",
        "description": "API endpoints answer within 200 ms for 95% of requests",
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == BREACHED.reason
    assert BREACHED.runbook in (failure.text or "")


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
