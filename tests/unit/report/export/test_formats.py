"""Exports: against tests/golden/export, and against the documents of the tools that read them."""

import csv
import json
import re
import shlex
from dataclasses import replace
from datetime import datetime
from io import StringIO
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harness.judge.model import Judgement
from harness.report.export.formats import FORMATS, gaps
from harness.report.history.history import History, histories
from harness.report.run.openmetrics import limit_samples, outcome_samples
from harness.runs.model import Evidence
from harness.runs.results import PastRun
from tests.unit.report.cases import BREACHED, CASES, ERRORS, HITS, MANIFEST, P95, evidence, judged
from tests.unit.report.golden import GOLDEN, check_golden, check_names
from tests.unit.report.history.cases import HISTORIES, at, past, stored
from tests.unit.report.strategies import JUDGEMENTS

FOLDER = GOLDEN / "export"
LONG = replace(BREACHED, name="-".join(["a-long-name-of-a-budget"] * 5))
AWKWARD = Evidence(MANIFEST.model_copy(update={"service": '<b>"café"|\\☕</b>,\x1b[31m'}), {}, ())
CHOSEN = {
    "fail": [PastRun(Path("runs/a"), stored(*CASES["fail"]))],
    # Names of budgets and scenarios are plain words; a service may be called anything.
    "awkward": [PastRun(Path("größe\n世界,"), stored(judged("fail", LONG, HITS), AWKWARD))],
    "month": [run for run in HISTORIES["month"][0] if run.results.scenario == "smoke"],
}
SUFFIX = {"bencher": "json", "otava-csv": "csv", "openmetrics": "txt"}
FILES = {
    f"{case}.{name}.{SUFFIX.get(name, 'json')}": (case, name)
    for case, runs in CHOSEN.items()
    for name, form in FORMATS.items()
    if form.several or len(runs) == 1
}


def of(*runs: PastRun) -> History:
    (history,) = histories(runs)
    return history


@pytest.mark.parametrize("file", FILES)
def test_export_is_the_golden(file: str) -> None:
    case, name = FILES[file]
    check_golden(FOLDER / file, FORMATS[name].write(of(*CHOSEN[case])))


def test_goldens_all_belong_to_a_case() -> None:
    check_names(FOLDER, FILES)


# --- what the other tools accept ------------------------------------------------------------------

# What `BenchmarkResult` in src/extract.ts of github-action-benchmark parses, without its coercions.
BENCHMARK = Draft202012Validator(
    {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "value", "unit"],
            "properties": {
                "name": {"type": "string"},
                "value": {"type": "number"},
                "unit": {"type": "string"},
                "range": {"type": "string"},
                "extra": {"type": "string"},
            },
        },
    }
)
# What Bencher's reference of its Metric Format requires, and how long names may be.
BENCHER = Draft202012Validator(
    {
        "type": "object",
        "propertyNames": {"minLength": 1, "maxLength": 1024},
        "additionalProperties": {
            "type": "object",
            "propertyNames": {"minLength": 1, "maxLength": 64},
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["value"],
                "properties": {
                    "value": {"type": "number"},
                    "lower_value": {"type": "number"},
                    "upper_value": {"type": "number"},
                },
            },
        },
    }
)


def assert_benchmark(text: str) -> None:
    document = json.loads(text)
    BENCHMARK.validate(document)
    assert len({result["name"] for result in document}) == len(document)


def assert_bencher(text: str) -> None:
    BENCHER.validate(json.loads(text))


def assert_otava(text: str) -> None:
    """As `CsvImporter` of otava/importer.py reads it."""
    header, *rows = csv.reader(StringIO(text), delimiter=",", quotechar='"')
    assert header[:3] == ["time", "commit", "run"]
    for row in rows:
        assert len(row) == len(header)
        assert datetime.strptime(row[0], "%Y-%m-%d %H:%M:%S %z")
        assert [float(cell) for cell in row[3:]]


def assert_openmetrics(text: str) -> None:
    """By the strict parser, and as lib/gitlab/ci/parsers/metrics/generic.rb of GitLab reads it."""
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    samples = [sample for family in families for sample in family.samples]
    lines = [re.sub("#.*", "", line) for line in text.splitlines()]
    for_gitlab = dict(words for line in lines if (words := shlex.split(line)))
    assert len(for_gitlab) == len(samples)
    assert [float(value) for value in for_gitlab.values()] == [s.value for s in samples]


ACCEPTED = {
    "github-action-benchmark": assert_benchmark,
    "github-action-benchmark-bigger": assert_benchmark,
    "bencher": assert_bencher,
    "otava-csv": assert_otava,
    "openmetrics": assert_openmetrics,
}


@pytest.mark.parametrize("file", FILES)
def test_export_is_accepted_by_the_other_tool(file: str) -> None:
    case, name = FILES[file]
    ACCEPTED[name](FORMATS[name].write(of(*CHOSEN[case])))


@pytest.mark.parametrize("name", ["bencher", "otava-csv"])
@settings(max_examples=30)
@given(judgement=JUDGEMENTS)
def test_export_of_anything_is_accepted_or_empty(name: str, judgement: Judgement) -> None:
    verdicts = tuple(replace(v, name=f"budget-{n}") for n, v in enumerate(judgement.verdicts))
    results = stored(replace(judgement, verdicts=verdicts), evidence())
    text = FORMATS[name].write(of(PastRun(Path("runs/a"), results)))
    if text:
        ACCEPTED[name](text)
    else:
        known = [v.value is not None and isfinite(v.value) for v in judgement.verdicts]
        doubted = [v.outcome == "inconclusive" or v.guard != "" for v in judgement.verdicts]
        assert not any(k and not d for k, d in zip(known, doubted, strict=True))


# --- values ---------------------------------------------------------------------------------------

RUN = of(past(0, at(0.1834), HITS, at(None, ERRORS)))


def test_benchmark_has_the_budgets_of_its_direction_in_fixed_units() -> None:
    assert json.loads(FORMATS["github-action-benchmark"].write(RUN)) == [
        {
            "name": "smoke: api-latency-p95",
            "unit": "ms",
            "value": 183.4,
            "extra": "pass, max 200 ms",
        }
    ]
    assert json.loads(FORMATS["github-action-benchmark-bigger"].write(RUN)) == [
        {"name": "smoke: cache-hit-ratio", "unit": "%", "value": 91.2, "extra": "pass, min 80%"}
    ]


def test_bencher_has_a_measure_for_each_budget_with_its_bounds() -> None:
    assert json.loads(FORMATS["bencher"].write(RUN)) == {
        "sample-app smoke": {
            "api-latency-p95": {"value": 0.1834, "lower_value": 0.1791, "upper_value": 0.1902},
            "cache-hit-ratio": {"value": 0.912},
        }
    }


def test_openmetrics_has_value_limit_and_outcome() -> None:
    lines = FORMATS["openmetrics"].write(RUN).splitlines()
    labels = 'budget="cache-hit-ratio"'
    of_run = 'scenario="smoke",service="sample-app"'
    assert [line for line in lines if labels in line] == [
        f"harness_budget_value{{{labels},{of_run}}} 0.912",
        f'harness_budget_limit{{{labels},direction="min",{of_run}}} 0.8',
        f'harness_budget_outcome{{{labels},outcome="pass",{of_run}}} 1.0',
    ]
    assert not any('harness_budget_value{budget="error-ratio' in line for line in lines)


def test_otava_has_a_row_a_run_and_fills_gaps_with_the_neighbouring_value() -> None:
    runs = [past(0, HITS), past(1, HITS, at(0.1)), past(2, HITS), past(3, HITS, at(0.2))]
    rows = list(csv.DictReader(StringIO(FORMATS["otava-csv"].write(of(*runs)))))
    assert [row["api-latency-p95"] for row in rows] == ["0.1", "0.1", "0.1", "0.2"]
    assert rows[1]["time"] == "2026-07-02 12:00:00 +0000"
    assert (rows[1]["commit"], rows[1]["run"]) == ("012a9c01d5", "20260702T120000Z-smoke")


@pytest.mark.parametrize(
    ("name", "runs", "told"),
    [
        pytest.param(
            "github-action-benchmark",
            [past(0, P95, HITS)],
            ["cache-hit-ratio is left out: its bound is a min"],
            id="a budget of the other direction",
        ),
        pytest.param(
            "bencher",
            [past(0, at(None), HITS)],
            ["the value of api-latency-p95 is left out: there is none, or guards tripped"],
            id="a budget without a value",
        ),
        pytest.param(
            "otava-csv",
            [past(0, P95), past(1, P95, distrust=True), past(2, P95)],
            ["api-latency-p95 has the value of a neighbouring run in 1 of 3 runs"],
            id="a run that a guard took a verdict away from",
        ),
        pytest.param("otava-csv", [past(0, P95)], [], id="nothing to tell"),
    ],
)
def test_what_an_export_does_not_tell_is_told(
    name: str, runs: list[PastRun], told: list[str]
) -> None:
    assert list(gaps(of(*runs), FORMATS[name])) == told


@pytest.mark.parametrize("name", FORMATS)
def test_export_of_no_budgets_is_empty(name: str) -> None:
    assert FORMATS[name].write(of(PastRun(Path("a"), stored(*CASES["no-budgets"])))) == ""


SERVER_P95 = replace(
    *(P95,),
    bound=0.25,
    value=None,
    bucket=(0.1, 0.25),
    lower=0.1,
    upper=0.25,
    share_over=0.03,
    share_allowed=0.05,
)


def test_openmetrics_has_the_series_of_serve_metrics_for_the_share_of_a_histogram() -> None:
    run = past(0, SERVER_P95)
    lines = FORMATS["openmetrics"].write(of(run)).splitlines()
    served = [*limit_samples(run.results.budgets), *outcome_samples("pass", [SERVER_P95])]
    found = {line.partition("{")[0]: float(line.split()[-1]) for line in lines if "budget=" in line}
    assert found == {
        "harness_budget_limit": 0.25,
        "harness_budget_share_over": 0.03,
        "harness_budget_outcome": 1.0,
    }
    assert found == {one.name: one.value for one in served if "budget" in one.labels and one.value}


def test_benchmark_says_over_which_bound_a_share_counts() -> None:
    (result,) = json.loads(FORMATS["github-action-benchmark"].write(of(past(0, SERVER_P95))))
    assert (result["value"], result["extra"]) == (3.0, "pass, max 5% over 250 ms")


def test_bencher_has_the_interval_of_the_share_of_a_histogram() -> None:
    verdict = replace(P95, value=None, bucket=(0.1, 0.25), lower=0.1, upper=0.25)
    verdict = replace(verdict, share_over=0.03, share_allowed=0.05)
    verdict = replace(verdict, share_lower=0.01, share_upper=0.06)
    (measures,) = json.loads(FORMATS["bencher"].write(of(past(0, verdict)))).values()
    assert measures[P95.name] == {"value": 0.03, "lower_value": 0.01, "upper_value": 0.06}
