"""diagnosis.json: the causes of each breach, for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict

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
        "breaches": [asdict(one) for one in diagnosis.explanations],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
