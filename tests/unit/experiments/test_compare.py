"""The load of each pair, its common start, and command lines that are refused before any load."""

import asyncio
import json
import os
import signal
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from scipy import stats

from harness.budgets.model import Load, Scenario
from harness.budgets.workload import OpenWorkload, Stage
from harness.cli import COMMANDS, main, parser
from harness.errors import TargetError
from harness.experiments.compare import MOST_BUDGETS
from harness.experiments.pair import PairDesign, PairStart, pair_start
from harness.judge.compare.model import Rules
from harness.judge.compare.sequential import MOST_PAIRS, design
from harness.load.arrivals import arrivals
from harness.runner.start import LEAD

WORKLOAD = OpenWorkload((Stage(30.0, 25.0),), seed=4)
SCENARIO = Scenario("smoke", (Load(Path("l.py"), WORKLOAD),), warm_up=5.0, duration=20.0)


def pairs(seed: int = 1, slices: int = 3) -> PairDesign:
    return PairDesign(SCENARIO, slices, seed)


# --- a pair ----------------------------------------------------------------------------------


def test_both_versions_of_a_pair_last_equally_long_and_get_equal_loads() -> None:
    baseline, candidate = (pairs().scenario_of(1, which) for which in (0, 1))
    assert baseline.warm_up == candidate.warm_up > SCENARIO.warm_up
    assert baseline.duration == candidate.duration > 2 * 3 * 1.0
    counts = [len(list(arrivals(one.loads[0].workload))) for one in (baseline, candidate)]  # type: ignore[arg-type]
    assert counts[0] == counts[1] > 0
    for one in (baseline, candidate):
        assert one.loads[0].workload.seconds == pytest.approx(one.seconds)  # type: ignore[union-attr]


def test_load_of_a_pair_is_its_warm_up_and_its_slices() -> None:
    assert pairs(slices=3).turns(1).loaded == 5.0 + 2 * 3
    both_at_once = replace(pairs(slices=3), simultaneous=True)
    assert both_at_once.turns(1).loaded == 5.0 + 3
    schedules = [both_at_once.scenario_of(1, which).loads for which in (0, 1)]
    assert schedules[0] == schedules[1]


def test_each_pair_has_its_own_arrivals_which_follow_from_the_seed() -> None:
    seeds = [
        pairs(seed).scenario_of(pair, 0).loads[0].workload.seed
        for seed in (1, 2)
        for pair in (1, 2, 3)
    ]
    assert len(set(seeds)) == 6
    assert pairs(1).scenario_of(2, 0) == pairs(1).scenario_of(2, 0)


def test_order_of_starts_and_order_of_slices_are_fair_and_independent() -> None:
    numbers = range(1, 2001)
    starts = [pairs().draw(number, "start") % 2 for number in numbers]
    slices = [pairs(slices=1).turns(number).first[0] for number in numbers]
    for coin in (starts, slices, [a ^ b for a, b in zip(starts, slices, strict=True)]):
        assert stats.binomtest(sum(coin), len(coin)).pvalue > 1e-3


async def test_both_runs_of_a_pair_begin_at_one_moment_in_the_future() -> None:
    start, before = PairStart(), time.monotonic()
    first = asyncio.create_task(start.begin())
    await asyncio.sleep(0.01)
    assert not first.done()
    assert start.t0 is None
    second = await start.begin()
    assert await first == second == start.t0
    assert second >= before + 0.01 + LEAD


async def test_start_serves_one_pair_after_the_other() -> None:
    start = PairStart()
    start.served()
    moments = [await asyncio.gather(start.begin(), start.begin())]
    start.reset()
    assert (start.up.is_set(), start.t0) == (False, None)
    await asyncio.sleep(0.01)
    moments.append(await asyncio.gather(start.begin(), start.begin()))
    assert [len(set(pair)) for pair in moments] == [1, 1]
    assert moments[1][0] > moments[0][0]


async def test_run_that_fails_before_the_common_start_ends_the_waiting_one() -> None:
    start = PairStart()

    async def failing() -> None:
        await asyncio.sleep(0.01)
        raise TargetError("no service")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(start.begin())
            group.create_task(failing())

    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(both(), 60)
    assert raised.group_contains(TargetError)
    assert start.t0 is None


@pytest.mark.parametrize("begun", [False, True], ids=["before the load", "during the load"])
async def test_signal_interrupts_the_load_of_a_pair_and_ends_a_wait_for_it(begun: bool) -> None:
    with nullcontext() if begun else pytest.raises(KeyboardInterrupt):
        async with pair_start() as start:
            if begun:
                await asyncio.gather(start.begin(), start.begin())
            os.kill(os.getpid(), signal.SIGINT)
            await (start.interrupted.wait() if begun else start.begin())
    assert start.interrupted.is_set()


# --- the command line ------------------------------------------------------------------------


def test_default_of_max_pairs_has_a_sequential_test() -> None:
    assert Rules().most in MOST_PAIRS


def read(*arguments: str) -> dict[str, Any]:
    return vars(parser(COMMANDS).parse_args(["compare", *arguments]))


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        ("", "slices", 5),
        ("", "seed", None),
        ("", "max_pairs", None),
        ("load", "scenario", "load"),
        ("--baseline main", "baseline", "main"),
        ("--baseline main", "candidate", None),
        ("--baseline main --candidate v2", "candidate", "v2"),
        ("--baseline-url http://h:1/", "baseline_url", "http://h:1/"),
        ("--candidate-environment A=1", "candidate_environment", [("A", "1")]),
        ("--candidate-environment A=", "candidate_environment", [("A", "")]),
        ("--candidate-environment A=b=c", "candidate_environment", [("A", "b=c")]),
        (
            "--baseline-environment A=1 --baseline-environment B=2",
            "baseline_environment",
            [("A", "1"), ("B", "2")],
        ),
        ("--max-pairs 48", "max_pairs", 48),
        ("--warm-up 1500ms", "warm_up", 1.5),
        ("--rate 30/s", "rate", 30.0),
        ("", "diagnose", "breach"),
        ("--diagnose never", "diagnose", "never"),
        ("", "diagnose_for", 15.0),
        ("--diagnose-for 30s", "diagnose_for", 30.0),
        ("--otlp 0.0.0.0:4318", "otlp", ("0.0.0.0", 4318)),
        ("", "capacity", False),
        ("--capacity --searches 3", "searches", 3),
        ("--capacity --within 2%", "within", 0.02),
    ],
)
def test_option_is_read_as(arguments: str, option: str, value: object) -> None:
    assert read(*arguments.split())[option] == value


def test_variables_of_one_command_line_do_not_affect_the_next() -> None:
    read("--baseline-environment", "A=1")
    assert read()["baseline_environment"] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--max-pairs", "13"), "invalid choice"),
        (("--slices", "0"), "is not a whole number above zero"),
        (("--baseline-url", "host:80"), "is not a URL"),
        (("--candidate-environment", "A"), "is not a variable; write NAME=VALUE"),
        (("--candidate-environment", "=1"), "is not a variable"),
        (("--candidate-environment", "a b=1"), "is not a variable"),
        (("--seed", "x"), "invalid int value"),
        (("--warm-up", "0s"), "is not above zero"),
        (("--duration", "20s"), "--duration belongs to --capacity"),
        (("--users", "5"), "unrecognized arguments"),
    ],
    ids=str,
)
def test_bad_value_of_an_option_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["compare", *arguments])
    assert end.value.code == 2
    assert expected in capsys.readouterr().err


def document(**scenario: Any) -> dict[str, Any]:
    usual = {"locustfile": "locustfile.py", "rate": "40/s", "warm_up": "1s", "duration": "3s"}
    latency = {"indicator": {"kind": "latency", "quantile": 0.95}, "max": "5s"}
    return {
        "version": 1,
        "service": "shop",
        "target": {"command": "serve {port}", "url": "http://127.0.0.1:{port}"},
        "scenarios": {"quick": scenario or usual},
        "budgets": {"latency": latency | {"max_regression": "10%"}},
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "locustfile.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


STEPS = {"stages": [{"rate": "20/s", "for": "3s"}, {"rate": "40/s", "for": "3s"}]}
RAMP = {"stages": [{"rate": "20/s", "for": "1s"}, {"ramp_to": "40/s", "for": "3s"}]}
LOADS = {
    "one": {"locustfile": "locustfile.py", "rate": "20/s"},
    "two": {"locustfile": "locustfile.py", "rate": "20/s"},
}
BASE = ("--baseline-environment", "A=1")


@pytest.mark.parametrize(
    ("scenario", "arguments", "expected", "hint"),
    [
        ({}, (), "nothing to compare the working tree with", "--baseline"),
        ({}, (*BASE, "slow"), "no scenario 'slow'", "quick"),
        ({}, ("--candidate", "HEAD"), "no baseline ref", "--baseline REF"),
        ({}, ("--baseline-url", "http://h:1"), "the candidate needs one", "--candidate-url"),
        (
            {},
            ("--baseline-url", "http://h:1", "--candidate-url", "http://h:2", *BASE),
            "already runs",
            "leave out",
        ),
        ({"users": 5, "warm_up": "1s", "duration": "3s"}, BASE, "has users", "--rate"),
        ({"workload": STEPS, "warm_up": "1s"}, BASE, "has stages", "--rate"),
        ({"workload": RAMP, "warm_up": "1s"}, BASE, "has stages", "--rate"),
        (
            {"loads": LOADS, "warm_up": "1s", "duration": "3s"},
            BASE,
            "has several: one, two",
            "only one",
        ),
    ],
    ids=[
        "nothing differs",
        "unknown scenario",
        "candidate ref alone",
        "one url alone",
        "url with environment",
        "closed model",
        "steps",
        "ramp",
        "several loads",
    ],
)
def test_impossible_comparison_is_refused_with_a_hint(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    scenario: dict[str, Any],
    arguments: tuple[str, ...],
    expected: str,
    hint: str,
) -> None:
    changed = {} if "loads" in scenario or not scenario else {"locustfile": "locustfile.py"}
    (folder / "budgets.yaml").write_text(yaml.safe_dump(document(**changed, **scenario)))
    with pytest.raises(SystemExit) as end:
        main(["compare", *arguments])
    error, _, advice = capsys.readouterr().err.partition("hint: ")
    assert end.value.code == 2, error
    assert expected in error
    assert hint in advice


def test_comparison_without_a_max_regression_names_the_key(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = document()
    del changed["budgets"]["latency"]["max_regression"]
    (folder / "budgets.yaml").write_text(yaml.safe_dump(changed))
    with pytest.raises(SystemExit) as end:
        main(["compare", *BASE])
    assert end.value.code == 2
    assert "has a max_regression" in capsys.readouterr().err


def test_budget_of_a_prometheus_server_with_a_max_regression_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = document()
    asked = {"kind": "promql", "query": "up", "unit": 1}
    changed["budgets"]["asked"] = {"indicator": asked, "max": 1, "max_regression": "10%"}
    (folder / "budgets.yaml").write_text(yaml.safe_dump(changed))
    with pytest.raises(SystemExit) as end:
        main(["compare", *BASE])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "asked: an answer of a Prometheus server is about both versions at once" in said
    assert "hint: remove max_regression" in said


def test_most_budgets_are_as_many_as_the_sequential_test_allows() -> None:
    """Each with identical pairs of the calibration, which have half of its level at each end."""
    for most in MOST_PAIRS:
        assert design(0.1, most, alpha=0.01 / MOST_BUDGETS / 2)
        with pytest.raises(ValueError, match="too many budgets"):
            design(0.1, most, alpha=0.01 / (MOST_BUDGETS + 1) / 2)


@pytest.mark.parametrize("command", [["compare", *BASE], ["calibrate", "--runs", "0"]])
def test_more_budgets_than_the_sequential_test_allows_are_refused(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = document()
    latency = changed["budgets"]["latency"]
    changed["budgets"] = {f"b{number}": latency for number in range(MOST_BUDGETS + 1)}
    (folder / "budgets.yaml").write_text(json.dumps(changed))
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 2
    assert "51 budgets of scenario 'quick' have a max_regression" in capsys.readouterr().err


def test_fixed_port_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = document()
    changed["target"] = {"command": "serve 8000", "url": "http://127.0.0.1:8000"}
    (folder / "budgets.yaml").write_text(yaml.safe_dump(changed))
    with pytest.raises(SystemExit) as end:
        main(["compare", *BASE])
    assert end.value.code == 2
    assert "fixed port" in capsys.readouterr().err


def test_port_without_a_next_one_is_refused_for_traces(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "budgets.yaml").write_text(yaml.safe_dump(document()))
    with pytest.raises(SystemExit) as end:
        main(["compare", *BASE, "--otlp", "65535"])
    assert end.value.code == 2
    assert "leaves no port for the traces of the candidate" in capsys.readouterr().err


def test_folder_that_holds_files_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "budgets.yaml").write_text(yaml.safe_dump(document()))
    with pytest.raises(SystemExit) as end:
        main(["compare", *BASE, "--out", "."])
    assert end.value.code == 2
    assert "holds files already" in capsys.readouterr().err
