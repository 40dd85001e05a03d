"""diagnosis.json by its schema."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

import harness.report.run
from harness.diagnose.functions import HandlerTime
from harness.diagnose.model import (
    Cause,
    CauseKind,
    CpuCost,
    Diagnosis,
    Explanation,
    RouteCost,
    ServiceReading,
    SlowExemplar,
)
from harness.report.run.diagnosis import diagnosis_json
from harness.runs.recording.profile import StackFrame
from tests.unit.report.cases import MANIFEST

SCHEMA = json.loads((Path(harness.report.run.__path__[0]) / "diagnosis.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

TEXT = st.text(max_size=20)
SHARE = st.floats(0.0, 1.0)
COUNT = st.integers(0, 10**9)
CAUSES = st.builds(
    Cause,
    *(st.sampled_from(get_args(CauseKind)), TEXT, SHARE, SHARE, SHARE, TEXT, TEXT, TEXT, TEXT),
)
EXPLANATIONS = st.builds(
    Explanation,
    st.text(min_size=1, max_size=20),
    TEXT,
    st.lists(CAUSES, max_size=3).map(tuple),
    st.none() | SHARE,
    TEXT,
)
CPU = st.none() | st.builds(CpuCost, SHARE, SHARE, SHARE, COUNT)
DIAGNOSES = st.builds(
    Diagnosis,
    st.lists(EXPLANATIONS, max_size=4).map(tuple),
    *(COUNT, COUNT, COUNT),
    st.lists(st.builds(ServiceReading, TEXT, TEXT), max_size=3).map(tuple),
    st.lists(
        st.builds(SlowExemplar, TEXT, SHARE, st.just("0af7" * 8), st.booleans()),
        max_size=2,
    ).map(tuple),
    st.lists(st.builds(RouteCost, TEXT, st.integers(1, 10**9), *[SHARE] * 4, CPU), max_size=3).map(
        tuple
    ),
    st.lists(
        st.builds(
            HandlerTime,
            st.none() | st.builds(StackFrame, TEXT, TEXT),
            st.integers(1, 99),
            SHARE,
            TEXT,
        ),
        max_size=3,
    ).map(tuple),
    CPU,
    TEXT,
)


def written(diagnosis: Diagnosis) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(diagnosis_json(diagnosis, MANIFEST))
    return found


@given(DIAGNOSES)
def test_any_diagnosis_is_valid_and_keeps_its_values(diagnosis: Diagnosis) -> None:
    document = written(diagnosis)
    VALIDATOR.validate(document)
    assert document["recorded"]["spans"] == diagnosis.spans
    assert document["routes"] == [asdict(one) for one in diagnosis.routes]
    outside = diagnosis.outside_cpu
    assert document["outside_cpu"] == (None if outside is None else asdict(outside))
    assert document["cpu_note"] == diagnosis.cpu_note
    routes = [one.route or None for one in diagnosis.handlers]
    assert [one["route"] for one in document["handlers"]] == routes
    assert [(one["function"], one["file"], one["share"]) for one in document["handlers"]] == [
        (one.handler.function, one.handler.file, one.share)
        if one.handler
        else (None, None, one.share)
        for one in diagnosis.handlers
    ]
    for breach, explanation in zip(document["breaches"], diagnosis.explanations, strict=True):
        assert breach["unexplained"] == explanation.unexplained
        assert [one["what"] for one in breach["causes"]] == [c.what for c in explanation.causes]


@pytest.mark.parametrize(
    ("name", "model"), [("cause", Cause), ("breach", Explanation)], ids=["cause", "breach"]
)
def test_schema_has_each_field_of_the_model(name: str, model: type) -> None:
    part = SCHEMA["$defs"][name]
    assert set(part["properties"]) == set(part["required"]) == {f.name for f in fields(model)}


def test_schema_has_each_kind_of_cause() -> None:
    kinds = SCHEMA["$defs"]["cause"]["properties"]["kind"]["enum"]
    assert sorted(kinds) == sorted(get_args(CauseKind))


CAUSE = Cause("statement", "SELECT 1", 0.5, 0.4, 0.6, "twice")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("recorded", "spans"), -1),
        (("breaches", 0, "budget"), ""),
        (("breaches", 0, "causes", 0, "share"), 1.1),
        (("breaches", 0, "causes", 0, "kind"), "guess"),
        (("breaches", 0, "causes", 0, "more"), ""),
        (("breaches", 0, "causes"), [{}]),
        (("service",), [{"what": "CPU"}]),
    ],
)
def test_schema_refuses(path: tuple[str | int, ...], value: object) -> None:
    document: Any = written(Diagnosis((Explanation("p95", "the time", (CAUSE,), 0.5),), 1, 2, 3))
    VALIDATOR.validate(document)
    part = document
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(ValidationError):
        VALIDATOR.validate(document)
