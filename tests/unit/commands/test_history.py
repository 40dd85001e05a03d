"""`harness history`: what it prints and writes of a folder whose runs have a change."""

import json
import re
import sys
from pathlib import Path

import pytest

from harness.cli import main
from tests.unit.report.capacity.test_history import store
from tests.unit.report.cases import MANIFEST, P95, evidence, judged
from tests.unit.report.history.cases import DAY, at, write_run

RUNS = 12


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve runs, of which the last five are slower."""
    monkeypatch.chdir(tmp_path)
    for day in range(RUNS):
        clock = MANIFEST.clock.model_copy(update={"started": 1_782_907_200.0 + day * DAY})
        git = {"commit": f"{day:02}2a9c01d5", "dirty": False}
        manifest = MANIFEST.model_copy(update={"clock": clock, "git": git})
        verdict = at(0.1 if day < 7 else 0.14, P95)
        write_run(tmp_path / "runs" / f"day {day:02}", judged("pass", verdict), evidence(manifest))
    return tmp_path


def history(*arguments: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["history", *arguments])
    assert end.value.code == 0


def test_change_is_printed_with_its_commit_and_runs(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    history()
    lines = capsys.readouterr().out.splitlines()
    title = next(n for n, line in enumerate(lines) if line.startswith("changed"))
    assert lines[title].split() == [
        "changed",
        "level",
        "effect",
        "commit",
        "from",
        "run",
        "run",
        "before",
    ]
    row = re.split(r"\s{2,}", lines[title + 2])
    assert row == [P95.name, "100 ms -> 140 ms", "40% worse", "072a9c01", "day 07", "day 06"]
    note = "By chance, about 1% of the budgets whose level did not change show a change"
    assert note in "\n".join(lines)


def test_json_has_the_values_and_the_change(folder: Path) -> None:
    history("--json", "h.json")
    document = json.loads((folder / "h.json").read_text())
    assert document["changes"] == {"searched": True, "false_alarms": 0.01, "fewest_runs": 10}
    (scenario,) = document["scenarios"]
    (budget,) = scenario["budgets"]
    assert budget["values"] == [0.1] * 7 + [0.14] * 5
    assert budget["unit"] == "s"
    (change,) = budget["changes"]
    assert change.pop("run") == scenario["runs"][7]
    assert change.pop("previous") == scenario["runs"][6]
    assert change == {"before": 0.1, "after": 0.14, "regression": 0.4}
    assert scenario["runs"][7] == {
        "folder": "runs/day 07",
        "started": 1_782_907_200.0 + 7 * DAY,
        "commit": "072a9c01d5",
        "dirty": False,
        "outcome": "pass",
    }


def test_page_links_to_the_runs_around_the_change(folder: Path) -> None:
    (folder / "pages").mkdir()
    history("--html", "pages/h.html")
    page = (folder / "pages/h.html").read_text()
    links = [
        '<a href="../runs/day%2007/report.html">day 07</a>',
        '<a href="../runs/day%2006/report.html">day 06</a>',
    ]
    assert [link in page for link in links] == [True, True]
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert found is not None
    (chart,) = json.loads(found[1])["trends"]
    assert chart["changes"] == [
        {"run": 7, "levels": [100, 140], "about": "100 ms -> 140 ms, 40% worse"}
    ]


def test_capacities_are_in_the_page_and_in_the_json_without_any_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "runs").mkdir()
    store(tmp_path / "runs", 0, 100, 105)
    store(tmp_path / "runs", 1, 80, 84)
    history("--html", "h.html", "--json", "h.json")
    assert "between 80/s and 84/s    -23.8% .. -16.0%" in capsys.readouterr().out
    document = json.loads((tmp_path / "h.json").read_text())
    (found,) = document["capacities"]
    assert (document["scenarios"], found["service"]) == ([], "sample-app")
    assert [(one["lower"], one["upper"]) for one in found["searches"]] == [(100, 105), (80, 84)]
    page = (tmp_path / "h.html").read_text()
    assert "2 searches for a capacity; worst latest outcome: pass" in " ".join(page.split())
    assert '<a href="runs/search-8/report.html">search-8</a>' in page
    assert page.count("<figure") == 1


def test_without_the_library_the_history_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ruptures", None)  # as if it were not installed
    history("--json", "h.json")
    printed = capsys.readouterr()
    assert "changed" not in printed.out
    assert 'install the harness with its extra "history"' in printed.err
    assert json.loads((folder / "h.json").read_text())["changes"]["searched"] is False
