"""The committed dashboards: their form, their layout, and that they keep the promises of the file.

The rules are those of Grafana's dashboard-linter, as far as they apply, and some of this project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.budgets.model import Budget, Quantile
from harness.commands.parts.servers import annotate_run
from harness.judge.model import Judgement
from harness.observe.grafana import Grafana
from harness.render.files import rendered
from harness.render.grafana.sdk import JSONEncoder, models
from harness.render.words import Links, watched
from tests.unit.render.grafana.sdk_types import mistyped
from tests.unit.render.test_files import PAIRS, ROOT, plan_of
from tests.unit.report.cases import MANIFEST

pytestmark = pytest.mark.untraced  # test_files.py renders the same with the tracer
BOARDS = {
    f"{name}: {path.stem}": (budgets, path)
    for name, (budgets, folder) in PAIRS.items()
    for path in sorted(folder.glob("*.json"))
}
boards = pytest.mark.parametrize(("budgets", "path"), BOARDS.values(), ids=BOARDS)
Json = dict[str, Any]
SELECTOR = r'\b([a-zA-Z_:]\w+)\{((?:[^"}]|"(?:\\.|[^"\\])*")*)\}'


def board_of(path: Path) -> Json:
    board = json.loads(path.read_text())
    assert isinstance(board, dict)
    return board


def panels_of(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def problems(board: Json) -> Iterator[str]:
    """What the linter would say of a dashboard, and we as well."""
    variables = {variable["name"] for variable in board["templating"]["list"]}
    first = board["templating"]["list"][0]
    if (first["type"], first["name"]) != ("datasource", "datasource"):
        yield "the first variable is not the data source"
    if "__inputs" in board or "${DS_" in json.dumps(board):
        yield "an import would ask a question"
    identities = [panel["id"] for panel in board["panels"]]
    if len(set(identities)) != len(identities) or 0 in identities:
        yield "two panels have one id"
    for panel in panels_of(board):
        yield from (f"{panel['title']}: {problem}" for problem in of_panel(panel))
    yield from of_variables(board)
    for panel in panels_of(board):
        for expr in expressions(panel):
            yield from (f"{panel['title']}: {problem}" for problem in of_selectors(board, expr))
            for name in re.findall(r"\$\{?(\w+)", expr):
                if not name.startswith("__") and name not in variables:
                    yield f"{panel['title']}: ${name} is no variable"
    for a, b in overlaps(board["panels"]):
        yield f"{a} lies over {b}"


def of_variables(board: Json) -> Iterator[str]:
    if board["editable"]:
        yield "what is edited by hand is lost with the next rendering"
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        if variable["refresh"] != 2:
            yield f"${variable['name']} is not refreshed when the time changes"
        if not re.fullmatch(r"label_values\(\w+(\{.*\})?, \w+\)", variable["query"]):
            yield f"${variable['name']} is no label of a series"


# What each selector must hold, by the dashboard. What a generator exports names the service by a
# label of that name, and the value of a budget is that of all instances.
MATCHERS = {
    "service": (r'job="\$service"', r'instance=~"\$instance"'),
    "load-test": (r"\b(job|service)=",),
    "budgets": (r'job="\$service"|service="[^"]+"',),
}


def of_selectors(board: Json, expr: str) -> Iterator[str]:
    kind = next(kind for kind in MATCHERS if board["uid"].endswith(f"-{kind}"))
    for name, matchers in re.findall(SELECTOR, expr):
        for needed in MATCHERS[kind]:
            if not re.search(needed, matchers):
                yield f"{name} without {needed}"
        if name.endswith("_total") and not re.search(
            rf"\b(rate|increase|last_over_time)\({name}\b", expr
        ):
            yield f"{name} counts, and is shown as it is"


def of_panel(panel: Json) -> Iterator[str]:
    if not panel.get("title") or not panel.get("description"):
        yield "no title or description"
    if panel["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
        yield "another data source"
    if not panel.get("targets"):
        yield "no query"
    overrides = json.dumps(panel["fieldConfig"].get("overrides", []))
    if not panel["fieldConfig"]["defaults"].get("unit") and '"id": "unit"' not in overrides:
        yield "no unit"
    references = [target["refId"] for target in panel["targets"]]
    if len(set(references)) != len(references):
        yield "two queries have one name"
    for target in panel["targets"]:
        expr = re.sub(r'"(?:\\.|[^"\\])*"', '""', target["expr"])  # without what is quoted
        ranges = re.findall(r"\b(?:rate|irate|increase)\([^\[]*\[([^\]]+)\]", expr)
        if any(one != "$__rate_interval" for one in ranges):
            yield f"a fixed window: {target['expr']}"
        if expr.count("(") != expr.count(")"):
            yield "parentheses"


def expressions(panel: Json) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def overlaps(panels: list[Json]) -> Iterator[tuple[str, str]]:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield panel["title"], taken[x, y]
                taken[x, y] = panel["title"]


@boards
def test_dashboard_follows_every_rule(budgets: Path, path: Path) -> None:
    assert budgets.is_file()
    assert [*problems(board_of(path))] == []


@boards
def test_dashboard_survives_a_round_trip_through_the_sdk(budgets: Path, path: Path) -> None:
    assert budgets.is_file()
    board = board_of(path)
    read = models.Dashboard.from_json(json.loads(path.read_text()))
    again = json.loads(json.dumps(read, cls=JSONEncoder))
    assert without_places(again) == without_places(board)


@boards
def test_dashboard_has_the_types_that_the_sdk_declares(budgets: Path, path: Path) -> None:
    assert budgets.is_file()
    assert [*mistyped(board_of(path))] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["refresh"], 30),
        (["graphTooltip"], 7),
        (["panels", 1, "id"], "one"),
        (["panels", 1, "gridPos", "w"], "wide"),
        (["panels", 1, "targets", 0, "expr"], ["up"]),
        (["panels", 1, "fieldConfig", "defaults", "thresholds", "steps", 0, "color"], 1),
        (["templating", "list", 1, "multi"], "no"),
    ],
    ids=str,
)
def test_value_of_another_type_is_found(place: list[str | int], value: object) -> None:
    board = board_of(PAIRS["the sample service"][1] / "service.json")
    part: Any = board
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    assert len([*mistyped(board)]) == 1


def without_places(part: Any) -> Any:
    """Without the SDK's constant `placement`, which we take out, and without empty values."""
    if isinstance(part, dict):
        inner = {key: without_places(value) for key, value in part.items() if key != "placement"}
        return {key: value for key, value in inner.items() if value not in (None, [], {}, "")}
    return [without_places(one) for one in part] if isinstance(part, list) else part


def _broken(board: Json) -> Iterator[str]:
    panel = panels_of(board)[3]
    yield "no query"
    panel["targets"] = []
    yield "another data source"
    panel["datasource"] = {"type": "prometheus", "uid": "abc"}
    yield "lies over"
    panel["gridPos"] = panels_of(board)[0]["gridPos"]
    yield "no title or description"
    panel["description"] = ""
    yield "no unit"
    panel["fieldConfig"]["defaults"].pop("unit")
    yield "is no variable"
    panels_of(board)[4]["targets"][0]["expr"] = 'up{job="$jobs"}'
    yield "a fixed window"
    panels_of(board)[5]["targets"][0]["expr"] = "rate(a_total[5m])"
    yield "two panels have one id"
    board["panels"][1]["id"] = board["panels"][2]["id"]
    yield "is edited by hand"
    board["editable"] = True
    yield "is not refreshed"
    board["templating"]["list"][2]["refresh"] = 1
    yield "is no label of a series"
    board["templating"]["list"][2]["query"] = "up"
    yield "queue without instance"
    panels_of(board)[6]["targets"][0]["expr"] = 'queue{job="$service"}'
    yield "is shown as it is"
    panels_of(board)[7]["targets"][0]["expr"] = 'a_total{job="$service", instance=~"$instance"}'


def test_each_planted_mistake_is_found() -> None:
    board = board_of(PAIRS["the sample service"][1] / "service.json")
    planted: list[str] = []
    for mistake in _broken(board):  # each is planted after it was named
        assert all(any(text in found for found in problems(board)) for text in planted)
        assert not any(mistake in found for found in problems(board))
        planted.append(mistake)
    assert all(any(text in found for found in problems(board)) for text in planted)


def steps(panel: Json) -> list[float]:
    thresholds = panel["fieldConfig"]["defaults"].get("thresholds", {"steps": []})
    return [step["value"] for step in thresholds["steps"] if step["value"] is not None]


def named(budget: Budget, board: Json) -> list[Json]:
    lines = (f"- {budget.name}: at most", f"- {budget.name}: at least")
    return [panel for panel in panels_of(board) if any(x in panel["description"] for x in lines)]


@pytest.mark.parametrize(("budgets", "folder"), PAIRS.values(), ids=PAIRS)
def test_each_budget_has_its_line_on_the_panels_that_name_it(budgets: Path, folder: Path) -> None:
    found = {path.stem: board_of(path) for path in folder.glob("*.json")}
    plan = plan_of(budgets)
    for budget in watched(plan, Links(plan.service, plan.service)):
        panels = [panel for board in found.values() for panel in named(budget, board)]
        on_service = named(budget, found["service"])
        assert on_service, budget.name
        assert len(named(budget, found["budgets"])) == 3, budget.name
        for panel in panels:
            unit = panel["fieldConfig"]["defaults"]["unit"]
            if isinstance(budget.indicator, Quantile) and unit == "percentunit":
                assert steps(panel) == [pytest.approx(1 - budget.indicator.quantile)]
                continue
            assert budget.bound in steps(panel), (budget.name, panel["title"])
            if panel["type"] == "timeseries":
                style = panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]
                assert style == {"mode": "dashed"}
            if budget.alert and budget.direction == "max":
                assert budget.alert.bound in steps(panel)


def test_rows_of_a_service_are_those_that_its_budgets_are_about() -> None:
    def rows(name: str) -> list[str]:
        board = board_of(PAIRS[name][1] / "service.json")
        return [panel["title"] for panel in board["panels"] if panel["type"] == "row"]

    assert rows("worker") == ["Process", "Further budgets"]
    assert rows("checkout") == ["Requests"]
    assert rows("the sample service") == [
        *("Requests", "Database", "Connection pool", "Cache", "Background tasks"),
        *("Event loop", "Process", "Outgoing calls", "Further budgets"),
    ]


def test_dashboards_of_a_service_lead_to_each_other_and_to_a_run() -> None:
    folder = PAIRS["the sample service"][1]
    found = [board_of(path) for path in sorted(folder.glob("*.json"))]
    assert {board["uid"] for board in found} == {
        "sample-app-budgets",
        "sample-app-load-test",
        "sample-app-service",
    }
    for board in found:
        (link,) = board["links"]
        assert link["type"] == "dashboards"
        assert link["keepTime"]
        assert set(link["tags"]) <= set(board["tags"])
        assert [annotation["name"] for annotation in board["annotations"]["list"]] == [
            "Load tests",
            "Load tests, annotated",
        ]
    (runs,) = (panel for panel in panels_of(found[1]) if panel["title"] == "Runs")
    text = json.dumps(runs["fieldConfig"]["overrides"])
    assert "/d/sample-app-load-test?" in text
    assert "from=${__data.fields.start.numeric}&to=${__data.fields.end.numeric}" in text


def test_variables_that_a_link_carries_along_mean_the_same_on_each_dashboard() -> None:
    plan = plan_of(ROOT / "budgets.yaml")
    files = rendered(plan, Links(plan.service, "default/shop"), ["grafana"])
    meant: dict[str, set[tuple[str, str]]] = {}
    for board in (json.loads(text) for path, text in files.items() if path.endswith(".json")):
        for one in board["templating"]["list"]:
            if one["type"] == "query":
                label = one["query"].rpartition(", ")[2]
                meant.setdefault(one["name"], set()).add((label, str(one["current"]["value"])))
    assert meant["service"] == {("job)", "default/shop")}
    assert all(len(found) == 1 for found in meant.values())


@pytest.mark.parametrize("service", ["shop", "My_Shop"])
def test_the_runs_on_the_charts_are_those_that_a_run_tags(service: str) -> None:
    class Tags(Grafana):
        def annotate(self, text: str, tags: Iterable[str], start: float, end: float) -> None:
            given.update(tags)

    given: set[str] = set()
    manifest = MANIFEST.model_copy(update={"service": service})
    annotate_run(Tags("", ""), manifest, Judgement("pass", (), ()))
    path = ROOT / "budgets.yaml"
    plan = replace(plan_of(path), service=service)
    board = json.loads(rendered(plan, Links(service, service), ["grafana"])["budgets.json"])
    (asked,) = [
        one["target"]["tags"]
        for one in board["annotations"]["list"]
        if one["datasource"]["type"] == "grafana"
    ]
    assert set(asked) <= given


def test_latency_shows_exemplars_and_leads_to_traces() -> None:
    board = board_of(PAIRS["the sample service"][1] / "service.json")
    panels = {panel["title"]: panel for panel in panels_of(board)}
    targets = panels["Duration of requests"]["targets"]
    assert [target.get("exemplar") for target in targets] == [None, True, None]
    (heatmap,) = panels["Distribution of the duration"]["targets"]
    assert (heatmap["exemplar"], heatmap["format"]) == (True, "heatmap")
    (link,) = panels["p95 by route"]["fieldConfig"]["defaults"]["links"]
    assert '"datasource": "${tempo}"' in link["url"]
    assert "duration > 200ms" in link["url"]
