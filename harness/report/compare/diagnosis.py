"""diagnosis.json of a comparison, by the contract in diagnosis.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict

from harness.diagnose.compare.comparison import ComparisonDiagnosis

SCHEMA = 1


def comparison_diagnosis_json(
    diagnosis: ComparisonDiagnosis, service: str, scenario: str, versions: tuple[str, str]
) -> str:
    """The content of diagnosis.json; shares are from 0 to 1.

    Args:
        diagnosis: The causes.
        service: The name of the service.
        scenario: The name of the scenario.
        versions: Names of the baseline and the candidate for people.
    """
    document = {
        "schema": SCHEMA,
        "comparison": {
            "service": service,
            "scenario": scenario,
            "baseline": versions[0],
            "candidate": versions[1],
        },
        "recorded": {
            "baseline": asdict(diagnosis.baseline),
            "candidate": asdict(diagnosis.candidate),
        },
        "notes": list(diagnosis.notes),
        "regressions": [asdict(one) for one in diagnosis.explanations],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
