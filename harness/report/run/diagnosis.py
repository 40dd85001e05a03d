"""diagnosis.json: the causes of each breach, by the contract in diagnosis.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict

from harness.diagnose.functions import HandlerTime
from harness.diagnose.model import Diagnosis
from harness.runs.model import Manifest

SCHEMA = 1


def diagnosis_json(diagnosis: Diagnosis, manifest: Manifest) -> str:
    """The content of diagnosis.json; shares are from 0 to 1."""
    document = {
        "schema": SCHEMA,
        "run": {"service": manifest.service, "scenario": manifest.scenario_name},
        "recorded": {
            "requests": diagnosis.requests,
            "spans": diagnosis.spans,
            "samples": diagnosis.samples,
        },
        "service": [asdict(one) for one in diagnosis.service],
        "exemplars": [asdict(one) for one in diagnosis.exemplars],
        "routes": [asdict(one) for one in diagnosis.routes],
        "handlers": [_handler(one) for one in diagnosis.handlers],
        "outside_cpu": asdict(diagnosis.outside_cpu) if diagnosis.outside_cpu else None,
        "cpu_note": diagnosis.cpu_note,
        "breaches": [asdict(one) for one in diagnosis.explanations],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _handler(one: HandlerTime) -> dict[str, object]:
    handler = one.handler
    return {
        "function": None if handler is None else handler.function,
        "file": None if handler is None else handler.file,
        "samples": one.samples,
        "share": one.share,
        "route": one.route or None,
    }
