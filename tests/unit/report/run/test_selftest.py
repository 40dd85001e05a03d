"""The table of a self-test: in a terminal, as Markdown, and line by line."""

from harness.budgets.model import Selftest
from harness.judge.selftest import Detection, detect
from harness.report.run.selftest import selftest_line, selftest_markdown, selftest_table
from harness.runs.model import Clock, Manifest
from tests.unit.judge.test_selftest import case, judgement

MANIFEST = Manifest(
    harness_version="1",
    service="shop",
    scenario={"name": "smoke"},
    target={},
    clock=Clock(created=0.0),
    host={"cpus": 2.0, "memory_bytes": 8 * 2**30, "platform": "Linux", "python": "3.11.2"},
    git={"commit": "0123456789abcdef"},
)
MACHINE = "1970-01-01T00:00:00Z on 2 CPUs, 8 GiB memory, Linux, Python 3.11.2, commit 0123456789ab"
ESCAPED = r"Counts \| with \`pipes\`"


def detections() -> list[Detection]:
    spicy = Selftest("spicy", {"P": "1"}, "smoke", ("a", "b"), "Counts | with `pipes`")
    return [
        detect(Selftest("nothing planted", {}, "smoke"), judgement(a="pass")),
        detect(spicy, judgement(a="fail", b="fail", c="fail")),
        detect(case("a"), judgement(a="pass")),
        detect(Selftest("mute", {"P": "1"}, "smoke"), judgement(a="inconclusive")),
    ]


def test_line_tells_what_noticed_or_why_not() -> None:
    assert [selftest_line(detection) for detection in detections()] == [
        "passed: nothing planted: all budgets met; smallest margin: a 2 (max 1)",
        "detected: spicy: a is 2 (max 1), b is 2 (max 1), and 1 more breached",
        "missed: planted: not breached: a",
        "detected: mute: outcome of the run: inconclusive",
    ]


def test_markdown_has_a_row_a_case_and_names_the_machine() -> None:
    text = selftest_markdown(detections(), MANIFEST)
    assert text.splitlines() == [
        f"4 runs from {MACHINE}.",
        "",
        "| case | planted mistake | must breach: value (bound) | other breaches | outcome |",
        "| --- | --- | --- | --- | --- |",
        "| `nothing planted` | - | all budgets met; smallest margin: a 2 (max 1) | - | ✅ passed |",
        f"| `spicy` | {ESCAPED} | `a` 2 (max 1), `b` 2 (max 1) | `c` | ✅ detected |",
        "| `planted` | - | `a` 2 (max 1) | - | ❌ missed not breached: a |",
        "| `mute` | - | outcome of the run: inconclusive | - | ✅ detected |",
    ]


def test_table_has_a_row_for_each_promised_budget() -> None:
    lines = selftest_table(detections(), width=100, color=False).splitlines()
    cells = [line.split() for line in lines[2:]]
    assert cells[1] == ["DETECTED", "spicy", "a", "2", "max", "1", "1"]
    assert cells[2] == ["DETECTED", "spicy", "b", "2", "max", "1", "1"]
    assert cells[3] == ["MISSED", "planted", "a", "2", "max", "1"]
    assert len(cells) == 5
