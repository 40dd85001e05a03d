"""The JSON Schema that editors use agrees with what the parser accepts."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from harness.budgets.parse.indicators import KINDS
from harness.budgets.parse.json_schema import SCHEMA_FILE, json_schema, main, text
from harness.budgets.parse.kinds import unit_of
from harness.budgets.parse.parse import parse_plan
from harness.budgets.presets import PRESETS
from harness.units import Unit
from tests.unit.budgets.parse.parsing import EXAMPLE
from tests.unit.budgets.parse.test_indicators import INDICATORS
from tests.unit.budgets.parse.test_scenarios import SCENARIOS, TARGETS

VALIDATOR = Draft202012Validator(json_schema())
FRAME = {
    "version": 1,
    "service": "shop",
    "scenarios": {"smoke": {"locustfile": "a.py", "rate": "50/s", "duration": "20s"}},
    "budgets": {"errors": {"indicator": "error_ratio", "max": "1%"}},
}


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2 as editors read it: no dates, no clock times, no `on`."""


CoreLoader.yaml_implicit_resolvers = {}
CoreLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile("^[-+]?[0-9]+$"), list("-+0123456789")
)
CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$"),
    list("-+0123456789."),
)


def core(document: str) -> object:
    return yaml.load(document, Loader=CoreLoader)


def complaints(document: object) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(document)]


def test_committed_schema_is_what_the_models_say() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == text()
    assert main(["--check"]) == 0


def test_outdated_schema_is_reported_and_can_be_written_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "budgets.schema.json"
    assert main(["--check"], file) == 2
    file.write_text("{}")
    assert main(["--check"], file) == 2
    assert "budgets.schema.json differs from the models" in capsys.readouterr().err
    assert main([], file) == 0
    assert main(["--check"], file) == 0
    assert file.read_text(encoding="utf-8") == text()


def test_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(json.loads(text()))


def good_files() -> dict[str, str]:
    head = "version: 1\nservice: shop\n"
    smoke = "scenarios: {smoke: {locustfile: a.py, rate: 50/s, duration: 20s}}\n"
    errors = "budgets: {errors: {indicator: error_ratio, max: 1%}}\n"
    files = {"example": EXAMPLE.read_text()}
    for name, (keys, *_) in INDICATORS.items():
        bound = INDICATORS[name][1]
        files[name] = f"{head}{smoke}budgets: {{it: {{indicator: {keys}, max: {bound}}}}}"
    for name, (keys, *_) in SCENARIOS.items():
        files[name] = f"{head}scenarios: {{it: {{locustfile: a.py, {keys}}}}}\n{errors}"
    for name, (keys, _) in TARGETS.items():
        files[name] = f"{head}target: {{{keys}}}\n{smoke}{errors}"
    for name in PRESETS:
        low = f"budgets: {{it: {{indicator: {name}, max: 0.5{'s' * _timed(name)}}}}}"
        files[f"preset {name}"] = f"{head}{smoke}{low}"
    files["full budget"] = (
        f"{head}{smoke}indicators: {{mine: {{kind: gauge, metric: x}}}}\n"
        "budgets:\n  it: {indicator: mine, min: 4, severity: off, on_no_data: ignore, "
        "min_samples: 5, scenarios: smoke, max_regression: 0.2, alert: {min: 3, for: 0, "
        "severity: info, keep_firing_for: 5m}, waiver: {until: 2026-12-31, reason: x}}\n"
    )
    files["several loads"] = (
        f"{head}scenarios: {{it: {{duration: 20s, workers: auto, trace_ratio: 1%, loads: "
        "{a: {locustfile: a.py, rate: 5/s, start: 1s}, b-2: {locustfile: b.py, users: 5}}}}\n"
        "budgets: {it: {indicator: api_latency, max: 1s, abort: true, abort_after: 10s}}\n"
    )
    files["variables"] = (
        f"{head}scenarios: {{it: {{locustfile: '${{F:-a.py}}', rate: '${{R:-5}}', "
        "duration: '${D:-5s}', workers: '${W:-2}', workload: null}}\n"
    ).replace(", workload: null", "") + (
        "budgets: {it: {indicator: '${I:-api_latency}', max: '${M:-1s}', "
        "severity: '${S:-warn}', min_samples: '${N:-5}'}}\n"
    )
    return files


def _timed(preset: str) -> bool:
    return unit_of(PRESETS[preset], []) is Unit.SECONDS


GOOD = good_files()


@pytest.mark.parametrize("document", GOOD.values(), ids=GOOD)
def test_file_that_the_parser_accepts_is_valid(document: str) -> None:
    parse_plan(document, Path("budgets.yaml"), {}, date(2026, 11, 20))
    assert complaints(core(document)) == []


BAD: dict[str, dict[str, object]] = {
    "unknown key at the top": {"budget": {}},
    "unknown key of a budget": {"budgets": {"a": {"indicator": "x", "max": 1, "maxx": 2}}},
    "unknown key of an indicator": {
        "budgets": {"a": {"indicator": {"kind": "error_ratio", "quantile": 0.5}, "max": 1}}
    },
    "unknown kind": {"budgets": {"a": {"indicator": {"kind": "latancy"}, "max": 1}}},
    "missing locustfile": {"scenarios": {"a": {"rate": 1, "duration": "1s"}}},
    "loads without a locustfile": {
        "scenarios": {"a": {"loads": {"b": {"rate": 1}}, "duration": "1s"}}
    },
    "load with a name in capitals": {
        "scenarios": {"a": {"loads": {"B": {"locustfile": "a.py", "rate": 1}}, "duration": "1s"}}
    },
    "workers in words": {
        "scenarios": {"a": {"locustfile": "a.py", "rate": 1, "duration": "1s", "workers": "all"}}
    },
    "missing indicator": {"budgets": {"a": {"max": 1}}},
    "bound that is no quantity": {"budgets": {"a": {"indicator": "x", "max": "< 200ms"}}},
    "bound that is a list": {"budgets": {"a": {"indicator": "x", "max": [1]}}},
    "duration without a suffix": {
        "scenarios": {"a": {"locustfile": "a.py", "rate": 1, "duration": 20}}
    },
    "rate that is text": {
        "scenarios": {"a": {"locustfile": "a.py", "rate": "fast", "duration": "1s"}}
    },
    "fraction of a user": {
        "scenarios": {"a": {"locustfile": "a.py", "users": 2.5, "duration": "1s"}}
    },
    "severity that does not exist": {
        "budgets": {"a": {"indicator": "x", "max": 1, "severity": "warning"}}
    },
    "quantile in percent without the sign": {
        "budgets": {"a": {"indicator": {"kind": "latency", "quantile": 95}, "max": 1}}
    },
    "budget name in capitals": {"budgets": {"API": {"indicator": "x", "max": 1}}},
    "no budgets": {"budgets": {}},
    "no scenarios": {"scenarios": {}},
    "version 2": {"version": 2},
    "metrics that is a mapping": {"target": {"url": "http://x", "metrics": {}}},
    "metric with labels in its name": {
        "indicators": {"a": {"kind": "gauge", "metric": 'x{a="b"}'}}
    },
}


@pytest.mark.parametrize("part", BAD.values(), ids=BAD)
def test_nonsense_is_not_valid(part: dict[str, object]) -> None:
    assert complaints(FRAME) == []
    assert complaints({**FRAME, **part})


@pytest.mark.parametrize("key", ["version", "service", "scenarios", "budgets"])
def test_key_that_every_file_needs_is_required(key: str) -> None:
    assert complaints({name: part for name, part in FRAME.items() if name != key})


def properties(schema: object) -> Iterator[tuple[str, dict[str, object]]]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                yield from value.items()
            yield from properties(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from properties(item)


def test_every_key_has_a_description_for_editors() -> None:
    found = list(properties(json_schema()))
    assert len(found) > 60
    assert [key for key, schema in found if key != "kind" and not schema.get("description")] == []


def test_every_kind_of_the_documentation_is_known() -> None:
    assert set(KINDS) == {
        *("latency", "error_ratio", "throughput"),
        *("quantile", "mean", "ratio", "rate", "gauge", "utilization", "promql"),
    }
