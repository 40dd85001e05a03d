import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

import harness.report.run
from harness.judge.model import Judgement
from harness.names import LATENCY, OK
from harness.report.run.results import results_json
from harness.runs.model import Distribution, Evidence, LatencyKey
from tests.unit.judge.test_costs import costs_run
from tests.unit.report.cases import AWKWARD, CASES, MANIFEST, P95, evidence, judged
from tests.unit.report.strategies import EVIDENCE, EXIT_CODES, JUDGEMENTS

SCHEMA = json.loads((Path(harness.report.run.__path__[0]) / "results.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def parse(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return document


def same(read: float | None, written: float | None) -> bool:
    if written is None or not math.isfinite(written):
        return read is None
    return read is not None and math.isclose(read, written, rel_tol=1e-11)


def writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@given(JUDGEMENTS, EVIDENCE, EXIT_CODES)
def test_results_of_anything_are_valid_and_tell_the_same_values(
    judgement: Judgement, evidence: Evidence, exit_code: int
) -> None:
    document = parse(results_json(judgement, evidence, exit_code=exit_code))
    VALIDATOR.validate(document)
    assert (document["outcome"], document["exit_code"]) == (judgement.outcome, exit_code)
    for budget, verdict in zip(document["budgets"], judgement.verdicts, strict=True):
        for field in ("value", "lower", "upper", "bound", "margin"):
            assert same(budget.pop(field), getattr(verdict, field))
        for field, text in budget.items():
            written = getattr(verdict, field)
            assert text == (writable(written) if isinstance(written, str) else written)
    for read, guard in zip(document["guards"], judgement.guards, strict=True):
        assert same(read["value"], guard.value)
        assert same(read["limit"], guard.limit)


def test_costs_of_a_request_are_written_with_their_intervals() -> None:
    document = parse(results_json(judged("pass", P95), costs_run(), exit_code=0))
    VALIDATOR.validate(document)
    cpu, sent, received = document["costs"]
    assert cpu["value"] == pytest.approx(0.005)
    assert cpu["lower"] < 0.005 < cpu["upper"]
    assert (sent["name"], sent["value"]) == ("request_bytes_per_request", 512.0)
    assert received == {
        "name": "response_bytes_per_request",
        "value": 2_048.0,
        "lower": 2_048.0,
        "upper": 2_048.0,
        "unit": "bytes",
        "source": "load generator",
    }


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def objects(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)


def test_schema_requires_every_key_and_allows_no_other() -> None:
    assert len(list(objects(SCHEMA))) == 15
    for schema in objects(SCHEMA):
        # Only the whole document has a key that need not be there.
        optional = {"baseline"} if schema is SCHEMA else set()
        assert schema["required"] == [key for key in schema["properties"] if key not in optional]
        assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("outcome",), "passed", id="another word for an outcome"),
        pytest.param(("exit_code",), 1, id="an exit code that no judgement has"),
        pytest.param(("budgets", 0, "value"), "183 ms", id="a value as text"),
        pytest.param(("budgets", 0, "samples"), None, id="no samples"),
        pytest.param(("budgets", 0, "extra"), 1, id="a key that is not in the contract"),
        pytest.param(("run", "status"), "done", id="another word for a status"),
    ],
)
def test_schema_refuses(path: tuple[str | int, ...], value: object) -> None:
    document: Any = parse(results_json(judged("pass", P95), evidence(), exit_code=0))
    VALIDATOR.validate(document)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not VALIDATOR.is_valid(document)


def test_contract_keys_stand_in_their_order() -> None:
    document = parse(results_json(*CASES["fail"][:2], exit_code=3))
    assert [*document, "baseline"] == list(SCHEMA["properties"])
    assert list(document["budgets"][0]) == [
        *("name", "outcome", "severity", "value", "lower", "upper", "bound", "direction", "unit"),
        *("margin", "samples", "source", "reason", "guard", "advice", "at_least", "decide"),
        *("bucket", "share_over", "share_allowed", "share_lower", "share_upper", "whole"),
    ]
    assert list(document["guards"][0]) == ["name", "outcome", "value", "limit", "unit", "reason"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(0.1 + 0.2, "0.3", id="no float noise"),
        pytest.param(-0.0, "0.0", id="no negative zero"),
        pytest.param(None, "null", id="no data is null"),
        pytest.param(math.nan, "null", id="not a number is null"),
        pytest.param(math.inf, "null", id="infinity is null"),
        pytest.param(123456789.123456, "123456789.123", id="12 significant digits"),
    ],
)
def test_value_is_written_as(value: float | None, text: str) -> None:
    latency = (
        {} if value is None else {LatencyKey(LATENCY, OK, "", "x"): Distribution((value,), (1,))}
    )
    results = results_json(judged("pass"), Evidence(MANIFEST, latency, ()), exit_code=0)
    if value is not None:
        assert f'"max": {text},' in results
    from dataclasses import replace

    results = results_json(judged("pass", replace(P95, value=value)), evidence(), exit_code=0)
    assert f'"value": {text},\n      "lower"' in results


def test_names_are_kept_whole_and_legible() -> None:
    text = results_json(*CASES["awkward"][:2], exit_code=3)
    assert [budget["name"] for budget in parse(text)["budgets"]] == list(AWKWARD)
    assert "世界" in text
    assert "\x1b" not in text


def test_run_tells_the_length_of_the_window() -> None:
    document = parse(results_json(judged("pass", P95), evidence(), exit_code=0))
    assert document["run"]["window_seconds"] == 20.0
    assert document["run"]["scenario"] == MANIFEST.scenario


def test_use_of_the_cpus_says_of_how_many() -> None:
    judgement, evidence, _ = CASES["pass"]
    verdicts = (replace(judgement.verdicts[0], whole="2 cores"), *judgement.verdicts[1:])
    document = parse(results_json(replace(judgement, verdicts=verdicts), evidence, exit_code=0))
    assert [budget["whole"] for budget in document["budgets"]][:2] == ["2 cores", ""]
