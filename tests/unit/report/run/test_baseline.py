"""The comparison with a stored run: differences, remarks, and no effect on the outcome."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RunFolderError
from harness.judge.model import Verdict
from harness.report.run.baseline import (
    WHY,
    BaselineComparison,
    baseline_fields,
    baseline_markdown,
    compare_to_baseline,
)
from harness.report.run.console import console_report
from harness.report.run.markdown import summary_markdown
from harness.report.run.results import results_json
from harness.runs.model import Evidence, Manifest
from harness.runs.results import PastRun, read_past
from harness.units import Unit
from tests.unit.report.cases import CASES, ERRORS, HITS, MANIFEST, P95, judged
from tests.unit.report.history.cases import at, past
from tests.unit.report.run.test_results import VALIDATOR

NOW = MANIFEST.model_copy(update={"git": {"commit": "ffffffffffff"}})


def held(was: Any, now: Any) -> BaselineComparison:
    return compare_to_baseline(judged("pass", now), NOW, past(3, was))


def exact(value: float) -> Verdict:
    return replace(at(value), lower=None, upper=None)


@pytest.mark.parametrize(
    ("was", "now", "worse", "apart"),
    [
        pytest.param(exact(0.1), exact(0.12), 0.2, None, id="slower"),
        pytest.param(at(0.1), exact(0.09), -0.1, None, id="faster"),
        pytest.param(at(0.9, HITS), at(0.6, HITS), 0.5, None, id="fewer hits"),
        pytest.param(at(None), at(0.1), None, None, id="no data then"),
        pytest.param(
            replace(at(0.1), lower=0.09, upper=0.11),
            replace(at(0.2), lower=0.12, upper=0.3),
            1.0,
            True,
            id="intervals apart",
        ),
        pytest.param(
            replace(at(0.1), lower=0.09, upper=0.13),
            replace(at(0.2), lower=0.12, upper=0.3),
            1.0,
            False,
            id="intervals that overlap",
        ),
        pytest.param(
            replace(at(0.1), lower=None, upper=0.11),
            replace(at(0.05), lower=None, upper=0.06),
            -0.5,
            False,
            id="intervals with an open end",
        ),
    ],
)
def test_difference_of_a_budget(
    was: Any, now: Any, worse: float | None, apart: bool | None
) -> None:
    (one,) = held(was, now).differences
    assert one.regression == (None if worse is None else pytest.approx(worse))
    assert one.disjoint is apart


@pytest.mark.parametrize(
    ("then", "now", "apart"),
    [((0.01, 0.02), (0.03, 0.06), True), ((0.01, 0.04), (0.03, 0.06), False)],
)
def test_quantile_of_a_histogram_is_compared_by_the_intervals_of_its_share(
    then: tuple[float, float], now: tuple[float, float], apart: bool
) -> None:
    def of(share: float, ends: tuple[float, float]) -> Verdict:
        known = replace(P95, value=None, margin=None, bucket=(0.1, 0.25), lower=0.1, upper=0.25)
        known = replace(known, share_lower=ends[0], share_upper=ends[1])
        return replace(known, share_over=share, share_allowed=0.05)

    (one,) = held(of(0.015, then), of(0.045, now)).differences
    assert (one.stored, one.value, one.unit) == (0.015, 0.045, Unit.RATIO)
    assert one.regression == pytest.approx(2.0)
    assert one.disjoint is apart


def test_use_of_the_cpus_says_of_how_many_in_both_runs() -> None:
    was, now = (replace(at(0.6), unit=Unit.RATIO, whole=whole) for whole in ("2 cores", "4 cores"))
    (row,) = [line for line in baseline_markdown(held(was, now)) if "60%" in line]
    assert "| 60% of 2 cores | 60% of 4 cores |" in row


def test_budgets_that_only_one_run_has_are_left_out() -> None:
    found = compare_to_baseline(judged("pass", P95, HITS), NOW, past(3, HITS, ERRORS))
    assert [one.name for one in found.differences] == [HITS.name]


def test_value_that_a_guard_took_away_is_not_shown() -> None:
    found = compare_to_baseline(judged("pass", P95), NOW, past(3, P95, distrust=True))
    assert (found.differences[0].stored, found.differences[0].regression) == (None, None)


@pytest.mark.parametrize(
    ("stored", "update", "remark"),
    [
        (replace(P95, outcome="fail"), {}, "the outcome of the baseline was fail"),
        (P95, {"service": "other"}, "the baseline is of another service"),
        (P95, {"scenario": {"name": "load"}}, "the baseline is of another scenario: smoke"),
        (
            P95,
            {"scenario": {**MANIFEST.scenario, "duration": 99.0}},
            "the baseline had another load",
        ),
        (P95, {"host": {"cpus": 64}}, "the baseline ran on another machine"),
        (P95, {"git": {"commit": "032a9c01d5"}}, "the baseline is of the same commit"),
    ],
)
def test_remarks_say_how_much_it_is_worth(stored: Any, update: dict[str, Any], remark: str) -> None:
    assert not held(P95, P95).remarks
    manifest: Manifest = NOW.model_copy(update=update)
    (text,) = compare_to_baseline(judged("pass", P95), manifest, past(3, stored)).remarks
    assert text.startswith(remark)


def test_reports_show_it_and_keep_outcome_and_exit_code() -> None:
    judgement, evidence, code = CASES["pass"]
    found = compare_to_baseline(judgement, evidence.manifest, past(3, *judgement.verdicts))
    console = console_report(
        judgement, evidence, width=100, color=False, exit_code=code, baseline=found
    )
    plain = console_report(judgement, evidence, width=100, color=False, exit_code=code)
    assert console.splitlines()[-1] == plain.splitlines()[-1]
    assert "Compared with the stored run runs/20260704T120000Z-smoke of 2026-07-04" in console
    assert "For information only; it does not change the outcome." in console
    assert WHY in summary_markdown(judgement, evidence, found)
    assert not any("nan" in line for line in baseline_markdown(found))
    text = results_json(judgement, evidence, exit_code=code, baseline=baseline_fields(found))
    VALIDATOR.validate(json.loads(text))
    assert json.loads(text)["exit_code"] == code
    names = [row["name"] for row in json.loads(text)["baseline"]["differences"]]
    assert names == [verdict.name for verdict in judgement.verdicts]


@pytest.mark.parametrize(
    ("was", "now", "row"),
    [
        (exact(0.0), exact(0.01), "| 0 s | 10 ms | over +1000% |"),
        (at(0.9, HITS), at(0.0, HITS), "| 90% | 0% | over +1000% |"),
        (at(0.0, HITS), at(0.9, HITS), "| 0% | 90% | -100% |"),
    ],
)
def test_regression_from_or_to_zero_is_told_as_in_a_history(was: Any, now: Any, row: str) -> None:
    assert row in "\n".join(baseline_markdown(held(was, now)))


def test_lines_fit_a_narrow_terminal() -> None:
    judgement, evidence, code = CASES["awkward"]
    found = compare_to_baseline(judgement, evidence.manifest, past(3, *judgement.verdicts))
    text = console_report(
        judgement, evidence, width=60, color=False, exit_code=code, baseline=found
    )
    assert max(map(len, text.splitlines())) <= 60


def test_copy_of_results_is_read_like_a_folder(tmp_path: Path) -> None:
    judgement, evidence, _ = CASES["pass"]
    text = results_json(judgement, Evidence(evidence.manifest, {}, ()), exit_code=0)
    (tmp_path / "copy.json").write_text(text)
    assert read_past(tmp_path / "copy.json").results.outcome == judgement.outcome


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "gone does not exist"),
        ("empty", "holds no run.json"),
        ("text", "is not of this version"),
        ("nothing", "was not judged"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("hello")
    (tmp_path / "nothing").write_text("")
    with pytest.raises(RunFolderError, match=message):
        read_past(tmp_path / name)


def test_past_run_is_named_by_what_was_given() -> None:
    found = compare_to_baseline(
        judged("pass", P95), NOW, PastRun(Path("a.json"), past(3, P95).results)
    )
    assert found.run == "a.json"
