"""The file of a calibration: written and read back, where it counts, and its use."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.budgets.lint.plan import lint
from harness.budgets.model import Plan
from harness.budgets.parse.parse import parse_plan
from harness.cli import main
from harness.errors import UsageError
from harness.experiments.advice import lint_advice, pair_load, rules_for
from harness.judge.compare.noise import Noise, Spread
from harness.observe.host import host_facts
from harness.report.compare.calibration import calibrate_report
from harness.runs.calibration import (
    BudgetNoise,
    Calibrated,
    Calibration,
    PairLoad,
    path_of,
    store,
)

LOAD = PairLoad(rate=50.0, warm_up=5.0, slices=5)
TEXT = """\
version: 1
service: shop
target: {command: "serve {port}", url: "http://127.0.0.1:{port}"}
scenarios: {smoke: {locustfile: a.py, rate: 50/s, warm_up: 5s, duration: 20s}}
budgets:
  p50:
    indicator: {kind: latency, quantile: 0.5}
    max: 1s
    max_regression: 10%
  p95:
    indicator: {kind: latency, quantile: 0.95}
    max: 1s
    max_regression: 10%
"""


def noise(deviation: float | None, start: float | None = 0.05) -> BudgetNoise:
    return BudgetNoise(
        log_ratios=(0.01, -0.01),
        deviation=deviation,
        deviation_upper=deviation,
        smallest=deviation,
        log_values=(-2.0,),
        start_deviation=start,
        start_deviation_upper=start,
    )


def calibrated(**changes: Any) -> Calibrated:
    usual = Calibrated(
        host=host_facts(),
        at="2026-11-26T16:00:00+00:00",
        load=LOAD,
        pair_seconds=15.0,
        run_seconds=20.0,
        budgets={"p50": noise(0.04), "p95": noise(0.4, None)},
    )
    return usual.model_copy(update=changes)


@pytest.fixture
def budgets(tmp_path: Path) -> Path:
    (tmp_path / "budgets.yaml").write_text(TEXT)
    (tmp_path / "a.py").touch()
    return tmp_path / "budgets.yaml"


def plan_of(text: str = TEXT) -> Plan:
    return parse_plan(text, Path("budgets.yaml"), {}, date(2026, 11, 26))


def test_what_is_stored_is_read_back_and_other_scenarios_stay(budgets: Path) -> None:
    store(budgets, "smoke", calibrated())
    path = store(budgets, "load", calibrated(pair_seconds=33.0))
    assert path == budgets.parent / ".harness/calibration.json"
    found = Calibration.load(budgets, host_facts())
    assert found.scenarios == {"smoke": calibrated(), "load": calibrated(pair_seconds=33.0)}
    assert found.notices == {}
    assert sorted(p.name for p in path.parent.iterdir()) == [".gitignore", "calibration.json"]
    assert (path.parent / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("scenario", "budget", "expected"),
    [("smoke", "p50", 0.05), ("smoke", "p95", None), ("smoke", "x", None), ("x", "p50", None)],
)
def test_noise_of_a_start_is_known_or_none(
    budgets: Path, scenario: str, budget: str, expected: float | None
) -> None:
    assert Calibration.load(budgets, host_facts()).noises_of(scenario) == {}
    store(budgets, "smoke", calibrated())
    assert Calibration.load(budgets, host_facts()).noises_of(scenario).get(budget) == expected
    assert Calibration.load(budgets, host_facts()).noises_of("smoke") == {"p50": 0.05}


def test_calibration_of_another_machine_does_not_count_and_says_what_differs(budgets: Path) -> None:
    store(budgets, "smoke", calibrated(host={**host_facts(), "cpus": 99.0}))
    found = Calibration.load(budgets, host_facts())
    assert found.noises_of("smoke") == {}
    assert found.notices["smoke"] == (
        f"the calibration of scenario smoke is of another machine (cpus 99.0, here"
        f" {host_facts()['cpus']}) and does not count: harness calibrate smoke"
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"slices": 9}, "9 slices"),
        ({"rate": 30.0}, "30/s"),
        ({"warm_up": 2.0}, "2 s of warm-up"),
        ({"simultaneous": True}, "slices, both at once"),
    ],
    ids=str,
)
def test_calibration_under_another_load_does_not_count(
    budgets: Path, change: dict[str, float], named: str
) -> None:
    store(budgets, "smoke", calibrated())
    found = Calibration.load(budgets, host_facts())
    assert found.under("smoke", LOAD) is found
    other = found.under("smoke", LOAD.model_copy(update=change))
    assert other.scenarios == {}
    assert named in other.notices["smoke"]


def damaged(**changes: object) -> str:
    whole = {"schema": 1, "scenarios": {"smoke": json.loads(calibrated().model_dump_json())}}
    return json.dumps(whole | changes)


BAD: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "the file: Invalid JSON"),
    "empty": ("", "the file: Invalid JSON"),
    "another version": (damaged(schema=2), "schema: Input should be 1"),
    "an unknown key": (damaged(more=1), "more: Extra inputs are not permitted"),
    "no scenarios": ('{"schema": 1}', "scenarios: Field required"),
    "a scenario that is no object": (damaged(scenarios={"a": 1}), "scenarios.a"),
    "a negative deviation": (
        damaged().replace('"deviation": 0.04', '"deviation": -1'),
        "scenarios.smoke.budgets.p50.deviation: Input should be greater than or equal to 0",
    ),
    "a deviation that is no number": (
        damaged().replace('"deviation": 0.04', '"deviation": NaN'),
        "scenarios.smoke.budgets.p50.deviation",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("command", [["lint"], ["calibrate"]], ids=str)
def test_damaged_file_is_an_error_that_says_what_to_do(
    budgets: Path, command: list[str], text: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path_of(budgets).parent.mkdir()
    path_of(budgets).write_text(text)
    with pytest.raises(SystemExit) as end:
        main([*command, "--budgets", str(budgets)])
    error = capsys.readouterr().err
    assert end.value.code == 2, error
    assert f"calibration.json is not of this version: {expected}" in error
    assert "harness calibrate" in error
    assert path_of(budgets).read_text() == text


def test_place_that_cannot_be_written_is_an_error(budgets: Path) -> None:
    path_of(budgets).parent.write_text("a file where the folder should be")
    with pytest.raises(UsageError, match=r"cannot (read|write)"):
        store(budgets, "smoke", calibrated())


# --- its use ---------------------------------------------------------------------------------


def rules(calibration: Calibration, asked: int | None = None) -> tuple[int, list[str]]:
    plan = plan_of()
    found, notices = rules_for(plan, plan.scenarios["smoke"], calibration, asked)
    return found.most, notices


def test_load_of_a_pair_is_that_of_the_scenario() -> None:
    smoke = plan_of().scenarios["smoke"]
    assert pair_load(smoke, 5, simultaneous=False) == LOAD
    at_once = LOAD.model_copy(update={"simultaneous": True})
    assert pair_load(smoke, 5, simultaneous=True) == at_once


def test_most_pairs_are_the_usual_ones_without_a_calibration(budgets: Path) -> None:
    assert rules(Calibration.load(budgets, host_facts())) == (32, [])


def test_most_pairs_follow_from_the_noise_and_what_is_hopeless_is_said(budgets: Path) -> None:
    store(budgets, "smoke", calibrated())
    most, (notice,) = rules(Calibration.load(budgets, host_facts()))
    # 1.9 * (18.2 * (0.04 / ln 1.1)**2 + 2.7) = 11.2, with 1% shared by two budgets
    assert most == 12
    assert notice.startswith(
        "p95: max_regression 10% is below the minimum detectable regression of 12 pairs"
    )


def test_most_pairs_of_the_command_line_stand(budgets: Path) -> None:
    store(budgets, "smoke", calibrated(budgets={"p50": noise(0.04)}))
    assert rules(Calibration.load(budgets, host_facts()), 48) == (48, [])


def test_lint_warns_of_a_tolerance_that_cannot_be_seen(
    budgets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(budgets, "smoke", calibrated())
    with pytest.raises(SystemExit) as end:
        main(["lint", "--budgets", str(budgets)])
    out = capsys.readouterr().out
    assert end.value.code == 0
    (line,) = [line for line in out.splitlines() if "detectable" in line]
    assert line.startswith(
        f"{budgets}:13: warning: budgets.p95.max_regression: max_regression 10% is below the"
        " minimum detectable regression of 64 pairs of 5 slices in scenario smoke, 3"
    )
    assert line.endswith("raise it, budget work instead of time, or use more --slices")


def test_lint_says_that_a_calibration_does_not_count(budgets: Path) -> None:
    store(budgets, "smoke", calibrated(host={"cpus": 99.0}))
    advice, (notice,) = lint_advice(plan_of(), budgets)
    assert advice == []
    assert "is of another machine (" in notice


def test_lint_ignores_a_scenario_that_is_gone(budgets: Path) -> None:
    store(budgets, "gone", calibrated())
    assert lint_advice(plan_of(), budgets) == ([], [])
    assert not [f for f in lint(plan_of(), None) if "seen" in f.message]


def test_report_shows_noise_and_what_can_be_seen_through_it() -> None:
    found = (
        Noise("p50", 0.1, Spread((), 0.04, 0.062), Spread((), 0.02, 0.05), 0.0517, 16, 6),
        Noise("p95", 0.1, Spread((), 0.4, 0.62), Spread((), None, None), 0.656, None, None),
        Noise("bytes", None, Spread((), None, None, ("no",)), Spread((), 0.0, 0.0), *[None] * 3),
        Noise("cpu", 0.2, Spread((), None, None, ("steal",)), Spread((), None, None), *[None] * 3),
    )
    text = calibrate_report("shop, scenario smoke", found, 15.0, width=100, color=False)
    assert text.splitlines() == REPORT.splitlines()


def test_report_names_the_budgets_that_judge_a_small_regression_with_the_least_load() -> None:
    found = [
        Noise(name, 0.1, Spread((), deviation, None), Spread((), None, None), smallest, None, None)
        for name, deviation, smallest in (
            ("p95", 0.2, 0.3),  # finds 5% in no number of pairs
            ("p50", 0.03, 0.04),
            ("cpu", 0.021, 0.028),
            ("queries", 0.0, 0.0),
            ("faults", 0.025, 0.033),
        )
    ]
    text = calibrate_report("shop, scenario smoke", found, 15.0, width=200, color=False)
    (line,) = [line for line in text.splitlines() if "least load" in line]
    assert line == (
        "A regression of 5% takes the least load to judge by queries (4 pairs, 1 min), cpu (4"
        " pairs, 1 min), faults (5 pairs, 1.25 min)."
    )


REPORT = """\
shop, scenario smoke

budget   pair noise  min. detectable  tolerated          pairs     load  run-to-run noise
-----------------------------------------------------------------------------------------
p50     4% (< 6.2%)             5.2%        10%  6, at most 16  1.5 min         2% (< 5%)
p95     40% (< 62%)              66%        10%              -        -                 -
bytes             -                -          -              -        -         0% (< 0%)
cpu               -                -        20%              -        -                 -

p95: max_regression 10% is below the minimum detectable regression; raise it, budget work instead of
time, or use more --slices
cpu: pairs left out: steal
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--pairs", "3"), "'3' is too few to estimate noise; use at least 4, or 0"),
        (("--runs", "x"), "is too few to estimate noise"),
        (("--pairs", "0", "--runs", "0"), "nothing to measure"),
        (("--max-pairs", "12"), "unrecognized arguments"),
        (("other",), "no scenario 'other'"),
    ],
    ids=str,
)
def test_calibration_that_makes_no_sense_is_refused(
    budgets: Path, arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["calibrate", "--budgets", str(budgets), *arguments])
    assert end.value.code == 2
    assert expected in capsys.readouterr().err
