"""A mistake as a commit: `harness compare` names its line.

`python -m benchmarks.compare_causes` does the same with all mistakes of `commits.py`. Only root may
profile another process.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.e2e.commits import ARGUMENTS, MISTAKES, named_places, with_mistake


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may profile another process")
def test_changed_line_of_a_mistake_is_among_the_first_three(tmp_path: Path) -> None:
    project, places = with_mistake(tmp_path, MISTAKES["a statement for each row"])
    result = project.judged(*ARGUMENTS, timeout=500)
    assert result.code == 3, result.out + result.err
    found = json.loads((tmp_path / "out/diagnosis.json").read_text())
    named = places & set(named_places(found)[:3])
    assert named, found
    assert result.out.count("\n") < 40
    comment = (tmp_path / "out/comment.md").read_text()
    assert comment.count("\n") <= 20
    again = project.call("diagnose", "out", "--json", "again.json")
    assert again.code == 0, again.err
    # The terminal cuts what is long, such as a second cause; `diagnose` shows all.
    assert any(place in again.err for place in named)
    assert json.loads((tmp_path / "again.json").read_text()) == found
    timed = tmp_path / "out/pair-01/candidate"
    assert not (timed / "traces.jsonl").exists()  # no receiver in the timed pairs
