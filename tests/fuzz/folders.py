"""Random run folders: `harness check` judges each, or ends with a clear error; none passes.

A changed budgets.yaml may ask for less, and a changed run.json may be another run, so only a run
that did not pass and whose logs were changed must not pass here. `tests.law` damages folders in the
ways that a disk or a person does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from harness.cli import parser
from harness.errors import EXIT_PASS, BudgetsError, HarnessError
from harness.names import (
    BUDGETS_FILE,
    FAILURES_FILE,
    LATENCY_FILE,
    MANIFEST_FILE,
    METRICS_FILE,
    PROMETHEUS_FILE,
    SLOWEST_FILE,
)
from tests.fuzz.corpora.folders import ROWS
from tests.fuzz.mutate import MOST_BYTES, mutated
from tests.law.stored import Files, healthy, not_green, place

LONGEST = 10.0  # seconds of CPU that one folder may take
LONGEST_ERROR = 1000  # characters; budgets.yaml has a line for each error
_CHANGED: Final = (
    *(MANIFEST_FILE,) * 4,
    *(METRICS_FILE, LATENCY_FILE, SLOWEST_FILE, FAILURES_FILE, PROMETHEUS_FILE, BUDGETS_FILE),
)
_MAY_PASS: Final = {BUDGETS_FILE, MANIFEST_FILE}
_ANSWERS: Final = (
    b'{"schema":1,"server":"http://p","matchers":{"job":"x"},"asked":{"up":{"found":'
    b'[{"labels":{"a":"b"},"value":1.0}],"problem":"","reached":true}}}'
)
_SLOW: Final = (
    b'{"at": 1800000001.0, "request": "GET /items", "outcome": "ok", "latency": 0.9,'
    b' "service_time": 0.9, "trace_id": "", "sampled": false, "source": ""}\n'
)
_PARSER: Final = parser(["check"])


def run(seconds: float, seed: int) -> list[str]:
    """Judge random folders for so long; a line for each crash, slow folder, unclear error, pass."""
    chance = Random(seed)
    runs = [*not_green().values(), *(row.change(healthy()) for row in ROWS.values())]
    findings = []
    with TemporaryDirectory() as path:
        folder = Path(path) / "run"
        folder.mkdir()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            number = chance.randrange(len(runs))
            name = chance.choice(_CHANGED)
            files = {SLOWEST_FILE: _SLOW, PROMETHEUS_FILE: _ANSWERS, **runs[number]}
            if name != PROMETHEUS_FILE:
                del files[PROMETHEUS_FILE]
            content = _mutated(chance, files.get(name, b""), runs, name)
            broken = number < len(not_green()) and name not in _MAY_PASS
            if found := finding(folder, {**files, name: content}, may_pass=not broken):
                findings.append(f"{found}: {name} of {number}: {content[-2000:]!r}")
    return findings


def finding(folder: Path, files: Files, *, may_pass: bool = True) -> str:
    """What is wrong with the judgement of a folder; empty when nothing is.

    Args:
        folder: An existing folder, whose files are replaced; reports are written beside it.
        files: The files of the run.
        may_pass: Whether the run may pass.
    """
    begun = time.process_time()
    place(folder, files)
    reports = [
        f"--{option}={folder.parent / option}"
        for option in ("json", "junit-xml", "html", "markdown")
    ]
    try:
        with redirect_stdout(StringIO()):
            options = _PARSER.parse_args(["check", str(folder), *reports])
            code = options.command(options)
    except HarnessError as error:
        text = error.message
        long = len(text) > LONGEST_ERROR and not isinstance(error, BudgetsError)
        if not text.strip() or long:
            return f"unclear error {text[:300]!r}"
        code = error.exit_code
    except Exception as error:  # noqa: BLE001  any other exception is a finding
        return f"{type(error).__name__} {error}"[:300]
    taken = time.process_time() - begun
    if code == EXIT_PASS and not may_pass:
        return "passed"
    return f"took {taken:.1f} s of CPU" if taken > LONGEST else ""


def _mutated(chance: Random, content: bytes, runs: Sequence[Files], name: str) -> bytes:
    """A small file is changed as a whole; of a large one only the end, so that no change is cut."""
    pool = [files.get(name, b"") for files in runs]
    head, tail = content[: -MOST_BYTES // 4], content[-MOST_BYTES // 4 :]
    return head + mutated(chance, tail, [one[:MOST_BYTES] for one in pool])
