"""The capacities of a folder, read back and listed."""

import re
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from harness.errors import RunFolderError
from harness.judge.capacity.judge import judge_capacity
from harness.report.capacity.history import capacity_histories, capacity_history, changes
from harness.report.capacity.results import capacity_json
from harness.report.html.history_page import capacity_data, history_page
from harness.runs.capacity import read_capacities, read_capacity
from tests.unit.report.capacity.cases import RANGE, SETTING, at, searched


def store(
    folder: Path,
    day: int,
    lower: float,
    upper: float | None,
    scenario: str = "smoke",
    cpus: int = 2,
) -> None:
    breaks = [at(upper, "breaks", 0.3, 0.9)] * 2 if upper else []
    steps = [*[at(lower, "holds", 0.1, 0.9)] * 2, *breaks]
    capacity = judge_capacity([searched(*steps, end="found" if upper else "reached")], RANGE)
    started, host = SETTING.started + day * 86_400, {"cpus": cpus}
    setting = replace(SETTING, started=started, scenario=scenario, host=host)
    place = folder / f"search-{9 - day}"
    place.mkdir()
    (place / "capacity.json").write_text(capacity_json(capacity, setting, exit_code=0))


def test_capacities_of_a_folder_are_listed_by_scenario_the_oldest_first(tmp_path: Path) -> None:
    for day, (lower, upper) in enumerate([(100, 105), (120, 126), (60, 63)]):
        store(tmp_path, day, lower, upper)
    store(tmp_path, 3, 30, 31, scenario="load")
    (tmp_path / "latest").symlink_to("search-6")  # the search that it leads to counts once
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "capacity.json").write_text("{}")
    found, left_out = read_capacities(tmp_path)
    text = capacity_history(found, left_out, width=120, color=False)
    rows = [re.split(" {2,}", line)[1:4] for line in text.splitlines() if line[:4] == "PASS"]
    assert rows == [
        ["search-6", "between 30/s and 31/s", "-"],
        ["search-9", "between 100/s and 105/s", "-"],
        ["search-8", "between 120/s and 126/s", "+14.3% .. +26.0%"],
        ["search-7", "between 60/s and 63/s", "-52.4% .. -47.5%"],
    ]
    assert "sample-app, scenario smoke: capacity" in text
    assert "is not of this version: schema: Field required" in " ".join(text.split())


def test_change_of_a_capacity_is_not_shown_where_it_cannot_be_known(tmp_path: Path) -> None:
    store(tmp_path, 0, 100, 105)
    store(tmp_path, 1, 100, 105, cpus=4)
    store(tmp_path, 2, 110, None, cpus=4)
    store(tmp_path, 3, 120, 126, cpus=4)
    (history,) = capacity_histories(read_capacities(tmp_path)[0])
    assert changes(history) == ["-", "other machine", ">= +4.8%", "<= +14.5%"]


def test_page_computes_the_chart_of_each_capacity_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, 0, 100, 105)
    store(tmp_path, 1, 120, 126)
    computed = Mock(side_effect=capacity_data)
    monkeypatch.setattr("harness.report.html.history_page.capacity_data", computed)
    page = history_page([], [], searches=read_capacities(tmp_path)[0])
    assert computed.call_count == 1
    assert "2 searches, the latest one between 120/s and 126/s" in page


def test_chart_has_both_ends_of_each_capacity_and_its_commit(tmp_path: Path) -> None:
    store(tmp_path, 0, 100, 105)
    store(tmp_path, 1, 123.456, None)
    (history,) = capacity_histories(read_capacities(tmp_path)[0])
    assert capacity_data(history) == {
        "searches": ["search-9, 4f2a9c0", "search-8, 4f2a9c0"],
        "lower": [100, 123.5],
        "upper": [105, None],
        "texts": ["between 100/s and 105/s", "at least 123/s"],
        "outcomes": ["pass", "pass"],
        "about": "2 searches, the latest one at least 123/s",
    }
    page = history_page([], [], searches=history.searches)
    assert '<p class="note">2 searches, the latest one at least 123/s</p>' in page


def test_folder_without_searches_has_no_text(tmp_path: Path) -> None:
    assert capacity_history(*read_capacities(tmp_path), width=100, color=False) == ""


def test_missing_capacity_is_an_error_that_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"capacity\.json does not exist") as raised:
        read_capacity(tmp_path)
    assert raised.value.hint == "name the folder of a search, or a capacity.json"
