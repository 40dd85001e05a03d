"""What is searched: options before the keys of budgets.yaml, which come before the defaults."""

from datetime import date
from pathlib import Path

import pytest

from harness.budgets.model import Plan
from harness.budgets.parse.parse import parse_plan
from harness.budgets.workload import CapacityOptions, OpenWorkload
from harness.cli import parser
from harness.commands.parts.capacity_options import (
    capacity_scenario,
    past_capacity,
    search_range,
)
from harness.errors import RunFolderError, UsageError
from harness.judge.capacity.search import SearchRange

TEXT = """
version: 1
service: shop
target: {command: "serve {port}", url: "http://127.0.0.1:{port}"}
scenarios:
  smoke: {locustfile: a.py, rate: 50/s, warm_up: 3s, duration: 20s, stop: decided}
  section:
    locustfile: a.py
    rate: 50/s
    duration: 20s
    capacity: {min: 80/s, from: 30/s, to: 90/s, for: 3m}
  stages:
    locustfile: a.py
    workload: {stages: [{rate: 20/s, for: 10s}, {ramp_to: 70/s, for: 30s}]}
  users: {locustfile: a.py, users: 5, warm_up: auto, duration: 20s}
  loads:
    duration: 20s
    loads: {one: {locustfile: a.py, rate: 5/s}, two: {locustfile: a.py, rate: 5/s}}
budgets:
  errors: {indicator: error_ratio, max: 1%}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "a.py").touch()
    return parse_plan(TEXT, tmp_path / "budgets.yaml", {}, date(2026, 1, 1))


CHOSEN = {
    "the scenario's own rate": ("smoke", SearchRange(50, 1e6, 50 / 64), (3.0, 20.0)),
    "the section": ("section", SearchRange(30, 90, 30 / 64, bound=80.0), (5.0, 20.0)),
    "options before the section": (
        "section --from 8/s --to 800/s --min 4/s --within 10% --warm-up 1s --duration 9s",
        *(SearchRange(8, 800, 4 / 64, 0.1, bound=4.0), (1.0, 9.0)),
    ),
    "the highest stage": ("stages", SearchRange(70, 1e6, 70 / 64), (5.0, 35.0)),
    "users, and a warm-up that has no length": (
        *("users", SearchRange(10, 1e6, 10 / 64), (5.0, 20.0)),
    ),
    "a first rate above the highest": (
        "smoke --to 30/s",
        SearchRange(30, 30, 30 / 64),
        (3.0, 20.0),
    ),
}


@pytest.mark.parametrize(("words", "expected", "times"), CHOSEN.values(), ids=CHOSEN)
def test_range_and_length_of_the_steps(
    plan: Plan, words: str, expected: SearchRange, times: tuple[float, float]
) -> None:
    options = parser(["capacity"]).parse_args(["capacity", *words.split()])
    options.locustfile_arguments = ()
    scenario, wanted = capacity_scenario(plan, options)
    found = search_range(scenario, wanted, options)
    assert found == expected
    assert (scenario.warm_up, scenario.expected) == times
    assert (scenario.early, scenario.auto_warm_up) == (False, False)
    workload = scenario.loads[0].workload
    assert isinstance(workload, OpenWorkload)
    assert [stage.rate for stage in workload.stages] == [found.start]


def test_duration_of_the_search_is_that_of_the_section_unless_an_option_says_another(
    plan: Plan,
) -> None:
    for words, seconds in (("smoke", None), ("section", 180.0), ("section --for 1m", 60.0)):
        options = parser(["capacity"]).parse_args(["capacity", *words.split()])
        options.locustfile_arguments = ()
        _, wanted = capacity_scenario(plan, options)
        assert isinstance(wanted, CapacityOptions)
        assert wanted.seconds == seconds


REFUSED = {
    "several loads": ("loads", "scenario 'loads' has several loads"),
    "an unknown scenario": ("shop", "no scenario 'shop'"),
    "from above to": ("smoke --from 90/s --to 80/s", "--from 90/s is above --to 80/s"),
    "min above to": ("section --to 70/s", "--min 80/s is above --to 70/s"),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_search_that_makes_no_sense_is_refused(plan: Plan, words: str, message: str) -> None:
    options = parser(["capacity"]).parse_args(["capacity", *words.split()])
    options.locustfile_arguments = ()
    with pytest.raises(UsageError, match=message):
        search_range(*capacity_scenario(plan, options), options)


def test_baseline_and_its_tolerance_belong_together(plan: Plan, tmp_path: Path) -> None:
    scenario = plan.scenarios["smoke"]
    for words in (["--baseline", str(tmp_path)], ["--max-regression", "10%"]):
        options = parser(["capacity"]).parse_args(["capacity", *words])
        with pytest.raises(UsageError, match="belong together"):
            past_capacity(plan, scenario, options)
    both = ["--baseline", str(tmp_path), "--max-regression", "10%"]
    options = parser(["capacity"]).parse_args(["capacity", *both])
    with pytest.raises(RunFolderError, match=r"capacity\.json does not exist"):
        past_capacity(plan, scenario, options)
    assert past_capacity(plan, scenario, parser(["capacity"]).parse_args(["capacity"])) is None
